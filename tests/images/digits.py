"""Glyphs for tests of reading: of NIST's digits where they are to be had, and of drawn hands."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from veedor.handwriting.digits import FILE, Split, load_digits
from veedor.images.glyph import normalise
from veedor.simulate.sheets import drawn_hands
from veedor.simulate.sheets.hands import ENLARGED


def nist_glyphs(split: Split, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Glyphs and digits of the writers of a split; skips where the data are not there."""
    folder = os.environ.get("VEEDOR_DATA")
    if not folder or not (Path(folder) / FILE).is_file():
        pytest.skip("needs NIST's digits in the folder of VEEDOR_DATA")
    digits = load_digits().of(split)
    some = np.linspace(0, len(digits.digit) - 1, most).astype(int)
    glyphs = []
    for image in digits.image[some]:
        large = cv2.resize(image / np.float32(255), (84, 84), interpolation=cv2.INTER_CUBIC)
        glyphs.append(normalise(np.clip(large, 0, 1)))
    return np.stack(glyphs), digits.digit[some]


def drawn_glyphs(hands: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Glyphs and digits of drawn hands, with a pen of a tenth of the digit's height."""
    rng = np.random.default_rng(5)
    glyphs, digits = [], []
    for hand in drawn_hands(hands, 5):
        for digit in np.repeat(np.arange(10), each):
            distance = hand.take(int(digit), rng).distance / ENLARGED
            ink = np.clip(0.5 + (1.0 - distance) * 2, 0, 1).astype(np.float32)
            glyphs.append(normalise(cv2.resize(ink, None, fx=0.375, fy=0.375)))
            digits.append(digit)
    return np.stack(glyphs), np.array(digits)


def drawn_images(hands: int, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures of 28 x 28 as NIST's, digits and writers of drawn hands."""
    rng = np.random.default_rng(5)
    images, digits, writers = [], [], []
    for number, hand in enumerate(drawn_hands(hands, 5)):
        for digit in np.repeat(np.arange(10), each):
            distance = hand.take(int(digit), rng).distance / ENLARGED
            ink = np.clip(0.5 + (1.4 - distance), 0, 1).astype(np.float32)
            small = cv2.resize(ink, (28, 28), interpolation=cv2.INTER_AREA)
            images.append(np.round(small * 255).astype(np.uint8))
            digits.append(digit)
            writers.append(number)
    return np.stack(images), np.array(digits), np.array(writers)
