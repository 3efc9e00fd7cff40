"""What comparing hands is taught with: conditions that are not the writer's, and the same graph."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from training import bags, pens, shapes, trials  # noqa: E402
from veedor.handwriting.features import NAMES, describe  # noqa: E402
from veedor.handwriting.scorer import DIM  # noqa: E402


def stroke(turn=0.0):
    """A digit of 28 x 28 pixels: a bar with a hook."""
    import cv2

    image = np.zeros((28 * 8, 28 * 8), np.uint8)
    c, s = np.cos(turn), np.sin(turn)
    points = np.array([[-5.0, -8], [5, -8], [-2, 9]]) @ np.array([[c, s], [-s, c]]) + 14
    cv2.polylines(image, [np.round(points * 8).astype(np.int32)], False, 255, 20, cv2.LINE_AA)
    return cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA)


def test_another_pen_changes_the_ink_and_not_the_shape():
    rng = np.random.default_rng(0)
    depth = pens.depths(np.stack([stroke(), stroke(0.5)]))
    fine, wide = (pens.render_all(depth, [pens.Condition(pen=w)] * 2, rng) for w in (-0.3, 0.8))
    assert wide.sum() > 1.3 * fine.sum()
    a, b = describe(fine), describe(wide)
    assert np.linalg.norm(a - b, axis=1).max() < 0.5 * np.linalg.norm(a[0] - a[1])


@pytest.mark.parametrize("draw", [pens.draw_condition, pens.draw_worn])
def test_conditions_keep_a_glyph_and_repeat_by_seed(draw):
    depth = np.repeat(pens.depths(stroke()[None]), 30, axis=0)

    def made(seed):
        rng = np.random.default_rng(seed)
        return pens.render_all(depth, [draw(rng) for _ in depth], rng)

    glyphs = made(1)
    assert (glyphs.max(axis=(1, 2)) > 40).all()
    assert (glyphs == made(1)).all()
    assert (glyphs != made(2)).any()


def test_a_glyph_that_loses_its_ink_is_drawn_plainly():
    depth = pens.depths(stroke()[None])
    gone = pens.Condition(pen=-9.0)
    assert pens.render(depth[0], gone, np.random.default_rng(0)) is None
    assert pens.render_all(depth, [gone], np.random.default_rng(0)).max() > 100


def test_the_graph_says_what_the_network_says():
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = bags.Network(len(NAMES)).eval()
    mean, spread = rng.normal(size=len(NAMES)), rng.uniform(0.5, 2, len(NAMES))
    basis = np.linalg.qr(rng.normal(size=(bags.SIZE, bags.SIZE)))[0][:, :DIM]
    graph = shapes.graph_of(network, mean, spread, 4.0, basis)
    session = runtime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = rng.normal(0, 3, (7, len(NAMES))).astype(np.float32)
    got = session.run(None, {"features": x})[0]
    scaled = np.clip((x - mean) / spread, -4, 4).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(scaled)).numpy() @ basis
    assert got == pytest.approx(wanted, abs=2e-4)


@pytest.fixture
def small(monkeypatch):
    """A network and batches that a test can afford, on one thread, which repeats itself exactly."""
    for name, value in {"WRITERS": 16, "BAGS": (6,), "HIDDEN": 48}.items():
        monkeypatch.setattr(bags, name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("small")
def test_digits_of_one_writer_are_drawn_together_by_teaching():
    rng = np.random.default_rng(0)
    writer, copies = np.repeat(np.arange(20), 14), 3
    digit = rng.integers(0, 10, len(writer))
    # Half of the features are the writer's, the others are the condition's: of writer and copy.
    who = np.repeat(rng.normal(size=(1, 20, 8)), copies, axis=0)
    where = rng.normal(size=(copies, 20, 8))
    x = np.concatenate([who, where], axis=2)[:, writer] + rng.normal(0, 0.7, (3, len(writer), 16))
    features = torch.from_numpy(x.astype(np.float32))

    def apart(network):
        """Distance between writers' means over that between the means of one in two copies."""
        with torch.no_grad():
            z = network(features).numpy()
        mean = np.stack([z[:, writer == w].mean(axis=1) for w in range(20)])
        own = np.linalg.norm(mean[:, 0] - mean[:, 1], axis=1).mean()
        return np.linalg.norm(mean[:, 0] - np.roll(mean[:, 1], 1, axis=0), axis=1).mean() / own

    fresh, taught = (bags.taught(features, digit, writer, steps=n, seed=0) for n in (2, 250))
    assert apart(taught) > 1.5 * apart(fresh)
    again = bags.taught(features, digit, writer, steps=2, seed=0)
    for a, b in zip(again.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(a, b)


def test_trials_hold_writers_of_one_series_against_each_other_alone():
    rng = np.random.default_rng(1)
    sheets = 12
    sheet = np.repeat(np.arange(sheets), 20)
    made = trials.Sheets(
        embedding=rng.normal(size=(len(sheet), DIM)).astype(np.float32),
        digit=rng.integers(0, 10, len(sheet)),
        sheet=sheet,
        owner=np.repeat(np.arange(6), 2),
        writer=np.repeat([10, 11, 12, 13, 14, 14], 2),
        series=np.repeat([0, 0, 0, 4, 4, 4], 2),
        condition=np.zeros(sheets, dtype=np.int64),
        form=np.zeros(sheets, dtype=np.int64),
        poor=np.array([False, False, False, True] * 3),
    )
    found = trials.trials(made, 15, 0, draws=1)
    # Six owners against themselves; three writers of a series against each other, both ways; and
    # in the other series 13 against 14 and back, of whom 14 has two draws.
    assert (len(found.same), len(found.different)) == (6, 6 + 4)
    assert (found.same_digits == 15).all()
    both = {tuple(sorted(p)) for p in found.writers.tolist()}
    assert both == {(10, 11), (10, 12), (11, 12), (13, 14)}
    assert len(trials.trials(made, 21, 0, draws=1).same) == 0
    # Every other owner's second scan is poor.
    good, poor = found.of(poor=False), found.of(poor=True)
    assert (len(good.same), len(poor.same)) == (3, 3)
    assert len(good.different) + len(poor.different) == len(found.different)


def test_tally_digits_are_mostly_low():
    rng = np.random.default_rng(2)
    digit = np.tile(np.arange(10), 12)
    chosen = digit[trials.tally(digit, 30, rng)]
    assert len(chosen) == 30
    assert (chosen <= 2).mean() > 0.35


def test_scores_were_measured_with_the_code_that_makes_them():
    from training.writer import calibrated_by

    from veedor.handwriting.calibration import load_manifest

    assert load_manifest()["calibration_code_sha256"] == calibrated_by(), (
        "run python -m training.writer --calibrate-only"
    )


def test_a_poorer_scan_is_worth_no_more_than_good_ones():
    from veedor.handwriting.calibration import calibrations

    known = calibrations()
    good, usable = known["good"], known["usable"]
    assert usable.writers <= good.writers
    score = np.linspace(-200, 200, 401)
    for digits in range(good.least, good.most + 1):
        n = np.full(len(score), float(digits))
        first, second = good(score, n), usable(score, n)
        assert (np.sign(first) == np.sign(second)).all()
        assert (np.abs(second) <= np.abs(first) + 1e-9).all()
