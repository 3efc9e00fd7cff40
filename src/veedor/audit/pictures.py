"""Write the parts of scans that facts name, with personal data veiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veedor.audit import files
from veedor.audit.findings import Fact, Finding, Picture, PictureFile
from veedor.engine.shelf import Shelf

__all__ = ["MOST", "write_pictures"]

MOST = 24
"""Parts of scans that are written for a finding."""


def write_pictures(
    shelf: Shelf,
    facts: Sequence[Fact],
    findings: Sequence[Finding],
    built: Path,
    *,
    show_private: bool = False,
) -> list[Finding]:
    """Write the first pictures of each fact, and give the findings with where they are.

    A scan on which no form was found is not shown: where personal data lie on it is not known.
    """
    written: list[Finding] = []
    for finding, fact in zip(findings, facts, strict=True):
        shown: list[PictureFile] = []
        for picture in fact.pictures:
            if len(shown) == MOST:
                break
            part = _cut(shelf, picture, show_private)
            if part is not None:
                data, suffix = _encoded(part, picture)
                name = f"pictures/{files.slug(finding.id)}-{len(shown) + 1:02d}.{suffix}"
                (built / "pictures").mkdir(exist_ok=True)
                (built / name).write_bytes(data)
                sha256 = files.sha256(built / name)
                shown.append(_file(shelf, picture, name, sha256, part.shape, show_private))
        left = len(fact.pictures) - len(shown)
        written.append(finding.model_copy(update={"pictures": shown, "pictures_not_shown": left}))
    return written


def _cut(shelf: Shelf, picture: Picture, show_private: bool) -> NDArray[np.uint8] | None:
    """The part of the scan, (height, width, 3); None where it cannot be shown."""
    from veedor.images import crops

    if picture.scan >= len(shelf.scans):
        return None
    template, matrix = shelf.template(picture.scan), shelf.scans[picture.scan].matrix
    pixels = shelf.pixels(picture.scan) if template is not None else None
    if template is None or matrix is None or pixels is None:
        return None
    if picture.fields:
        fields = picture.fields
        return crops.rows(pixels, matrix, template, fields, show_private=show_private)
    return crops.whole(pixels, matrix, template, show_private=show_private)


def _encoded(part: NDArray[np.uint8], picture: Picture) -> tuple[bytes, str]:
    """The bytes of a file and its suffix: figures without loss, a whole page small."""
    from veedor.images import crops

    return (crops.png(part), "png") if picture.fields else (crops.jpeg(part), "jpg")


def _file(
    shelf: Shelf,
    picture: Picture,
    path: str,
    sha256: str,
    shape: tuple[int, ...],
    show_private: bool,
) -> PictureFile:
    one, template = shelf.scans[picture.scan], shelf.template(picture.scan)
    return PictureFile(
        path=path,
        sha256=sha256,
        width=shape[1],
        height=shape[0],
        scan=picture.scan,
        file=one.file or "",
        station=one.station,
        fields=list(picture.fields),
        caption=picture.caption,
        veiled=not show_private and template is not None and bool(template.private),
    )
