"""The steps of reading one scan, in their order, and what of it is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from veedor.errors import VeedorError
from veedor.handwriting.embedding import DIM, Embedder
from veedor.handwriting.strokes import unbroken
from veedor.images.cells import cut_cells
from veedor.images.codes import find_codes, read_codes, station_of
from veedor.images.decode import decode, glyphs_of
from veedor.images.inkprint import inkprint
from veedor.images.intake import take_in
from veedor.images.quality import judge
from veedor.images.reader import Reader
from veedor.images.record import Glyphs, SheetRecord
from veedor.images.registration import Registrar
from veedor.images.sheet import Cell, FieldReading, Intake, SheetReading
from veedor.images.template import Template

__all__ = ["ALTERED", "SURE", "SheetReader", "read_sheet", "version"]

SURE = 0.9
"""A box serves for comparing hands where it is a digit of at least this probability ..."""
ALTERED = 0.5
"""... and is written over or struck with less than this one."""


def read_sheet(intake: Intake, registrar: Registrar, reader: Reader) -> SheetReading:
    """All that can be read of one scan.

    A scan that the quality gate refuses is not read, and neither is one on which no form is found;
    both keep the texts of their codes, and only a form says which station they name. A field whose
    place was not found on the scan is left out.
    """
    quality = judge(intake.pixels)
    attempt = registrar.attempt(intake.pixels)
    registration = attempt.registration
    if registration is None:
        codes = find_codes(intake.pixels)
        unreadable = quality.grade == "unreadable"
        quality = replace(quality, reasons=(*quality.reasons, f"no form found: {attempt.why}"))
        return SheetReading(intake, quality, "unreadable" if unreadable else "unregistered", codes)
    template = registrar.template(registration.template)
    codes = read_codes(intake.pixels, registration, template)
    quality = judge(intake.pixels, registration=registration, template=template)
    found = SheetReading(
        intake, quality, "unreadable", codes, station_of(codes, template), registration
    )
    if quality.grade == "unreadable":
        return found
    cells = cut_cells(intake.pixels, registration, template)
    known = {name for name, there in zip(template.ids, registration.found, strict=True) if there}
    seen = [cell for cell in cells if cell.field in known]
    decoded = decode(template, seen, reader.read(glyphs_of(seen), quality.grade))
    return replace(
        found,
        status="read",
        fields=tuple(one for one in decoded.fields if one.field in known),
        consistent=decoded.consistent,
        cost=decoded.cost,
        cells=cells,
    )


class SheetReader:
    """Reads scans of some forms into records, with one set of models for all."""

    def __init__(self, forms: Sequence[tuple[Template, Path | None]]) -> None:
        self._templates = [template for template, _ in forms]
        self._registrar = Registrar(forms)
        self._reader = Reader.load()
        self._embedder = Embedder.load()

    def record(self, data: bytes, name: str, page: int = 0) -> SheetRecord:
        """What is kept of the scan with these bytes; of one that cannot be opened, why not."""
        known = SheetRecord("unreadable", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        try:
            intake = take_in(Path(name), name=name, page=page, data=data)
            reading = read_sheet(intake, self._registrar, self._reader)
        except (VeedorError, cv2.error) as error:
            why = error.message if isinstance(error, VeedorError) else f"not processed ({error})"
            return replace(known, reasons=(" ".join(why.split()),))
        return self._kept(reading)

    def _kept(self, reading: SheetReading) -> SheetRecord:
        intake, at = reading.intake, reading.registration
        height, width = intake.pixels.shape[:2]
        template = self._registrar.template(at.template) if at else None
        return SheetRecord(
            status=reading.status,
            reasons=_reasons(reading),
            sha256=intake.sha256,
            bytes=intake.bytes,
            format=intake.format,
            width=width,
            height=height,
            dpi=intake.dpi,
            metadata=intake.metadata,
            grade=reading.quality.grade,
            codes=self._ours(reading.codes),
            station=reading.station if at else self._named(reading.codes),
            template=at.template if at else None,
            residual=float(at.residual) if at else None,
            score=float(at.score) if at else None,
            method=at.method if at else None,
            consistent=reading.consistent,
            cost=reading.cost,
            matrix=at.matrix if at else None,
            boxes=at.boxes if at else None,
            fields=reading.fields,
            glyphs=self._glyphs(reading.cells, reading.fields, template) if template else None,
            inkprint=inkprint(
                reading.cells, pixels=intake.pixels, registration=at, template=template
            ).pack(),
        )

    def _ours(self, codes: Sequence[str]) -> tuple[str, ...]:
        """The texts that a form has a pattern for: another code on the page, that of somebody's
        identity card say, is kept nowhere.
        """
        patterns = [code.pattern for template in self._templates for code in template.codes]
        return tuple(text for text in codes if any(re.fullmatch(p, text) for p in patterns))

    def _named(self, codes: Sequence[str]) -> str | None:
        """The station that codes name by the pattern of any form; None where patterns differ."""
        named = {station_of(codes, template) for template in self._templates} - {None}
        return named.pop() if len(named) == 1 else None

    def _glyphs(
        self, cells: Sequence[Cell], fields: Sequence[FieldReading], template: Template
    ) -> Glyphs:
        """The boxes that are digits without doubt, with the embedding of each."""
        chance = np.zeros((len(template.cells), 10))
        for one in fields:
            at = np.flatnonzero(template.owner == template.ids.index(one.field))
            sound = np.asarray(one.altered) < ALTERED
            chance[at] = np.where(sound[:, None], one.boxes[:, :10], 0.0)
        sure = [
            i for i, cell in enumerate(cells) if cell.glyph is not None and chance[i].max() >= SURE
        ]
        at = np.array(sure, dtype=np.int64)
        shape, pieces = np.zeros((len(at), DIM), dtype=np.int64), np.zeros(len(at), dtype=np.int64)
        if sure:
            glyphs = np.stack([cells[i].glyph for i in sure])  # type: ignore[misc]
            shape = thousandths(self._embedder.embed(glyphs))
            pieces = thousandths(unbroken(glyphs))
        digit = chance[at].argmax(axis=1).astype(np.int64)
        return Glyphs(at, digit, chance[at].max(axis=1), shape, pieces)


def thousandths(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Whole numbers, so that sums of them are the same on every engine."""
    return np.round(1000.0 * values.astype(np.float64)).astype(np.int64)


def _reasons(reading: SheetReading) -> tuple[str, ...]:
    """Why a scan was not read, or is less than good."""
    fair = reading.status == "read" and reading.quality.grade == "good"
    return () if fair else tuple(reading.quality.reasons)


def version(forms: Sequence[tuple[Template, Path | None]]) -> str:
    """What a reading depends on besides the scan: the templates with their pictures, and the code
    and the models of `veedor.images` and `veedor.handwriting`; a hash of all of it.
    """
    digest = hashlib.sha256()
    for template, folder in forms:
        digest.update(template.digest.encode())
        if template.blank and folder:
            digest.update(hashlib.sha256((folder / template.blank).read_bytes()).digest())
    for package in ("veedor.images", "veedor.handwriting"):
        for name, data in _contents(files(package), ""):
            digest.update(f"{package}/{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    for library in ("cv2", "onnxruntime", "numpy"):
        digest.update(f"{library} {__import__(library).__version__}\n".encode())
    return digest.hexdigest()


def _contents(folder: Traversable, above: str) -> list[tuple[str, bytes]]:
    """Names and bytes of the files of a package, sorted; without what was compiled."""
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            found += _contents(entry, f"{above}{entry.name}/")
        else:
            found.append((f"{above}{entry.name}", entry.read_bytes()))
    return found
