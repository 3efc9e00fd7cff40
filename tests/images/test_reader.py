"""The reader reads digits of people it never saw, and says how sure it may be."""

from __future__ import annotations

import hashlib
import sys
from importlib import resources

import numpy as np
import pytest

from tests.images.digits import drawn_glyphs, nist_glyphs
from veedor.errors import ExtraMissingError
from veedor.images.reader import BATCH, Calibration, Reader, Reads, posterior
from veedor.images.sheet import CLASSES


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load()


def test_digits_of_unseen_writers_are_read(reader) -> None:
    glyphs, digit = nist_glyphs("test", 1500)
    reads = reader.read(glyphs)
    right = reads.p.argmax(axis=1) == digit
    # On all of them 99.2 %, 98.9 to 99.5 % over writers: docs/reading-digits.md.
    assert right.mean() >= 0.985
    # Sure and wrong at most once in a thousand: beside it, chance alone.
    assert (~right & (reads.p.max(axis=1) > 0.999)).sum() <= 2
    assert (reads.altered >= 0.5).mean() < 0.03


def test_digits_of_drawn_hands_are_read(reader) -> None:
    glyphs, digit = drawn_glyphs(hands=6, each=3)
    reads = reader.read(glyphs)
    assert (reads.p.argmax(axis=1) == digit).mean() >= 0.93


def test_what_is_said_of_a_glyph_does_not_depend_on_its_neighbours(reader) -> None:
    glyphs, _ = drawn_glyphs(hands=1, each=1)
    many = np.concatenate([glyphs] * (BATCH // len(glyphs) + 2))
    alone, among = reader.read(glyphs), reader.read(many)
    np.testing.assert_allclose(among.p[-len(glyphs) :], alone.p, atol=1e-5)
    np.testing.assert_allclose(alone.p.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(alone.candidates.sum(axis=1), 1, atol=1e-5)


def test_nothing_to_read_is_no_reading(reader) -> None:
    reads = reader.read(np.zeros((0, 40, 40), np.uint8))
    assert reads.p.shape == (0, len(CLASSES))
    assert reads.candidates.shape == (0, 10)


def test_other_arrays_are_refused(reader) -> None:
    with pytest.raises(ValueError, match="uint8"):
        reader.read(np.zeros((1, 40, 40), np.float32))


def test_the_manifest_is_of_this_graph(reader) -> None:
    graph = (resources.files("veedor.images") / "models" / "reader.onnx").read_bytes()
    assert reader.manifest["graph_sha256"] == hashlib.sha256(graph).hexdigest()
    assert reader.manifest["classes"] == list(CLASSES)


def test_without_onnxruntime_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraMissingError, match=r"veedor\[images\]"):
        Reader.load()


def logits(**values: float) -> np.ndarray:
    """Two networks that agree: logits of the classes, of `altered`, of the digit."""
    one = np.zeros((1, 2, len(CLASSES) + 11), np.float32)
    for name, value in values.items():
        one[..., CLASSES.index(name) if name in CLASSES else len(CLASSES)] = value
    return one


def test_a_temperature_makes_modest_and_a_shift_makes_rare() -> None:
    none = np.zeros(len(CLASSES))
    plain = posterior(logits(filler=4), Calibration(1, 1, none, 0)).p[0]
    modest = posterior(logits(filler=4), Calibration(2, 1, none, 0)).p[0]
    assert plain[11] / plain[0] == pytest.approx(np.exp(4), rel=1e-5)
    assert modest[11] / modest[0] == pytest.approx(np.exp(2), rel=1e-5)
    entry = {"temperature": 1, "under": 1, "shift": {"filler": -1.0}, "alarm": 0}
    rare = posterior(logits(filler=4), Calibration.of(entry)).p[0]
    assert rare[11] / rare[0] == pytest.approx(np.exp(3), rel=1e-5)


def test_the_alarm_is_where_altered_says_one_half() -> None:
    calibration = Calibration(1, 1, np.zeros(len(CLASSES)), 3.0)
    below, at, above = (posterior(logits(altered=z), calibration).altered[0] for z in (2, 3, 4))
    assert at == pytest.approx(0.5)
    assert below < at < above


def test_where_only_classes_are_told_they_share_the_candidates() -> None:
    p = np.zeros((1, len(CLASSES)), np.float32)
    p[0, [3, 8, 13]] = 0.3, 0.1, 0.6
    np.testing.assert_allclose(Reads(p, p[:, 0]).candidates[0, [3, 8]], [0.75, 0.25], atol=1e-5)
