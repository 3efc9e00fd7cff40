"""From the words of a case file to a rule; every mistake is named, with its remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from veedor.contest.lists import DHondt, SainteLague
from veedor.contest.referendum import Referendum
from veedor.contest.rules import AbsoluteMajority, MajorityOrLead, Plurality, Rule
from veedor.errors import CaseError

__all__ = ["KINDS", "fraction", "rule_from"]

NUMBER = re.compile(r"(?P<up>\d+)\s*/\s*(?P<down>\d+)|(?P<number>\d+(?:\.\d+)?)\s*(?P<percent>%?)")


def fraction(value: object, name: str = "value") -> Fraction:
    """An exact fraction from ``"2/5"``, ``"0.4"`` or ``"40 %"``; CaseError for anything else,
    floats included.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and (match := NUMBER.fullmatch(value.strip())):
        if match["number"] is not None:
            return Fraction(match["number"]) / (100 if match["percent"] else 1)
        if int(match["down"]) != 0:
            return Fraction(int(match["up"]), int(match["down"]))
    raise CaseError(
        f"{name} = {value!r} is not an exact fraction",
        place=name,
        remedy=f'write {name} between quotes, as "2/5", "0.4" or "40 %"',
    )


def _lead(value: object, name: str) -> Fraction | None:
    return None if value == "none" else fraction(value, name)


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise CaseError(
            f"{name} = {value!r} is not a whole number",
            place=name,
            remedy=f"write {name} without quotes, as {name} = 12",
        )
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise CaseError(
            f"{name} = {value!r} is not true or false",
            place=name,
            remedy=f"write {name} = true (more than) or {name} = false (at least)",
        )
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise CaseError(
            f"{name} = {value!r} is not text", place=name, remedy=f"write {name} between quotes"
        )
    return value


Reader = Callable[[object, str], object]
Kind = tuple[Callable[..., Rule], Mapping[str, Reader], tuple[str, ...]]

KINDS: Mapping[str, Kind] = {
    "plurality": (Plurality, {}, ()),
    "majority-runoff": (AbsoluteMajority, {"majority": fraction, "strict": _flag}, ()),
    "majority-or-lead": (
        MajorityOrLead,
        {
            "majority": fraction,
            "threshold": fraction,
            "lead": _lead,
            "majority_strict": _flag,
            "threshold_strict": _flag,
            "lead_strict": _flag,
        },
        ("threshold", "lead"),
    ),
    "referendum": (
        Referendum,
        {
            "yes": _text,
            "no": _text,
            "threshold": fraction,
            "strict": _flag,
            "quorum": fraction,
            "quorum_strict": _flag,
        },
        ("yes", "no"),
    ),
    "dhondt": (
        DHondt,
        {"seats": _whole, "threshold": fraction, "threshold_strict": _flag},
        ("seats",),
    ),
    "sainte-lague": (
        SainteLague,
        {
            "seats": _whole,
            "threshold": fraction,
            "threshold_strict": _flag,
            "first_divisor": fraction,
        },
        ("seats",),
    ),
}
"""Kind in a case file: the class, how each parameter is read, and those that must be given."""


def rule_from(kind: str, parameters: Mapping[str, object], options: Sequence[str]) -> Rule:
    """The rule of a case: ``kind`` (see ``KINDS``), its parameters (``basis`` for all), option
    ids in order.

    CaseError names an unknown kind, an unknown or missing parameter, an unknown option or a wrong
    type. ``lead = "none"`` says that the threshold alone elects.
    """
    if kind not in KINDS:
        raise CaseError(
            f"rule kind {kind!r} is unknown", place="kind", remedy=f"use one of {', '.join(KINDS)}"
        )
    build, readers, required = KINDS[kind]
    known: dict[str, Reader] = {"basis": _text, **readers}
    for name in parameters:
        if name not in known:
            raise CaseError(
                f"{name!r} is not a parameter of the rule {kind!r}",
                place=str(name),
                remedy=f"the parameters are {', '.join(known)}",
            )
    for name in required:
        if name not in parameters:
            remedy = f"add {name}" + (' ("none" if there is no lead)' if name == "lead" else "")
            raise CaseError(f"the rule {kind!r} needs {name!r}", place=name, remedy=remedy)
    values = {name: known[name](value, name) for name, value in parameters.items()}
    return build(tuple(options), **values)
