"""Files that are damaged, hostile or large: counted and shown, never a crash."""

from __future__ import annotations

import gzip
import tempfile
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.reading import machine, rows, us, written
from tests.sources.samples import LINES, PACKED
from veedor.errors import SourceError

FILES = LINES | PACKED
quick = settings(max_examples=25, deadline=None)


def tried(name: str, data: bytes) -> None:
    """Either it is read, and every line is a row or broken, or the reader says what is wrong."""
    format, kind, _, keys = FILES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), data)
        try:
            found = machine(path, format, kind, **keys)
        except SourceError:
            return
        count = found.table.count().execute()
        if format == "pcap":
            assert found.table.packets.fill_null(0).sum().execute() in (
                None,
                found.lines - found.broken,
            )
        else:
            assert found.lines == count + found.broken
        assert (found.first_broken is None) == (found.broken == 0)
        if found.first_broken:
            assert len(found.first_broken[1]) <= 200
            assert found.first_broken[1].isprintable()
        found.table.to_pyarrow().validate(full=True)


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """The file with some pieces replaced, cut out or written twice."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 64)))
        piece = draw(
            st.one_of(
                st.binary(max_size=32),
                st.sampled_from([b"\n", b'"', b"\t", b",", b"\0", b"\xff", b"#fields\t", b"\r\n"]),
                st.just(data[start:stop] * 2),
            )
        )
        data = data[:start] + piece + data[stop:]
    return data


@pytest.mark.parametrize("name", FILES)
def test_the_samples_are_read(tmp_path, name):
    format, kind, data, keys = FILES[name]

    found = machine(written(tmp_path, data), format, kind, **keys)

    assert found.broken == 0
    assert rows(found)


@pytest.mark.parametrize("name", FILES)
class TestRandom:
    @quick
    @given(st.data())
    def test_damaged_files(self, name, data):
        tried(name, data.draw(damaged(FILES[name][2])))

    @quick
    @given(st.binary(max_size=2000))
    def test_random_bytes(self, name, data):
        tried(name, data)

    @quick
    @given(st.binary(max_size=500))
    def test_random_bytes_after_a_good_start(self, name, data):
        tried(name, FILES[name][2] + data + b"\n" + FILES[name][2])


@pytest.mark.parametrize("name", LINES)
class TestEveryReaderOfLines:
    def test_bytes_that_are_no_text_are_replaced(self, tmp_path, name):
        format, kind, data, keys = LINES[name]

        found = machine(written(tmp_path, data + b"\xff\xfe\x80 \n" + data), format, kind, **keys)

        assert found.lines >= len(rows(found)) > 0

    def test_a_null_character_breaks_its_line_only(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        whole = machine(written(tmp_path, data, "whole"), format, kind, **keys)

        found = machine(written(tmp_path, data + b"a\0b\n"), format, kind, **keys)

        if name == "mysql":  # the line goes on with the last statement, and breaks it
            assert (found.lines, found.broken) == (whole.lines, 1)
        elif name == "nfdump":  # it stands after the summary
            assert found.lines >= whole.lines
        else:
            assert (found.lines, found.broken) == (whole.lines + 1, 1)
            assert found.first_broken is not None
            assert found.first_broken[1] == "a b"

    def test_a_line_of_five_megabytes(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        body = data + b"x" * 5_000_000 + b"\n" + data

        found = machine(written(tmp_path, body), format, kind, **keys)

        assert found.broken >= (0 if name == "nfdump" else 1)
        assert len(rows(found)) > 0

    def test_windows_line_ends_and_a_byte_order_mark(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        marked = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")

        found = machine(written(tmp_path, marked), format, kind, **keys)

        assert found.broken == 0

    def test_gzip(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        plain = machine(written(tmp_path, data), format, kind, **keys)

        packed = machine(written(tmp_path, gzip.compress(data), "a.log.gz"), format, kind, **keys)

        assert rows(packed) == rows(plain)

    def test_a_gzip_file_cut_short_is_said(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        packed = gzip.compress(data * 50)

        with pytest.raises(SourceError, match="damaged or cut short"):
            machine(written(tmp_path, packed[:-12], "a.log.gz"), format, kind, **keys)

    def test_an_empty_file_is_said(self, tmp_path, name):
        format, kind, _, keys = LINES[name]

        with pytest.raises(SourceError, match="empty"):
            machine(written(tmp_path, b""), format, kind, **keys)

    def test_blocks_make_no_difference(self, tmp_path, name, monkeypatch):
        format, kind, data, keys = LINES[name]
        whole = rows(machine(written(tmp_path, data), format, kind, **keys))

        for size in (1, 7, 61):
            monkeypatch.setattr("veedor.sources.lines.CHUNK", size)
            assert rows(machine(written(tmp_path, data), format, kind, **keys)) == whole


def test_a_million_broken_lines_are_counted_in_little_memory(tmp_path):
    path = tmp_path / "a.log"
    good = "Oct 20 19:40:00 web sshd[9]: x\n"
    with path.open("w", encoding="utf-8") as stream:
        stream.write(good)
        for _ in range(100):
            stream.write("there is no stamp in this line, which is one of very many\n" * 10_000)
        stream.write(good)
    before = pa.total_allocated_bytes()
    tracemalloc.start()

    found = machine(path, "syslog", year=2019)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.lines, found.broken) == (1_000_002, 1_000_000)
    assert found.first_broken == (2, "there is no stamp in this line, which is one of very many")
    assert [x["row"] for x in rows(found)] == [1, 1_000_002]
    assert most < 200 << 20
    assert pa.total_allocated_bytes() - before < 100 << 20


@pytest.mark.parametrize("name", ["zeek", "iis", "nfdump"])
class TestHeaders:
    def test_that_come_with_every_line_are_read_in_time(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        head, row = data.splitlines(keepends=True)[:-1], data.splitlines(keepends=True)[-1]
        if name == "nfdump":
            head, row = head[:1], head[1]

        found = machine(written(tmp_path, b"".join([*head, row]) * 5000), format, kind, **keys)

        assert (len(rows(found)) >= 5000, found.broken) == (True, 0)

    def test_that_always_change_are_refused(self, tmp_path, name):
        format, kind, data, keys = LINES[name]
        field = {"zeek": b"#fields\t", "iis": b"#Fields: ", "nfdump": b"ts,"}[name]
        heads = b"".join(field + str(i).encode() + b"\nx\n" for i in range(2000))

        with pytest.raises(SourceError, match="names its columns anew"):
            machine(written(tmp_path, data + heads), format, kind, **keys)


def test_other_encodings(tmp_path):
    line = "Oct 20 19:40:00 wéb cron[9]: señal\n"

    for encoding in ("latin-1", "utf-16"):
        found = machine(
            written(tmp_path, line.encode(encoding)), "syslog", encoding=encoding, year=2019
        )
        (row,) = rows(found)
        assert (row["host"], row["message"]) == ("wéb", "señal")


def test_an_encoding_that_is_none_is_said(tmp_path):
    with pytest.raises(SourceError, match="unknown encoding"):
        machine(written(tmp_path, "x\n"), "syslog", encoding="utf-9")


def test_a_broken_line_is_shown_without_control_characters(tmp_path):
    good = "Oct 20 19:40:00 web cron[9]: x\n"
    found = machine(
        written(tmp_path, good + "\x1b[31mred\x07" + "y" * 300 + "\n"), "syslog", year=2019
    )

    assert found.first_broken is not None
    assert found.first_broken[1].startswith(" [31mred y")
    assert len(found.first_broken[1]) == 200


def test_a_leap_second_is_the_next_minute(tmp_path):
    text = "2016-12-31T23:59:60Z web cron[9]: x\n"

    (line,) = rows(machine(written(tmp_path, text), "syslog"))

    assert line["us"] == us("2017-01-01T00:00:00")
