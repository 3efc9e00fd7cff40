"""Coverage of the intervals of examined samples, the risk that is held, and sizes beside another's.

The draws needed are set beside those of SHANGRLA's martingales where VEEDOR_SHANGRLA names a
checkout of it (github.com/pbstark/SHANGRLA, AGPL): it is called as a program of its own.

Usage: python -m benchmarks.samples [--trials N] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from veedor.audit.plan import read
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case
from veedor.checks.sampled import Draw, Frame, frame_query
from veedor.checks.sampling.risk_limit import terms
from veedor.contest import rule_from
from veedor.contest.assorter import Assorter, ballots_of, groups_of, risk_weights
from veedor.contest.rules import Rule
from veedor.engine.verbs import collect
from veedor.errors import VeedorError
from veedor.stats.exact import proportion_interval
from veedor.stats.risk import Terms, capital, joint, risk
from veedor.stats.survey import Sampled, estimate, hypergeometric_interval

Ints = NDArray[np.int64]
LIMIT = 0.05
AHEAD = (3, 12)
"""By how much of the votes the report is ahead of the truth, per cent."""
SHEETS = 600
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: words, how many of how many, and a mean width in points."""

    words: tuple[str, ...]
    hits: int
    trials: int
    width: float = float("nan")

    def cells(self) -> list[str]:
        low, high = proportion_interval(np.array([self.hits]), np.array([self.trials]))
        limits = f"{100 * low[0]:.2f} to {100 * high[0]:.2f}"
        share = f"{100 * self.hits / self.trials:.2f} % ({limits})"
        width = [] if np.isnan(self.width) else [f"{self.width:.1f}"]
        return [*self.words, f"{self.hits:,} of {self.trials:,}", share, *width]


# Coverage


def coverage(trials: int) -> Iterator[Row]:
    """How often limits of 95 % hold the rate of the frame, by design and rate."""
    for rate in (0.005, 0.02, 0.1, 0.5):
        for design in DESIGNS:
            rng = np.random.default_rng([2, round(1000 * rate), len(design)])
            held, widths = 0, 0.0
            for _ in range(trials):
                truth, low, high = DESIGNS[design](rng, rate)
                held += low <= truth + 1e-12 and truth <= high + 1e-12
                widths += 100 * (high - low)
            yield Row((design, f"{100 * rate:g} %"), held, trials, widths / trials)


def _population(rng: np.random.Generator, rate: float, alike: float) -> tuple[Any, Ints]:
    """Sheets of 400 centres of 2 to 14, alike within centres, and their centres."""
    size = rng.integers(2, 15, 400)
    centre = np.repeat(np.arange(400), size)
    if alike > 0:
        scale = 1 / alike - 1
        chance = rng.beta(rate * scale, (1 - rate) * scale, 400)[centre]
    else:
        chance = np.full(len(centre), rate)
    return rng.random(len(centre)) < chance, centre


def _simple(rng: np.random.Generator, rate: float) -> tuple[float, float, float]:
    found, _ = _population(rng, rate, 0.2)
    n, m = len(found), 200
    hits = int(found[rng.permutation(n)[:m]].sum())
    low, high = hypergeometric_interval(hits, m, n)
    return float(found.mean()), low / n, high / n


def _stratified(rng: np.random.Generator, rate: float) -> tuple[float, float, float]:
    found, centre = _population(rng, rate, 0.2)
    stratum = centre // 50
    at = np.concatenate(
        [rng.permutation(np.flatnonzero(stratum == h))[: 10 + 4 * h] for h in range(8)]
    )
    size = np.bincount(stratum, minlength=8)
    taken = np.bincount(stratum[at], minlength=8)
    chance = (taken / size)[stratum[at]]
    rate_ = estimate(Sampled(found[at], 1 / chance, stratum[at], at, 1 - chance))
    assert rate_ is not None
    return float(found.mean()), rate_.low, rate_.high


def _clustered(alike: float) -> Any:
    def one(rng: np.random.Generator, rate: float) -> tuple[float, float, float]:
        found, centre = _population(rng, rate, alike)
        drawn = rng.permutation(400)[:40]
        at = np.flatnonzero(np.isin(centre, drawn))
        ones = np.ones(len(at))
        sampled = Sampled(found[at], 10 * ones, 0 * at, centre[at], 0.9 * ones)
        rate_ = estimate(sampled)
        assert rate_ is not None
        return float(found.mean()), rate_.low, rate_.high

    return one


def _proportional(rng: np.random.Generator, rate: float) -> tuple[float, float, float]:
    found, _ = _population(rng, rate, 0.2)
    weight = rng.integers(30, 300, len(found)).astype(float)
    chance = weight / weight.sum()
    at = rng.choice(len(found), 200, p=chance)
    own = np.arange(200, dtype=np.int64)
    rate_ = estimate(Sampled(found[at], 1 / chance[at], 0 * own, own, np.ones(200)))
    assert rate_ is not None
    return float(found.mean()), rate_.low, rate_.high


