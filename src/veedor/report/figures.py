"""Figures: the data of a `Figure` put into its chart template, as a Vega-Lite spec and as SVG.

A template is `charts/KIND.vl.json`: Vega-Lite with a few marks that `_Filling` resolves.
`$data` is the rows; `$label:NAME` a label; `$type`, `$scale`, `$extent` and `$order:COLUMN` are
read off the data; `$view:NAME` is measured on them, such as a map's view. An object with `$needs`
stays only where the data have that column; `$first` is the first of its objects that stays. The
template's `usermeta` names the columns that it takes, and the values where they are fixed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import vl_convert

from veedor.audit.findings import Figure
from veedor.errors import VeedorError
from veedor.report import geography, network, svg, timebands
from veedor.report.plain import clean, stem
from veedor.report.wording import load

VEGA_LITE = "6.4"
MOST_ROWS = 20_000
"""More marks than this are neither legible nor quick to load: bin them first."""

_CHARTS = resources.files("veedor.report") / "charts"
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_GONE = object()
_TIMES = frozenset({"lines", "lanes", "ledger"})
"""Charts whose columns `x` and `until` are instants."""
_UNTITLED = frozenset("x y series size value count panel state step weight".split())  # noqa: SIM905
"""Labels of axes and legends: without one there is no title, rather than the column's name."""


