"""The shipped network and model: shapes, errors, and hands that they must tell apart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from veedor.errors import VeedorError
from veedor.handwriting.calibration import calibrations, digits_of, load_manifest
from veedor.handwriting.digits import FILE, load_digits
from veedor.handwriting.embedding import DIM, Embedder
from veedor.handwriting.scorer import centred, load_sources, pair_scores, pooled
from veedor.images.glyph import normalise
from veedor.simulate.sheets.drawn import drawn_hands
from veedor.stats.likelihood import performance

EMBEDDER = Embedder.load()


def glyph(hand, digit, pen, rng):
    """One digit of a hand, with a pen of that half width."""
    image = hand.take(digit, rng)
    return normalise(np.clip((pen - image.distance) / 4 + 0.5, 0, 1).astype(np.float32))


def two_sheets(hands, each, rng):
    """Glyphs, digits and sheets: two sheets of each hand, each with a pen of its own."""
    glyphs, digit, sheet = [], [], []
    for i, hand in enumerate(hands):
        for k in range(2):
            pen = rng.uniform(6, 13)
            for d in rng.permutation(np.arange(each) % 10).tolist():
                glyphs.append(glyph(hand, d, pen, rng))
                digit.append(d)
                sheet.append(2 * i + k)
    return np.stack(glyphs), np.array(digit), np.array(sheet)


def ratios(embedding, digit, sheet, writers, condition="good"):
    """Calibrated ratios of the two sheets of each writer, and of sheets of two."""
    model = load_sources()
    digits = pooled(sheet, digit, embedding, 2 * writers)
    owner = np.arange(2 * writers) // 2
    writing = centred(digits, np.zeros(2 * writers, int), model)
    i, j = np.triu_indices(2 * writers, 1)
    score = pair_scores(writing, np.column_stack([i, j]), model)
    total = digits.total
    llr = calibrations()[condition](score, digits_of(total[i], total[j]))
    return llr[owner[i] == owner[j]], llr[owner[i] != owner[j]]


def test_a_glyph_has_its_place_however_many_are_placed():
    rng = np.random.default_rng(0)
    glyphs, _, _ = two_sheets(drawn_hands(2), 10, rng)
    together = EMBEDDER.embed(glyphs)
    assert together.shape == (40, DIM)
    assert together.dtype == np.float32
    one = np.concatenate([EMBEDDER.embed(g[None]) for g in glyphs])
    assert one == pytest.approx(together, abs=1e-3)
    assert EMBEDDER.embed(glyphs[:0]).shape == (0, DIM)


def test_features_of_another_number_are_refused():
    with pytest.raises(VeedorError, match="describe"):
        EMBEDDER.place(np.zeros((2, 7), np.float32))


def test_hands_drawn_by_the_project_are_told_apart_whatever_the_pen():
    rng = np.random.default_rng(1)
    glyphs, digit, sheet = two_sheets(drawn_hands(16), 30, rng)
    same, different = ratios(EMBEDDER.embed(glyphs), digit, sheet, 16)
    assert performance(same, different).eer <= 0.10


def test_the_manifest_says_what_the_models_are_and_what_was_measured():
    made = load_manifest()
    assert made["embedding"] == DIM
    assert set(made["calibration"]) == {"matched", "good", "usable"}
    for name, known in calibrations().items():
        assert known.least <= 10, name
        assert known.most >= 40, name
        assert known.writers >= 60
        errors = [row["eer"] for row in known.table]
        assert errors[0] > errors[-1]


@pytest.mark.skipif(
    not (Path(os.environ.get("VEEDOR_DATA", "/nowhere")) / FILE).is_file(),
    reason="needs the digits of known writers: set VEEDOR_DATA",
)
def test_writers_of_whom_nothing_was_learnt_are_told_apart_by_thirty_digits():
    pens = pytest.importorskip("training.pens")
    digits = load_digits().of("test")
    rng = np.random.default_rng(2)
    writers = np.unique(digits.writer[digits.series == 0])[:40]
    chosen, sheet = [], []
    for k, writer in enumerate(writers):
        mine = rng.permutation(np.flatnonzero(digits.writer == writer))[:60]
        chosen.append(mine)
        sheet.append(2 * k + np.arange(len(mine)) % 2)
    at = np.concatenate(chosen)
    depth = pens.depths(digits.image[at])
    glyphs = pens.render_all(depth, [pens.plain()] * len(at), rng)
    found = ratios(
        EMBEDDER.embed(glyphs), digits.digit[at], np.concatenate(sheet), len(writers), "matched"
    )
    got = performance(*found)
    assert got.eer <= 0.035
    assert got.cllr <= 0.12
