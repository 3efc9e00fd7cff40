"""Random rules and votes, small enough that every count and every subset can be tried."""

from fractions import Fraction

from hypothesis import strategies as st

from veedor.contest import (
    BASES,
    AbsoluteMajority,
    DHondt,
    MajorityOrLead,
    Plurality,
    Referendum,
    Rule,
    SainteLague,
)

SHARES = [Fraction(n, 20) for n in range(1, 20)]


@st.composite
def rules(draw: st.DrawFn, lists: bool = True, least: int = 1) -> Rule:
    options = tuple("abcdef"[: draw(st.integers(least, 4))])
    basis = draw(st.sampled_from(BASES))
    share = st.sampled_from(SHARES)
    flag = st.booleans()
    kinds = ["plurality", "majority", "lead", "referendum"] + (["dhondt", "sl"] if lists else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "plurality":
        return Plurality(options, basis=basis)
    if kind == "majority":
        return AbsoluteMajority(options, draw(share), draw(flag), basis=basis)
    if kind == "lead":
        lead = draw(st.none() | st.sampled_from([Fraction(0), *SHARES[:6]]))
        flags = [draw(flag) for _ in range(3)]
        return MajorityOrLead(options, draw(share), draw(share), lead, *flags, basis=basis)
    if kind == "referendum":
        options = ("a", "b", *options[2:])
        quorum = draw(st.none() | share)
        return Referendum(
            options, "a", "b", draw(share), draw(flag), quorum, draw(flag), basis=basis
        )
    seats = draw(st.integers(1, 7))
    floor = draw(st.sampled_from([Fraction(0), *SHARES[:8]]))
    if kind == "dhondt":
        return DHondt(options, seats, floor, draw(flag), basis=basis)
    first = draw(st.sampled_from([Fraction(1), Fraction(7, 5)]))
    return SainteLague(options, seats, floor, draw(flag), first, basis=basis)


@st.composite
def contests(
    draw: st.DrawFn, most: int = 40, lists: bool = True
) -> tuple[Rule, list[int], int, int, int]:
    rule = draw(rules(lists))
    count = st.integers(0, most) | st.sampled_from([0, 5, 10])
    votes = [draw(count) for _ in rule.options]
    blank, null = draw(st.integers(0, 10)), draw(st.integers(0, 10))
    return rule, votes, blank, null, draw(st.integers(1, 2 * (sum(votes) + blank + null) + 1))


@st.composite
def counts_by_sheet(draw: st.DrawFn, sheets: int = 7) -> tuple[Rule, list[list[int]], int]:
    """A rule, up to ``sheets`` rows of votes with blank and null last, and registered voters."""
    rule = draw(rules())
    count = st.integers(0, 9)
    row = st.lists(count, min_size=len(rule.options) + 2, max_size=len(rule.options) + 2)
    rows = draw(st.lists(row, min_size=0, max_size=sheets))
    return rule, rows, draw(st.integers(1, 2 * sum(map(sum, rows)) + 1))