def write(figures: Sequence[Figure], directory: Path) -> list[str]:
    """Write each figure under `directory/figures` and return the SVGs' paths from `directory`.

    Raises
    ------
    VeedorError
        Where the chart is unknown, a column is missing, the columns' lengths differ, there are
        more than `MOST_ROWS` rows, or two figures have one name.
    """
    folder = directory / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    for figure in figures:
        name = f"figures/{stem(figure.id)}.svg"
        if name in written:
            raise VeedorError(
                "two figures of one finding have the same name",
                place=f"figure {figure.id}",
                remedy="Give each figure an id of its own.",
            )
        text = json.dumps(
            specify(figure), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        drawn = vl_convert.vegalite_to_svg(text, vl_version=VEGA_LITE, allowed_base_urls=[])
        (directory / name).with_suffix(".vl.json").write_text(text + "\n", "utf-8")
        (directory / name).write_text(svg.compact(drawn) + "\n", "utf-8")
        written.append(name)
    return written


def specify(figure: Figure) -> dict[str, Any]:
    """The complete Vega-Lite spec of a figure, data inline."""
    template = _template(figure)
    columns = _columns(figure, template["usermeta"]["veedor"])
    labels = {key: clean(text) for key, text in figure.labels.items()}
    if figure.chart in _TIMES:
        columns = _wall_clock(columns)
    columns, view = _measured(figure.chart, columns, labels)
    spec = _Filling(columns, labels, view).of(template)
    spec["config"] = _read("config.json")
    spec["usermeta"]["veedor"]["chart"] = figure.chart
    spec["description"] = clean(figure.alt)
    return dict(spec)


def _measured(
    chart: str, columns: dict[str, list[Any]], labels: dict[str, str]
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What a chart needs beside its columns: more columns, and the values of `$view`."""
    if chart == "map":
        return _clipped(columns, labels)
    if chart == "topology":
        return network.drawn(columns)
    if chart == "lanes":
        return timebands.staggered(columns)
    if chart == "ledger":
        return timebands.gathered(columns)
    return columns, {}


def charts() -> dict[str, dict[str, Any]]:
    """What each chart is about and which columns and labels it takes, by kind."""
    kinds = sorted(
        entry.name.removesuffix(".vl.json")
        for entry in _CHARTS.iterdir()
        if entry.name.endswith(".vl.json")
    )
    return {kind: _read(f"{kind}.vl.json")["usermeta"]["veedor"] for kind in kinds}


@cache
def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_CHARTS / name).read_text("utf-8"))
    return found


def _template(figure: Figure) -> dict[str, Any]:
    if figure.chart not in charts():
        raise VeedorError(
            f"there is no chart {figure.chart!r}",
            place=f"figure {figure.id}",
            remedy=f"Use one of: {', '.join(charts())}.",
        )
    return _read(f"{figure.chart}.vl.json")


def _columns(figure: Figure, takes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The figure's columns as JSON values, checked against what its chart takes."""
    place = f"figure {figure.id}, chart {figure.chart}"
    missing = [name for name in takes["required"] if name not in figure.rows]
    if missing:
        wanted = "; ".join(f"{name}: {about}" for name, about in takes["required"].items())
        raise VeedorError(
            f"the column {', '.join(missing)} is missing", place=place, remedy=f"Give {wanted}."
        )
    lengths = {len(column) for column in figure.rows.values()}
    if len(lengths) > 1:
        raise VeedorError("the columns have different lengths", place=place)
    if max(lengths) > MOST_ROWS:
        raise VeedorError(
            f"{max(lengths):,} rows are too many to draw; at most {MOST_ROWS:,}",
            place=place,
            remedy="Bin or thin the rows before making the figure.",
        )
    columns = {name: _values(column) for name, column in figure.rows.items()}
    for name, known in takes.get("values", {}).items():
        other = {value for value in columns.get(name, ()) if value and value not in known}
        if other:
            raise VeedorError(
                f"the column {name} has {', '.join(sorted(map(repr, other)))}",
                place=place,
                remedy=f"Give one of: {', '.join(known)}.",
            )
    return columns


def _values(column: Any) -> list[Any]:
    """A column as JSON values: NaN and NaT as null, instants as ISO text, strings cleaned."""
    array = np.ma.filled(column.astype(object), None) if np.ma.isMA(column) else np.asarray(column)
    if array.dtype.kind == "M":
        texts = np.datetime_as_string(array.astype("datetime64[ms]"))
        return [None if text == "NaT" else str(text) for text in texts]
    return [_value(item) for item in array.tolist()]


def _value(item: Any) -> Any:
    if item is None or isinstance(item, bool | int):
        return item
    if isinstance(item, float):
        return item if np.isfinite(item) else None
    return clean(str(item))


def _wall_clock(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Instants as the clock on the wall showed them, so that the axis does not depend on the
    reader's zone: the offset is cut off and the axis is read as UTC.
    """
    if not any(isinstance(value, str) for value in columns.get("x", ())):
        return columns
    instants = dict(columns)
    for name in {"x", "until"} & set(columns):
        walls = [None if x is None else _OFFSET.sub("", str(x)) for x in columns[name]]
        instants[name] = [None if wall is None else f"{wall}Z" for wall in walls]
    return instants


def _clipped(
    columns: dict[str, list[Any]], labels: dict[str, str]
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The points of the region that holds most of them, and its view; says how many lie outside."""
    lon = np.array(columns["lon"], dtype=float)
    lat = np.array(columns["lat"], dtype=float)
    kept = geography.densest(lon, lat)
    outside = int(len(kept) - kept.sum())
    if outside and "outside" not in labels:
        labels["outside"] = load().text(
            "figures.outside", n=outside, shown=int(kept.sum()), total=len(kept)
        )
    inside = [i for i, keep in enumerate(kept.tolist()) if keep]
    columns = {name: [values[i] for i in inside] for name, values in columns.items()}
    return columns, geography.view(lon[kept], lat[kept])


class _Filling:
    """A template with the marks resolved."""

    def __init__(
        self, columns: Mapping[str, list[Any]], labels: Mapping[str, str], view: Mapping[str, Any]
    ) -> None:
        self._columns = columns
        self._labels = labels
        self._view = view

    def of(self, node: Any) -> Any:
        """`node` resolved, or `_GONE` where it does not stay."""
        if isinstance(node, dict):
            return self._object(node)
        if isinstance(node, list):
            return [item for item in map(self.of, node) if item is not _GONE]
        if isinstance(node, str) and node.startswith("$"):
            return self._mark(node)
        return node

    def _object(self, node: dict[str, Any]) -> Any:
        if "$first" in node:
            staying = self.of(node["$first"])
            return staying[0] if staying else _GONE
        if "$width" in node:
            return node["several" if node["$width"] in self._columns else "one"]
        if node.get("$needs") not in (None, *self._columns):
            return _GONE
        filled = ((key, self.of(value)) for key, value in node.items() if key != "$needs")
        kept = {key: value for key, value in filled if value is not _GONE}
        return kept if kept or not node else _GONE

    def _mark(self, node: str) -> Any:
        kind, _, name = node.partition(":")
        if kind == "$data":
            names = list(self._columns)
            rows = zip(*self._columns.values(), strict=True)
            return {"values": [dict(zip(names, row, strict=True)) for row in rows]}
        if kind == "$label":
            return self._labels.get(name) or (None if name in _UNTITLED else _GONE)
        if kind == "$view":
            return self._view[name]
        if kind == "$type":
            return "temporal" if self._is_time(name) else "quantitative"
        if kind == "$scale":
            return self._scale(name)
        if kind == "$order":
            return [v for v in dict.fromkeys(self._columns[name]) if v not in (None, "")]
        if kind == "$extent":
            return self._extent(name)
        return node

    def _extent(self, name: str) -> Any:
        known = [value for value in self._columns[name] if value is not None]
        return [min(known), max(known)] if known else _GONE

    def _is_time(self, name: str) -> bool:
        return any(isinstance(value, str) for value in self._columns[name])

    def _scale(self, name: str) -> Any:
        if name == "x":
            return {"type": "utc"} if self._is_time(name) else {"zero": False, "nice": False}
        values = self._columns.get(name, [])
        if name == "value":
            known = [abs(value) for value in values if value is not None]
            most = max(known, default=1) or 1
            if any(value is not None and value < 0 for value in values):
                return {"scheme": "purpleorange", "domain": [-most, most]}
            return {"scheme": "viridis"}
        return self._colours(values)

    def _colours(self, values: list[Any]) -> Any:
        """The series in the order of their first row, in their own colours where given."""
        colours = self._columns.get("hex")
        domain = list(dict.fromkeys(values))
        if colours is None:
            return {"domain": domain}
        own = dict(zip(values, colours, strict=True))
        palette = _read("config.json")["range"]["category"]
        chosen = [
            own[name]
            if isinstance(own[name], str) and _HEX.fullmatch(own[name])
            else palette[i % len(palette)]
            for i, name in enumerate(domain)
        ]
        return {"domain": domain, "range": chosen}
