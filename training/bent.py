"""Digits in NIST's own stroke, turned, sheared, stretched and bent anew."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from veedor.images.glyph import normalise

__all__ = ["bent"]

_ENLARGED, _SIDE = 3, 96
_GRID = np.stack(np.meshgrid(np.arange(_SIDE), np.arange(_SIDE)), axis=-1).astype(np.float32)
_CENTRED = _GRID - (_SIDE - 1) / 2


def bent(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """The glyph of a digit as the same hand might have written it another time.

    Parameters
    ----------
    image : (28, 28) uint8, 0 paper to 255 ink

    Returns
    -------
    (40, 40) uint8
    """
    angle, shear = np.deg2rad(rng.normal(0, 6.0)), rng.normal(0, 0.13)
    wide, high = _ENLARGED * np.exp(rng.normal(0, (0.09, 0.06)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = np.linalg.inv(turn @ np.array([[wide, shear * high], [0, high]])).astype(np.float32)
    smooth = cv2.resize(
        rng.normal(0, 0.6, (5, 5, 2)).astype(np.float32),
        (_SIDE, _SIDE),
        interpolation=cv2.INTER_CUBIC,
    )
    at = _CENTRED @ back.T + np.float32((image.shape[0] - 1) / 2) + smooth
    ink = cv2.remap(image.astype(np.float32) / 255, at[..., 0], at[..., 1], cv2.INTER_CUBIC)
    glyph = normalise(np.clip(ink, 0, 1))
    if glyph is None:
        raise ValueError("an image without ink is no digit")
    return glyph
