"""Honest elections with realistic geography: what an audit must not raise an alarm about.

Votes follow a hierarchical log-ratio normal model with Dirichlet-multinomial sheets, turnout a
hierarchical logit-normal one with beta-binomial sheets (the structure of ecological vote models,
as in King, Rosen and Tanner 1999 and in the simulations of Klimek et al. 2012, with the levels
that real centres have). Nothing in here depends on which option is which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from veedor.simulate.election import Election, Floats, Ints, Places, Sheets, generator
from veedor.simulate.parameters import Parameters
from veedor.simulate.places import make_places
from veedor.simulate.recording import declare, record

CALIBRATION_STEPS = 12
"""Fixed-point steps towards the national shares and turnout; a dozen leave less than 1e-4."""


@dataclass(frozen=True, slots=True)
class _Preferences:
    """(C, K) expected shares of each centre, now and at the earlier election."""

    now: Floats
    before: Floats


def honest_election(parameters: Parameters, seed: int, *, stations: int | None = None) -> Election:
    """Draw an honest election.

    Parameters
    ----------
    parameters : Parameters
    seed : int
        Same parameters and seed, same election.
    stations : int, optional
        Another number of stations than the parameters say: the same country, scaled.
    """
    parameters = parameters.scaled(stations)
    places = make_places(parameters, seed)
    tree = _tree(places)
    divide = _effects(generator(seed, "divide"), tree, parameters.spread)
    cast = _turnout(parameters, seed, places, tree, divide)
    blank, null = _invalid(parameters, seed, places, tree, cast)
    valid = cast - blank - null
    preferences = _preferences(parameters, seed, places, tree, divide, valid)
    votes = _votes(parameters, seed, places, preferences.now[places.centre], valid)
    box = Sheets(votes, blank, null)
    order, arrival = _arrival(parameters, seed, places, divide)
    fast = record(parameters, seed, "preliminary", box, places.registered)
    declared_valid, declared_cast = declare(parameters, seed, box)
    return Election(
        parameters=parameters,
        seed=seed,
        places=places,
        box=box,
        official=record(parameters, seed, "official", box, places.registered),
        preliminary=fast if parameters.snapshots else None,
        declared_valid=declared_valid,
        declared_cast=declared_cast,
        order=order,
        arrival=arrival,
        history=_history(parameters, seed, places, preferences.before),
    )


def _tree(places: Places) -> tuple[Ints, ...]:
    """(C,) place of each centre at each level, outermost first."""
    first = places.first
    return (places.region[first], places.municipality[first], places.locality[first],
            places.centre[first])  # fmt: skip


def _effects(
    rng: np.random.Generator,
    tree: tuple[Ints, ...],
    spread: tuple[float, ...],
    width: int | None = None,
) -> Floats:
    """(C,) or (C, width): sums over the levels of independent normal effects."""
    tail = () if width is None else (width,)
    total = np.zeros((len(tree[0]), *tail))
    for codes, size in zip(tree, spread, strict=True):
        total += size * rng.standard_normal((int(codes.max()) + 1, *tail))[codes]
    return total


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _preferences(
    parameters: Parameters,
    seed: int,
    places: Places,
    tree: tuple[Ints, ...],
    divide: Floats,
    valid: Ints,
) -> _Preferences:
    count = len(parameters.options)
    own = _effects(generator(seed, "preferences"), tree, parameters.own, count)
    rural = places.rural[places.first].astype(float)
    tilt = np.array(parameters.rural_tilt or (0.0,) * count)
    loading = np.array(parameters.loading or (0.0,) * count)
    fixed = np.outer(rural - parameters.rural, tilt)
    local = np.outer(divide, loading) + own
    past = generator(seed, "past")
    kept = parameters.history_correlation
    anew = np.outer(_effects(past, tree, parameters.spread), loading)
    anew += _effects(past, tree, parameters.own, count)
    before = fixed + kept * local + np.sqrt(1 - kept**2) * anew
    blocs = _blocs(parameters, seed, tree, rural, fixed + local)
    shares = np.array(parameters.shares) / sum(parameters.shares)
    weights = np.bincount(places.centre, weights=valid) / max(int(valid.sum()), 1)
    now = _calibrated(fixed + local, shares, weights, blocs)
    return _Preferences(now, _calibrated(before, shares, weights, blocs))


def _blocs(
    parameters: Parameters, seed: int, tree: tuple[Ints, ...], rural: Floats, scores: Floats
) -> tuple[Ints, Ints, Floats]:
    """Centres that vote together (B,), for which option (B,), and how many dissent (B,).

    Communities lie near one another; each goes with one option, drawn by what its place prefers.
    """
    rng = generator(seed, "blocs")
    number = round(parameters.blocs * rural.sum())
    closeness = _effects(rng, tree, (0.0, 1.0, 0.0, 1.0)) - 1e9 * (rural == 0)
    centres = np.argsort(-closeness, kind="stable")[:number].astype(np.int64)
    leaning = scores[centres] + np.log(parameters.shares)
    chosen = np.argmax(2 * leaning + rng.gumbel(size=leaning.shape), axis=1).astype(np.int64)
    dissent = np.minimum(rng.exponential(parameters.bloc_dissent, number), 0.5)
    return centres, chosen, dissent


def _calibrated(
    scores: Floats, shares: Floats, weights: Floats, blocs: tuple[Ints, Ints, Floats]
) -> Floats:
    """(C, K) shares by centre, blocs included, whose weighted mean is the national `shares`."""
    centres, chosen, dissent = blocs
    level = np.log(shares)
    expected = np.empty_like(scores)
    for _ in range(CALIBRATION_STEPS):
        expected = _softmax(scores + level)
        expected[centres] *= dissent[:, None]
        expected[centres, chosen] += 1 - dissent
        level = level + np.log(shares / (weights @ expected))
    return expected


def _turnout(
    parameters: Parameters,
    seed: int,
    places: Places,
    tree: tuple[Ints, ...],
    divide: Floats,
) -> Ints:
    """(S,) ballots in each box."""
    rng = generator(seed, "turnout")
    own = _effects(rng, tree, parameters.turnout_spread)
    size = float(np.sqrt(np.square(parameters.turnout_spread).sum()))
    link = parameters.turnout_link
    main = divide / (divide.std() or 1.0)
    effect = np.sqrt(1 - link**2) * own + link * size * main
    effect = (effect + parameters.turnout_rural * places.rural[places.first])[places.centre]
    fade = (60.0 - places.registered) / max(60.0 - parameters.smallest, 1.0)
    effect = effect + parameters.tiny * np.maximum(fade, 0.0)
    level = logit(parameters.turnout)
    weights = places.registered / places.registered.sum()
    for _ in range(CALIBRATION_STEPS):
        level += logit(parameters.turnout) - logit(weights @ expit(level + effect))
    within = _within(parameters, seed, places, parameters.turnout_within)
    return _overdispersed(rng, places.registered, expit(level + effect), within)


def _within(parameters: Parameters, seed: int, places: Places, mean: float) -> Floats:
    """(S,) intra-class correlations about that mean, one for each centre."""
    spread = parameters.within_spread
    rng = generator(seed, "unevenness")
    factor = np.exp(spread * rng.standard_normal(places.centres) - spread**2 / 2)
    found: Floats = np.minimum(mean * factor, max(mean, 0.5))[places.centre]
    return found


def _overdispersed(rng: np.random.Generator, n: Ints, rate: Floats, within: Floats) -> Ints:
    """(S,) beta-binomial draws of `n` at `rate`, with intra-class correlations `within`."""
    if within.any():
        total = 1 / within - 1
        rate = rng.beta(np.maximum(rate * total, 1e-9), np.maximum((1 - rate) * total, 1e-9))
    return rng.binomial(n, rate).astype(np.int64)


def _invalid(
    parameters: Parameters, seed: int, places: Places, tree: tuple[Ints, ...], cast: Ints
) -> tuple[Ints, Ints]:
    """(S,), (S,): blank and null votes in each box."""
    rng = generator(seed, "invalid")
    rural = places.rural[places.first] - parameters.rural
    rates = []
    for level, tilt, spread in (
        (parameters.null, parameters.null_rural, parameters.null_spread),
        (parameters.blank, parameters.blank_rural, parameters.blank_spread),
    ):
        raised = expit(logit(level) + tilt * rural + _effects(rng, tree, spread))
        mean = np.average(raised[places.centre], weights=cast + 1)
        rates.append(np.minimum(raised * level / mean, 0.45)[places.centre])
    null = _overdispersed(
        rng, cast, rates[0], _within(parameters, seed, places, parameters.null_within)
    )
    rest = np.minimum(rates[1] / (1 - rates[0]), 0.9)
    blank = _within(parameters, seed, places, parameters.blank_within)
    return _overdispersed(rng, cast - null, rest, blank), null


def _votes(
    parameters: Parameters, seed: int, places: Places, expected: Floats, valid: Ints
) -> Ints:
    """(S, K) votes for options, given each sheet's expected shares (S, K)."""
    rng = generator(seed, "votes")
    if parameters.within > 0:
        within = _within(parameters, seed, places, parameters.within)
        expected = rng.standard_gamma(expected * (1 / within - 1)[:, None])
        expected /= expected.sum(axis=1, keepdims=True)
    return rng.multinomial(valid, expected).astype(np.int64)


