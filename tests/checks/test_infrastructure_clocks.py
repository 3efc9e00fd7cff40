"""What is said of an offset: clock and delay together, and the clock alone by the work's order."""

from __future__ import annotations

import pytest

from tests.checks.test_infrastructure_hosts import fact, night
from tests.checks.test_infrastructure_logs import of_kind, shifted


def clocks(*lines):
    return fact("clock-skew", night(lines=lines))


def test_a_pair_that_no_delay_explains_is_quoted_first_as_clock_and_delay_together():
    said = clocks(
        *shifted("app", 0), *shifted("web", 245), *of_kind(shifted("late", 251.5), "database-write")
    )
    flagged = {(p["first"], p["second"]): p["may_be_delay"] for p in said.statistic["pairs"]}
    assert flagged["app", "late"]
    assert not flagged["app", "web"]
    assert (
        "2 pairs of machines differ by more than a minute: web less app, clock and delay together,"
        " 245.0 seconds (95 % from 245.0 to 245.0, 8 events). app is in each of them, and the"
        " others agree among themselves. Clock alone, by the order of the work: late less app at"
        " most 251.5 seconds."
    ) in said.fact


@pytest.mark.parametrize(("kinds", "bounds"), [
    (("request", "database-write"), (None, 120.25)),
    (("database-write", "request"), (122.25, None)),
    (("request", "request"), (None, None)),
    (("request", "other"), (None, None)),
])  # fmt: skip
def test_where_the_work_goes_one_way_the_clock_alone_has_a_bound(kinds, bounds):
    """Delays of 0 to 3 seconds: the bound is the offset with the least of it, with the second of
    the first log's stamps, which are whole, in the direction in which that log may be early."""
    said = clocks(*of_kind(shifted("app", 0), kinds[0]),
                  *of_kind(shifted("db", 120.25, spread=1), kinds[1]))  # fmt: skip
    (pair,) = said.statistic["pairs"]
    assert (pair["least"], pair["most"]) == (120.25, 123.25)
    assert (pair["clock_at_least"], pair["clock_at_most"]) == bounds