DESIGNS = {
    "simple, 200 sheets": _simple,
    "stratified, 8 strata, unequal": _stratified,
    "40 whole centres, alike 0.05": _clustered(0.05),
    "40 whole centres, alike 0.4": _clustered(0.4),
    "proportional, 200 draws": _proportional,
}


# Risk


@dataclass(frozen=True, slots=True)
class Wrong:
    """A way in which a report can be wrong under a rule.

    Attributes
    ----------
    first, second : expected shares of the first two options in truth, of four
    level : makes true votes miss the reported outcome by a vote at the most
    gains : the option to which the report moves votes from the other of the two
    """

    rule: Rule
    first: float
    second: float
    level: Callable[[Ints], None]
    gains: int = 0


HOW = ("all sheets a little", "few sheets greatly", "at random")
DRAWS = ("proportional to risk", "simple")


def wrong(trials: int) -> Iterator[Row]:
    """How often a wrong outcome is confirmed at the limit, however long one draws."""
    kinds = product(WRONG.items(), HOW, DRAWS, AHEAD)
    for number, ((name, case), how, design, ahead) in enumerate(kinds):
        rng = np.random.default_rng([3, number])
        stopped = sum(_confirmed(rng, case, how, design, ahead / 100) for _ in range(trials))
        yield Row((name, how, design, f"{ahead} %"), stopped, trials)


def _confirmed(rng: np.random.Generator, case: Wrong, how: str, design: str, ahead: float) -> bool:
    """Whether the risk of a wrong outcome is ever at most the limit.

    The risk of each group never rises, so that its last value tells; groups that the true votes
    fail come first, since most samples end there.
    """
    truth, reported = _wrong_outcome(rng, case, how, ahead)
    outcomes = [case.rule.decide(v[:, :-2].sum(axis=0).tolist()) for v in (truth, reported)]
    assert outcomes[0].identity != outcomes[1].identity
    ballots = ballots_of(np.maximum(truth, reported), np.full(len(truth), 300.0))
    groups = groups_of(case.rule, reported)
    assert groups is not None
    known = np.ones(len(truth), np.bool_)
    if design == "simple":
        at, chance = rng.permutation(len(truth)), np.ones(len(truth))
    else:
        weight = risk_weights(groups, reported, ballots)
        chance = (weight / weight.sum()).astype(np.float64)
        at = rng.choice(len(truth), len(truth), p=chance)
    drawn = Draw(at, chance[at], 0 * at, at, 0.0 * at, replaced=design != "simple")

    def holds(group: Sequence[Assorter]) -> bool:
        return any(int(a.values(truth).sum()) + a.constant > 0 for a in group)

    def confirmed(group: Sequence[Assorter]) -> bool:
        logs = [capital(terms(a, a.values(reported), ballots, truth, known, drawn)) for a in group]
        return bool(risk(joint(logs))[-1] <= LIMIT)

    assert not all(map(holds, groups))
    return all(confirmed(group) for group in sorted(groups, key=holds))


def _wrong_outcome(
    rng: np.random.Generator, case: Wrong, how: str, ahead: float
) -> tuple[Ints, Ints]:
    """True and reported votes by sheet: truly just not the outcome that is reported."""
    turnout = rng.integers(60, 280, SHEETS)
    shares = rng.beta(8, 8, SHEETS).clip(0.2, 0.8) * 2
    first = rng.binomial(turnout, (case.first * shares).clip(0, 1))
    second = rng.binomial(turnout - first, case.second / (1 - case.first))
    third = rng.binomial(turnout - first - second, 0.5)
    fourth = turnout - first - second - third
    truth = np.column_stack([first, second, third, fourth, 0 * first, 0 * first])
    case.level(truth)
    reported = truth.copy()
    need = int(ahead / 2 * truth.sum())
    gains, loses = case.gains, 1 - case.gains
    if how == "all sheets a little":
        order = rng.permutation(SHEETS)
        steps = np.bincount(order[np.arange(need) % SHEETS], minlength=SHEETS)
    elif how == "few sheets greatly":
        order = rng.permutation(SHEETS)
        able = truth[order, loses]
        steps = np.zeros(SHEETS, np.int64)
        steps[order] = np.clip(need - (np.cumsum(able) - able), 0, able)
    else:
        steps = np.bincount(rng.integers(0, SHEETS, need), minlength=SHEETS)
    steps = np.minimum(steps, reported[:, loses])
    reported[:, gains] += steps
    reported[:, loses] -= steps
    return truth, reported


