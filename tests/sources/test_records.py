"""Records of several lines, lost quotes, and lines and blocks that are too large."""

from __future__ import annotations

import gzip
import io
import resource
import time
import zipfile

import pyarrow as pa
import pytest

from tests.sources.reading import machine, rows, written
from tests.sources.test_databases import record
from veedor.errors import SourceError
from veedor.sources import lines, records, staging, syslog
from veedor.sources.syslog import System

NUMBER, FIRST, SECOND = 600, 100, 400


def log(first, second, *, stamp="2019-10-20T{:02d}:{:02d}:{:02d}Z"):
    """A log of 600 lines with two odd cells, and the columns in another order than the stamp's."""
    out = ["host,at,message"]
    for i in range(NUMBER):
        cell = {FIRST: first, SECOND: second}.get(i, f'"ok, {i}"' if i % 7 == 0 else "ok")
        out.append(f"app,{stamp.format(10 + i // 3600, i // 60 % 60, i % 60)},{cell}")
    return "\n".join(out) + "\n"


def table(tmp_path, text, **keys):
    about = {"instant": "at", "fields": {"host": "host", "message": "message"}} | keys
    return machine(written(tmp_path, text), "delimited", **about)


class TestLostQuotes:
    @pytest.mark.parametrize(
        ("first", "second", "broken"),
        [('"x', "y", 1), ('"x', 'y"', 2), ('x"', 'y"', 2), ('"x', '"y', 2), ("x", "y", 0)],
    )
    def test_break_their_lines_and_not_those_between(self, tmp_path, first, second, broken):
        found = table(tmp_path, log(first, second))

        assert (found.lines, found.broken, found.spanning) == (NUMBER, broken, 0)
        assert len(rows(found)) == NUMBER - broken

    def test_the_first_of_them_is_shown(self, tmp_path):
        found = table(tmp_path, log('"x', 'y"'))

        assert found.first_broken == (FIRST + 2, 'app,2019-10-20T10:01:40Z,"x')

    def test_blocks_make_no_difference(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lines, "CHUNK", 50)

        found = table(tmp_path, log('"x', 'y"'))

        assert (found.lines, found.broken) == (NUMBER, 2)

    def test_stamps_of_two_columns_and_of_a_pattern_are_told_too(self, tmp_path):
        text = log('"x', 'y"', stamp="20/10/2019,{:02d}.{:02d}.{:02d}").replace(
            "at", "day,clock", 1
        )

        found = table(tmp_path, text, instant=["day", "clock"], instant_format="%d/%m/%Y %H.%M.%S")

        assert (found.lines, found.broken) == (NUMBER, 2)

    def test_a_backslash_before_quotes(self, tmp_path):
        found = table(tmp_path, log(r'"x \" y"', r'"z'), escape="\\")

        assert (found.lines, found.broken) == (NUMBER, 1)
        assert rows(found)[FIRST]["message"] == 'x " y'

    def test_of_a_timeline_break_one_line_each(self, tmp_path):
        row = "{},2019-10-20T10:00:00+00:00,x\n"
        cells = ["a", '"b', *["c"] * 50, 'd"', "e"]
        text = "message,datetime,timestamp_desc\n" + "".join(map(row.format, cells))

        found = machine(written(tmp_path, text), "timesketch")

        assert (found.lines, found.broken, len(rows(found))) == (54, 2, 52)

    def test_of_a_csvlog_leave_lines_of_the_server_itself(self, tmp_path):
        """A process of the server has no account, so that its cells begin without a quote."""
        stamp = "2024-06-02 20:01:03.1 UTC"
        good = record(stamp, "statement: select 1")
        server = record(stamp, "checkpoint starting", user="")
        for cell in ('"rep"', '"10.0.0.5:53122"', '"UPDATE"'):
            server = server.replace(cell, "")
        bad = good.replace('1",', "1,")

        found = machine(written(tmp_path, bad + server * 3 + bad + good), "postgresql")

        assert (found.lines, found.broken) == (6, 2)

    def test_a_cell_of_several_lines_is_one_record_and_counted(self, tmp_path):
        # Near to a record of its own: a stamp with too few cells, and cells without a stamp.
        inner = "ok\nat 10:00,\n2019-10-20\nx,2019-10-20T10:00:00Z\na,b,c\n\nend"
        text = log(f'"{inner}"', "y")

        found = table(tmp_path, text)

        assert (found.lines, found.broken, found.spanning) == (NUMBER, 0, 1)
        assert rows(found)[FIRST]["message"] == inner

    def test_a_statement_of_several_lines_is_one_record_and_counted(self, tmp_path):
        stamp = "2024-06-02 20:01:03.1 UTC"
        inside = record("2024-06-02 20:01:09.1 UTC", "statement: delete from acta")
        text = record(stamp, f"statement: select '\n{inside}'") + record(stamp, "x")

        found = machine(written(tmp_path, text), "postgresql")

        assert (found.lines, found.broken, found.spanning) == (2, 0, 1)


