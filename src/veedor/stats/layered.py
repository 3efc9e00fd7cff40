"""Nodes in layers and the edges between them, laid out so that few lines cross.

The steps are those of Sugiyama, Tagawa and Toda (1981), IEEE Transactions on Systems, Man, and
Cybernetics 11(2), 109-125: an edge over several layers gets a place of its own in each layer that
it passes, and the layers are put in order by the means of their neighbours' places, to and fro.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError

SWEEPS = 12
HALF_WIDTH = 0.3
"""Half the width of a node's box; layers are 1 apart."""
HALF_HEIGHT = 0.36
"""Half its height; neighbours in a layer are 1 apart."""

_LANE = 0.4
"""Height of the place of an edge that passes a layer."""
_PORTS = 0.3
"""How far from the middle of a box's side edges may begin or end."""
_BULGE = 0.08
_APART = 0.05
_FARTHEST = 0.34
"""How far edges within a layer stand out from the boxes: the first track, each further one, and
the most, short of the boxes of the next layer.
"""

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where nodes and edges are drawn; `y` grows downwards.

    Attributes
    ----------
    x, y : float64 (n)
        Middle of each node's box: `x` is the rank of its layer, 0 first.
    boxes : float64 (n, 4)
        Left, top, right and bottom of each box.
    edge : int64 (p)
        The edge of each straight piece; an edge has one or more, from its start to its end.
    pieces : float64 (p, 4)
        x, y, x2, y2 of each piece.
    last : bool (p)
        The piece is the last one of its edge: the arrow's head is at its end.
    crossings : int
        Pairs of pieces between neighbouring layers that cross, places on a box's side apart.
    """

    x: _Floats
    y: _Floats
    boxes: _Floats
    edge: _Ints
    pieces: _Floats
    last: NDArray[np.bool_]
    crossings: int


def layered(layers: _Ints, edges: _Ints) -> Layout:
    """Place nodes by layer, left to right, and the edges between their boxes.

    Parameters
    ----------
    layers : int64 (n)
        The layer of each node; layers that hold no node take no room.
    edges : int64 (m, 2)
        From which node to which, by position in `layers`. An edge to the right leaves a box on
        its right side and arrives on a left side; one to the left does the reverse; one within a
        layer goes from right side to right side.

    Raises
    ------
    VeedorError
        Where an edge names no node.

    Source
    ------
    Sugiyama, Tagawa and Toda (1981): means of the neighbours' places (barycentres), in sweeps to
    and fro; the order with the fewest crossings is kept. Nodes keep their given order where
    nothing else decides, so that the same graph always looks the same. The fewest possible
    crossings are not always found: that problem is NP-hard.
    """
    layers = np.asarray(layers, dtype=np.int64).reshape(-1)
    edges = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    if edges.size and not (edges.min() >= 0 and edges.max() < len(layers)):
        raise VeedorError("an edge of the graph names a node that is not there")
    rank = np.unique(layers, return_inverse=True)[1].astype(np.int64)
    chains, where = _chains(rank, edges)
    links = [(a, b) for chain in chains for a, b in _steps(chain, where)]
    order, crossings = _ordered(where, links)
    height = np.where(np.arange(len(where)) < len(rank), 1.0, _LANE)
    y = _heights(order, height)
    routes = _routes(rank, y, edges, chains)
    edge = [i for i, route in enumerate(routes) for _ in route[1:]]
    pieces = [(*a, *b) for route in routes for a, b in pairwise(route)]
    ends = [k == len(route) - 2 for route in routes for k in range(len(route) - 1)]
    x, middle = rank.astype(np.float64), y[: len(rank)]
    sides = (x - HALF_WIDTH, middle - HALF_HEIGHT, x + HALF_WIDTH, middle + HALF_HEIGHT)
    return Layout(
        x=x,
        y=middle,
        boxes=np.stack(sides, axis=1),
        edge=np.array(edge, dtype=np.int64),
        pieces=np.array(pieces, dtype=np.float64).reshape(-1, 4),
        last=np.array(ends, dtype=bool),
        crossings=crossings,
    )


def _chains(rank: _Ints, edges: _Ints) -> tuple[list[list[int]], _Ints]:
    """Each edge as its places from start to end, and the layer of every place, nodes first."""
    where = rank.tolist()
    chains = []
    for a, b in edges.tolist():
        step = 1 if rank[b] > rank[a] else -1
        passed = range(int(rank[a]) + step, int(rank[b]), step) if rank[a] != rank[b] else ()
        chains.append([a, *range(len(where), len(where) + len(passed)), b])
        where.extend(passed)
    return chains, np.array(where, dtype=np.int64)


def _steps(chain: list[int], where: _Ints) -> list[tuple[int, int]]:
    """The chain's links between neighbouring layers, each from left to right."""
    pairs = pairwise(chain)
    return [(a, b) if where[a] < where[b] else (b, a) for a, b in pairs if where[a] != where[b]]