def _history(parameters: Parameters, seed: int, places: Places, expected: Floats) -> Ints:
    """(C, K) votes of the earlier election, of about as many voters."""
    rng = generator(seed, "history")
    electors = np.bincount(places.centre, weights=places.registered).astype(np.int64)
    return rng.multinomial(rng.binomial(electors, 0.9 * parameters.turnout), expected).astype(
        np.int64
    )


def _arrival(
    parameters: Parameters, seed: int, places: Places, divide: Floats
) -> tuple[Ints, Floats]:
    """(S,) rank, and seconds from the close of the polls: by causes that know nothing of a sheet.

    Remoteness, the place's own delay and its main divide are the centre's; what is left is chance.
    """
    rng = generator(seed, "arrival")
    count = int(places.municipality[-1]) + 1
    remote = (places.remoteness - places.remoteness.mean()) / (places.remoteness.std() or 1.0)
    delay = 0.5 * rng.standard_normal(count)[places.municipality]
    delay = delay + rng.standard_normal(places.centres)[places.centre]
    score = parameters.late_remote * remote + parameters.late_place * delay
    score = score + parameters.late_link * (divide / (divide.std() or 1.0))[places.centre]
    score = score + parameters.late_sheet * rng.standard_normal(len(score))
    order = np.empty(len(score), dtype=np.int64)
    order[np.argsort(score, kind="stable")] = np.arange(len(score))
    score = (score - score.mean()) / (score.std() or 1.0)
    return order, np.round(1200 + 6000 * np.exp(0.5 * score), 3)
