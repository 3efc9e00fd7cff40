"""Parts of scans in the audit folder: veiled, hashed, shown, and verified."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.scans import drawn_case
from veedor.audit.findings import Fact, Finding, Picture
from veedor.audit.pictures import MOST, write_pictures
from veedor.audit.run import audit
from veedor.audit.verify import verify
from veedor.case.pictures import open_pictures
from veedor.engine.shelf import Filed, Shelf
from veedor.errors import VerifyError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scanned")


@pytest.fixture(scope="module")
def case(folder):
    return drawn_case(folder / "case", read={2: (31, 74, 0)})


@pytest.fixture(scope="module")
def made(folder, case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEEDOR_CACHE", str(folder / "cache"))
        return audit(case, folder / "out", only=["images.reading"], jobs=1)


def of_official(made) -> Finding:
    return next(f for f in made.findings if f.subject == "official")


def test_the_disagreement_is_shown_first(made):
    finding = of_official(made)
    assert finding.pictures[0].station == "S2"
    assert finding.pictures[0].fields == ["votes-2"]
    assert "B is recorded as 47 and read as 74" in finding.pictures[0].caption
    assert len(finding.pictures) + finding.pictures_not_shown >= 5


def test_the_page_holds_the_picture_with_words_for_who_cannot_see_it(made):
    page = (made.directory / "index.html").read_text("utf-8")
    shown = re.findall(r'<img src="data:image/png;base64,[^"]+" [^>]*alt="([^"]*)"', page)
    assert len(shown) == len(of_official(made).pictures)
    assert shown[0].startswith("Part of the scan of station S2. ")
    assert "Places for names, signatures and fingerprints are veiled" in page


def test_the_manifest_names_what_read_the_scans(made):
    manifest = json.loads((made.directory / "manifest.json").read_text("utf-8"))
    assert {"onnxruntime", "pillow", "zxing-cpp"} <= manifest["versions"].keys()


def test_inputs_name_pictures_and_templates_with_their_hashes(made):
    kinds = {i.kind: i for i in made.document.inputs if i.source == "scans"}
    assert kinds.keys() == {"scans", "pictures", "template"}
    assert kinds["pictures"].rows is None
    assert kinds["scans"].rows == 4


def test_a_picture_that_no_row_names_is_told_as_not_examined(made):
    (told,) = [t for t in made.document.scope.not_examined if t.startswith("scans: ")]
    assert told == "scans: 1 picture that no row of the file names, such as 'spare.png'."


def test_parts_of_scans_are_verified(made, case, folder, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(folder / "cache"))
    agreed = verify(made.directory, case=case)
    assert any("parts of scans have the hashes" in line for line in agreed)
    picture = made.directory / of_official(made).pictures[0].path
    data = picture.read_bytes()
    try:
        picture.write_bytes(data[:-4] + b"\0\0\0\0")
        with pytest.raises(VerifyError, match="SHA-256"):
            verify(made.directory, recompute=False)
        manifest = made.directory / "manifest.json"
        text = manifest.read_text()
        from veedor.audit.files import sha256

        name = of_official(made).pictures[0].path
        told = json.loads(text)
        told["outputs"][name] = sha256(picture)
        manifest.write_text(json.dumps(told))
        with pytest.raises(VerifyError, match="not the part of a scan that the finding"):
            verify(made.directory, recompute=False)
        manifest.write_text(text)
    finally:
        picture.write_bytes(data)


def shelf_of(case) -> Shelf:
    from veedor.case.forms import read_forms
    from veedor.case.loading import load_case

    read = load_case(case)
    source = next(s for s in read.sources if s.kind == "scans")
    paths = {path: case.parent / path for path in source.paths()}
    forms = {f.template.id: f for f in read_forms(read, source, paths)}
    matrix = np.diag([150 / 25.4, 150 / 25.4, 1.0])
    with open_pictures(paths["scans.zip"]) as pictures:
        sha = [hashlib.sha256(pictures.read(f"s{i}.png")).hexdigest() for i in (0, 1)]
    scans = [
        Filed("scans", "S0", "s0.png", 0, sha[0], "form-a", matrix),
        Filed("scans", "S1", "s1.png", 0, sha[1], None, None),
        Filed("scans", "S2", None, 0, None, None, None),
    ]
    return Shelf(scans, {"scans": paths["scans.zip"]}, {"scans": forms})


def written(case, built, pictures, **more) -> Finding:
    built.mkdir()
    fact = Fact("", "observed", {}, "t", "f", pictures=pictures)
    bare = Finding(check="a.b", subject="", title="t", status="observed", kind="anomaly", asks="?",
                   rule="r", fact="f", statistic={})  # fmt: skip
    (finding,) = write_pictures(shelf_of(case), [fact], [bare], built, **more)
    return finding


def test_a_scan_on_which_no_form_was_found_is_not_shown(case, tmp_path):
    pictures = [Picture(n, (), "Words.") for n in (0, 1, 2)]
    finding = written(case, tmp_path / "built", pictures)
    assert [p.scan for p in finding.pictures] == [0]
    assert finding.pictures_not_shown == 2


def test_a_picture_that_was_changed_since_it_was_read_is_not_shown(case):
    shelf = shelf_of(case)
    assert shelf.pixels(0) is not None
    shelf.scans[0] = replace(shelf.scans[0], sha256=shelf.scans[1].sha256)
    assert shelf.pixels(0) is None


def test_where_nothing_is_veiled_the_report_does_not_say_that_it_is(folder, case, made):
    assert all(picture.veiled for f in made.findings for picture in f.pictures)
    bare = folder / "bare"
    shutil.copytree(case.parent, bare)
    form = bare / "form-a.toml"
    text = form.read_text("utf-8")
    form.write_text(re.sub(r"\[\[private\]\](\n\w+ = .*)+", "", text), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEEDOR_CACHE", str(folder / "cache"))
        found = audit(bare / case.name, folder / "out-bare", only=["images.reading"], jobs=1)
    assert not any(picture.veiled for f in found.findings for picture in f.pictures)
    page = (found.directory / "index.html").read_text("utf-8")
    assert "Nothing is veiled on" in page
    assert "Places for names, signatures and fingerprints are veiled" not in page


def test_no_more_than_stated_are_written(case, tmp_path):
    finding = written(case, tmp_path / "built", [Picture(0, ("votes-1",), "Words.")] * (MOST + 7))
    assert (len(finding.pictures), finding.pictures_not_shown) == (MOST, 7)


def test_personal_data_cannot_be_seen_unless_asked_for(case, tmp_path):
    def private(folder, **more):
        written(case, folder, [Picture(0, (), "Words.")], **more)
        page = cv2.imread(str(folder / "pictures" / "a.b-01.jpg"), cv2.IMREAD_GRAYSCALE)
        return page[205 * 5 : 255 * 5, 25 * 5 : 185 * 5].astype(float)

    veiled, open_ = private(tmp_path / "a"), private(tmp_path / "b", show_private=True)
    assert open_.min() < 100  # the strokes of the names
    edges = [np.abs(np.diff(p, axis=1)).max() for p in (veiled, open_)]
    assert edges[0] < 0.2 * edges[1]


def test_that_personal_data_are_shown_is_told(case, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(folder / "cache"))
    made = audit(case, tmp_path / "o", only=["images.reading"], jobs=1, show_private=True)
    manifest = json.loads((made.directory / "manifest.json").read_text())
    assert manifest["parameters"]["show_private"] is True
    page = (made.directory / "index.html").read_text("utf-8")
    assert "are not veiled" in page
    assert verify(made.directory, case=case)


def test_checks_that_look_at_no_scan_do_not_read_them(case, tmp_path, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))
    made = audit(case, tmp_path / "o", only=["outcome.result"])
    assert {i.source for i in made.document.inputs} == {"official"}
    assert not (tmp_path / "cache").exists()
