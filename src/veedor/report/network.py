"""The picture of who connects to whom: its size, its arrows' heads, and labels that fit a box."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

_WIDTH = 660.0
_WIDEST_UNIT = 190.0
"""Pixels between two layers, at most: lines longer than that are no easier to follow."""
_ROW = 44.0
"""Pixels between two nodes of a layer: a box of two lines of text and a gap."""
_PAD = 0.06
_LETTER = 5.9
"""Pixels of an average letter of the labels' size."""
_HEAD = 5.0
"""Pixels from an arrow's tip to the middle of its head."""
LINE = 12
"""Pixels from one line of a label to the next."""
_ON_TOP = "observed, not declared"
_MADE = ("text", "mx", "my", "end_x", "end_y", "angle")

_Rows = Mapping[str, list[Any]]


def drawn(columns: _Rows) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The columns with what is measured in pixels, and the view: a panel's size and ranges.

    `text` is the label as it fits its box, with its middle `mx`, `my`; a line ends at `end_x`,
    `end_y`, where an arrow's head turned by `angle` begins; `width` is the weight, 0 where none.
    """
    x = _range(columns["x"], columns["x2"])
    y = _range(columns["y"], columns["y2"])
    unit = min(_WIDEST_UNIT, _WIDTH / (x[1] - x[0]))
    size = {
        "width": round(unit * (x[1] - x[0])),
        "height": round(_ROW * (y[1] - y[0])),
        "x": x,
        "y": [y[1], y[0]],
    }
    columns = _undeclared_last(columns)
    names = ("kind", "x", "y", "x2", "y2", "label")
    rows = list(zip(*(columns[name] for name in names), strict=True))
    made = [_row(kind, corners, label, unit) for kind, *corners, label in rows]
    more = {name: [row.get(name) for row in made] for name in _MADE}
    if "weight" in columns:
        more["width"] = [weight or 0 for weight in columns["weight"]]
    return {**columns, **more}, size


def _undeclared_last(columns: _Rows) -> dict[str, list[Any]]:
    """Rows in the order in which they are drawn: what no plan declares lies on top."""
    order = sorted(range(len(columns["state"])), key=lambda i: columns["state"][i] == _ON_TOP)
    return {name: [values[i] for i in order] for name, values in columns.items()}


def _row(kind: str, corners: list[Any], label: Any, unit: float) -> dict[str, Any]:
    if kind == "layer" or None in corners:
        return {}
    x, y, x2, y2 = map(float, corners)
    if kind == "part":
        return {"end_x": x2, "end_y": y2}
    if kind == "edge":
        end_x, end_y, angle = _head(x, y, x2, y2, unit)
        return {"end_x": end_x, "end_y": end_y, "angle": angle}
    text = _fitted(label, (x2 - x) * unit)
    # The middle of a text of several lines is that of its first one.
    raised = text.count("\n") * LINE / 2 / _ROW
    return {"text": text, "mx": round((x + x2) / 2, 4), "my": round((y + y2) / 2 - raised, 4)}


def _range(*columns: list[Any]) -> list[float]:
    known = [float(value) for column in columns for value in column if value is not None]
    return [min(known, default=0.0) - _PAD, max(known, default=1.0) + _PAD]


def _head(x: float, y: float, x2: float, y2: float, unit: float) -> tuple[float, float, float]:
    """The middle of the arrow's head, and its angle from upright, clockwise, in degrees."""
    across, down = (x2 - x) * unit, (y2 - y) * _ROW
    length = math.hypot(across, down) or 1.0
    back_x, back_y = _HEAD * across / length / unit, _HEAD * down / length / _ROW
    angle = math.degrees(math.atan2(across, -down))
    return round(x2 - back_x, 4), round(y2 - back_y, 4), round(angle, 1)


def _fitted(label: Any, width: float) -> str:
    """The label in at most two lines of a box; what does not fit ends in an ellipsis."""
    letters = max(int((width - 8) / _LETTER), 4)
    lines = textwrap.wrap(str(label or ""), letters, break_on_hyphens=True)
    if len(lines) > 2:
        lines = [lines[0], lines[1][: letters - 1].rstrip() + "…"]
    return "\n".join(lines)
