"""Where a map looks: the region that holds most points, and a view of it with the right aspect."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELL = 1.0
"""Degrees; polling centres of one country are rarely further apart than two cells."""

_LARGEST = 560


def densest(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie in the connected patch of one-degree cells that holds most of them.

    Cells touch by side or corner. A point without coordinates, or with impossible ones, is in
    no patch.
    """
    valid = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    cells = np.stack([np.floor(lon[valid] / _CELL), np.floor(lat[valid] / _CELL)], axis=1)
    distinct, of_point, points = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    patch = _patches([(int(x), int(y)) for x, y in distinct])
    if not patch:
        return valid
    totals = np.bincount(patch, weights=points)
    inside = valid.copy()
    inside[valid] = np.asarray(patch)[of_point.reshape(-1)] == int(totals.argmax())
    return inside


def view(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> dict[str, Any]:
    """Domains and size in pixels such that a kilometre is as long north as east at mid-latitude."""
    west, east = _padded(lon)
    south, north = _padded(lat)
    across = (east - west) * math.cos(math.radians((south + north) / 2))
    up = north - south
    scale = _LARGEST / max(across, up)
    return {
        "lon": [west, east],
        "lat": [south, north],
        "width": max(160, round(across * scale)),
        "height": max(160, round(up * scale)),
    }


def _padded(values: NDArray[np.float64]) -> tuple[float, float]:
    if not len(values):
        return -1.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = max((high - low) * 0.04, 0.01)
    return round(low - pad, 3), round(high + pad, 3)


def _patches(cells: list[tuple[int, int]]) -> list[int]:
    """The number of the connected patch of each cell."""
    number = dict.fromkeys(cells, -1)
    patches = 0
    for start in cells:
        if number[start] >= 0:
            continue
        number[start] = patches
        waiting = [start]
        while waiting:
            x, y = waiting.pop()
            for near in ((x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                if number.get(near) == -1:
                    number[near] = patches
                    waiting.append(near)
        patches += 1
    return [number[cell] for cell in cells]
