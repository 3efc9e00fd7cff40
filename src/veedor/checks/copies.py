"""Sheets of which another one is a copy: for the question of one hand they are one sheet."""

from __future__ import annotations

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.audit.findings import Columns
from veedor.checks.recorded import whole
from veedor.engine.evidence import Evidence

__all__ = ["WHOLE", "copies", "shared"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

WHOLE = ("file", "ink")
"""What pairs of `twins` share if their sheets are one: all bytes, or the writing of the sheet. A
piece of a picture or a printed code in common leaves most of the digits to each."""


def shared(evidence: Evidence) -> dict[str, ir.Table]:
    """The query for pairs of scans that share a picture; none where scans were not paired."""
    if not evidence.has("twins"):
        return {}
    return {"twins": evidence.twins().select("scan_a", "scan_b", "how").distinct()}


def copies(scan: Ints, twins: Columns | None) -> Mask:
    """Sheets that are left out since an earlier one has the same picture.

    Copies hang together through scans that are not compared, too: a second scan of a station may
    be a third station's only one.

    Parameters
    ----------
    scan : int64 (n), number of the scan of each sheet, in order of the stations
    twins : columns `scan_a`, `scan_b` and `how`; None where scans were not paired
    """
    found = np.zeros(len(scan), dtype=np.bool_)
    if twins is None:
        return found
    kept = np.isin(twins["how"].astype(str), WHOLE)
    lead: dict[int, int] = {}

    def first(one: int) -> int:
        while (above := lead.get(one, one)) != one:
            lead[one] = lead.get(above, above)
            one = above
        return one

    for a, b in zip(whole(twins["scan_a"])[kept].tolist(), whole(twins["scan_b"])[kept].tolist(),
                    strict=True):  # fmt: skip
        lead[first(a)] = first(b)
    seen: set[int] = set()
    for place, number in enumerate(scan.tolist()):
        found[place] = first(number) in seen
        seen.add(first(number))
    return found
