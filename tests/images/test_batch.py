"""Many scans: order, what is not there, the cache that an interrupted audit goes on from."""

from __future__ import annotations

import hashlib
import os
import tomllib
import zipfile

import pytest

from tests.scans import png, sheet, template, written
from veedor.errors import VeedorError
from veedor.images import batch
from veedor.images.batch import Wanted, read_scans
from veedor.images.record import SheetRecord, pack
from veedor.images.template import Template

FORMS = [(Template.model_validate(tomllib.loads(template())), None)]


class Counting:
    """Stands for the reader of sheets: says which picture it saw, and how often it was asked."""

    asked: list[str] = []

    def __init__(self, forms):
        pass

    def record(self, data, name, page=0):
        self.asked.append(name)
        return SheetRecord("read", (f"page {page}",), sha256=data.decode(), codes=(name,))


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "SheetReader", Counting)
    Counting.asked.clear()
    place = tmp_path / "scans.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for name in "abcdefgh":
            archive.writestr(f"{name}.png", f"picture {name}")
    return place


def read(place, wanted, **more):
    more = {"jobs": 1, "cache": place.parent / "cache"} | more
    return list(read_scans(place, wanted, FORMS, **more))


def test_records_come_in_the_order_asked_for(pictures):
    names = ["c.png", "a.png", "h.png", "b.png", "a.png"]
    found = read(pictures, [Wanted(n) for n in names])
    assert [r.codes for r in found] == [(n,) for n in names]


def test_what_is_not_there_is_a_record_with_the_reason(pictures):
    wrong = hashlib.sha256(b"another picture").hexdigest()
    wanted = [
        Wanted(None),
        Wanted("z.png"),
        Wanted("../a.png"),
        Wanted("a.png", None),
        Wanted("a.png", 0, wrong),
        Wanted("a.png", 0, "n/a"),
        Wanted("a.png", 0, hashlib.sha256(b"picture a").hexdigest()),
    ]
    found = read(pictures, wanted)
    assert [r.status for r in found] == [*["missing"] * 4, *["unreadable"] * 2, "read"]
    reasons = [r.reasons[0] for r in found]
    assert "no such picture" in reasons[1]
    assert "leads out" in reasons[2]
    assert "SHA-256 differs" in reasons[4]
    assert "SHA-256 is none" in reasons[5]
    assert Counting.asked == ["a.png"]


def test_what_was_read_once_is_not_read_again(pictures):
    wanted = [Wanted(f"{name}.png") for name in "abcdefgh"]
    told: list[tuple[int, int, int]] = []
    first = read(pictures, wanted)
    again = read(pictures, wanted, progress=lambda *numbers: told.append(numbers))
    assert first == again
    assert len(Counting.asked) == 8
    assert told[-1] == (8, 8, 0)


def test_pages_of_one_file_are_kept_apart(pictures):
    wanted = [Wanted("a.png", page) for page in (0, 1, 0)]
    assert [r.reasons for r in read(pictures, wanted)] == [("page 0",), ("page 1",), ("page 0",)]
    assert len(Counting.asked) == 2


def test_reading_goes_on_where_it_was_interrupted(pictures):
    wanted = [Wanted(f"{name}.png") for name in "abcdefgh"]
    going = read_scans(pictures, wanted, FORMS, jobs=1, cache=pictures.parent / "cache")
    for _ in range(3):
        next(going)
    going.close()
    assert len(Counting.asked) == 3
    read(pictures, wanted)
    assert Counting.asked == [f"{name}.png" for name in "abcdefgh"]


def test_readings_of_another_version_are_not_used(pictures, monkeypatch):
    read(pictures, [Wanted("a.png")])
    monkeypatch.setattr(batch, "version", lambda forms: "0" * 64)
    read(pictures, [Wanted("a.png")])
    assert Counting.asked == ["a.png", "a.png"]


def test_scans_are_read_where_nothing_can_be_kept(pictures):
    blocked = pictures.parent / "blocked"
    blocked.write_bytes(b"a file, not a folder")
    for _ in range(2):
        assert read(pictures, [Wanted("a.png")], cache=blocked)[0].status == "read"
    assert len(Counting.asked) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have owners elsewhere")
def test_what_is_kept_can_be_read_by_its_owner_alone(pictures):
    folder = pictures.parent / "cache"
    folder.mkdir(mode=0o777)
    read(pictures, [Wanted("a.png")])
    (file,) = folder.iterdir()
    assert [path.stat().st_mode & 0o777 for path in (folder, file)] == [0o700, 0o600]
    file.chmod(0o644)
    read(pictures, [Wanted("a.png")])
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(Counting.asked) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have owners elsewhere")
def test_what_another_user_kept_is_not_used(pictures, monkeypatch):
    read(pictures, [Wanted("a.png")])
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert read(pictures, [Wanted("a.png")])[0].status == "read"
    assert len(Counting.asked) == 2


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are another thing elsewhere")
def test_a_link_in_place_of_what_is_kept_is_not_followed(pictures):
    read(pictures, [Wanted("a.png")])
    (file,) = (pictures.parent / "cache").iterdir()
    file.rename(pictures.parent / "elsewhere")
    file.symlink_to(pictures.parent / "elsewhere")
    assert read(pictures, [Wanted("a.png")])[0].status == "read"
    assert len(Counting.asked) == 2


def test_a_damaged_cache_is_read_over(pictures):
    read(pictures, [Wanted("a.png")])
    for file in (pictures.parent / "cache").glob("*.sqlite"):
        file.write_bytes(b"damaged" * 1000)
    assert read(pictures, [Wanted("a.png")])[0].status == "read"
    assert len(Counting.asked) == 2


def test_what_keeps_all_processes_from_reading_is_told_as_it_is(pictures, monkeypatch):
    class Lacking:
        def __init__(self, forms):
            raise VeedorError("the networks are missing")

    monkeypatch.setattr(batch, "SheetReader", Lacking)
    wanted = [Wanted(f"{name}.png") for name in "abcdefghi"]
    with pytest.raises(VeedorError, match="the networks are missing"):
        read(pictures, wanted, jobs=2)


@pytest.mark.slow
def test_several_processes_read_what_one_does(tmp_path):
    place = tmp_path / "scans.zip"
    names = [f"{i}.png" for i in range(batch.FEW + 1)]
    with zipfile.ZipFile(place, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(name, png(sheet(written(10 + i, 7 * i, 3, 1, 2))))
    wanted = [Wanted(name) for name in names]
    one, two = (
        list(read_scans(place, wanted, FORMS, jobs=jobs, cache=tmp_path / str(jobs)))
        for jobs in (1, 2)
    )
    assert [pack(a) for a in one] == [pack(b) for b in two]
    assert {r.status for r in one} == {"read"}
