"""Taking a scan in: its hash, what its file says of itself, and its pixels, upright and square.

The bytes are hashed as they are and never changed. What the file says of a place or of an owner is
personal and is not kept.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from veedor.errors import SourceError
from veedor.images import metadata
from veedor.images.sheet import Intake

__all__ = ["LARGEST", "MEGAPIXELS", "RENDER_DPI", "take_in"]

MEGAPIXELS = 100
"""Largest picture that is decoded: A3 at 600 dpi has 70; a small file may claim any number."""
LARGEST = 256 * 2**20
"""Most bytes of one file."""
RENDER_DPI = (200.0, 300.0)
"""A page of a PDF is drawn at the resolution of the picture in it, kept within these."""
UNEVEN = 1.05
"""Ratio of the resolutions across and down beyond which pixels are made square (a fax: 2.08)."""

_FORMATS = ("PNG", "JPEG", "TIFF")
_SUFFIXES = {
    "PNG": {".png"},
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "TIFF": {".tif", ".tiff"},
    "PDF": {".pdf"},
}


def take_in(
    path: Path, *, name: str | None = None, page: int = 0, data: bytes | None = None
) -> Intake:
    """One scan from its file.

    Parameters
    ----------
    path : the file
    name : as the index of scans calls it; the path where it is not given
    page : the page of a TIFF or a PDF, from 0
    data : its bytes, where they are at hand (out of an archive)

    Raises
    ------
    SourceError
        The file is not there, is damaged or cut short, holds no picture of a known format, has no
        such page, or is larger than `LARGEST` or `MEGAPIXELS`. The message names the file.
    """
    shown = name if name is not None else str(path)
    data = _read(path, shown) if data is None else data
    if len(data) > LARGEST:
        raise _too_large(shown, f"{len(data) / 2**20:.0f} MiB")
    if not data:
        raise SourceError("is empty", place=shown, remedy="Fetch the scan again.")
    if data[:1024].lstrip().startswith(b"%PDF-"):
        kind, pixels, dpi, notes = "PDF", *_pdf(data, shown, page)
    else:
        kind, pixels, dpi, notes = _picture(data, shown, page)
    suffix = Path(shown).suffix.lower()
    if suffix and suffix not in _SUFFIXES[kind]:
        notes = (f"named {suffix}, is {kind}", *notes)
    digest = hashlib.sha256(data).hexdigest()
    return Intake(shown, digest, len(data), kind, dpi, notes, np.ascontiguousarray(pixels))


def _read(path: Path, shown: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise SourceError(
            f"this scan cannot be read ({error.strerror})",
            place=shown,
            remedy="Check the name in the index of scans.",
        ) from error


def _too_large(shown: str, size: str) -> SourceError:
    return SourceError(
        f"is too large for a scan of a sheet ({size}; at most {MEGAPIXELS} megapixels and"
        f" {LARGEST // 2**20} MiB)",
        place=shown,
        remedy="Scan at 200 to 300 dots per inch.",
    )


def _check_size(width: float, height: float, shown: str) -> None:
    if width * height > MEGAPIXELS * 1e6:
        raise _too_large(shown, f"{width:.0f} x {height:.0f} pixels")
    if min(width, height) < 16:
        raise SourceError(f"has too few pixels ({width:.0f} x {height:.0f})", place=shown)


def _picture(
    data: bytes, shown: str, page: int
) -> tuple[str, NDArray[np.uint8], float | None, tuple[str, ...]]:
    """Format, pixels, dots per inch and notes of a PNG, JPEG or TIFF."""
    try:
        with warnings.catch_warnings():
            # The size is checked below; and damaged metadata is no reason not to see the picture.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                kind = "JPEG" if image.format == "MPO" else str(image.format)
                pages = getattr(image, "n_frames", 1) if kind == "TIFF" else 1
                if not 0 <= page < pages:
                    raise _no_page(shown, page, pages)
                image.seek(page)
                _check_size(*image.size, shown)
                image.load()
                notes = metadata.notes_of_picture(image)
                return kind, *_upright(image), notes
    except UnidentifiedImageError as error:
        raise SourceError(
            "holds no picture that can be read (PNG, JPEG, TIFF or PDF)",
            place=shown,
            remedy="Convert it to one of these; where an index of scans names it, leave it out.",
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(shown, "more than 170 megapixels") from error
    except SourceError:
        raise
    except Exception as error:
        # Decoders of damaged files raise of every kind.
        raise SourceError(
            f"is damaged or cut short ({error})", place=shown, remedy="Fetch the scan again."
        ) from error


def _no_page(shown: str, page: int, pages: int) -> SourceError:
    return SourceError(
        f"has no page of that number (page {page + 1} of {pages})",
        place=shown,
        remedy="Pages count from 1.",
    )


def _upright(image: Image.Image) -> tuple[NDArray[np.uint8], float | None]:
    """Pixels as RGB, turned as the file says and made square; dots per inch."""
    across, down = _resolution(image)
    turned = ImageOps.exif_transpose(image)
    if turned.size != image.size:
        across, down = down, across
    pixels = _rgb(turned)
    if across and down and max(across, down) / min(across, down) > UNEVEN:
        height, width = pixels.shape[:2]
        most = max(across, down)
        size = round(width * most / across), round(height * most / down)
        if size[0] * size[1] <= MEGAPIXELS * 1e6:
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))
            across = down = most
    dpi = float(max(across, down)) if across and down else None
    return pixels, dpi


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Dots per inch across and down that the file states; zeros where it states none."""
    try:
        across, down = (float(v) for v in image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0, 0.0
    # Placeholders that are no resolution of a scanner: 0, 1 and 72.
    return (across, down) if min(across, down) > 73 else (0.0, 0.0)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """(height, width, 3); what is transparent is paper."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        deep = np.asarray(image, dtype=np.float64)
        top = 65535.0 if deep.max() > 255 else 255.0
        grey = np.clip(deep * (255 / top), 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        paper = Image.new("RGBA", over.size, "white")
        image = Image.alpha_composite(paper, over)
    return np.asarray(image.convert("RGB"))


def _pdf(
    data: bytes, shown: str, page: int
) -> tuple[NDArray[np.uint8], float | None, tuple[str, ...]]:
    """Pixels, dots per inch and notes of a page of a PDF."""
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        words = "is locked by a password" if "assword" in str(error) else f"is damaged ({error})"
        raise SourceError(words, place=shown, remedy="Fetch or export the PDF again.") from error
    try:
        if not 0 <= page < len(document):
            raise _no_page(shown, page, len(document))
        sheet = document[page]
        dpi = _dpi_within(sheet, shown)
        width, height = sheet.get_size()
        _check_size(width * dpi / 72, height * dpi / 72, shown)
        pixels = sheet.render(scale=dpi / 72, rev_byteorder=True).to_numpy()
        notes = metadata.notes_of_pdf(document.get_metadata_dict())
        return np.array(pixels[:, :, :3]), dpi, notes
    except pdfium.PdfiumError as error:
        raise SourceError(
            f"is damaged (page {page + 1}: {error})", place=shown, remedy="Fetch the PDF again."
        ) from error
    finally:
        document.close()


def _dpi_within(sheet: object, shown: str) -> float:
    """The highest resolution of a picture on the page, within `RENDER_DPI`."""
    import pypdfium2.raw as raw

    best = RENDER_DPI[0]
    for thing in sheet.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):  # type: ignore[attr-defined]
        left, bottom, right, top = thing.get_bounds()
        sides = right - left, top - bottom
        if np.prod(thing.get_px_size(), dtype=np.float64) > MEGAPIXELS * 1e6:
            # It would be unpacked whole for drawing the page, however small the file is.
            raise _too_large(shown, "{} x {} pixels on a page".format(*thing.get_px_size()))
        if min(sides) > 36:  # half an inch: a stamp or a logo does not decide
            best = max(best, max(thing.get_px_size()) / max(sides) * 72)
    return min(best, RENDER_DPI[1])
