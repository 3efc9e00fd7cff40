"""Logs of web servers."""

from __future__ import annotations

import pytest

from tests.sources.reading import LOGS, machine, needs_logs, rows, us, written
from veedor.errors import SourceError

COMMON = '10.0.0.9 - ana [20/Oct/2019:19:40:01 -0400] "POST /acta/1234 HTTP/1.1" 200 512\n'
COMBINED = (
    '2001:db8::1 - - [20/Oct/2019:19:40:02 -0400] "GET /a?x=1 HTTP/2.0" 404 -'
    ' "https://ref/" "Mozilla/5.0 \\"quoted\\""\n'
)
VHOST = (
    'count.example:443 10.0.0.9 - - [20/Oct/2019:19:40:03 -0400] "GET / HTTP/1.1" 301 5 "-" "-"\n'
)
GARBAGE = '10.0.0.9 - - [20/Oct/2019:19:40:04 -0400] "\\x16\\x03\\x01" 400 226 "-" "-"\n'


class TestAccessLog:
    def test_the_form_is_told_line_by_line(self, tmp_path):
        text = COMMON + COMBINED + VHOST + GARBAGE

        found = machine(written(tmp_path, text), "access-log", of_host="web-1")

        assert (found.lines, found.broken) == (4, 0)
        first, second, third, fourth = rows(found)
        assert first["us"] == us("2019-10-20T23:40:01")
        assert first["raw"] == "20/Oct/2019:19:40:01 -0400"
        assert (first["kind"], first["actor"], first["address"]) == ("request", "ana", "10.0.0.9")
        assert (first["object"], first["status"]) == ("/acta/1234", "200")
        assert first["message"] == "POST /acta/1234"
        assert (first["host"], third["host"]) == ("web-1", "count.example")
        assert (second["address"], second["object"]) == ("2001:db8::1", "/a?x=1")
        assert second["actor"] is None
        assert (fourth["status"], fourth["object"]) == ("400", None)

    @pytest.mark.parametrize("clients", ["10.0.1.1, 10.0.0.10", "10.0.1.1,10.0.0.10,  10.0.0.11"])
    @pytest.mark.parametrize("name", ["", "count.example:443 "])
    def test_of_a_list_of_addresses_the_first_is_the_client(self, tmp_path, clients, name):
        text = name + COMMON.replace("10.0.0.9", clients) + COMMON

        found = machine(written(tmp_path, text), "access-log")

        first, second = rows(found)
        assert (found.lines, found.broken) == (2, 0)
        assert (first["address"], first["actor"], first["object"]) == (
            *("10.0.1.1", "ana", "/acta/1234"),
        )
        assert second["address"] == "10.0.0.9"

    def test_parts_are_taken_out_of_method_and_path(self, tmp_path):
        found = machine(
            written(tmp_path, COMMON + COMBINED),
            "access-log",
            pattern=r"^POST /(acta|sheet)/(?P<station>[0-9]+)",
            kinds={"application-write": "^POST "},
        )

        first, second = rows(found)
        assert (first["station"], first["kind"]) == ("1234", "application-write")
        assert (second["station"], second["kind"]) == (None, "request")

    def test_a_pattern_that_looks_ahead_is_refused_and_said_why(self, tmp_path):
        with pytest.raises(SourceError, match="looking ahead"):
            machine(written(tmp_path, COMMON), "access-log", pattern=r"(?P<station>[0-9]+)(?=/|$)")

    def test_a_day_that_is_none_has_no_instant(self, tmp_path):
        (line,) = rows(machine(written(tmp_path, COMMON.replace("20/Oct", "31/Nov")), "access-log"))

        assert (line["us"], line["wall"], line["raw"]) == (None, None, "31/Nov/2019:19:40:01 -0400")

    @pytest.mark.parametrize("day", ["20/Mai", "20/Dez", "20/Okt"])
    def test_a_month_in_another_language_is_none(self, tmp_path, day):
        text = COMMON + COMMON.replace("20/Oct", day)

        found = machine(written(tmp_path, text), "access-log")

        assert (found.lines, found.broken) == (2, 0)
        good, bad = rows(found)
        assert good["us"] == us("2019-10-20T23:40:01")
        assert (bad["us"], bad["wall"], bad["raw"]) == (None, None, f"{day}/2019:19:40:01 -0400")

    @needs_logs
    def test_an_error_log_is_no_access_log(self, tmp_path):
        text = (LOGS / "loghub" / "Apache_2k.log").read_bytes()

        with pytest.raises(SourceError, match="no line of it is of the format 'access-log'"):
            machine(written(tmp_path, text), "access-log")


class TestIis:
    HEAD = (
        "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"
        "#Date: 2019-10-20 19:40:00\n"
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip"
        " cs(User-Agent) sc-status time-taken\n"
    )
    ROW = (
        "2019-10-20 19:40:01 10.1.1.1 POST /acta id=7 443 DOMAIN\\ana 10.0.0.9 Mozilla/5.0+(X)"
        " 200 15\n"
    )

    def test_stamps_are_utc(self, tmp_path):
        (line,) = rows(machine(written(tmp_path, self.HEAD + self.ROW), "iis"))

        assert (line["us"], line["wall"]) == (us("2019-10-20T19:40:01"), None)
        assert (line["host"], line["address"]) == ("10.1.1.1", "10.0.0.9")
        assert (line["actor"], line["object"]) == ("DOMAIN\\ana", "/acta?id=7")
        assert (line["status"], line["message"]) == ("200", "POST /acta?id=7")

    def test_fields_may_change_in_the_file(self, tmp_path):
        text = self.HEAD + self.ROW + "#Fields: time c-ip cs-method cs-uri-stem sc-status\n"
        text += "19:40:02 10.0.0.8 GET /x 200\n" + self.ROW

        found = machine(written(tmp_path, text), "iis")

        assert (found.lines, found.broken) == (3, 1)
        assert [line["us"] for line in rows(found)] == [
            us("2019-10-20T19:40:01"),
            us("2019-10-20T19:40:02"),
        ]
