"""What the reader learns from is what it says it is, and what is shipped is what was learnt."""

from __future__ import annotations

import numpy as np
import pytest
from training.calibration import fitted
from training.ink import GOOD, USABLE
from training.measures import calibration_error, error_at_coverage, over_writers
from training.samples import SHARES, Samples, sampled

from tests.images.digits import drawn_images
from veedor.handwriting.digits import Digits
from veedor.images.sheet import CLASSES


@pytest.fixture(scope="module")
def digits() -> Digits:
    """Digits of drawn hands in the shape of NIST's."""
    image, digit, writer = drawn_images(hands=4, each=2)
    none = np.zeros_like(digit)
    return Digits(image, digit, writer, none, none, np.full(len(digit), "train"))


def test_the_seed_decides_every_sample(digits) -> None:
    one, same, other = (
        sampled(digits, np.random.default_rng(seed), (GOOD, USABLE)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.glyph, same.glyph)
    assert (one.glyph != other.glyph).any()


def test_every_digit_once_and_marks_by_their_shares(digits) -> None:
    samples = sampled(digits, np.random.default_rng(1), (GOOD,))
    clean = samples.label < 10
    np.testing.assert_array_equal(samples.label[clean], digits.digit)
    np.testing.assert_array_equal(samples.digit[clean], digits.digit)
    for name, share in SHARES.items():
        there = samples.label == CLASSES.index(name)
        assert there.sum() == round(share * len(digits.digit))
        assert (samples.altered[there] == (name in ("struck", "overwritten"))).all()
    assert samples.glyph.max(axis=(1, 2)).min() > 0


def test_the_graph_says_what_the_networks_say() -> None:
    torch = pytest.importorskip("torch")
    onnxruntime = pytest.importorskip("onnxruntime")
    from training.graph import graph_of
    from training.networks import Network

    torch.manual_seed(0)
    networks = [Network() for _ in range(2)]
    for one in networks:
        for _ in range(3):
            one.train()(torch.rand(32, 1, 40, 40))
    graph = graph_of(networks).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    glyphs = np.random.default_rng(0).integers(0, 256, (7, 40, 40), dtype=np.uint8)
    got = session.run(None, {"glyphs": glyphs})[0]
    with torch.no_grad():
        for k, one in enumerate(networks):
            wanted = one(torch.from_numpy(glyphs[:, None]).float() / 255).numpy()
            # Weights are kept with 11 significant bits.
            np.testing.assert_allclose(got[:, k], wanted, atol=2e-3 * np.abs(wanted).max())


def test_the_temperature_and_the_alarm_are_those_that_made_the_logits() -> None:
    rng = np.random.default_rng(3)
    label = rng.integers(0, 10, 20_000)
    # Logits of calibrated probabilities, made twice too sure.
    true = rng.normal(0, 2, (len(label), 10))
    p = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    label = (rng.random((len(label), 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=9)
    logits = np.full((len(label), 1, len(CLASSES) + 11), -30.0, np.float32)
    logits[:, 0, :10] = 2 * true
    logits[:, 0, len(CLASSES)] = rng.normal(0, 1, len(label))
    none = np.zeros(len(label), bool)
    glyph = np.zeros((len(label), 1, 1), np.uint8)
    entry = fitted(logits, Samples(glyph, label, none, label, label))
    assert entry["temperature"] == pytest.approx(2, abs=0.05)
    # The 99th percentile of a standard normal.
    assert entry["alarm"] == pytest.approx(2.326, abs=0.1)


def test_measures_on_numbers_worked_out_by_hand() -> None:
    p = np.array([0.95, 0.95, 0.65, 0.65])
    right = np.array([True, True, True, False])
    assert calibration_error(p, right, bins=10) == pytest.approx(0.5 * 0.05 + 0.5 * 0.15)
    assert error_at_coverage(p, right, 0.75) == 0
    assert error_at_coverage(p, right, 1.0) == 0.25


def test_intervals_know_that_errors_come_by_writers() -> None:
    wrong = np.repeat([0, 0, 0, 1], 50)
    rng = np.random.default_rng(0)
    by_writer = over_writers(np.repeat(np.arange(4), 50), lambda i: wrong[i].mean(), rng)
    one_by_one = over_writers(np.arange(200), lambda i: wrong[i].mean(), rng)
    assert by_writer.value == one_by_one.value == 0.25
    assert by_writer.high - by_writer.low > 4 * (one_by_one.high - one_by_one.low)
