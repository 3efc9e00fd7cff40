"""Whether groups of measurements in classes come from one source: a Gaussian model of sources.

Each measurement, in a basis in which the coordinates are independent, is

    x = class mean + source + source x class + session + session x class + noise,

all Gaussian. A source is who wrote, a session is one sheet (its pen, its scan, its day), the
classes are the ten digits. What a session has of a class enters by count and mean alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

__all__ = ["Components", "Sources", "diagonal", "draw", "evidence", "moments", "partitions"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

AT_ONCE = 1 << 16
"""Numbers of small matrices held together: as many as fit a processor's cache are quickest."""


@dataclass(frozen=True, slots=True)
class Components:
    """Covariances of the parts, in any basis, as `moments` estimates them.

    Attributes
    ----------
    source, session : (d, d)
    source_class, session_class, noise : (classes, d, d)
    """

    source: Floats
    session: Floats
    source_class: Floats
    session_class: Floats
    noise: Floats


@dataclass(frozen=True, slots=True)
class Sources:
    """The model in its own basis, in which every part has independent coordinates.

    Attributes
    ----------
    basis : (d, k), takes measurements to the model's coordinates
    mean : (classes, k), of the classes, in those coordinates
    source, session : (k), variances
    source_class, session_class, noise : (classes, k), variances
    """

    basis: Floats
    mean: Floats
    source: Floats
    session: Floats
    source_class: Floats
    session_class: Floats
    noise: Floats


def evidence(model: Sources, counts: Ints, means: Floats) -> Floats:
    """Log density of groups of sessions, each group of one source.

    Parameters
    ----------
    counts : int64 (groups, sessions, classes), measurements of each session and class
    means : float64 (groups, sessions, classes, k), their means less the class means, in the
        model's coordinates; anything where the count is 0

    Returns
    -------
    float64 (groups), natural logarithm, without the constants that any split of the same sessions
    into sources has as well: differences between splits are log likelihood ratios.

    Given the sessions' own levels g_i = source + session_i, the classes are independent, and within
    a class the sessions share the part source x class alone; so both are integrated out in closed
    form (Sherman and Morrison 1950 for the class, a matrix of sessions x sessions for the levels).
    Source: S. Ioffe, Probabilistic linear discriminant analysis, ECCV 2006; N. Brummer and E. de
    Villiers, The speaker partitioning problem, Odyssey 2010.
    """
    groups, sessions = counts.shape[:2]
    found = np.empty(groups)
    step = max(1, AT_ONCE // (len(model.source) * sessions**2))
    for start in range(0, groups, step):
        part = slice(start, start + step)
        found[part] = _evidence(model, counts[part], means[part])
    return found


def _evidence(model: Sources, counts: Ints, means: Floats) -> Floats:
    groups, sessions, classes = counts.shape
    k = len(model.source)
    level = np.zeros((groups, k, sessions, sessions))
    pull = np.zeros((groups, k, sessions))
    total = np.zeros((groups, k))
    diagonal_at = np.arange(sessions)
    for c in range(classes):
        n = counts[:, :, c, None].astype(np.float64)
        seen = n > 0
        own = model.session_class[c] + model.noise[c] / np.maximum(n, 1)
        precision = np.where(seen, 1 / own, 0.0).transpose(0, 2, 1)
        x = np.where(seen, means[:, :, c], 0.0).transpose(0, 2, 1)
        shared = model.source_class[c][:, None]
        joined = shared[:, 0] / (1 + shared[:, 0] * precision.sum(axis=2))
        weighted = precision * x
        along = weighted.sum(axis=2)
        level -= joined[:, :, None, None] * precision[:, :, :, None] * precision[:, :, None, :]
        level[:, :, diagonal_at, diagonal_at] += precision
        pull += weighted - (joined * along)[:, :, None] * precision
        total += (weighted * x).sum(axis=2) - joined * along**2
        total += np.where(seen, np.log(own), 0.0).sum(axis=1)
        total += np.log1p(shared[:, 0] * precision.sum(axis=2))
    session, source = model.session, model.source
    # The inverse of the levels' prior covariance, session I + source 11', and its determinant.
    level -= (source / (session * (session + sessions * source)))[:, None, None]
    level[:, :, diagonal_at, diagonal_at] += (1 / session)[:, None]
    total += sessions * np.log(session) + np.log1p(sessions * source / session)
    if sessions == 1:
        total += np.log(level[..., 0, 0]) - pull[..., 0] ** 2 / level[..., 0, 0]
    else:
        root = np.linalg.cholesky(level)
        solved = np.linalg.solve(level, pull[..., None])[..., 0]
        total += 2 * np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=2)
        total -= (solved * pull).sum(axis=2)
    found: Floats = -0.5 * total.sum(axis=1)
    return found