class TestDelimitedText:
    @pytest.mark.parametrize("cell", ['x"y,"z', 'x"y', '"x"y"', "x\r,y", '"x""y"",z'])
    def test_many_lines_that_cannot_be_read_are_read_in_few_goes(self, tmp_path, monkeypatch, cell):
        goes = []
        read = records._table

        def counted(*given):
            goes.append(1)
            return read(*given)

        monkeypatch.setattr(records, "_table", counted)
        text = "at,host,message\n" + f"2019-10-20T10:00:00,{cell},\n" * 20_000
        start = time.process_time()

        found = table(tmp_path, text + "2019-10-20T10:00:00,a,b\n")

        assert (found.lines, found.lines - found.broken) in ((20_001, 1), (20_001, 20_001))
        assert len(goes) < 10
        assert time.process_time() - start < 10

    def test_what_still_fails_is_tried_a_bounded_number_of_times(self, monkeypatch):
        tried = []

        def never(*given):
            tried.append(1)
            raise pa.ArrowInvalid("no")

        monkeypatch.setattr(records, "_table", never)
        text = pa.array(["a,b"] * 10_000)

        read, _ = records.delimited_cells(text, ["a", "b"], records.Dialect(), {"a"})

        assert not read.any()
        assert len(tried) <= records.MOST_TRIES + 1

    def test_a_record_cannot_stand_for_another(self):
        """The first breaks into two, the second runs into the third: as many rows as records."""
        text = pa.array(['p,q"x"\n1,forged,y', 'p"x,"open', 'c,d"z"', "e,f"])

        read, cells = records.delimited_cells(text, ["a", "b"], records.Dialect(), {"a", "b"})

        assert read.tolist() == [False, False, True, True]
        assert cells["a"].to_pylist() == ["c", "e"]

    @pytest.mark.parametrize(
        ("text", "whole"),
        [
            ("", True),
            ("a,b", True),
            ('"a","b ""c"" d"', True),
            ('a"b,c"', True),
            ('"a"b,c', True),
            ('"a\nb",c', True),
            ('a,"b', False),
            ('"a""b,c', False),
            ('"a"b"c,"d', False),
            ("a\nb", False),
        ],
    )
    def test_a_record_is_whole_where_each_cell_ends_in_it(self, text, whole):
        found = records.matches(pa.array([text]), records._contained(records.Dialect()))

        assert found.tolist() == [whole]


class TestLongest:
    """A line or record of more than a mebibyte is not read, nor kept."""

    GOOD = "Oct 20 19:40:00 web cron[9]: {}\n"

    @pytest.mark.parametrize(("size", "broken"), [(lines.LONGEST - 100, 0), (lines.LONGEST + 1, 1)])
    def test_a_line_within_a_block(self, tmp_path, size, broken):
        text = self.GOOD.format("x") + self.GOOD.format("y" * size) + self.GOOD.format("z")

        found = machine(written(tmp_path, text), "syslog", year=2019)

        assert (found.lines, found.broken) == (3, broken)
        assert rows(found)[-1]["row"] == 3

    def test_a_line_of_many_blocks_is_not_kept(self, monkeypatch):
        monkeypatch.setattr(lines, "CHUNK", 64)
        monkeypatch.setattr(lines, "LONGEST", 200)
        stream = io.BytesIO(b"a\n" + b"x" * 100_000 + b"\nb\n")

        batches = list(lines.batches_of(stream, "utf-8", "a.log"))

        texts = [text for batch in batches for text in batch.text.to_pylist()]
        assert texts == ["a", None, "b"]
        assert max(len(t) for batch in batches for t in batch.whole.to_pylist()) < 200 + 8 + 2 * 64

    def test_the_lines_of_a_record_stand_for_themselves(self, tmp_path):
        inner = ("x" * 99 + "\n") * 20_000
        text = f'host,at,message\napp,2019-10-20T10:00:00Z,"{inner}"\napp,2019-10-20T10:00:01Z,y\n'

        found = table(tmp_path, text)

        assert found.broken >= 20_000
        assert [row["message"] for row in rows(found)] == ["y"]

    def test_a_record_that_is_shorter_is_read(self, tmp_path):
        inner = ("x" * 99 + "\n") * 10_000
        text = f'host,at,message\napp,2019-10-20T10:00:00Z,"{inner}"\napp,2019-10-20T10:00:01Z,y\n'

        found = table(tmp_path, text)

        assert (found.lines, found.broken, found.spanning) == (2, 0, 1)