def _move(votes: Ints, column: int, other: int, many: int) -> None:
    """Move so many votes from one option to another, a vote of a sheet at a time."""
    if many < 0:
        column, other, many = other, column, -many
    while many:
        able = np.flatnonzero(votes[:, column] > 0)[:many]
        votes[able, column] -= 1
        votes[able, other] += 1
        many -= len(able)


def _sums(votes: Ints) -> tuple[int, int, int]:
    a, b = (int(v) for v in votes[:, :2].sum(axis=0))
    return a, b, int(votes.sum())


def _level_lead(votes: Ints) -> None:
    """The first leads by 10 points less a vote at the most, or by just not ten."""
    a, b, total = _sums(votes)
    # A lead of exactly ten points is a win: 10 (a - b) is to be below the total.
    _move(votes, 0, 1, (10 * (a - b) - total) // 20 + 1)


def _level_win(votes: Ints) -> None:
    """The first leads by 10 points and a vote at the most."""
    a, b, total = _sums(votes)
    _move(votes, 0, 1, (10 * (a - b) - total) // 20)


def _level_first(votes: Ints) -> None:
    """The first is level with the second, or behind by a vote."""
    a, b, _ = _sums(votes)
    _move(votes, 0, 1, -((b - a) // 2))


def _level_threshold(votes: Ints) -> None:
    """The first has just not 40 %."""
    a, _, total = _sums(votes)
    _move(votes, 0, 1, (5 * a - 2 * total) // 5 + 1)


def _level_both(votes: Ints) -> None:
    """The first has half of the votes at the most, and leads by just not ten points."""
    a, _, total = _sums(votes)
    _move(votes, 0, 2, a - total // 2)
    a, b, total = _sums(votes)
    _move(votes, 2, 1, (10 * (a - b) - total) // 10 + 1)


OPTIONS = ("A", "B", "C", "D")
_PLURALITY = rule_from("plurality", {}, OPTIONS)
_BOLIVIA = rule_from(
    "majority-or-lead", {"majority": "1/2", "threshold": "2/5", "lead": "1/10"}, OPTIONS
)
WRONG = {
    "plurality: not first": Wrong(_PLURALITY, 0.40, 0.40, _level_first),
    "Bolivia's: a lead of just not 10 points": Wrong(_BOLIVIA, 0.45, 0.35, _level_lead),
    "Bolivia's: just not 40 %": Wrong(_BOLIVIA, 0.40, 0.24, _level_threshold),
    "Bolivia's: neither majority nor lead": Wrong(_BOLIVIA, 0.50, 0.40, _level_both),
    "Bolivia's: a run-off reported, and won": Wrong(_BOLIVIA, 0.45, 0.35, _level_win, gains=1),
}
"""Rule, and the truth that the report hides."""


# Sizes


@dataclass(frozen=True, slots=True)
class Contest:
    """One contest: what a draw may pay at most on the mean, where one that agrees pays 1."""

    name: str
    sheets: int
    fair: float
    fair_simple: float


def contests() -> Iterator[Contest]:
    """Contests of growing margin, and Bolivia 2019 where its data are at hand."""
    for margin in (0.2, 0.05, 0.01):
        turnout = np.full(5000, 200)
        first = np.round(turnout * (0.5 + margin / 2)).astype(np.int64)
        votes = np.column_stack([first, turnout - first, 0 * first, 0 * first])
        rule = rule_from("plurality", {}, ("A", "B"))
        yield _contest(f"5,000 sheets, margin {100 * margin:g} %", rule, votes, votes.sum(axis=1))
    try:
        case = load_case(find_case("bolivia-2019"))
        with tempfile.TemporaryDirectory(prefix="veedor-") as folder:
            evidence, _ = read(case, Path(folder))
            frame = Frame.of(collect(frame_query(evidence, case.official)), case)
    except VeedorError as error:
        print(f"Bolivia 2019 is left out: {error}", file=sys.stderr)
        return
    yield _contest(
        "Bolivia 2019, lead of 10 points", case.contest_rule, frame.votes, frame.ballots()
    )


def _contest(name: str, rule: Rule, votes: Ints, ballots: Ints) -> Contest:
    groups = groups_of(rule, votes)
    assert groups is not None

    def fair(one: Assorter) -> float:
        value = one.values(votes)
        above = int((value - one.least(ballots)).sum())
        return 1 - (int(value.sum()) + one.constant) / above

    hardest = max((min(group, key=fair) for group in groups), key=fair)
    value = hardest.values(votes)
    most = int((value - hardest.least(ballots)).max())
    simple = 1 - (int(value.sum()) + hardest.constant) / (len(votes) * most)
    return Contest(name, len(votes), fair(hardest), simple)


def needed(contest: Contest, draw: str) -> tuple[int, int]:
    """Draws of ours where every draw pays 1, and the least that any martingale needs."""
    fair = contest.fair if draw == "proportional" else contest.fair_simple
    size = min(int(20 / (1 - fair)) + 10, contest.sheets if draw == "simple" else 10**6)
    each = np.full(size, fair)
    if draw == "simple":
        seen = np.arange(size)
        each = (contest.sheets * fair - seen) / (contest.sheets - seen)
    ours = risk(capital(Terms(np.ones(size), each, np.zeros(size, np.bool_))))
    all_staked = np.cumprod(each)
    return (
        int(np.flatnonzero(ours <= LIMIT)[0]) + 1,
        int(np.flatnonzero(all_staked <= LIMIT)[0]) + 1,
    )


def theirs(found: list[Contest]) -> list[dict[str, int]]:
    """Draws of SHANGRLA's martingales for the same payments; empty without a checkout."""
    checkout = os.environ.get("VEEDOR_SHANGRLA", "")
    if not checkout:
        return []
    given = json.dumps([[c.sheets, c.fair, c.fair_simple] for c in found])
    done = subprocess.run(
        [sys.executable, str(HERE / "shangrla.py"), checkout],
        input=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer: list[dict[str, int]] = json.loads(done.stdout)
    return answer


def page(trials: int, outcomes: int) -> str:
    """The page, in Markdown."""
    start = time.perf_counter()
    covered = list(coverage(trials))
    risks = list(wrong(outcomes))
    found = list(contests())
    beside = theirs(found)
    lines = [
        "# Samples: what their numbers are worth",
        "",
        f"Made by `make samples`: {trials:,} simulated samples for each line of the first"
        f" table and {outcomes:,} of the second, in"
        f" {time.perf_counter() - start:.0f} s; Python {platform.python_version()}, NumPy"
        f" {np.__version__}, SciPy {scipy.__version__}. In brackets exact 95 % limits of the"
        " simulation.",
        "",
        "## Limits of a rate",
        "",
        "How often the 95 % limits hold the rate of the frame: 400 centres of 2 to 14 sheets, alike"
        " within centres (intra-class correlation 0.2 where no other is said). The rate of each"
        " simulated frame is its own.",
        "",
        *_table(("design", "expected rate", "held", "share", "mean width, points"),
                [r.cells() for r in covered]),
        "",
        "## Risk of a wrong outcome",
        "",
        "How often an outcome that is wrong by a vote at the most is confirmed at a risk limit of"
        f" {100 * LIMIT:g} %, drawing up to as many sheets as there are ({SHEETS}) and looking"
        " after each. The report is ahead of the truth by so much of the votes, moved from the"
        " second option to the first (where a run-off is reported, from the first to the second)."
        " Bolivia's rule: an absolute majority, or 40 % and a lead of 10 points.",
        "",
        *_table(("rule, and the truth", "confirmed", "share"),
                [r.cells() for r in _sums_of(risks)]),
        "",
        *_table(("rule, and the truth", "report wrong", "draw", "ahead by", "confirmed", "share"),
                [r.cells() for r in risks]),
        "",
        "## Sizes",
        "",
        "Draws until the risk is at most 5 %, with hand counts that are those reported. *Least*:"
        " no martingale needs fewer (all staked on every draw, lost at the first total error)."
        + ("" if beside else " SHANGRLA was not at hand when this was made."),
        "",
        *_table(
            ("contest", "draw", "ours", "least",
             *(("SHANGRLA, fixed bet of 0.95", "SHANGRLA, Kaplan-Wald, g 0.1") if beside else ())),
            list(_sizes(found, beside)),
        ),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _sums_of(rows: Sequence[Row]) -> Iterator[Row]:
    """All lines together, those of Bolivia's rule, and the line with most."""
    bolivia = [r for r in rows if r.words[0].startswith("Bolivia")]
    for name, part in (("all", rows), ("Bolivia's rule", bolivia)):
        yield Row((name,), sum(r.hits for r in part), sum(r.trials for r in part))
    most = max(rows, key=lambda r: r.hits)
    yield Row((f"the line with most: {', '.join(most.words)}",), most.hits, most.trials)


def _sizes(found: list[Contest], beside: list[dict[str, int]]) -> Iterator[list[str]]:
    for i, contest in enumerate(found):
        for draw in ("proportional", "simple"):
            ours, least = needed(contest, draw)
            other = [f"{beside[i][f'{draw} {k}']:,}" for k in ("bet", "wald")] if beside else []
            yield [contest.name, draw, f"{ours:,}", f"{least:,}", *other]


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=4_000)
    parser.add_argument("--outcomes", type=int, default=1_000, help="wrong outcomes for each line")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    text = page(given.trials, given.outcomes)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
