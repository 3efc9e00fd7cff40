"""Finding a form without marks: what is printed on it, compared with a picture of it empty.

The page is taken to fill the picture, or the bright quadrilateral in it, in one of the directions
in which its shape allows; then pieces of print are found near where they should be, and the plane
that most of them agree on is kept. Where that fails, distinct points of the print are matched
(SIFT, Lowe 2004) with the same prior of place, and the plane fitted by MAGSAC (Barath and others
2019).
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.images.blank import COARSE, Blank, softened
from veedor.images.template import Page

__all__ = ["by_blocks", "by_points", "outlines"]

BLOCK = 28.0
"""Millimetres of the side of a piece of print."""
STEP = 20.0
"""Millimetres from one piece to the next."""
WIDE = 12.0
"""Millimetres that a page may lie off, anywhere on it."""
NARROW = 2.5
"""The same once most pieces agree."""
PEAKS = 3
"""Places that are kept of each piece: rows of a table look alike."""
AGREE = 2.5
"""Millimetres within which pieces agree on a plane, before it is bent by perspective."""
LEAST_PRINT = 0.02
"""Standard deviation of a piece's darkness below which it shows too little."""
ONE_WAY = 0.1
"""Least ratio of a piece's change in its two directions."""
LEAST_STEP = 40
"""Levels of grey between a page and what it lies on."""
LEVEL_STEP = 12
"""Levels of grey from one threshold to the next."""
MOST_QUADS = 2
"""Quadrilaterals that are tried."""
OTHER_SHAPE = 0.2
"""Logarithm of the ratio by which a bright quadrilateral's sides may differ from the page's."""
TURN = 0.08
"""Radians that a page may be turned."""
GROW = 0.06
"""Share by which it may be larger or smaller than foretold."""
POINTS = 1500
"""Distinct points kept of a page."""
NEAR = 0.15
"""How far a point may lie from its foretold place, of the page's longer side."""


def outlines(grey: NDArray[np.uint8], page: Page) -> list[NDArray[np.float64]]:
    """Rough ways in which the page may lie in the picture, the likeliest first.

    Returns
    -------
    Matrices (3, 3) from millimetres to pixels: bright quadrilaterals of the page's shape, and the
    whole picture; first each upright, then upside down, and on its sides where its shape allows.
    """
    height, width = grey.shape
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    found = [_directions(quad, page, OTHER_SHAPE) for quad in _quadrilaterals(grey)]
    found = [*[ways for ways in found if ways][:MOST_QUADS], _directions(whole, page, np.inf)]
    return [ways[k] for k in range(4) for ways in found if k < len(ways)]


def _directions(quad: NDArray[np.float64], page: Page, most: float) -> list[NDArray[np.float64]]:
    """The page laid on four corners in each direction that their shape allows."""
    at = np.array([[0, 0], [page.width, 0], [page.width, page.height], [0, page.height]])
    across = np.hypot(*(quad[1] - quad[0])) + np.hypot(*(quad[2] - quad[3]))
    down = np.hypot(*(quad[3] - quad[0])) + np.hypot(*(quad[2] - quad[1]))
    lying = abs(np.log(across / down * page.height / page.width))
    standing = abs(np.log(down / across * page.height / page.width))
    if min(lying, standing) > most:
        return []
    turns = (0, 2) if lying < standing - 0.1 else (1, 3) if standing < lying - 0.1 else range(4)
    return [
        np.asarray(
            cv2.getPerspectiveTransform(
                at.astype(np.float32), np.roll(quad, turn, axis=0).astype(np.float32)
            ),
            dtype=np.float64,
        )
        for turn in turns
    ]


