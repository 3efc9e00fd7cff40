"""Zeek's logs, against counts of their lines and against what their documentation shows."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.sources.reading import LOGS, data_lines, machine, needs_logs, rows, us, written
from veedor.errors import SourceError

HEAD = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
CONN = (
    HEAD + "#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration"
    "\torig_bytes\tresp_bytes\torig_pkts\tresp_pkts\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tcount"
    "\tcount\n"
)
ROW = (
    "1379288667.706265\tCoy\t10.0.0.1\t1032\t10.0.0.2\t443\tTCP\tssl\t0.447460\t601\t38393"
    "\t22\t31\n"
)


def copied(folder, log, kind):
    text = (LOGS / "zeek" / f"{log}.log").read_bytes()
    return machine(written(folder, text, f"{log}.log"), "zeek", kind)


@needs_logs
class TestPublicLogs:
    def test_every_connection_is_a_flow(self, tmp_path):
        lines = [line.split("\t") for line in data_lines(LOGS / "zeek" / "conn.log")]

        found = copied(tmp_path, "conn", "flows")

        assert found.lines == len(lines)
        assert found.broken == 0
        flows = rows(found)
        assert [flow["uid"] for flow in flows] == [cells[1] for cells in lines]
        assert sum(f["bytes_in"] or 0 for f in flows) == sum(
            int(cells[10]) for cells in lines if cells[10] != "-"
        )
        assert Counter(f["proto"] for f in flows) == Counter(cells[6] for cells in lines)

    def test_the_line_of_each_flow_is_the_line_in_the_file(self, tmp_path):
        text = (LOGS / "zeek" / "conn.log").read_text(encoding="utf-8").splitlines()

        for flow in rows(copied(tmp_path, "conn", "flows")):
            assert text[flow["row"] - 1].split("\t")[1] == flow["uid"]

    @pytest.mark.parametrize(
        ("log", "kind"),
        [("http", "request"), ("dns", "lookup"), ("ssl", "handshake"), ("x509", "certificate")],
    )
    def test_other_logs_are_lines_of_one_kind(self, tmp_path, log, kind):
        found = copied(tmp_path, log, "log-lines")

        assert found.lines == sum(1 for _ in data_lines(LOGS / "zeek" / f"{log}.log"))
        assert {line["kind"] for line in rows(found)} == {kind}

    @pytest.mark.parametrize("log", ["weird", "notice", "dhcp", "files", "ftp"])
    def test_a_log_that_is_not_read_is_named(self, tmp_path, log):
        with pytest.raises(SourceError, match=rf"'{log}'.*\n.*conn.*http"):
            copied(tmp_path, log, "log-lines")


def test_a_flow_has_its_ends_its_bytes_and_its_instant(tmp_path):
    (flow,) = rows(machine(written(tmp_path, CONN + ROW), "zeek", "flows"))

    assert flow["us"] == 1379288667706265
    assert flow["duration"] == 447460
    assert (flow["src"], flow["sport"]) == ("10.0.0.1", 1032)
    assert (flow["dst"], flow["dport"]) == ("10.0.0.2", 443)
    assert (flow["proto"], flow["service"]) == ("tcp", "ssl")
    assert (flow["bytes_out"], flow["bytes_in"], flow["packets"]) == (601, 38393, 53)
    assert flow["wall"] is None


def test_type_and_code_of_icmp_are_no_ports(tmp_path):
    row = ROW.replace("TCP", "icmp").replace("\t1032\t", "\t3\t")

    (flow,) = rows(machine(written(tmp_path, CONN + row), "zeek", "flows"))

    assert (flow["sport"], flow["dport"]) == (None, None)


def test_unset_cells_are_not_known(tmp_path):
    row = "1379288667.5\tC\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t-\t-\t-\t-\t-\t-\n"

    (flow,) = rows(machine(written(tmp_path, CONN + row), "zeek", "flows"))

    assert [flow[n] for n in ("service", "duration", "bytes_out", "packets")] == [None] * 4


def test_json_lines_read_as_the_tabs_do(tmp_path):
    names = CONN.split("#fields\t")[1].split("\n")[0].split("\t")
    cells = dict(zip(names, ROW.strip().split("\t"), strict=True))
    numbers = {
        n: float(v) if "." in v else int(v)
        for n, v in cells.items()
        if v.replace(".", "", 1).isdigit()
    }
    line = json.dumps(cells | numbers) + "\n"

    tabs = rows(machine(written(tmp_path, CONN + ROW, "a.log"), "zeek", "flows"))
    objects = rows(machine(written(tmp_path, line, "b.log"), "zeek", "flows"))

    assert objects == [tabs[0] | {"row": 1}]


def test_json_stamps_may_be_iso(tmp_path):
    line = (
        '{"ts":"2011-08-18T01:09:38.306124Z","id.orig_h":"1.1.1.1","id.resp_h":"2.2.2.2",'
        '"conn_state":"SF"}\n'
    )

    (flow,) = rows(machine(written(tmp_path, line), "zeek", "flows"))

    assert flow["us"] == us("2011-08-18T01:09:38.306124")


def test_files_joined_end_to_end_have_several_headers(tmp_path):
    other = (
        CONN.replace("\tts\tuid\t", "\tuid\tts\t")
        + "Cxx\t1379288668.0"
        + ROW[ROW.index("Coy") + 3 :]
    )
    text = CONN + ROW + "#close\t2014-04-03-10-08-28\n" + other

    found = machine(written(tmp_path, text), "zeek", "flows")

    assert [flow["uid"] for flow in rows(found)] == ["Coy", "Cxx"]
    assert found.lines == 2


def test_a_line_with_other_cells_is_broken_and_shown(tmp_path):
    found = machine(written(tmp_path, CONN + ROW + "13792\tcut\n" + ROW), "zeek", "flows")

    assert (found.lines, found.broken) == (3, 1)
    assert found.first_broken == (9, "13792 cut")


def test_an_hour_without_connections_is_no_error(tmp_path):
    found = machine(written(tmp_path, CONN + "#close\t2014-04-03-10-08-28\n"), "zeek", "flows")

    assert (found.lines, found.broken, rows(found)) == (0, 0, [])


def test_log_lines_of_connections_are_refused_and_the_kind_is_named(tmp_path):
    with pytest.raises(SourceError, match="as flows: set `kind`"):
        machine(written(tmp_path, CONN + ROW), "zeek", "log-lines")


@pytest.mark.parametrize(
    ("outcome", "kind", "status"),
    [("T", "login", "ok"), ("F", "login-failed", "failed"), ("-", "other", None)],
)
def test_logins_by_ssh_are_told_by_their_outcome(tmp_path, outcome, kind, status):
    text = (
        HEAD + "#path\tssh\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tauth_success\thost_key\n"
        f"1379288667.7\tC\t10.0.0.1\t10.0.0.2\t{outcome}\taa:bb\n"
    )

    (line,) = rows(machine(written(tmp_path, text), "zeek"))

    assert (line["kind"], line["status"], line["key"]) == (kind, status, "aa:bb")
    assert (line["address"], line["host"]) == ("10.0.0.1", "10.0.0.2")


def test_the_key_of_a_handshake_is_that_of_the_server(tmp_path):
    text = (
        HEAD + "#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tserver_name\tcert_chain_fps\n"
        "1379288667.7\tC\t10.0.0.1\t10.0.0.2\tcount.example\tab12,cd34\n"
    )

    (line,) = rows(machine(written(tmp_path, text), "zeek"))

    assert (line["key"], line["object"]) == ("ab12", "count.example")


BROKEN = {
    "a stamp before 1970": ("1379288667.706265", "-1379288667.7"),
    "a caller that is no address": ("10.0.0.1", "999.1.1.1"),
    "a caller by name": ("10.0.0.1", "client"),
    "no caller": ("10.0.0.1", "-"),
    "a called one that is no address": ("10.0.0.2", "10.0.0"),
    "bytes that are no number": ("\t601\t", "\txyz\t"),
    "bytes below zero": ("\t38393\t", "\t-1\t"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_flow_that_cannot_be_is_broken(tmp_path, name):
    written_, instead = BROKEN[name]
    bad = ROW.replace(written_, instead)

    found = machine(written(tmp_path, CONN + ROW + bad + ROW), "zeek", "flows")

    assert (found.lines, found.broken) == (3, 1)
    assert found.first_broken == (9, bad.rstrip("\n").replace("\t", " "))
    assert [flow["row"] for flow in rows(found)] == [8, 10]


def test_what_is_not_written_is_not_broken(tmp_path):
    bare = ROW.replace("\t601\t38393\t", "\t-\t-\t")
    six = ROW.replace("10.0.0.1", "fe80::1%eth0").replace("10.0.0.2", "::ffff:10.0.0.2")

    found = machine(written(tmp_path, CONN + bare + six), "zeek", "flows")

    assert (found.lines, found.broken) == (2, 0)
    assert [flow["bytes_out"] for flow in rows(found)] == [None, 601]


def test_addresses_are_looked_at_where_most_stand_once_too(tmp_path):
    many = [ROW.replace("10.0.0.1", f"10.1.{n // 256}.{n % 256}") for n in range(1500)]
    many[700] = ROW.replace("10.0.0.1", "10.1.0.256")

    found = machine(written(tmp_path, CONN + "".join(many)), "zeek", "flows")

    assert (found.lines, found.broken) == (1500, 1)
    assert found.first_broken is not None
    assert found.first_broken[0] == 708
