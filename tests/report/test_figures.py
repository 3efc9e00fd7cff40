"""Figures are drawn from data and a template, the same bytes each time, or refused clearly."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from veedor.audit.findings import Figure
from veedor.errors import VeedorError
from veedor.report import geography, network, svg, timebands
from veedor.report.figures import MOST_ROWS, charts, specify, write

from .sample import LINKS, ledger, pictures, topology


def _bars(identifier: str = "one", **columns: object) -> Figure:
    rows = {"label": np.array(["a", "b"], dtype=object), "value": np.array([1, 2]), **columns}
    return Figure(identifier, "bars", rows, "Two bars.", {"title": "Bars"})


def test_every_kind_of_chart_is_drawn_and_says_what_it_takes() -> None:
    assert {figure.chart for figure in pictures()} == set(charts())
    for about in charts().values():
        assert about["about"]
        assert about["required"]


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    names = write(pictures(), tmp_path / "a")
    assert names == write(pictures(), tmp_path / "b")
    for name in names:
        for path in (name, name.replace(".svg", ".vl.json")):
            assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_specs_carry_their_data_and_fetch_nothing(tmp_path: Path) -> None:
    for name in write(pictures(), tmp_path):
        spec = json.loads((tmp_path / name).with_suffix(".vl.json").read_text("utf-8"))
        assert spec["data"]["values"]
        assert '"url"' not in json.dumps(spec)
        assert "$needs" not in json.dumps(spec)
        assert ElementTree.parse(tmp_path / name).getroot().tag.endswith("svg")


def test_a_missing_column_is_named_with_what_it_is_for() -> None:
    with pytest.raises(VeedorError, match="the column value is missing") as error:
        specify(Figure("one", "bars", {"label": np.array(["a"], dtype=object)}, "alt"))
    assert "the length of the bar" in str(error.value)


def test_an_unknown_chart_names_the_known_ones() -> None:
    with pytest.raises(VeedorError, match="no chart 'pie'") as error:
        specify(Figure("one", "pie", {}, "alt"))
    assert "histogram" in str(error.value)


def test_too_many_rows_are_refused() -> None:
    many = np.zeros(MOST_ROWS + 1)
    with pytest.raises(VeedorError, match="20,001 rows are too many"):
        specify(Figure("one", "scatter", {"x": many, "y": many}, "alt"))


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(VeedorError, match="different lengths"):
        specify(_bars(value=np.array([1, 2, 3])))


def test_two_figures_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VeedorError, match="same name"):
        write([_bars("a b"), _bars("a/b")], tmp_path)


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    (name,) = write([_bars("../../etc/passwd")], tmp_path)
    assert (tmp_path / name).resolve().is_relative_to(tmp_path / "figures")


def test_missing_numbers_are_null_and_an_empty_figure_is_drawn(tmp_path: Path) -> None:
    spec = specify(_bars(value=np.array([np.nan, 1.0])))
    assert spec["data"]["values"][0]["value"] is None
    empty = {"label": np.array([], dtype=object), "value": np.array([])}
    assert write([Figure("none", "bars", empty, "Nothing.")], tmp_path) == ["figures/none.svg"]
    nowhere = {"lon": np.array([np.nan]), "lat": np.array([np.nan])}
    assert write([Figure("map", "map", nowhere, "Nothing.")], tmp_path) == ["figures/map.svg"]


def test_options_keep_their_own_colours_and_a_false_colour_is_not_used() -> None:
    series = np.array(["MAS", "CC"], dtype=object)
    hexes = np.array(["#1f4ea1", "url(javascript:alert(1))"], dtype=object)
    text = json.dumps(specify(_bars(series=series, hex=hexes))["layer"])
    assert '"range": ["#1f4ea1", "#d98a1f"]' in text
    assert "javascript" not in text


def test_times_show_the_clock_on_the_wall() -> None:
    x = np.array(["2019-10-20T19:40:57-04:00", "2019-10-20T20:00:00-04:00"], dtype=object)
    spec = specify(Figure("t", "lines", {"x": x, "y": np.array([1, 2])}, "alt"))
    assert spec["data"]["values"][0]["x"] == "2019-10-20T19:40:57Z"
    assert spec["encoding"]["x"]["scale"] == {"type": "utc"}


def _objects(*values: object) -> np.ndarray:
    return np.array(values, dtype=object)


def _connection(x2: float, y2: float, state: str = "declared and used") -> Figure:
    """One arrow from (0, 0), and a node with a long name."""
    rows = {
        "kind": _objects("edge", "node"),
        "panel": _objects("before", "before"),
        "x": np.array([0.0, 1.0]),
        "y": np.array([0.0, 0.0]),
        "x2": np.array([x2, 1.6]),
        "y2": np.array([y2, 0.7]),
        "label": _objects("a to b", "the capture centre of the northern province, second floor"),
        "state": _objects(state, "declared, not used"),
        "weight": np.array([np.nan, np.nan]),
    }
    return Figure("t", "topology", rows, "alt")


@pytest.mark.parametrize(("x2", "y2", "angle"), [(1, 0, 90), (-1, 0, -90), (0, 1, 180), (0, -1, 0)])
def test_an_arrows_head_points_where_its_line_goes(x2: float, y2: float, angle: float) -> None:
    edge = specify(_connection(x2, y2))["data"]["values"][0]
    assert edge["angle"] == angle
    assert abs(edge["end_x"]) <= abs(x2)
    assert edge["width"] == 0


def test_a_name_fits_its_box_in_two_lines() -> None:
    text = specify(_connection(1, 0))["data"]["values"][1]["text"]
    assert text.count("\n") == 1
    assert text.endswith("…")
    assert max(map(len, text.split("\n"))) * 5.9 <= 0.6 * 190


def test_a_connection_is_told_apart_by_line_and_by_colour() -> None:
    spec = specify(topology())
    lines = spec["spec"]["layer"][0]["encoding"]
    for channel in ("color", "strokeDash"):
        ranges = [json.dumps(one) for one in lines[channel]["scale"]["range"]]
        assert len(set(ranges)) == len(lines[channel]["scale"]["domain"]) == 3
    assert spec["facet"]["sort"] == ["Before the stop", "During the stop", "After the return"]
    heads = [row for row in spec["data"]["values"] if row["panel"].startswith("After")]
    assert sum(row["kind"] == "edge" for row in heads) == len(LINKS)


def test_a_value_outside_a_fixed_list_names_those_in_it() -> None:
    with pytest.raises(VeedorError, match="state has 'unknown'") as error:
        specify(_connection(1, 0, "unknown"))
    assert "observed, not declared" in str(error.value)


def _lanes(**columns: object) -> dict[str, object]:
    figure = {
        "lane": _objects("db", None, None),
        "x": _objects(*(f"2019-10-20T{h}:00:00-04:00" for h in (18, 19, 20))),
        "until": _objects("2019-10-20T21:00:00-04:00", "2019-10-20T20:00:00-04:00", None),
        "state": _objects("recorded", "", ""),
        "event": _objects("", "a stop", "a return"),
    }
    return specify(Figure("l", "lanes", figure | columns, "alt"))


def test_lanes_show_the_clock_on_the_wall_at_both_ends() -> None:
    row = _lanes()["data"]["values"][0]
    assert (row["x"], row["until"]) == ("2019-10-20T18:00:00Z", "2019-10-20T21:00:00Z")


def test_the_legend_of_lanes_says_what_a_blank_stretch_is() -> None:
    bars = _lanes()["layer"][1]["encoding"]
    for channel in ("fill", "stroke", "strokeDash"):
        scale = bars[channel]["scale"]
        assert scale["domain"][-1] == "no line on record"
        assert len(scale["range"]) == len(scale["domain"])


def test_a_picture_of_lanes_grows_with_its_lanes() -> None:
    assert _lanes()["height"] == 36
    assert _lanes(lane=_objects("a", "b", None))["height"] == 72
    assert specify(ledger(60))["height"] == {"step": 17}


@pytest.mark.parametrize("seed", range(6))
def test_no_text_above_the_lanes_covers_another_or_its_line(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, timebands.WIDTH, 9)
    spans = {i: (x, x + rng.uniform(20, 300)) for i, x in enumerate(starts)}
    before = timebands._turned(spans)
    shown = {i: timebands._span(spans[i], i in before) for i in spans}
    rows = timebands._placed(shown, before)
    for i in spans:
        for j in set(spans) - {i}:
            if rows[i] == rows[j]:
                assert shown[i][1] <= shown[j][0] or shown[j][1] <= shown[i][0]
            if rows[j] > rows[i]:
                assert not shown[i][0] < starts[j] < shown[i][1]


def test_steps_without_a_record_stand_beside_their_row() -> None:
    spec = specify(ledger(12))
    said = {row["label"]: row["none"] for row in spec["data"]["values"] if row["none"]}
    assert said["bundle 107"] == "sealed"
    assert set(said.values()) <= {"sealed", "handed over", "received", "opened", "archived"}


def test_a_graph_of_one_point_has_a_size() -> None:
    nothing = np.array([], dtype=object)
    names = ("kind", "panel", "x", "y", "x2", "y2", "label", "state")
    _, view = network.drawn({name: nothing.tolist() for name in names})
    assert view["width"] > 0
    assert view["height"] > 0


def test_a_map_shows_the_region_of_most_points_and_counts_the_rest() -> None:
    lon = np.array([-65.0, -65.5, -66.0, -3.7, np.nan])
    lat = np.array([-17.0, -17.2, -17.5, 40.4, 0.0])
    assert geography.densest(lon, lat).tolist() == [True, True, True, False, False]
    spec = specify(Figure("m", "map", {"lon": lon, "lat": lat}, "alt", {"title": "Map"}))
    assert len(spec["data"]["values"]) == 3
    assert spec["title"]["subtitle"] == "2 of 5 points lie outside this view"


def test_a_degree_east_is_shorter_away_from_the_equator() -> None:
    view = geography.view(np.array([0.0, 10.0]), np.array([55.0, 65.0]))
    assert view["width"] / view["height"] == pytest.approx(0.5, abs=0.01)  # cos 60 degrees


def test_numbers_in_a_figures_text_are_left_alone() -> None:
    drawn = '<svg width="10"><path d="M1.23456,2L3,4.98765"/><text>p = 0.00051</text></svg>'
    assert svg.compact(drawn) == (
        '<svg width="10"><path d="M1.23,2L3,4.99"/><text>p = 0.00051</text></svg>'
    )


def test_only_drawing_survives_from_a_tampered_figure() -> None:
    tampered = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)" width="9"><script>x()</script>'
        '<a href="javascript:x()"><text>in a link</text></a><foreignObject><b>y</b></foreignObject>'
        '<rect id="r" fill="url(//evil.example/x)" style="x" onclick="z()" width="3"/></svg>'
    )
    kept = svg.inline(tampered, "p-", "here")
    assert kept == (
        '<svg width="9" aria-hidden="true" focusable="false"><rect id="p-r" width="3" /></svg>'
    )


@pytest.mark.parametrize("text", ["not xml", "<html/>", '<!DOCTYPE x [<!ENTITY a "b">]><svg/>'])
def test_what_is_not_a_figure_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(VeedorError, match=r"figures/x\.svg"):
        svg.inline(text, "p-", "figures/x.svg")
