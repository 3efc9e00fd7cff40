"""The measurement of re-used images: what is kept of sheets, what is counted, and the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks import twins, twins_material, twins_measures, twins_sheets
from benchmarks.stages import Stages
from benchmarks.twins_material import Lacking, Material
from benchmarks.twins_sheets import Made, Pasted, Setting

from veedor.images.inkprint import HEIGHT, WIDTH, Inkprint
from veedor.images.patches import Reused

MAIN = Setting("column", ("scan",), 5)
EMPTY = np.zeros((0, 0), np.uint8)


def inkprint(seed: int) -> Inkprint:
    ink = np.random.default_rng(seed).integers(0, 256, (3, HEIGHT, WIDTH)).astype(np.uint8)
    return Inkprint(np.array([1, 4, 5], np.int16), ink, EMPTY, EMPTY)


def sheet(seed: int, **more) -> Made:
    made = Made("ordinary", f"nist-{seed}", "scan", b"picture", np.eye(3) * seed, inkprint(seed))
    return replace(made, **more)


@pytest.fixture
def material(tmp_path, monkeypatch) -> Material:
    """Of four sheets, which are made by hand."""
    made = [sheet(1), sheet(2, file=None), sheet(3, print=None), sheet(4, family="photo")]
    monkeypatch.setattr(twins_material, "nist_digits", lambda: None)
    monkeypatch.setattr(twins_material, "of_drawn", lambda *given: iter(made))
    return Material(Stages(tmp_path, tell=lambda line: None), MAIN, 4, 4)


def again(material: Material, wanted=None) -> Material:
    return replace(material, stages=replace(material.stages, wanted=wanted), _made=[])


def test_sheets_are_read_again_as_they_were_made(material, monkeypatch):
    first = material.made()
    monkeypatch.setattr(twins_material, "of_drawn", None)
    for one, other in zip(first, again(material).made(), strict=True):
        assert (one.kind, one.hand, one.family, one.file) == (
            other.kind, other.hand, other.family, other.file,
        )  # fmt: skip
        assert (one.matrix == other.matrix).all()
        assert (one.print is None) == (other.print is None)
        if one.print is not None:
            assert (one.print.ink == other.print.ink).all()
            assert one.print.boxes.tolist() == other.print.boxes.tolist()
    assert [one.hand for one in material.base()] == ["nist-1"]
    assert sorted(material.copied(9)) == [0, 3]


def test_what_is_lacking_and_not_wanted_is_told(material):
    with pytest.raises(Lacking, match="sheets"):
        again(material, wanted=["copies"]).made()
    material.made()
    assert len(again(material, wanted=["copies"]).made()) == 4


def test_held_out_sheets_are_others_than_those_of_the_main_part():
    seeds = [one.seed for one in (twins.MAIN, *twins.HELD_OUT)]
    assert len(set(seeds)) == len(seeds)
    for one in twins.HELD_OUT:
        assert one.layout.held_out or set(one.families) == {"fax"}
    numbers = {one: one.rng("sheets", 0).integers(10**9) for one in (MAIN, *twins.HELD_OUT)}
    assert len(set(numbers.values())) == len(numbers)


def test_pieces_are_counted_by_what_was_planted(material, monkeypatch):
    """Four pieces: told, a lead, missed, and on a sheet that is not recognised any more.

    They are pasted among ten sheets and looked for among twelve, of which the first two are others.
    """
    base = [sheet(i) for i in range(10)]
    monkeypatch.setattr(Material, "made", lambda self: [sheet(20), sheet(21), *base])
    planted = [(0, 5, 1), (6, 1, 1), (2, 7, 1), (3, 8, 2)]
    done = [Pasted(*one, 0, None if one[1] == 8 else inkprint(9)) for one in planted]
    monkeypatch.setattr(Material, "base", lambda self: base)
    monkeypatch.setattr(Material, "pasted", lambda self, *given: done)
    finds = [Reused(2, 7, (1,), (1,), 0.99, 1e-9, "strict"),
             Reused(2, 7, (4,), (4,), 0.96, 1e-4, "lead"),
             Reused(3, 8, (1,), (1,), 0.96, 1e-4, "lead"),
             Reused(0, 9, (1,), (1,), 0.99, 1e-6, "strict")]  # fmt: skip
    sheets = []

    def reused(glyphs, rng):
        sheets.append([i for i, one in enumerate(glyphs.prints) if one is None])
        return finds

    monkeypatch.setattr(twins_measures, "reused", reused)
    one, other = twins_measures.pieces(material, "box", "nothing", 4)
    assert one == {"boxes": 1, "hits": 1, "with_leads": 2, "trials": 3, "unregistered": 0,
                   "others": 1}  # fmt: skip
    assert sheets == [[10]]
    assert other == {"boxes": 2, "hits": 0, "with_leads": 0, "trials": 0, "unregistered": 1,
                     "others": 1}  # fmt: skip


def measured(setting: Setting = twins.MAIN) -> twins.Measured:
    piece = {"boxes": 1, "hits": 3, "with_leads": 8, "trials": 40, "unregistered": 2, "others": 0.5}
    different = {
        "sheets": 300, "registered": 298, "hands": 40, "nist": 20, "nist_sheets": 30,
        "pairs": 44_253, "by_one_hand": 900, "boxes": 9_000,
        "found": {"ink": 1, "patch": 0, "patch (lead)": 2}, "details": [],
        "kinds": [{"kind": "ordinary", "inked": 30.0, "hits": 298, "trials": 298}],
    }  # fmt: skip
    return twins.Measured(
        setting,
        twins.Sizes(300, 40, 40),
        different,
        {"JPEG": {"hits": 39, "trials": 40, "unregistered": 1, "wrong": 0}},
        [{"pair": "two different sheets", "hits": 0, "trials": 30}],
        {("field", "nothing"): [piece, piece | {"boxes": 2}], ("box", "nothing"): [piece]},
    )


def test_the_page_says_the_sizes_and_what_was_found_wrongly():
    time = {"making": 5, "held": 1.6, "ink": 100, "ink_pairs": 0, "ink_peak": 2.1, "pieces": 70,
            "boxes": 1_000_000, "finds": 0, "peak": 2.4}  # fmt: skip
    glyphs = {"seconds": 90, "nearest": 999, "copied": 1000, "held": 1, "peak": 2}
    text = twins.page(measured(), [measured(one) for one in twins.HELD_OUT], time, glyphs)
    assert "300 different sheets of one form, 298 of them registered" in text
    assert "False pairs: 1 ink, 0 patch, 2 patch (lead)." in text
    assert "mostly not told**: 3 of 40 after nothing." in text
    assert "| JPEG | 39 of 40 | 97.5 % (86.8 to 99.9) | 1 | 0 |" in text
    assert "| `ledger` | scan, photo | field | nothing | 6 of 80 | " in text
    assert "| `column` | fax | 300 | 298 | 44,253 | 1 | 0 | 2 |" in text
    assert "99.9 % of 1,000 copies are the nearest" in text
    assert "nan" not in text


def test_of_nothing_no_share_is_told():
    assert twins.of(0, 0) == ["0 of 0", ""]


def test_lacking_stages_are_named_and_no_page_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(twins_material, "nist_digits", lambda: None)
    page = tmp_path / "page.md"
    given = ["twins", "--stages", "different", "--folder", str(tmp_path), "--markdown", str(page)]
    monkeypatch.setattr("sys.argv", given)
    with pytest.raises(SystemExit) as end:
        twins.main()
    assert end.value.code == 0
    assert "copies, pages, pieces, sheets, time" in capsys.readouterr().err
    assert not page.exists()


def test_a_piece_is_cut_and_pasted_by_whole_pixels():
    """A black square in one box comes to lie in another one."""
    template = MAIN.template
    scale = 4.0
    size = (round(template.page.height * scale), round(template.page.width * scale), 3)
    one, other = np.array([0]), np.array([9])

    def scan(dark: bool) -> Made:
        pixels = np.full(size, 250, np.uint8)
        x, y, width, height = np.round(template.cells[0] * scale).astype(int)
        if dark:
            pixels[y + 4 : y + height - 4, x + 4 : x + width - 4] = 0
        data = twins_sheets.cv2.imencode(".png", pixels)[1].tobytes()
        return Made("ordinary", "nist-1", "scan", data, np.diag([scale, scale, 1]), None)

    found = twins_sheets.pasted(template, scan(True), scan(False), one, other)
    x, y, width, height = template.cells[9] * scale
    at = (slice(round(y), round(y + height)), slice(round(x), round(x + width)))
    rows, columns = np.nonzero(found[..., 0] < 50)
    black = (scan(True).pixels < 50).sum()
    assert (found[at] < 50).sum() == (found < 50).sum() == black > 1000
    assert np.abs(rows.mean() - (y + height / 2)) < 2
    assert np.abs(columns.mean() - (x + width / 2)) < 2
