"""The Gaussian model of sources, against densities written out and against what was drawn."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from veedor.stats import likelihood as lr
from veedor.stats import plda

K, CLASSES = 3, 4


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return plda.Sources(
        basis=np.eye(K),
        mean=np.zeros((CLASSES, K)),
        source=rng.uniform(0.5, 1.5, K),
        session=rng.uniform(0.05, 0.2, K),
        source_class=rng.uniform(0.2, 0.8, (CLASSES, K)),
        session_class=rng.uniform(0.02, 0.1, (CLASSES, K)),
        noise=rng.uniform(0.5, 1.5, (CLASSES, K)),
    )


def written_out(model, counts, means):
    """Log density of one group's means under its covariance, as a multivariate Gaussian."""
    total = 0.0
    at = np.argwhere(counts > 0)
    for k in range(K):
        cov = np.full((len(at), len(at)), model.source[k])
        for i, (s, c) in enumerate(at):
            for j, (t, d) in enumerate(at):
                cov[i, j] += model.session[k] * (s == t)
                cov[i, j] += model.source_class[c, k] * (c == d)
                if i == j:
                    own = model.session_class[c, k] + model.noise[c, k] / counts[s, c]
                    cov[i, j] += own
        x = means[at[:, 0], at[:, 1], k]
        total += multivariate_normal(np.zeros(len(at)), cov).logpdf(x)
        total += len(at) * np.log(2 * np.pi) / 2
    return total


@pytest.mark.parametrize("sessions", [1, 2, 4])
def test_evidence_is_the_gaussian_density(model, sessions):
    rng = np.random.default_rng(sessions)
    counts = rng.integers(0, 4, (5, sessions, CLASSES))
    counts[:, :, 0] += 1
    means = rng.normal(size=(5, sessions, CLASSES, K))
    found = plda.evidence(model, counts, means)
    exact = [written_out(model, counts[g], means[g]) for g in range(5)]
    assert found == pytest.approx(exact, rel=1e-9)


def test_what_stands_where_nothing_was_counted_does_not_matter(model):
    rng = np.random.default_rng(1)
    counts = np.array([[[2, 0, 1, 0], [0, 3, 1, 0]]])
    means = rng.normal(size=(1, 2, CLASSES, K))
    other = np.where((counts > 0)[..., None], means, 99.0)
    assert plda.evidence(model, counts, means) == pytest.approx(plda.evidence(model, counts, other))


def test_order_of_sessions_does_not_matter(model):
    rng = np.random.default_rng(2)
    counts, means = rng.integers(1, 4, (1, 3, CLASSES)), rng.normal(size=(1, 3, CLASSES, K))
    assert plda.evidence(model, counts, means) == pytest.approx(
        plda.evidence(model, counts[:, ::-1], means[:, ::-1])
    )


@pytest.fixture
def trials(model):
    """Scores of pairs drawn from the model: of one source, and of two."""
    rng = np.random.default_rng(3)
    people = 700
    counts = rng.integers(0, 3, (2 * people, CLASSES)) + (np.arange(CLASSES) == 1)
    means = plda.draw(model, counts, np.repeat(np.arange(people), 2), rng)
    alone = plda.evidence(model, counts[:, None], means[:, None])

    def score(a, b):
        at = np.column_stack([a, b])
        return plda.evidence(model, counts[at], means[at]) - alone[at].sum(axis=1)

    first = np.arange(0, 2 * people, 2)
    different = [score(first, np.roll(first, 2 * s) + 1) for s in range(1, 8)]
    return score(first, first + 1), np.concatenate(different)


def test_ratios_of_the_true_model_are_calibrated(trials):
    same, different = trials
    found = lr.performance(same, different)
    assert 0.1 < found.cllr < 0.8
    assert found.cllr - found.cllr_min < 0.03
    sheets = [np.column_stack([np.ones_like(x), x]) for x in (same, different)]
    assert lr.fit_logistic(*sheets).coefficients == pytest.approx([0, 1], abs=0.15)


def test_moments_find_the_variances_that_were_drawn():
    rng = np.random.default_rng(5)
    people, sessions, each = 800, 2, 3
    truth = {"source": 1.0, "session": 0.2, "source_class": 0.6, "session_class": 0.1, "noise": 1.4}
    whose = np.repeat(np.arange(people), sessions)
    size = (people * sessions, CLASSES, each)
    part = {k: np.sqrt(v) * rng.normal(size=(*s, 2)) for (k, v), s in zip(
        truth.items(),
        [(people,), (people * sessions,), (people, CLASSES), size[:2], size], strict=True)
    }  # fmt: skip
    x = (
        part["source"][whose][:, None, None]
        + part["session"][:, None, None]
        + part["source_class"][whose][:, :, None]
        + part["session_class"][:, :, None]
        + part["noise"]
    ).reshape(-1, 2)
    session, classes, _ = (i.ravel() for i in np.indices(size))
    found = plda.moments(x, classes, session, whose[session])
    for name, value in truth.items():
        got = getattr(found, name)
        assert np.diagonal(got, axis1=-2, axis2=-1) == pytest.approx(value, abs=0.16), name


def test_the_basis_makes_noise_white_and_keeps_what_tells_most():
    rng = np.random.default_rng(6)

    def positive(scale, n=None):
        a = rng.normal(size=(*([n] if n else []), 5, 5))
        return scale * a @ np.swapaxes(a, -1, -2) + 0.1 * np.eye(5)

    parts = plda.Components(
        source=positive(1.0),
        session=positive(0.1),
        source_class=positive(0.5, 2),
        session_class=positive(0.05, 2),
        noise=positive(1.0, 2),
    )
    whole = plda.diagonal(parts, np.zeros((2, 5)), 5)
    rest = whole.session + whole.session_class.mean(axis=0) + whole.noise.mean(axis=0)
    assert rest == pytest.approx(np.ones(5))
    gain = whole.source + whole.source_class.mean(axis=0)
    assert (np.diff(gain) <= 1e-9).all()
    few = plda.diagonal(parts, np.zeros((2, 5)), 2)
    assert few.source == pytest.approx(whole.source[:2])


def test_partitions_are_as_many_as_bell_says():
    # Bell numbers: 1, 1, 2, 5, 15, 52, 203, 877, 4140.
    assert [len(plda.partitions(n)) for n in range(9)] == [1, 1, 2, 5, 15, 52, 203, 877, 4140]
    ways = plda.partitions(5)
    assert len(set(ways)) == 52
    assert all(sorted(i for group in way for i in group) == list(range(5)) for way in ways)


def test_more_digits_tell_more(model):
    rng = np.random.default_rng(7)
    people = np.repeat(np.arange(300), 2)
    costs = []
    for each in (1, 8):
        counts = np.full((600, CLASSES), each)
        means = plda.draw(replace(model), counts, people, rng)
        alone = plda.evidence(model, counts[:, None], means[:, None])
        a = np.arange(0, 600, 2)
        at = np.column_stack([a, a + 1]), np.column_stack([a, np.roll(a, 2) + 1])
        score = [plda.evidence(model, counts[i], means[i]) - alone[i].sum(axis=1) for i in at]
        costs.append(lr.cllr(*score))
    assert costs[1] < costs[0]
