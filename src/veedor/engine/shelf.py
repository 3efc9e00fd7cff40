"""The scans of a case at hand: where the picture of each lies, and its form on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veedor.case.forms import Form
from veedor.case.pictures import open_pictures
from veedor.errors import VeedorError
from veedor.images.template import Template

__all__ = ["Filed", "Shelf"]


@dataclass(frozen=True, slots=True)
class Filed:
    """One scan.

    `matrix` is (3, 3), from millimetres of the form's page to pixels; it and `template` are None
    where no form was found.
    """

    source: str
    station: str | None
    file: str | None
    page: int
    sha256: str | None
    template: str | None
    matrix: NDArray[np.float64] | None


@dataclass(slots=True)
class Shelf:
    """All scans by their numbers; by source, where their pictures and forms are, and the pictures
    that no row names.
    """

    scans: list[Filed] = field(default_factory=list)
    places: dict[str, Path] = field(default_factory=dict)
    forms: dict[str, Mapping[str, Form]] = field(default_factory=dict)
    unnamed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def template(self, scan: int) -> Template | None:
        """The form found on a scan."""
        one = self.scans[scan]
        return self.forms[one.source][one.template].template if one.template else None

    def pixels(self, scan: int) -> NDArray[np.uint8] | None:
        """The picture that was read, (height, width, 3) uint8; None where there is none that can be
        opened.
        """
        from veedor.images.intake import take_in

        one = self.scans[scan]
        if one.file is None:
            return None
        try:
            with open_pictures(self.places[one.source]) as pictures:
                data = pictures.read(one.file)
            if hashlib.sha256(data).hexdigest() != one.sha256:
                # Changed since it was read: where the form lies on it is no longer known.
                return None
            return take_in(Path(one.file), name=one.file, page=one.page, data=data).pixels
        except VeedorError:
            return None
