"""Nodes stand in their layers without overlap, and edges cross little and pass no box."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veedor.errors import VeedorError
from veedor.stats.layered import Layout, layered


def _drawn(layers: list[int], edges: list[tuple[int, int]]) -> Layout:
    return layered(np.array(layers), np.array(edges, dtype=np.int64).reshape(-1, 2))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    layers = draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    node = st.integers(0, len(layers) - 1)
    return layers, draw(st.lists(st.tuples(node, node), max_size=20))


def test_a_graph_that_can_be_drawn_without_crossings_is() -> None:
    layout = _drawn([0, 0, 0, 1, 1, 1], [(0, 5), (1, 4), (2, 3)])
    assert layout.crossings == 0
    assert layout.y[:3].tolist() == [0, 1, 2]
    assert layout.y[3:].tolist() == [2, 1, 0]


def test_two_layers_that_must_cross_cross_once() -> None:
    """The complete graph of two and two nodes: one crossing is the fewest."""
    assert _drawn([0, 0, 1, 1], [(0, 2), (0, 3), (1, 2), (1, 3)]).crossings == 1


def test_small_graphs_have_the_fewest_crossings_that_any_order_has() -> None:
    edges = [(0, 5), (0, 6), (1, 4), (2, 7), (3, 4), (3, 5)]
    fewest = min(
        sum(
            (a[0] - b[0]) * (order.index(a[1]) - order.index(b[1])) < 0
            for a, b in itertools.combinations([(left.index(a), b) for a, b in edges], 2)
        )
        for left in itertools.permutations(range(4))
        for order in itertools.permutations(range(4, 8))
    )
    assert _drawn([0] * 4 + [1] * 4, edges).crossings == fewest


def test_a_long_edge_passes_its_layers_beside_the_boxes() -> None:
    layout = _drawn([0, 1, 2], [(0, 1), (1, 2), (0, 2)])
    long = layout.pieces[layout.edge == 2]
    assert len(long) == 3
    _, top, _, bottom = layout.boxes[1]
    assert not top < long[1, 1] < bottom
    assert long[1, 1] == long[1, 3]


def test_empty_layers_take_no_room_and_nodes_without_edges_stay() -> None:
    layout = _drawn([10, 30, 30], [])
    assert layout.x.tolist() == [0, 1, 1]
    assert layout.y.tolist() == [0.5, 0, 1]
    assert _drawn([], []).pieces.shape == (0, 4)


def test_edges_of_one_layer_go_from_right_to_right() -> None:
    layout = _drawn([0, 0], [(0, 1), (1, 1)])
    assert (layout.pieces[layout.last][:, 2] == 0.3).all()


def test_edges_of_one_layer_run_beside_one_another_short_ones_inside() -> None:
    layout = _drawn([0] * 5, [(0, 4), (1, 2), (3, 4), (4, 0)])
    at = [layout.pieces[layout.edge == i][1, 0] for i in range(4)]
    assert at[1] == at[2] < at[0] < at[3] < 0.7


def test_an_edge_to_nowhere_is_an_error() -> None:
    with pytest.raises(VeedorError, match="not there"):
        _drawn([0, 1], [(0, 2)])


@given(graphs())
def test_boxes_never_overlap_and_no_piece_enters_a_box(
    graph: tuple[list[int], list[tuple[int, int]]],
) -> None:
    layers, edges = graph
    layout = _drawn(layers, edges)
    for a, b in itertools.combinations(range(len(layers)), 2):
        apart = abs(layout.x[a] - layout.x[b]) >= 1 or abs(layout.y[a] - layout.y[b]) >= 1 - 1e-9
        assert apart
    for x, y, x2, y2 in layout.pieces:
        middle = np.linspace((x, y), (x2, y2), 11)[1:-1]
        for left, top, right, bottom in layout.boxes:
            inside = (middle > (left + 1e-9, top)) & (middle < (right - 1e-9, bottom))
            assert not inside.all(axis=1).any()


@given(graphs())
def test_edges_begin_and_end_at_their_boxes_and_hang_together(
    graph: tuple[list[int], list[tuple[int, int]]],
) -> None:
    layers, edges = graph
    layout = _drawn(layers, edges)
    for i, (a, b) in enumerate(edges):
        pieces = layout.pieces[layout.edge == i]
        assert (pieces[1:, :2] == pieces[:-1, 2:]).all()
        for node, (x, y) in ((a, pieces[0, :2]), (b, pieces[-1, 2:])):
            left, top, right, bottom = layout.boxes[node]
            assert x in (left, right)
            assert top < y < bottom
    assert layout.last.sum() == len(edges)
    again = _drawn(layers, edges)
    assert (again.pieces == layout.pieces).all()