def partitions(sessions: int) -> list[tuple[tuple[int, ...], ...]]:
    """All ways to share sessions out among sources, each a tuple of groups in ascending order."""
    ways: list[tuple[tuple[int, ...], ...]] = [()]
    for new in range(sessions):
        ways = [
            (*way[:at], (*way[at], new), *way[at + 1 :]) if at < len(way) else (*way, (new,))
            for way in ways
            for at in range(len(way) + 1)
        ]
    return ways


def moments(
    x: Floats, classes: Ints, session: Ints, source: Ints, *, floor: float = 1e-3
) -> Components:
    """Covariances of the parts, from products of means that share some parts and not others.

    Parameters
    ----------
    x : float64 (n, d), less the class means
    classes : int64 (n), from 0
    session : int64 (n), from 0, over all sources
    source : int64 (n), from 0
    floor : least eigenvalue of a part, as a share of the noise's mean variance

    Means of one source share the source alone where both session and class differ; the source x
    class too where the class is the same; the session too where it is the same. No two products
    share noise. Parts are differences of such products, made positive definite.
    Source: C. R. Henderson, Estimation of variance and covariance components, Biometrics 9 (1953).
    """
    sessions, kinds = int(session.max()) + 1, int(classes.max()) + 1
    cell = session * kinds + classes
    n = np.bincount(cell, minlength=sessions * kinds).astype(np.float64)
    total = np.zeros((sessions * kinds, x.shape[1]))
    np.add.at(total, cell, x)
    means = total / np.maximum(n, 1)[:, None]
    inner = x - means[cell]
    noise = np.stack([_noise(inner[classes == c], n[c::kinds]) for c in range(kinds)])
    whose = np.zeros(sessions, dtype=np.int64)
    whose[session] = source
    grid = means.reshape(sessions, kinds, -1)
    there = (n > 0).reshape(sessions, kinds)
    across, same_class = _between(grid, there, whose)
    same_session = _within_sessions(grid, there)
    same_both = np.stack(
        [_own(grid[:, c], n[c::kinds], noise[c]) for c in range(kinds)]
    )  # source + source_class + session + session_class
    least = floor * float(np.mean([np.trace(s) for s in noise])) / x.shape[1]
    return Components(
        source=_positive(across, least),
        session=_positive(same_session - across, least),
        source_class=np.stack([_positive(s - across, least) for s in same_class]),
        session_class=np.stack(
            [
                _positive(both - same - same_session + across, least)
                for both, same in zip(same_both, same_class, strict=True)
            ]
        ),
        noise=np.stack([_positive(s, least) for s in noise]),
    )


def _noise(inner: Floats, n: Floats) -> Floats:
    free = max(float(np.maximum(n - 1, 0).sum()), 1.0)
    found: Floats = inner.T @ inner / free
    return found


def _own(means: Floats, n: Floats, noise: Floats) -> Floats:
    """Covariance of the means of one class, less the noise in them."""
    has = n > 0
    kept = means[has]
    found: Floats = kept.T @ kept / max(len(kept), 1) - noise * float((1 / n[has]).mean())
    return found


