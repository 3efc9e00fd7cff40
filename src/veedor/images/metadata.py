"""What a file of a scan says of how it was made: programs, dates, compression, traces of editing.

These are facts about the file, not about the sheet; most portals take them out, so their absence
says nothing. Kept by a list of what may be kept: places, owners, authors and serial numbers, which
the same records hold, are never among it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["jpeg_quality", "notes_of_pdf", "notes_of_picture"]

_EXIF = {0x010F: "device", 0x0110: "model", 0x0131: "software", 0x0132: "changed"}
_EXIF_IFD = 0x8769
_EXIF_DATES = {0x9003: "taken", 0x9004: "digitised"}
_PDF = {
    "Creator": "software",
    "Producer": "producer",
    "CreationDate": "made",
    "ModDate": "changed",
}
_XMP = {
    "software": rb"xmp:CreatorTool(?:>|=\")([^<\"]{1,80})",
    "changed": rb"xmp:ModifyDate(?:>|=\")([^<\"]{1,40})",
    "edited with": rb"stEvt:softwareAgent(?:>|=\")([^<\"]{1,80})",
}
EDITORS = re.compile(r"photoshop|gimp|lightroom|affinity|paint|pixelmator|snapseed|canva", re.I)
"""Programs that change pictures, by their names."""

# The luminance table of ITU-T T.81, annex K.1, row by row.
_STANDARD = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.int64,
)


def notes_of_picture(image: Image.Image) -> tuple[str, ...]:
    """Notes of a decoded PNG, JPEG or TIFF, such as `software: X`, `changed: DATE`."""
    notes: list[str] = []
    try:
        exif = image.getexif()
        inner = exif.get_ifd(_EXIF_IFD)
        for known, held in ((_EXIF, exif), (_EXIF_DATES, inner)):
            notes += [
                f"{word}: {_plain(held[tag])}" for tag, word in known.items() if held.get(tag)
            ]
    except Exception:
        # Damaged records are passed over, and said to be there.
        notes.append("EXIF: damaged")
    for key in ("Software", "Creation Time"):
        if isinstance(value := image.info.get(key), str):
            notes.append(f"{'software' if key == 'Software' else 'made'}: {_plain(value)}")
    notes += _xmp(image)
    if image.info.get("photoshop"):
        notes.append("holds records of Photoshop")
    if image.format in ("JPEG", "MPO") and (tables := getattr(image, "quantization", None)):
        notes.append(_compression(np.array(tables[0], dtype=np.int64).reshape(8, 8)))
    if any(EDITORS.search(note) for note in notes):
        notes.append("was saved by a program that edits pictures")
    return tuple(dict.fromkeys(notes))


def notes_of_pdf(held: Mapping[str, str]) -> tuple[str, ...]:
    """Notes of a PDF's own description."""
    return tuple(f"{word}: {_plain(held[key])}" for key, word in _PDF.items() if held.get(key))


def jpeg_quality(table: NDArray[np.int64]) -> tuple[int, bool]:
    """The quality, 1 to 100, whose standard luminance table is nearest; and whether it is that.

    Parameters
    ----------
    table : (8, 8) quantisation of luminance, row by row

    Notes
    -----
    The scale of the free JPEG library: table = (standard x s + 50) / 100, within 1 to 255, where s
    is 5000 / quality below 50 and 200 - 2 x quality from there on.
    """
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = np.clip((_STANDARD[None] * scale[:, None, None] + 50) // 100, 1, 255)
    distance = np.abs(tables - table[None]).sum(axis=(1, 2))
    best = int(distance.argmin())
    return int(quality[best]), bool(distance[best] == 0)


def _compression(table: NDArray[np.int64]) -> str:
    quality, exact = jpeg_quality(table)
    return (
        f"JPEG quality {quality}" if exact else f"JPEG tables of its own, about quality {quality}"
    )


def _xmp(image: Image.Image) -> list[str]:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    packet = packet.encode("utf-8", "replace") if isinstance(packet, str) else bytes(packet)
    packet = packet[: 2**20]
    notes = [
        f"{word}: {_plain(found)}"
        for word, pattern in _XMP.items()
        for found in dict.fromkeys(re.findall(pattern, packet))
    ]
    if b"ns.adobe.com/photoshop" in packet:
        notes.append("holds records of Photoshop")
    return notes


def _plain(value: object) -> str:
    """One short line."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())[:80]
