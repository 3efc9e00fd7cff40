"""Hands: who writes the digits of a simulated sheet, each digit as the middle of its stroke.

A digit is kept as the distance of every place from the middle of the nearest stroke, so that the
pen is chosen when it is written and not by the writer: where NIST's digits had a wide pen or a
narrow one is divided out. Otherwise sheets of one writer would be told by the pen, which is not the
hand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.handwriting.digits import Digits

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

ENLARGED = 8
"""Pixels of a `DigitImage` for each pixel of a digit of NIST."""
LEVEL = 0.42
"""Grey at which the smoothed, enlarged digit becomes ink: fine strokes stay whole."""
EVEN = 0.85
"""How much of the difference in width between strokes of one digit is divided out."""


@dataclass(frozen=True, slots=True)
class DigitImage:
    """One digit as one person wrote it once, without its pen.

    Attributes
    ----------
    digit : 0 to 9
    key : names the image: two boxes with one key hold the same writing
    distance : (height, width) float32, pixels from the middle of the nearest stroke
    box : left, top, right and bottom of the strokes' middles, in pixels
    """

    digit: int
    key: str
    distance: Floats
    box: tuple[float, float, float, float]

    @property
    def breadth(self) -> float:
        """Width as a share of the longer side."""
        left, top, right, bottom = self.box
        return (right - left) / max(right - left, bottom - top, 1.0)


class Hand(Protocol):
    """A person who writes digits.

    Attributes
    ----------
    id : the person
    kind : `nist` or `drawn`
    """

    id: str
    kind: str

    def left(self) -> Ints:
        """(10,) how many images of each digit can still be had."""
        ...

    def take(self, digit: int, rng: np.random.Generator) -> DigitImage:
        """One image of a digit, never the same twice."""
        ...


class NistHand:
    """A writer of NIST's digits, who hands out each image once.

    Parameters
    ----------
    digits : of any writers
    writer : number of the writer
    """

    kind = "nist"

    def __init__(self, digits: Digits, writer: int) -> None:
        at = np.flatnonzero(digits.writer == writer)
        if not len(at):
            raise VeedorError(
                f"there are no digits of writer {writer}", remedy="Name a writer of this split."
            )
        self.id = f"nist-{writer}"
        self._images = digits.image[at]
        self._orders = digits.order[at]
        self._free = [np.flatnonzero(digits.digit[at] == d).tolist() for d in range(10)]

    def left(self) -> Ints:
        """(10,) how many images of each digit were not handed out yet."""
        return np.array([len(free) for free in self._free], dtype=np.int64)

    def take(self, digit: int, rng: np.random.Generator) -> DigitImage:
        """An image that was not handed out yet.

        Raises
        ------
        VeedorError
            There is none of that digit left.
        """
        free = self._free[digit]
        if not free:
            raise VeedorError(
                f"{self.id} has no image of {digit} left",
                remedy="Choose a writer with enough of each digit (`Pool.choose`).",
            )
        at = free.pop(int(rng.integers(len(free))))
        key = f"{self.id}/{int(self._orders[at])}"
        distance, box = from_picture(self._images[at])
        return DigitImage(digit, key, distance, box)


class Pool:
    """Writers from whom each sheet gets one that has enough digits left.

    Parameters
    ----------
    hands : sequence of Hand
        Who has not written elsewhere: what they have left now is what the pool gives out.
    """

    def __init__(self, hands: Sequence[Hand]) -> None:
        self.hands = tuple(hands)
        self._left = np.array([hand.left() for hand in self.hands]).reshape(-1, 10)
        self._chosen = np.zeros(len(self.hands), dtype=np.int64)

    @classmethod
    def of_nist(cls, digits: Digits) -> Pool:
        """The writers of some digits."""
        return cls([NistHand(digits, int(w)) for w in np.unique(digits.writer)])

    def choose(
        self, need: Ints, rng: np.random.Generator, *, avoid: Collection[str] = ()
    ) -> Hand | None:
        """Book `need` (10,) images of each digit of one hand, drawn among those least often chosen.

        Parameters
        ----------
        avoid : ids of hands that must not be chosen

        Returns
        -------
        The hand, or None where none has so many left.
        """
        able = (self._left >= need).all(axis=1)
        able &= np.array([hand.id not in avoid for hand in self.hands], dtype=bool)
        if not able.any():
            return None
        least = able & (self._chosen == self._chosen[able].min())
        found = int(rng.choice(np.flatnonzero(least)))
        self._chosen[found] += 1
        self._left[found] -= need
        return self.hands[found]


def from_picture(picture: NDArray[np.uint8]) -> tuple[Floats, tuple[float, float, float, float]]:
    """The strokes' middles of a small picture of a digit.

    Parameters
    ----------
    picture : (height, width), 0 paper to 255 ink

    Returns
    -------
    (height, width) x `ENLARGED` of distances, and the box of the middles.
    """
    size = (picture.shape[1] * ENLARGED, picture.shape[0] * ENLARGED)
    large = cv2.resize(picture.astype(np.float32) / 255, size, interpolation=cv2.INTER_CUBIC)
    inside = (cv2.GaussianBlur(large, (0, 0), 0.5 * ENLARGED) > LEVEL).astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), dtype=np.float32)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    crest = (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8))) & (depth > 2)
    if not crest.any():
        crest = depth == depth.max()
    half = float(np.median(depth[crest]))
    local = cv2.blur(_nearest(depth, crest), (9, 9))
    local = half + EVEN * (np.clip(local, 0.2 * half, 1.8 * half) - half)
    distance = cv2.GaussianBlur((local - depth + outside).astype(np.float32), (0, 0), 2.5)
    return np.asarray(distance, dtype=np.float32), _box(inside, half)


def _nearest(values: Floats, at: NDArray[np.bool_]) -> Floats:
    """For every place, the value at the nearest of some places."""
    _, labels = cv2.distanceTransformWithLabels(
        (~at).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(labels.max()) + 1, dtype=np.float32)
    table[labels[at]] = values[at]
    found: Floats = table[labels]
    return found


def _box(inside: NDArray[np.uint8], half: float) -> tuple[float, float, float, float]:
    left, top, width, height = cv2.boundingRect(inside)
    dx, dy = min(half, (width - 2) / 2), min(half, (height - 2) / 2)
    return left + dx, top + dy, left + width - dx, top + height - dy
