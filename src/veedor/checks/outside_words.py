"""What a finding on machines outside the plan says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from veedor.checks import hosts
from veedor.checks.base import Context
from veedor.checks.lateness import points, span


def sentence(status: str, statistic: Mapping[str, Any], context: Context) -> str:
    """What is said of all addresses, with how much of the sheets' ways is on record."""
    rows, sheets = statistic["hosts"], statistic["sheets"]
    coverage = (
        f"{statistic['entered']:,} of {sheets:,} official sheets have a record of the machine"
        " through which they entered"
    )
    parts = []
    if rows:
        verb = "address takes" if len(rows) == 1 else "addresses take"
        parts.append(
            f"{len(rows):,} {verb} part in the count and the plan does not declare"
            f" {'it' if len(rows) == 1 else 'them'} at that time:"
            f" {hosts.names(map(_named, rows))}."
        )
        parts.append(
            f"{statistic['stations']:,} official sheets with {statistic['valid']:,} valid votes"
            f" entered through {statistic['carrying']:,} of them ({coverage})."
            if statistic["carrying"]
            else f"No sheet is seen to have entered through {'it' if len(rows) == 1 else 'them'}"
            f" ({coverage})."
        )
        parts += [
            f"Lines of {r['address']} itself tell that {r['stored']:,} sheets came in there."
            for r in rows
            if r["stored"]
        ]
    else:
        parts.append("No undeclared address is seen to take part in the count.")
        parts.append(
            f"{coverage[0].upper()}{coverage[1:]}."
            if status != "not-determinable"
            else f"Only {coverage}: that none of the others came by an undeclared one cannot be"
            " said."
            if statistic["entered"]
            else f"No record tells by which machine any of {sheets:,} official sheets came: that"
            " none came by an undeclared one cannot be said."
        )
    if status == "not-determinable":
        lost = "; ".join(w.what.rstrip(".") for w in context.plan.withheld)
        parts += [f"The case says that evidence was withheld: {lost}."] if lost else []
    if keys := statistic["other_keys"]:
        listed = hosts.names(
            f"{k['address']} ({k['host']}{', seen there too' if k['declared_key'] else ''};"
            f" {k['stations']:,} sheets entered there)"
            for k in keys
        )
        parts.append(f"Declared addresses presented another key than the declared one: {listed}.")
    if total := statistic["called_only_total"]:
        listed = hosts.names(r["address"] for r in statistic["called_only"])
        parts.append(
            f"Declared machines also called {total:,} undeclared"
            f" {'address' if total == 1 else 'addresses'} that nothing ties to the count"
            f" ({listed})."
        )
    if not rows and status == "not-observed":
        parts.append(f"{statistic['other_callers']:,} other addresses called declared hosts.")
    return " ".join(parts)


def _named(row: Mapping[str, Any]) -> str:
    if row["at_host"] is None:
        return str(row["address"])
    return f"{row['address']} (at the address of {row['at_host']}, with another key)"


def one_sentence(row: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    """What is said of the sheets that entered through one address."""
    text = (
        f"{row['stations']:,} official sheets with {row['valid']:,} valid votes entered through"
        f" {_named(row)}, which the plan does not declare then"
        f" ({row['called_by']:,} declared machines called it)."
    )
    if group.get("compared"):
        text += (
            f" {group['compared']:,} of these {row['stations']:,} sheets are in centres that also"
            " have sheets known to have come by declared machines: their margin is"
            f" {points(group['actual_points'])} where those predict"
            f" {points(group['predicted_points'])}: unexplained"
            f" {points(group['unexplained_points'])} ({span(group['low'], group['high'])})."
        )
    elif group:
        text += (
            f" Their margin is {points(group['margin_points'])}; none of their centres has sheets"
            " known to have come by declared machines, with which to compare them."
        )
    return text
