"""The contest's own rule: who wins, on how many votes and sheets that rests, and what it takes to
change it.

Imports nothing of veedor but its errors. Votes are integers in the case's option order;
thresholds are exact.
"""

from veedor.contest.lists import DHondt, SainteLague
from veedor.contest.margins import BreakEven, Slack, break_even, margin_of, margin_points, slack
from veedor.contest.materiality import (
    ShareFalse,
    Treatment,
    best,
    remove,
    share_false,
    statement,
    unite,
    worst,
)
from veedor.contest.outcome import Assertion, Assertions, Outcome
from veedor.contest.parameters import KINDS, fraction, rule_from
from veedor.contest.referendum import Referendum
from veedor.contest.replacement import replace
from veedor.contest.rules import BASES, AbsoluteMajority, MajorityOrLead, Plurality, Rule
from veedor.contest.sheets import FewestSheets, fewest_sheets

__all__ = [
    "BASES",
    "KINDS",
    "AbsoluteMajority",
    "Assertion",
    "Assertions",
    "BreakEven",
    "DHondt",
    "FewestSheets",
    "MajorityOrLead",
    "Outcome",
    "Plurality",
    "Referendum",
    "Rule",
    "SainteLague",
    "ShareFalse",
    "Slack",
    "Treatment",
    "best",
    "break_even",
    "fewest_sheets",
    "fraction",
    "margin_of",
    "margin_points",
    "remove",
    "replace",
    "rule_from",
    "share_false",
    "slack",
    "statement",
    "unite",
    "worst",
]