def _ordered(where: _Ints, links: list[tuple[int, int]]) -> tuple[list[list[int]], int]:
    """The places of each layer from top to bottom, and how many links cross."""
    depth = int(where.max(initial=-1)) + 1
    order = [np.flatnonzero(where == layer).tolist() for layer in range(depth)]
    left: dict[int, list[int]] = {}
    right: dict[int, list[int]] = {}
    for a, b in links:
        left.setdefault(b, []).append(a)
        right.setdefault(a, []).append(b)
    best, fewest = [list(layer) for layer in order], _crossings(order, right)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        beside = left if forward else right
        for layer in range(1, depth) if forward else range(depth - 2, -1, -1):
            other = order[layer - 1] if forward else order[layer + 1]
            order[layer] = _by_barycentre(order[layer], other, beside)
        found = _crossings(order, right)
        if found < fewest:
            best, fewest = [list(layer) for layer in order], found
    return best, fewest


def _by_barycentre(layer: list[int], other: list[int], beside: dict[int, list[int]]) -> list[int]:
    """`layer` by the mean place of its neighbours in `other`; one without any keeps its place."""
    at = {node: (i + 0.5) / len(other) for i, node in enumerate(other)}
    own = {node: (i + 0.5) / len(layer) for i, node in enumerate(layer)}

    def mean(node: int) -> float:
        near = beside.get(node)
        return float(np.mean([at[n] for n in near])) if near else own[node]

    return sorted(layer, key=mean)


def _crossings(order: list[list[int]], right: dict[int, list[int]]) -> int:
    """Pairs of links between neighbouring layers that cross."""
    count = 0
    for layer, after in pairwise(order):
        at = {node: i for i, node in enumerate(after)}
        seen: list[int] = []
        for node in layer:
            ends = sorted(at[n] for n in right.get(node, ()))
            count += sum(one > end for end in ends for one in seen)
            seen += ends
    return count


def _heights(order: list[list[int]], height: _Floats) -> _Floats:
    """The middle of each place: a layer's places one below the other, layers centred."""
    y = np.zeros(len(height))
    tallest = max((height[layer].sum() for layer in order), default=0.0)
    for layer in order:
        tops = np.cumsum(height[layer]) - height[layer] / 2
        y[layer] = tops + (tallest - height[layer].sum()) / 2 - 0.5
    return y


_Point = tuple[float, float]


def _routes(rank: _Ints, y: _Floats, edges: _Ints, chains: list[list[int]]) -> list[list[_Point]]:
    """The corners of each edge, from its port on one box to its port on another."""
    ports = _ports(rank, y, edges, chains)
    routes = []
    out = _tracks(rank, y, edges)
    for i, chain in enumerate(chains):
        a, b = edges[i].tolist()
        step = int(np.sign(rank[b] - rank[a]))
        leave = rank[a] + (step or 1) * HALF_WIDTH, y[a] + ports[i, 0]
        arrive = rank[b] - (step or -1) * HALF_WIDTH, y[b] + ports[i, 1]
        if step == 0:
            between = [(out[i], leave[1]), (out[i], arrive[1])]
        else:
            passed = [(rank[a] + step * k, y[p]) for k, p in enumerate(chain[1:-1], 1)]
            between = [(x + s * step * HALF_WIDTH, at) for x, at in passed for s in (-1, 1)]
        routes.append([(float(px), float(py)) for px, py in (leave, *between, arrive)])
    return routes


def _tracks(rank: _Ints, y: _Floats, edges: _Ints) -> dict[int, float]:
    """The x at which each edge within a layer runs: short ones near the boxes, none on another."""
    inner = [i for i, (a, b) in enumerate(edges.tolist()) if rank[a] == rank[b]]
    spans = {i: (float(y[edges[i]].min()), float(y[edges[i]].max())) for i in inner}
    taken: dict[int, list[list[tuple[float, float]]]] = {}
    track = {}
    for i in sorted(inner, key=lambda i: (spans[i][1] - spans[i][0], i)):
        low, high = spans[i]
        tracks = taken.setdefault(int(rank[edges[i, 0]]), [])
        free = (
            k
            for k, on in enumerate(tracks)
            if all(low > last or first > high for first, last in on)
        )
        track[i] = next(free, len(tracks))
        tracks += [[] for _ in range(track[i] + 1 - len(tracks))]
        tracks[track[i]].append(spans[i])
    out = {}
    for i in inner:
        layer = int(rank[edges[i, 0]])
        apart = min(_APART, (_FARTHEST - _BULGE) / max(len(taken[layer]) - 1, 1))
        out[i] = layer + HALF_WIDTH + _BULGE + apart * track[i]
    return out


def _ports(rank: _Ints, y: _Floats, edges: _Ints, chains: list[list[int]]) -> _Floats:
    """How far from the middle of its box's side each edge begins and ends, (m, 2).

    The edges of one side stand in the order in which they go on, so that they do not cross there.
    """
    ends: dict[tuple[int, bool], list[tuple[float, int, int]]] = {}
    for i, chain in enumerate(chains):
        a, b = edges[i].tolist()
        ends.setdefault((a, bool(rank[b] >= rank[a])), []).append((float(y[chain[1]]), i, 0))
        ends.setdefault((b, bool(rank[a] >= rank[b])), []).append((float(y[chain[-2]]), i, 1))
    offsets = np.zeros((len(chains), 2))
    for found in ends.values():
        reach = min(_PORTS, 0.1 * (len(found) - 1))
        places = np.linspace(-reach, reach, len(found)) if len(found) > 1 else [0.0]
        for place, (_, i, end) in zip(places, sorted(found), strict=True):
            offsets[i, end] = place
    return offsets
