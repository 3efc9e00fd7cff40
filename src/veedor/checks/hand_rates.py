"""How often hands were told apart wrongly, and on whom that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from veedor.handwriting.calibration import Calibration, load_manifest

__all__ = ["FITTED", "chance", "rarity", "rates", "where"]

FITTED = "the writers from whom the calibration was taken"
"""Rates on these flatter: the same sheets say what a score is worth and how well it is said."""
KEYS = ("writers", "digits", "eer", "cllr", "cllr_min")


def rates(calibration: Calibration, digits: float) -> dict[str, Any]:
    """What was measured at the nearest number of digits: `KEYS`, and `on` what.

    The manifest's entry of the condition may say from what its rates are (`table_from`); where it
    does not they are on the writers from whom the calibration was taken.
    """
    entry: Mapping[str, Any] = load_manifest()["calibration"].get(calibration.condition, {})
    near = calibration.nearest(digits)
    return {**{k: near[k] for k in KEYS}, "on": entry.get("table_from", FITTED)}


def where(on: str) -> str:
    """On what, for a sentence, with where to find what was measured on others."""
    return (
        f"measured on {on}; on writers kept apart, see docs/handwriting.md" if on == FITTED else on
    )


def chance(number: float, made: int, what: str) -> str:
    """A number that chance makes, by those made up: never none where none of them is so.

    Parameters
    ----------
    number : expected among the real ones
    made : made-up ones
    what : one of them, in a word
    """
    if not made:
        return f"no number of {what}s, for none could be made up"
    return f"{number:.1f} such {what}s" if number > 0 else f"fewer than 1 such {what} in {made:,}"


def rarity(p: float, least: float, by: str) -> str:
    """A probability in words, and no less than those made up can show.

    Parameters
    ----------
    p : the probability
    least : the least that can be told
    by : what was made up, in words
    """
    if p > least * (1 + 1e-9):
        return f"have the probability {p:.2g}"
    return f"have a probability of at most {least:.1g}, the least that {by} can show"
