"""Which rows of flows can be taken: by their instant, their two ends and their counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.sources.columns import Mask, matches

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_FOUR = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}"
_SIX = rf"(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:[0-9A-Fa-f]{{0,4}}|{_FOUR})(?:%[0-9A-Za-z._-]+)?"
ADDRESS = rf"^(?:{_FOUR}|{_SIX})$"
"""What an address looks like."""
NUMERIC = rf"^(?:{_FOUR}|.*[^0-9.].*)$"
"""An address of four numbers, or what is not made of numbers and points alone: a name, say."""
LOOKED = 1000
"""Rows by which it is told whether texts repeat."""

Counts = Iterable[tuple[pa.StringArray, pa.Int64Array]]


def dated(us: pa.Int64Array) -> Mask:
    """Where there is an instant since 1970."""
    return np.array(pc.fill_null(pc.greater_equal(us, 0), False))


def sound(ends: Iterable[pa.StringArray], counts: Counts, *, form: str = ADDRESS) -> Mask | None:
    """Where both ends are of a form and each count is a number, or not written; None where all are.

    Parameters
    ----------
    ends : the addresses, null where not written
    counts : pairs of what is written, null where nothing is, and of the number that was read
    """
    masks = [mask for mask in (_formed(text, form) for text in ends) if not mask.all()]
    for written, number in counts:
        least = pc.min(number).as_py()
        if written.null_count == number.null_count and (least is None or least >= 0):
            continue
        read = pc.fill_null(pc.greater_equal(number, 0), False)
        masks.append(np.array(pc.or_(written.is_null(), read)))
    return np.logical_and.reduce(masks) if masks else None


def _formed(text: pa.StringArray, form: str) -> Mask:
    # Few machines make most flows: each address is looked at once, unless most stand once.
    start = text.slice(0, LOOKED)
    if len(pc.unique(start)) > len(start) // 2:
        return matches(text, form)
    coded = text.dictionary_encode()
    where = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy()
    good: Mask = np.append(matches(coded.dictionary, form), False)[where]
    return good
