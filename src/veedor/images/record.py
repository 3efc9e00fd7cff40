"""What is kept of the reading of one scan: everything but its pixels, as bytes for a cache."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.images.sheet import CLASSES, FieldReading

__all__ = ["Glyphs", "SheetRecord", "pack", "unpack"]

Status = Literal["read", "unreadable", "unregistered", "missing"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The boxes of a scan that hold a digit without doubt.

    Attributes
    ----------
    cell : (n,) int64, position of the box in `Template.cells`
    digit : (n,) int64, the most probable
    p : (n,) float64, its probability
    shape : (n, dim) int64, the embedding in thousandths
    unbroken : (n,) int64, thousandths of its ink in its largest piece
    """

    cell: NDArray[np.int64]
    digit: NDArray[np.int64]
    p: NDArray[np.float64]
    shape: NDArray[np.int64]
    unbroken: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SheetRecord:
    """A scan as read. Where it was not read, only the first lines say something.

    Attributes
    ----------
    status : as in `veedor.case.tables.SCANS`
    reasons : why it was not read, or is less than good; what is of this scan alone (numbers, names,
        the words of a decoder) in brackets, so that without them one cause has one wording
    sha256, bytes : of the file; format, width, height, dpi, metadata: of the picture in it
    codes, station : texts of its codes, those that fit a pattern of a form, and the station that
        they name
    template : id of the form; matrix : (3, 3) float64 and boxes : (boxes, 4, 2) float64, where it
        lies, as in `Registration`
    fields : as read; without those whose place was not found
    inkprint : (n,) uint8, packed
    """

    status: Status
    reasons: tuple[str, ...] = ()
    sha256: str | None = None
    bytes: int | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    metadata: tuple[str, ...] = ()
    grade: str | None = None
    codes: tuple[str, ...] = ()
    station: str | None = None
    template: str | None = None
    residual: float | None = None
    score: float | None = None
    method: str | None = None
    consistent: bool | None = None
    cost: float | None = None
    matrix: NDArray[np.float64] | None = None
    boxes: NDArray[np.float64] | None = None
    fields: tuple[FieldReading, ...] = ()
    glyphs: Glyphs | None = None
    inkprint: NDArray[np.uint8] | None = None


_ARRAYS = ("matrix", "boxes", "inkprint")
_SCALARS = tuple(
    f.name for f in fields(SheetRecord) if f.name not in (*_ARRAYS, "fields", "glyphs")
)


def pack(record: SheetRecord) -> bytes:
    """A record as bytes; `unpack` gives it back as it was."""
    head: dict[str, Any] = {name: getattr(record, name) for name in _SCALARS}
    head["fields"] = [
        {k: v for k, v in asdict(one).items() if k not in ("boxes", "altered")}
        for one in record.fields
    ]
    head["digits"] = [len(one.boxes) for one in record.fields]
    arrays = {n: getattr(record, n) for n in _ARRAYS if getattr(record, n) is not None}
    if record.fields:
        arrays["field_boxes"] = np.concatenate([one.boxes for one in record.fields])
        arrays["field_altered"] = np.concatenate([one.altered for one in record.fields])
    if record.glyphs is not None:
        arrays |= {f"glyph_{f.name}": getattr(record.glyphs, f.name) for f in fields(Glyphs)}
    out = io.BytesIO()
    text = json.dumps(head, ensure_ascii=True, allow_nan=False).encode("ascii")
    np.savez_compressed(out, head=np.frombuffer(text, dtype=np.uint8), **arrays)
    return out.getvalue()


def unpack(packed: bytes) -> SheetRecord:
    """The record of those bytes.

    Raises
    ------
    VeedorError
        The bytes are of something else.
    """
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        head = json.loads(arrays["head"].tobytes())
        known: dict[str, Any] = {n: _tuple(head[n]) for n in _SCALARS}
        known |= {n: arrays.get(n) for n in _ARRAYS}
        known["fields"] = _fields(head, arrays)
        if "glyph_cell" in arrays:
            shapes = {f.name: arrays[f"glyph_{f.name}"] for f in fields(Glyphs)}
            known["glyphs"] = Glyphs(**shapes)
        return SheetRecord(**known)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise VeedorError(
            f"these bytes are no reading of a scan ({error})",
            remedy="Delete the folder `readings` of the cache.",
        ) from error


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _fields(head: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> tuple[FieldReading, ...]:
    if not head["fields"]:
        return ()
    ends = np.cumsum(head["digits"])[:-1]
    boxes = np.split(arrays["field_boxes"].reshape(-1, len(CLASSES)), ends)
    altered = np.split(arrays["field_altered"], ends)
    return tuple(
        FieldReading(**one, boxes=b, altered=a)
        for one, b, a in zip(head["fields"], boxes, altered, strict=True)
    )
