"""Texts above a picture of time, in as many rows as it takes for none to cover another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

WIDTH = 580
_ROW = 15
_LETTER = 6.4
"""Pixels of an average letter of the texts' size."""
_GAP = 10.0
_LONGEST = 60

_MARGIN = 20
"""Pixels by which a text may stand out beyond the axis."""
_LANE = 36

_Rows = Mapping[str, list[Any]]
_Span = tuple[float, float]


def staggered(columns: _Rows) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The columns with the place of each event's text, and the view, its size.

    `lift` is the height in pixels above the picture of a text that belongs to no lane, `before`
    whether a text stands to the left of its instant, `text` what is written, shortened where it is
    very long.
    """
    events = columns.get("event") or [None] * len(columns["x"])
    texts = [_short(str(event)) if event else "" for event in events]
    at = _pixels(columns)
    spans = {i: (x, x + _LETTER * len(texts[i]) + _GAP) for i, x in at.items() if texts[i]}
    above = {i: span for i, span in spans.items() if not columns["lane"][i]}
    before = _turned(above)
    before |= {i for i in spans.keys() - above.keys() if spans[i][1] > WIDTH + _MARGIN}
    rows = _placed({i: _span(above[i], i in before) for i in above}, before)
    made: dict[str, list[Any]] = {
        "text": texts,
        "lift": [-8 - _ROW * rows[i] if i in rows else None for i in range(len(texts))],
        "before": [i in before for i in range(len(texts))],
    }
    lanes = {lane for lane in columns["lane"] if lane}
    return {**columns, **made}, {"width": WIDTH, "height": max(_LANE * len(lanes), _LANE)}


def _pixels(columns: _Rows) -> dict[int, float]:
    """Where the instants lie on the axis, from its left end, by row."""
    known = [_instant(v) for name in ("x", "until") for v in columns.get(name, ()) if v]
    low, high = min(known, default=0.0), max(known, default=1.0)
    span = (high - low) or 1.0
    return {i: WIDTH * (_instant(v) - low) / span for i, v in enumerate(columns["x"]) if v}


def _instant(value: Any) -> float:
    return float(np.datetime64(str(value).removesuffix("Z"), "us").astype(np.int64))


def _turned(spans: Mapping[int, _Span]) -> set[int]:
    """The texts that stand left of their instant: at the right end there is no room for them, or
    the instant of one so turned would lie in them.
    """
    turned: set[int] = set()
    for i in sorted(spans, key=lambda i: -spans[i][0]):
        start, end = spans[i]
        if end > WIDTH + _MARGIN or any(start < spans[other][0] < end for other in turned):
            turned.add(i)
    return turned


def _span(span: _Span, before: bool) -> _Span:
    start, end = span
    return (2 * start - end, start) if before else span


def _placed(spans: Mapping[int, _Span], before: set[int]) -> dict[int, int]:
    """The row of each text, lowest first, so that no text covers another or another's line.

    Lines run from the picture up to their texts, so a text stands above those of all lines that
    it would cover. Those lie to the right of a text that follows its line, to the left of others.
    """
    line = {i: span[1] if i in before else span[0] for i, span in spans.items()}
    following = sorted((i for i in spans if i not in before), key=lambda i: (-line[i], -i))
    rows: dict[int, int] = {}
    for i in [*following, *sorted(before & spans.keys(), key=lambda i: (line[i], i))]:
        covered = [rows[j] for j in rows if spans[i][0] < line[j] < spans[i][1]]
        row = max(covered, default=-1) + 1
        while any(rows[j] == row and not _apart(spans[i], spans[j]) for j in rows):
            row += 1
        rows[i] = row
    return rows


def _apart(one: _Span, other: _Span) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def gathered(columns: _Rows) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The columns of a ledger with `none`: on each label's first row, its steps without a time."""
    lacking: dict[Any, list[str]] = {}
    for label, x, step in zip(columns["label"], columns["x"], columns["step"], strict=True):
        if x is None:
            lacking.setdefault(label, []).append(str(step))
    first: set[Any] = set()
    written = []
    for label in columns["label"]:
        written.append("" if label in first else ", ".join(lacking.get(label, ())))
        first.add(label)
    return {**columns, "none": written}, {"any": any(written)}
