"""What happens to a sheet on its way to a file: scanners, telephones, fax machines.

Every family keeps the true map from the page to the picture, so that the error of finding the form
again can be measured. Chance here knows nothing of who wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.simulate.sheets.plan import FAMILIES, Family
from veedor.simulate.sheets.truth import millimetres_to_pixels

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]

HELD_OUT_FAMILIES: tuple[Family, ...] = ("fax",)
"""Families for tests alone: nothing is trained or tuned on them."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A picture of a sheet.

    Attributes
    ----------
    raw : (height, width, 3) or (height, width) uint8, before it is written
    matrix : (3, 3) from millimetres of the page to pixels; a pixel's middle has whole coordinates
    family : what it went through
    quality : of its JPEG, None for PNG
    """

    raw: Pixels
    matrix: Matrix
    family: Family
    quality: int | None = None

    @property
    def suffix(self) -> str:
        """Of its file."""
        return ".png" if self.quality is None else ".jpg"

    def encoded(self) -> bytes:
        """The bytes of its file."""
        picture = self.raw if self.raw.ndim == 2 else self.raw[..., ::-1]
        options = [cv2.IMWRITE_PNG_COMPRESSION, 4]
        if self.quality is not None:
            options = [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        elif picture.ndim == 2 and not ((picture > 0) & (picture < 255)).any():
            options += [cv2.IMWRITE_PNG_BILEVEL, 1]
        return bytes(cv2.imencode(self.suffix, picture, options)[1])

    @property
    def pixels(self) -> Pixels:
        """(height, width, 3) red, green, blue, as read from the file."""
        if self.quality is None and self.raw.ndim == 3:
            return self.raw
        if self.quality is None:
            return np.repeat(self.raw[..., None], 3, axis=2)
        found = cv2.imdecode(np.frombuffer(self.encoded(), np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(np.asarray(found, dtype=np.uint8)[..., ::-1])


@dataclass(frozen=True, slots=True)
class Device:
    """A scanner, telephone or fax machine: what stays the same from sheet to sheet.

    Attributes
    ----------
    family : what kind
    grey : it gives no colours
    two_tones : it gives black and white alone
    blur : of its lens, as a share of a page's pixel
    noise : standard deviation, of 255
    quality : of its JPEG
    gain, lift : of its tones
    dpi : resolution of its pictures, as a share of the page's
    """

    family: Family
    grey: bool
    two_tones: bool
    blur: float
    noise: float
    quality: int
    gain: float
    lift: float
    dpi: float


def draw_device(family: Family, rng: np.random.Generator, *, two_tones: bool = False) -> Device:
    """A device of a family.

    Raises
    ------
    VeedorError
        There is no such family.
    """
    if family not in FAMILIES:
        raise VeedorError(
            f"there is no family of pictures {family!r}", remedy=f"They are {', '.join(FAMILIES)}."
        )
    photo = family == "photo"
    return Device(
        family=family,
        grey=bool(rng.random() < (0.05 if photo else 0.3)),
        two_tones=two_tones,
        blur=float(rng.uniform(0.5, 1.1) if photo else rng.uniform(0.3, 0.95)),
        noise=float(rng.uniform(2, 9) if photo else rng.uniform(1, 6)),
        quality=int(rng.integers(35, 91) if photo else rng.integers(30, 91)),
        gain=float(rng.uniform(0.82, 1.02)),
        lift=float(rng.uniform(0, 26)),
        dpi=float(rng.uniform(0.6, 0.95) if photo else 1.0),
    )


def degrade(
    page: Pixels,
    family: Family,
    rng: np.random.Generator,
    *,
    dpi: float = 200,
    device: Device | None = None,
    two_tones: bool = False,
) -> Scan:
    """A picture of a page.

    Parameters
    ----------
    page : (height, width, 3) uint8 at `dpi`
    device : drawn when left out; its family is the one that counts
    two_tones : the scanner gives black and white alone
    """
    device = device or draw_device(family, rng, two_tones=two_tones)
    return _FAMILIES[device.family](page, rng, dpi, device)


def _clean(page: Pixels, rng: np.random.Generator, dpi: float, device: Device) -> Scan:
    picture = page if not device.two_tones else _threshold(page, rng)
    return Scan(picture, millimetres_to_pixels(dpi), "clean")


def _scan(page: Pixels, rng: np.random.Generator, dpi: float, device: Device) -> Scan:
    height, width = page.shape[:2]
    angle = np.radians(float(np.clip(rng.normal(0, 0.8), -2, 2)))
    x, y = 1 + rng.uniform(-0.01, 0.01, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    shift = rng.normal(0, 1.2, 2) * dpi / 25.4
    middle = np.array([width, height]) / 2
    turn = np.array([[cos * x, -sin * y], [sin * x, cos * y]])
    move = np.eye(3)
    move[:2, :2], move[:2, 2] = turn, middle + shift - turn @ middle
    lid = int(rng.choice([255, 245, 225]))
    picture = np.asarray(
        cv2.warpAffine(page, move[:2], (width, height), borderValue=(lid, lid, lid)), dtype=np.uint8
    )
    matrix = move @ millimetres_to_pixels(dpi)
    if device.two_tones:
        picture = _blurred(picture, device.blur)
        return Scan(_specks(_threshold(picture, rng), rng), matrix, "scan")
    if device.grey:
        picture = _grey(picture)
    picture = _blurred(picture, device.blur)
    picture = _toned(picture, device)
    picture = _noisy(picture, device.noise, rng)
    return Scan(_specks(picture, rng), matrix, "scan", device.quality)


def _photo(page: Pixels, rng: np.random.Generator, dpi: float, device: Device) -> Scan:
    height, width = page.shape[:2]
    share = device.dpi
    size = (round(width * share * 1.1), round(height * share * 1.08))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32) - 0.5
    reach = np.array(size) * float(rng.uniform(0.01, 0.045))
    margin = (np.array(size) - np.array([width, height]) * share) / 2
    targets = corners * share + margin + rng.uniform(-1, 1, (4, 2)) * reach
    angle = np.radians(float(np.clip(rng.normal(0, 1.2), -3, 3)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array(size) / 2
    targets = (targets - middle) @ turn.T + middle
    move = cv2.getPerspectiveTransform(corners, targets.astype(np.float32))
    soft = _blurred(page, max(0.5 * (1 / share - 0.6), 0.3))
    desk = tuple(float(v) for v in rng.uniform(40, 150) * rng.uniform(0.85, 1.1, 3))
    warped = cv2.warpPerspective(soft, move, size, flags=cv2.INTER_LINEAR, borderValue=desk)
    picture = _lit(np.asarray(warped, dtype=np.uint8), _fold(_light(size, rng), rng))
    picture = _shaken(picture, rng)
    picture = _blurred(picture, device.blur * share)
    if device.grey:
        picture = _grey(picture)
    picture = _noisy(_toned(picture, device), device.noise, rng)
    return Scan(picture, move @ millimetres_to_pixels(dpi), "photo", device.quality)


def _fax(page: Pixels, rng: np.random.Generator, dpi: float, device: Device) -> Scan:
    """Two tones at 100 to 150 dots an inch: by a threshold, or by dots of different size."""
    share = float(rng.uniform(100, 150)) / dpi
    height, width = page.shape[:2]
    angle = float(np.clip(rng.normal(0, 0.7), -2, 2))
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0), [0, 0, 1]])
    shrink = np.array([[share, 0, (share - 1) / 2], [0, share, (share - 1) / 2], [0, 0, 1.0]])
    move = shrink @ turn
    size = (round(width * share), round(height * share))
    grey = cv2.warpAffine(_blurred(_grey(page), 0.36 / share), move[:2], size, borderValue=255)
    if rng.random() < 0.5:
        picture = _halftone(np.asarray(grey, dtype=np.uint8), rng)
    else:
        picture = np.where(grey > rng.uniform(165, 220), 255, 0).astype(np.uint8)
    lost = rng.integers(0, size[1], int(rng.poisson(1.5)))
    picture[lost] = 255 if rng.random() < 0.7 else 0
    return Scan(_specks(picture, rng), move @ millimetres_to_pixels(dpi), "fax")


_FAMILIES: dict[str, Callable[[Pixels, np.random.Generator, float, Device], Scan]] = {
    "clean": _clean,
    "scan": _scan,
    "photo": _photo,
    "fax": _fax,
}


def _blurred(picture: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.uint8)


def _grey(picture: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _toned(picture: Pixels, device: Device) -> Pixels:
    levels = np.arange(256) * device.gain * (255 - device.lift) / 255 + device.lift
    table = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table), dtype=np.uint8)


def _noisy(picture: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """Add noise of the tone, by a tile of it laid out at random."""
    side = 512
    tile = np.round(rng.standard_normal((side, side), dtype=np.float32) * deviation)
    height, width = picture.shape[:2]
    repeats = (height // side + 2, width // side + 2)
    dy, dx = rng.integers(0, side, 2)
    noise = np.tile(tile.astype(np.int16), repeats)[dy : dy + height, dx : dx + width]
    added = cv2.merge([noise] * 3) if picture.ndim == 3 else noise
    return np.asarray(cv2.add(picture, added, dtype=cv2.CV_8U), dtype=np.uint8)


def _specks(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Toner where none belongs: specks, and now and then a streak."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.poisson(rng.choice([3, 15, 60])))):
        place = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(picture, place, int(rng.choice([0, 0, 1, 1, 2])), (60, 60, 60), -1)
    if rng.random() < 0.08:
        x = int(rng.integers(width))
        cv2.line(picture, (x, 0), (x + int(rng.integers(-3, 4)), height), (120, 120, 120), 1)
    return picture


def _threshold(picture: Pixels, rng: np.random.Generator) -> Pixels:
    grey = _grey(picture)
    return np.where(grey > rng.uniform(160, 215), 255, 0).astype(np.uint8)


def _light(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """(height, width) of uneven light with the soft shadow of a hand or a telephone."""
    width, height = size[0] // 8 + 1, size[1] // 8 + 1
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    slope = rng.uniform(-0.22, 0.22, 2)
    light = 1 + slope[0] * x + slope[1] * y - rng.uniform(0, 0.25) * (x**2 + y**2)
    if rng.random() < 0.6:
        angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.45)
        edge = (np.cos(angle) * x + np.sin(angle) * y - at) / rng.uniform(0.01, 0.08)
        light = light - rng.uniform(0.1, 0.42) / (1 + np.exp(-np.clip(edge, -30, 30)))
    return np.asarray(cv2.resize(light.astype(np.float32), size), dtype=np.float32)


def _fold(light: Floats, rng: np.random.Generator) -> Floats:
    """A fold: a bright and a dark line beside each other."""
    if rng.random() < 0.55:
        height, width = light.shape
        upright = rng.random() < 0.4
        long = width if upright else height
        at = int(long * rng.uniform(0.3, 0.7))
        profile = np.zeros(long, dtype=np.float32)
        reach = int(rng.integers(2, 6))
        profile[at : at + reach] = rng.uniform(0.03, 0.12)
        profile[at + reach : at + 2 * reach] = -rng.uniform(0.08, 0.3)
        light = light + (profile[None, :] if upright else profile[:, None])
    return np.asarray(light, dtype=np.float32)


def _lit(picture: Pixels, light: Floats) -> Pixels:
    factor = cv2.merge([light] * 3) if picture.ndim == 3 else light
    return np.asarray(cv2.multiply(picture, factor, dtype=cv2.CV_8U), dtype=np.uint8)


def _shaken(picture: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() >= 0.5:
        return picture
    length = int(rng.choice([3, 5]))
    kernel = np.zeros((length, length), dtype=np.float32)
    middle = length // 2
    angle = rng.uniform(0, np.pi)
    for t in np.linspace(-middle, middle, 2 * length):
        kernel[round(middle + t * np.sin(angle)), round(middle + t * np.cos(angle))] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.uint8)


def _halftone(grey: Pixels, rng: np.random.Generator) -> Pixels:
    """Dots in a turned raster, larger where the picture is darker."""
    height, width = grey.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pitch = float(rng.uniform(2.6, 3.8))
    angle = float(rng.choice([0.26, 0.785, 1.3]))
    u = (np.cos(angle) * x + np.sin(angle) * y) * np.float32(2 * np.pi / pitch)
    v = (np.cos(angle) * y - np.sin(angle) * x) * np.float32(2 * np.pi / pitch)
    raster = 127.5 + 57 * (np.cos(u) + np.cos(v)) * float(rng.uniform(0.85, 1.0))
    return np.where(grey > np.clip(raster, 30, 236), 255, 0).astype(np.uint8)
