"""Pictures of scans in an archive or a folder: what is read, and what is refused."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile

import pytest

from veedor.case.pictures import folder_digest, is_safe, open_pictures
from veedor.errors import SourceError


def archive(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def test_an_archive_and_a_folder_hold_the_same_pictures(tmp_path):
    members = [("b.png", b"two"), ("a/1.png", b"one"), ("__MACOSX/._b.png", b"x")]
    folder = tmp_path / "folder"
    for name, data in members:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for place in (archive(tmp_path / "a.zip", members), folder):
        with open_pictures(place) as pictures:
            assert pictures.names == ("a/1.png", "b.png")
            assert pictures.read("a/1.png") == b"one"
            with pytest.raises(SourceError, match="there is no picture"):
                pictures.read("c.png")


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "C:/x.png", "a\\x.png"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name):
    assert not is_safe(name)
    if "\\" in name:
        return  # The zip module writes it with the other slash.
    place = archive(tmp_path / "a.zip", [("good.png", b"1"), (name, b"2")])
    with pytest.raises(SourceError, match="leads out of the folder"), open_pictures(place):
        pass


def test_a_name_that_stands_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        place = archive(tmp_path / "a.zip", [("a.png", b"1"), ("a.png", b"2")])
    with pytest.raises(SourceError, match=r"two files of the name 'a\.png'"), open_pictures(place):
        pass


def test_what_is_no_archive_is_told(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK no archive")
    with pytest.raises(SourceError, match="no zip archive"), open_pictures(tmp_path / "a.zip"):
        pass


def test_damage_within_an_archive_names_the_member(tmp_path):
    place = archive(tmp_path / "a.zip", [("a.png", b"good bytes")])
    place.write_bytes(place.read_bytes().replace(b"good bytes", b"evil bytes"))
    with open_pictures(place) as pictures, pytest.raises(SourceError, match=r"a\.png.*damaged"):
        pictures.read("a.png")


def test_links_out_of_a_folder_are_passed_over(tmp_path):
    (tmp_path / "outside.png").write_bytes(b"x")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").symlink_to(tmp_path / "outside.png")
    with open_pictures(folder) as pictures:
        assert pictures.names == ()


def test_a_folder_is_known_by_the_list_that_sha256sum_writes(tmp_path):
    (tmp_path / "s").mkdir()
    for name, data in (("b.png", b"2"), ("a.png", b"1"), ("s/c.png", b"3")):
        (tmp_path / name).write_bytes(data)
    listed = subprocess.run(
        ["sha256sum", "a.png", "b.png", "s/c.png"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert folder_digest(tmp_path) == (hashlib.sha256(listed).hexdigest(), 3)