def _between(grid: Floats, there: NDArray[np.bool_], whose: Ints) -> tuple[Floats, list[Floats]]:
    """Mean products over sessions of one source: of different classes; of each class."""
    _, kinds, d = grid.shape
    sources = int(whose.max()) + 1
    filled = np.where(there[:, :, None], grid, 0.0)
    by_source = np.zeros((sources, kinds, d))
    np.add.at(by_source, whose, filled)
    held = np.zeros((sources, kinds))
    np.add.at(held, whose, there.astype(np.float64))
    same, numbers = [], []
    for c in range(kinds):
        product = by_source[:, c].T @ by_source[:, c] - filled[:, c].T @ filled[:, c]
        number = float((held[:, c] ** 2).sum() - there[:, c].sum())
        same.append(product / max(number, 1.0))
        numbers.append(number)
    all_source, all_session = by_source.sum(axis=1), filled.sum(axis=1)
    product = all_source.T @ all_source - all_session.T @ all_session
    number = float((held.sum(axis=1) ** 2).sum() - (there.sum(axis=1) ** 2).sum())
    for c in range(kinds):
        product = product - same[c] * max(numbers[c], 1.0)
        number -= numbers[c]
    return product / max(number, 1.0), same


def _within_sessions(grid: Floats, there: NDArray[np.bool_]) -> Floats:
    """Mean products of different classes of one session."""
    filled = np.where(there[:, :, None], grid, 0.0)
    total = filled.sum(axis=1)
    own = np.einsum("scd,sce->de", filled, filled, optimize=True)
    held = there.sum(axis=1).astype(np.float64)
    number = float((held**2 - held).sum())
    found: Floats = (total.T @ total - own) / max(number, 1.0)
    return found


def _positive(matrix: Floats, least: float) -> Floats:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    found: Floats = (vectors * np.maximum(values, least)) @ vectors.T
    return found


def diagonal(parts: Components, mean: Floats, size: int) -> Sources:
    """The model in the basis in which noise is white and sources are independent coordinates.

    Parameters
    ----------
    mean : (classes, d), of the classes
    size : coordinates that are kept: those in which sources differ most against the rest

    The other parts are taken as independent in that basis too, which they nearly are.
    """
    rest = parts.session + parts.session_class.mean(axis=0) + parts.noise.mean(axis=0)
    values, vectors = linalg.eigh(parts.source + parts.source_class.mean(axis=0), rest)
    basis: Floats = vectors[:, np.argsort(-values, kind="stable")[:size]]

    def along(matrix: Floats) -> Floats:
        found: Floats = np.einsum("dk,...de,ek->...k", basis, matrix, basis, optimize=True)
        return found

    return Sources(
        basis=basis,
        mean=mean @ basis,
        source=along(parts.source),
        session=along(parts.session),
        source_class=along(parts.source_class),
        session_class=along(parts.session_class),
        noise=along(parts.noise),
    )


def draw(
    model: Sources, counts: Ints, source: Sequence[int] | Ints, rng: np.random.Generator
) -> Floats:
    """Means of sessions drawn from the model, less the class means.

    Parameters
    ----------
    counts : int64 (sessions, classes)
    source : int64 (sessions), who

    Returns
    -------
    float64 (sessions, classes, k)
    """
    whose = np.asarray(source)
    k = len(model.source)
    people = int(whose.max()) + 1
    who = rng.normal(size=(people, k)) * np.sqrt(model.source)
    habit = rng.normal(size=(people, *model.source_class.shape)) * np.sqrt(model.source_class)
    day = rng.normal(size=(len(whose), k)) * np.sqrt(model.session)
    own = model.session_class + model.noise / np.maximum(counts, 1)[:, :, None]
    found: Floats = who[whose][:, None] + habit[whose] + day[:, None]
    return found + rng.normal(size=own.shape) * np.sqrt(own)