class TestUnpacking:
    LINE = b"Oct 20 10:00:00 a x: 1\n"

    def packed(self, tmp_path, data, name):
        path = tmp_path / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(data))
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a.log", data)
        return path

    @pytest.mark.parametrize("name", ["a.log.gz", "a.zip"])
    def test_far_more_than_logs_unpack_to_is_an_error(self, tmp_path, monkeypatch, name):
        monkeypatch.setattr(staging, "SMALL", 1 << 20)
        path = self.packed(tmp_path, self.LINE * 200_000, name)

        with pytest.raises(SourceError, match="unpacks to more than 200 times its size"):
            machine(path, "syslog", year=2019)

    @pytest.mark.parametrize("name", ["a.log.gz", "a.zip"])
    def test_what_is_small_may_unpack_to_any_size(self, tmp_path, name):
        path = self.packed(tmp_path, self.LINE * 20_000, name)

        assert machine(path, "syslog", year=2019).lines == 20_000

    @pytest.mark.parametrize(
        ("format", "keys", "head", "line"),
        [
            ("syslog", {"year": 2019}, b"", LINE),
            ("delimited", {"instant": "at"}, b"at\n", b"2019-10-20T10:00:00Z\n"),
        ],
    )
    def test_a_block_of_empty_lines_takes_little_memory(self, tmp_path, format, keys, head, line):
        data = head + b"\n" * (6 << 20) + line
        path = self.packed(tmp_path, data, "a.log.gz")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        found = machine(path, format, **keys)

        assert found.lines == 1
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 << 10

    def test_no_parser_is_given_empty_lines_or_very_many_at_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr(lines, "MOST_LINES", 100)
        given = []

        class Seen(System):
            def parse(self, batch):
                given.append(len(batch.rows))
                return super().parse(batch)

        monkeypatch.setattr(syslog, "System", Seen)
        text = (self.LINE + b"\n" * 9) * 1000

        found = machine(written(tmp_path, text), "syslog", year=2019)

        assert found.lines == sum(given) == 1000
        assert max(given) <= 10
        assert rows(found)[-1]["row"] == 9991

    def test_rows_are_those_of_the_file_though_empty_lines_are_left_out(self, tmp_path):
        text = b"\n\n" + self.LINE + b"\r\n" + self.LINE + b" \n"

        found = machine(written(tmp_path, text), "syslog", year=2019)

        assert [row["row"] for row in rows(found)] == [3, 5]
        assert (found.lines, found.broken) == (2, 0)


@pytest.mark.parametrize("format", ["iis", "zeek"])
def test_many_layouts_take_no_memory_of_the_lines_each(tmp_path, format):
    heads = {"iis": "#Fields: date time c{}\n", "zeek": "#fields\tts\tc{}\n"}[format]
    text = "".join(heads.format(i) + "x\n" for i in range(490)) + "\n" * 200_000
    batch = next(lines.batches_of(io.BytesIO(text.encode()), "utf-8", "a"))
    comment = lines.matches(batch.text, "^#")
    passed = lines.matches(batch.text, r"^\s*$")

    groups, last = lines.by_layout(batch, comment, passed, "", lambda _, line: line)

    assert sum(len(places) for _, places in groups) == 490
    assert [batch.text[int(places[0]) - 1].as_py() for _, places in groups] == [
        layout for layout, _ in groups
    ]
    assert last == heads.format(489).strip()