def _quadrilaterals(grey: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Corners of what may be the paper on something darker, clockwise from upper left.

    A shadow over a part of the page makes any one threshold wrong, so several are tried; first
    those whose outline is most like four straight sides.
    """
    shrink = max(1.0, max(grey.shape) / 300)
    size = round(grey.shape[1] / shrink), round(grey.shape[0] / shrink)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    # Print and writing are darker than paper; closed over, they are paper.
    bright = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((11, 11), np.uint8))
    scale = np.array([grey.shape[1] / size[0], grey.shape[0] / size[1]])
    low, high = np.percentile(bright, [1, 99])
    if high - low < LEAST_STEP:
        return []
    found: list[tuple[float, NDArray[np.float64]]] = []
    for level in np.arange(low + LEAST_STEP / 3, high - 5, LEVEL_STEP):
        paper = (bright > level).astype(np.uint8)
        contours, _ = cv2.findContours(paper, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outline = cv2.convexHull(max(contours, key=cv2.contourArea))
        area = cv2.contourArea(outline)
        if not 0.2 < area / small.size < 0.985:
            continue
        quad = cv2.approxPolyDP(outline, 0.03 * cv2.arcLength(outline, True), True).reshape(-1, 2)
        if len(quad) == 4 and (straight := cv2.contourArea(quad) / area) > 0.9:
            found.append((straight, _clockwise((quad + 0.5) * scale - 0.5)))
    found.sort(key=lambda one: -one[0])
    return _apart([quad for _, quad in found], 0.03 * max(grey.shape))


def _clockwise(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Four corners, from the upper left one on."""
    away = points - points.mean(axis=0)
    points = points[np.argsort(np.arctan2(away[:, 1], away[:, 0]))]
    return np.asarray(np.roll(points, -int(points.sum(axis=1).argmin()), axis=0))


def _apart(quads: list[NDArray[np.float64]], least: float) -> list[NDArray[np.float64]]:
    """Those that differ from each one before by more than `least` pixels at a corner."""
    kept: list[NDArray[np.float64]] = []
    for quad in quads:
        if all(np.abs(quad - other).max() > least for other in kept):
            kept.append(quad)
    return kept


def by_blocks(
    dark: NDArray[np.uint8], blank: Blank, start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The plane on which pieces of print agree, near a rough one.

    Parameters
    ----------
    dark : (height, width) uint8 of the scan
    start : (3, 3) from millimetres to pixels

    Returns
    -------
    The matrix, and the share of the pieces that agree with it.
    """
    view = _paged(dark, blank, start)
    half = _halved(blank.print), _halved(view)
    middle, seen, score = _pieces(*half, COARSE / 2, WIDE, PEAKS)
    if len(middle) < 4:
        return start, 0.0
    move, agree = _consensus(middle, seen, score)
    first = start @ move
    middle, seen, score = _pieces(blank.print, _paged(dark, blank, first), COARSE, NARROW, 1)
    good = score[:, 0] > 0.4
    if good.sum() < 6:
        return first, agree * 0.5
    found, inliers = cv2.findHomography(
        middle[good], seen[good, 0], cv2.USAC_MAGSAC, 0.7, maxIters=2000, confidence=0.999
    )
    if found is None:
        return first, agree * 0.5
    return first @ np.asarray(found, dtype=np.float64), float(inliers.sum()) / len(middle)


def _halved(view: NDArray[np.float32]) -> NDArray[np.float32]:
    size = view.shape[1] // 2, view.shape[0] // 2
    small = cv2.resize(view[: 2 * size[1], : 2 * size[0]], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _paged(
    dark: NDArray[np.uint8], blank: Blank, matrix: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The scan's darkness on the page's frame at `COARSE`."""
    height, width = blank.print.shape
    # Shrink first: a warp alone would skip lines between its samples.
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    shrink = max(1, int(scale / COARSE))
    if shrink > 1:
        size = dark.shape[1] // shrink, dark.shape[0] // shrink
        dark = np.asarray(
            cv2.resize(
                dark[: size[1] * shrink, : size[0] * shrink], size, interpolation=cv2.INTER_AREA
            ),
            dtype=np.uint8,
        )
    move = (1 / shrink - 1) / 2
    coarse = np.array([[1 / shrink, 0, move], [0, 1 / shrink, move], [0, 0, 1]])
    to_page = np.array([[1 / COARSE, 0, 0.5 / COARSE], [0, 1 / COARSE, 0.5 / COARSE], [0, 0, 1]])
    view = cv2.warpPerspective(
        dark,
        coarse @ matrix @ to_page,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return softened(np.asarray(view, dtype=np.uint8))


def _pieces(
    known: NDArray[np.float32], view: NDArray[np.float32], scale: float, reach: float, peaks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where pieces of print are: (n, 2) should, (n, peaks, 2) may be, (n, peaks) how well; mm."""
    side, step, wide = round(BLOCK * scale), round(STEP * scale), round(reach * scale)
    padded = cv2.copyMakeBorder(view, wide, wide, wide, wide, cv2.BORDER_REPLICATE)
    height, width = known.shape
    middles, places, scores = [], [], []
    for top in _starts(height, side, step):
        for left in _starts(width, side, step):
            piece = known[top : top + side, left : left + side]
            if not _tells(piece):
                continue
            around = padded[top : top + side + 2 * wide, left : left + side + 2 * wide]
            match = cv2.matchTemplate(around, piece, cv2.TM_CCOEFF_NORMED)
            middles.append([left + side / 2, top + side / 2])
            found = _tops(np.nan_to_num(np.asarray(match)), peaks)
            places.append(found[:, :2] - wide + [left + side / 2, top + side / 2])
            scores.append(found[:, 2])
    shape = (-1, peaks)
    return (
        np.array(middles, dtype=np.float64).reshape(-1, 2) / scale,
        np.array(places, dtype=np.float64).reshape(*shape, 2) / scale,
        np.array(scores, dtype=np.float64).reshape(shape),
    )


def _starts(length: int, side: int, step: int) -> list[int]:
    """Starts of pieces, from edge to edge."""
    count = max(2, int(np.ceil((length - side) / step)) + 1)
    return [int(v) for v in np.round(np.linspace(0, max(length - side, 0), count))]


def _tells(piece: NDArray[np.float32]) -> bool:
    """Whether a piece says where it is both across and down: lines of one direction do not."""
    if float(piece.std()) < LEAST_PRINT:
        return False
    across, down = np.diff(piece, axis=1)[1:], np.diff(piece, axis=0)[:, 1:]
    xx, yy, xy = float((across**2).sum()), float((down**2).sum()), float((across * down).sum())
    spread = np.hypot(xx - yy, 2 * xy)
    return bool((xx + yy - spread) > ONE_WAY * (xx + yy + spread))


def _tops(match: NDArray[np.float32], peaks: int) -> NDArray[np.float64]:
    """(peaks, 3) x, y to a part of a pixel, and value, of the highest places apart."""
    left = match.copy()
    out = np.zeros((peaks, 3))
    for k in range(peaks):
        y, x = np.unravel_index(int(left.argmax()), left.shape)
        out[k] = x + _part(match[y], x), y + _part(match[:, x], y), left[y, x]
        left[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = -1
    return out


def _part(row: NDArray[np.float32], k: np.intp) -> float:
    if not 0 < k < len(row) - 1:
        return 0.0
    low, top, high = float(row[k - 1]), float(row[k]), float(row[k + 1])
    bend = low - 2 * top + high
    return 0.5 * (low - high) / bend if bend < -1e-9 else 0.0


def _consensus(
    middle: NDArray[np.float64], seen: NDArray[np.float64], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The similarity that the most pieces agree with, and their share.

    Each two places of two pieces far apart give one; small turns and scales alone are believed.
    """
    count, peaks = score.shape
    piece = np.repeat(np.arange(count), peaks)
    source = (middle[:, 0] + 1j * middle[:, 1])[piece]
    target = (seen[..., 0] + 1j * seen[..., 1]).ravel()
    weight = np.maximum(score.ravel(), 0)
    i, j = np.triu_indices(len(piece), 1)
    apart = np.abs(source[i] - source[j])
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = (target[j] - target[i]) / (source[j] - source[i])
    ok = (apart > 60) & (np.abs(np.angle(turn)) < TURN) & (np.abs(np.abs(turn) - 1) < GROW)
    ok &= weight[i] * weight[j] > 0.09
    order = np.flatnonzero(ok)
    order = order[np.argsort(-(weight[i] * weight[j])[order], kind="stable")[:1500]]
    if not len(order):
        return np.eye(3), 0.0
    i, turn = i[order], turn[order]
    move = target[i] - turn * source[i]
    miss = np.abs(turn[:, None] * source + move[:, None] - target)
    worth = np.where(miss < AGREE, weight, 0).reshape(len(order), count, peaks).max(axis=2)
    best = int(worth.sum(axis=1).argmax())
    used = np.flatnonzero((miss[best] < AGREE) & (weight > 0.3))
    a, b = _similarity(source[used], target[used], weight[used])
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag], [0, 0, 1]])
    return matrix, float((worth[best] > 0.3).mean())


def _similarity(
    source: NDArray[np.complex128], target: NDArray[np.complex128], weight: NDArray[np.float64]
) -> tuple[complex, complex]:
    middle = (weight @ source) / weight.sum(), (weight @ target) / weight.sum()
    from_, to = source - middle[0], target - middle[1]
    a = (weight * to) @ from_.conj() / max(float(weight @ np.abs(from_) ** 2), 1e-9)
    return complex(a), complex(middle[1] - a * middle[0])


def by_points(
    dark: NDArray[np.uint8], blank: Blank, start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The plane on which distinct points of print agree, near a rough one; as `by_blocks`."""
    view = _paged(dark, blank, start)
    source, here = _distinct_of(blank)
    target, there = _distinct(view)
    if min(len(source), len(target)) < 8:
        return start, 0.0
    alike = here @ there.T
    apart = np.hypot(*(source[:, None] - target[None]).transpose(2, 0, 1))
    alike[apart > NEAR * max(blank.print.shape)] = -1
    best = alike.argmax(axis=1)
    rows = np.arange(len(best))
    mutual = (alike.argmax(axis=0)[best] == rows) & (alike[rows, best] > 0.75)
    if mutual.sum() < 12:
        return start, 0.0
    found, inliers = cv2.findHomography(
        (source[mutual] + 0.5) / COARSE,
        (target[best[mutual]] + 0.5) / COARSE,
        cv2.USAC_MAGSAC,
        1.0,
        maxIters=5000,
        confidence=0.999,
    )
    if found is None or inliers.sum() < 12:
        return start, 0.0
    share = float(inliers.sum()) / int(mutual.sum())
    return start @ np.asarray(found, dtype=np.float64), share


@functools.lru_cache(maxsize=32)
def _distinct_of(blank: Blank) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    return _distinct(blank.print)


def _distinct(view: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Places (n, 2) in pixels and descriptors (n, 128) of unit length (root of SIFT's)."""
    picture = np.round(255 * (1 - np.clip(view, 0, 1))).astype(np.uint8)
    sift = cv2.SIFT.create(POINTS, contrastThreshold=0.02)
    points, found = sift.detectAndCompute(picture, None)
    if found is None:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    root = np.sqrt(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-9))
    return np.array([p.pt for p in points], dtype=np.float64), root.astype(np.float32)
