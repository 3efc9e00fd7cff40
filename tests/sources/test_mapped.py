"""Flows and log lines kept as tables, and timelines."""

from __future__ import annotations

import datetime as dt
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.reading import machine, rows, us, written
from veedor.errors import SourceError

FLOWS = {"fields": {"src": "from", "dst": "to", "dport": "port", "bytes_out": "b", "proto": "p"}}
TABLE = "when,from,to,port,b,p\n02/06/2024 20:01:02,10.0.0.1,10.0.0.2,0443,1000,6\n"
FORM = "%d/%m/%Y %H:%M:%S"


class TestMapped:
    def test_flows_of_a_delimited_table(self, tmp_path):
        found = machine(
            written(tmp_path, TABLE),
            "delimited",
            "flows",
            instant="when",
            instant_format=FORM,
            **FLOWS,
        )

        (flow,) = rows(found)
        assert (flow["row"], flow["wall"], flow["us"]) == (2, us("2024-06-02 20:01:02"), None)
        assert (flow["src"], flow["dport"], flow["proto"]) == ("10.0.0.1", 443, "tcp")

    @pytest.mark.parametrize("form", ["delimited", "parquet"])
    def test_flows_that_cannot_be_are_broken(self, tmp_path, form):
        """A name is an end as well as an address, and bytes may be left out."""
        good = [("10.0.0.1", "db", "5"), ("2001:db8::1", "10.0.0.2:443", "-"), ("a", "b", None)]
        bad = [("999.1.1.1", "db", "5"), ("a", "10.0.0", "5"), ("a", "b", "xyz"), ("a", "b", "-5")]
        cells = [("2024-06-02 20:01:02", *row) for row in [good[0], *bad, *good[1:]]]
        cells.append(("1969-06-02 20:01:02", "a", "b", "5"))
        names = ("t", "from", "to", "b")
        if form == "parquet":
            columns = {n: pa.array(c) for n, c in zip(names, zip(*cells, strict=True), strict=True)}
            pq.write_table(pa.table(columns), tmp_path / "a.log")
        else:
            lines = [",".join(cell or "" for cell in row) for row in (names, *cells)]
            written(tmp_path, "\n".join(lines))

        fields = {"src": "from", "dst": "to", "bytes_out": "b"}
        found = machine(tmp_path / "a.log", form, "flows", instant="t", fields=fields)

        assert (found.lines, found.broken) == (8, 5)
        assert found.first_broken is not None
        assert "999.1.1.1" in found.first_broken[1]
        assert [flow["bytes_out"] for flow in rows(found)] == [5, None, None]

    def test_classes_of_lines_that_there_are_none_of_are_told(self, tmp_path):
        kinds = ["login", "dance", "", "app-write", "other", "told by its words"]
        text = "t,k,m\n" + "".join(f"2024-06-02 20:01:02,{k},{k}\n" for k in kinds)

        found = machine(
            written(tmp_path, text),
            "delimited",
            instant="t",
            fields={"kind": "k", "message": "m"},
            kinds={"clock": "^told"},
        )

        kept = [line["kind"] for line in rows(found)]
        assert kept == ["login", "other", "other", "other", "other", "clock"]
        assert found.broken == 0
        assert found.notes == (
            "2 lines are of classes that veedor does not have and count as other,"
            " the first in row 3: 'dance'"
        )
        assert found.basis.endswith(f"a wall clock. {found.notes}")

    def test_quotes_may_hold_separators_and_lines(self, tmp_path):
        text = 't;m;who\n2024-06-02T20:01:02-04:00;"a;\n""b""";007\n2024-06-02 20:01:03;c;008\n'

        found = machine(
            written(tmp_path, text),
            "delimited",
            instant="t",
            separator=";",
            fields={"message": "m", "actor": "who"},
        )

        first, second = rows(found)
        assert (first["message"], first["actor"]) == ('a;\n"b"', "007")
        assert first["us"] == us("2024-06-03T00:01:02")
        assert (second["row"], second["wall"]) == (4, us("2024-06-02 20:01:03"))

    def test_a_column_that_is_forgotten_is_an_error(self, tmp_path):
        with pytest.raises(SourceError, match="neither maps nor ignores: 'b'"):
            machine(
                written(tmp_path, "t,m,b\n2024-06-02,x,y\n"),
                "delimited",
                instant="t",
                fields={"message": "m"},
            )

    def test_a_column_that_is_not_there_is_an_error(self, tmp_path):
        with pytest.raises(SourceError, match="no column 'mm'"):
            machine(
                written(tmp_path, "t,m\n2024-06-02,x\n"),
                "delimited",
                instant="t",
                fields={"message": "mm"},
            )

    def test_a_separator_of_two_characters_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="not one plain character"):
            machine(written(tmp_path, "t||m\n"), "delimited", instant="t", separator="||")

    def test_a_date_and_a_time_are_joined(self, tmp_path):
        found = machine(
            written(tmp_path, "d,t,k\n2024-06-02,20:01:02,login\n2024-06-02,20:01:03,dance\n"),
            "delimited",
            instant=["d", "t"],
            fields={"kind": "k"},
            kinds={"clock": "never"},
        )

        first, second = rows(found)
        assert first["wall"] == us("2024-06-02 20:01:02")
        assert (first["kind"], second["kind"]) == ("login", "other")

    def test_offsets_of_strptime_fix_the_instant(self, tmp_path):
        found = machine(
            written(tmp_path, "t\n2024/06/02 20:01:02.5 -0400\nnever\n"),
            "delimited",
            instant="t",
            instant_format="%Y/%m/%d %H:%M:%S.%f %z",
        )

        first, second = rows(found)
        assert first["us"] == us("2024-06-03T00:01:02.5")
        assert (second["us"], second["wall"], second["raw"]) == (None, None, "never")

    def test_rows_of_other_cells_are_broken_and_rows_out_of_scope_are_not(self, tmp_path):
        text = "t,s\n2024-06-02 00:00:00,a\nx\n2024-06-02 00:00:01,b\n\n2024-06-02 00:00:02,a,c\n"

        found = machine(
            written(tmp_path, text),
            "delimited",
            instant="t",
            fields={"status": "s"},
            only=[{"column": "s", "values": ["a"]}],
        )

        assert (found.lines, found.broken, found.first_broken) == (3, 2, (3, "x"))
        assert [x["row"] for x in rows(found)] == [2]

    def test_a_lost_quote_does_not_swallow_the_rest(self, tmp_path):
        text = 't,m\n2024-06-02 00:00:00,"a\n' + "2024-06-02 00:00:01,b\n" * 1000

        found = machine(written(tmp_path, text), "delimited", instant="t", fields={"message": "m"})

        assert (found.lines, found.broken) == (1001, 1)

    def test_parquet_keeps_its_types(self, tmp_path):
        instant = dt.datetime(2024, 6, 2, 20, 1, 2, 500_000)
        table = pa.table(
            {
                "local": [instant],
                "utc": pa.array([instant], pa.timestamp("us", "UTC")),
                "n": pa.array([1e15 - 1]),
                "ip": ["10.0.0.1"],
            }
        )
        pq.write_table(table, tmp_path / "a.parquet")
        fields = {"src": "ip", "dst": "ip", "bytes_out": "n"}
        keys = {"fields": fields, "ignore": ["local", "utc"]}

        (local,) = rows(
            machine(tmp_path / "a.parquet", "parquet", "flows", instant="local", **keys)
        )
        (utc,) = rows(machine(tmp_path / "a.parquet", "parquet", "flows", instant="utc", **keys))

        assert (local["us"], local["wall"]) == (None, us("2024-06-02 20:01:02.5"))
        assert (utc["us"], utc["wall"]) == (us("2024-06-02 20:01:02.5"), None)
        assert local["bytes_out"] == 10**15 - 1

    def test_excel(self, tmp_path):
        book = openpyxl.Workbook()
        book.active.append(["t", "who"])
        book.active.append([dt.datetime(2024, 6, 2, 20, 1, 2), "ana"])
        book.save(tmp_path / "a.xlsx")

        (line,) = rows(machine(tmp_path / "a.xlsx", "excel", instant="t", fields={"actor": "who"}))

        assert (line["row"], line["wall"], line["actor"]) == (2, us("2024-06-02 20:01:02"), "ana")

    def test_a_member_of_an_archive(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("x.csv", "t\n2024-06-02 00:00:00\n")
            archive.writestr("y.csv", "z\n")

        found = machine(tmp_path / "a.zip", "delimited", instant="t", member="x.csv")

        assert found.lines == 1


class TestTimelines:
    def test_csv_and_json_lines_tell_the_same(self, tmp_path):
        table = (
            "message,datetime,timestamp_desc,hostname,reporter,data_type\n"
            '"Failed password for root from 1.2.3.4 port 22 ssh2",2024-06-02T20:01:02.5+00:00,'
            "Content,db,sshd,syslog:line\n"
        )
        line = (
            '{"message":"Failed password for root from 1.2.3.4 port 22 ssh2","datetime":'
            '"2024-06-02T20:01:02.5+00:00","timestamp_desc":"Content","hostname":"db",'
            '"reporter":"sshd","data_type":"syslog:line"}\n'
        )

        (one,) = rows(machine(written(tmp_path, table, "a.csv"), "timesketch"))
        (two,) = rows(machine(written(tmp_path, line, "a.jsonl"), "timesketch"))

        assert one == two | {"row": 2}
        assert (one["kind"], one["actor"], one["address"]) == ("login-failed", "root", "1.2.3.4")
        assert (one["host"], one["us"]) == ("db", us("2024-06-02T20:01:02.5"))

    def test_microseconds_where_there_is_no_date(self, tmp_path):
        text = '{"message":"x","timestamp":1717358462500000,"timestamp_desc":"y"}\n{"a":1}\n'

        found = machine(written(tmp_path, text), "timesketch")

        assert [x["us"] for x in rows(found)] == [1717358462500000]
        assert (found.lines, found.broken) == (2, 1)

    def test_events_of_windows(self, tmp_path):
        text = (
            "message,datetime,timestamp_desc,data_type,event_identifier\n"
            "x,2024-06-02T20:01:02+00:00,Creation Time,windows:evtx:record,1102\n"
        )

        (line,) = rows(machine(written(tmp_path, text), "timesketch"))

        assert line["kind"] == "log-cleared"

    def test_a_table_that_is_none_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="no column 'timestamp_desc'"):
            machine(written(tmp_path, "message,datetime\na,b\n"), "timesketch")
