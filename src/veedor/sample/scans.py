"""Pictures for examiners out of a case with scans: upright, with personal data veiled."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from veedor.case.catalogue import UnavailableError, locate
from veedor.case.forms import Form, read_forms
from veedor.case.manifest import Case, Source
from veedor.case.pictures import open_pictures
from veedor.errors import VeedorError

if TYPE_CHECKING:
    from veedor.engine.scan_index import Named
    from veedor.images.registration import Registrar

__all__ = ["Scan", "files_veiled", "scans_of"]


class Scan:
    """One picture of a sheet, made when it is looked at.

    Parameters
    ----------
    forms : of which it may be
    place, name : the archive or folder, and the picture in it
    show_private : leave it as it is
    """

    def __init__(
        self, forms: _Forms, place: Path, name: str, page: int = 0, *, show_private: bool = False
    ) -> None:
        self._forms, self._place, self._name, self._page = forms, place, name, page
        self._show_private = show_private

    @property
    def veiled(self) -> bool:
        """Whether private parts are veiled in it."""
        return not self._show_private

    @cached_property
    def png(self) -> bytes | None:
        """The bytes of a PNG file; None where no form is found on it that says where personal data
        lie, or where it cannot be opened.
        """
        from veedor.images.crops import png, whole
        from veedor.images.intake import take_in

        try:
            with open_pictures(self._place) as pictures:
                data = pictures.read(self._name)
            pixels = take_in(Path(self._name), name=self._name, page=self._page, data=data).pixels
        except VeedorError:
            return None
        if self._show_private:
            return png(pixels)
        registrar = self._forms.registrar
        found = registrar.register(pixels)
        if found is None or not (template := registrar.template(found.template)).private:
            return None
        return png(whole(pixels, found.matrix, template))


class _Forms:
    """The forms of a case, and what finds them on a picture."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = forms

    @cached_property
    def registrar(self) -> Registrar:
        """Finds the form on a picture; made once for all."""
        from veedor.images.registration import Registrar

        return Registrar([(form.template, form.folder) for form in self._forms])


def scans_of(
    case: Case, stations: Sequence[str], *, show_private: bool = False
) -> dict[str, list[Scan]]:
    """Station -> the scans that the case names for it.

    Raises
    ------
    VeedorError
        Where files of a source of scans cannot be used.
    """
    wanted = set(stations)
    found: dict[str, list[Scan]] = {}
    for source in (s for s in case.sources if s.kind == "scans"):
        try:
            paths = {path: locate(case, path).path for path in source.paths()}
        except UnavailableError:
            if not source.optional:
                raise
            continue
        forms = _Forms(read_forms(case, source, paths))
        for row in _index(source, paths):
            if row.station in wanted and row.file is not None and row.page is not None:
                scan = Scan(
                    forms, paths[source.images], row.file, row.page, show_private=show_private
                )
                found.setdefault(row.station, []).append(scan)
    return found


def _index(source: Source, paths: Mapping[str, Path]) -> list[Named]:
    from veedor.engine.duck import connect
    from veedor.engine.scan_index import index_of
    from veedor.sources import open_source

    with tempfile.TemporaryDirectory(prefix="veedor-") as name:
        con = connect(Path(name))
        opened = open_source(con, source, paths[source.file], dict(paths), Path(name))
        rows = index_of(source, opened.table)
        con.disconnect()
    return rows


def files_veiled(case: Case, images: Mapping[str, Sequence[Path]]) -> dict[str, list[Scan]] | None:
    """Pictures that lie in a folder as scans of the case's forms; None where none of these says
    what is private.
    """
    forms: list[Form] = []
    for source in (s for s in case.sources if s.kind == "scans"):
        paths = {path: locate(case, path).path for path in source.templates}
        forms += read_forms(case, source, paths)
    if not any(form.template.private for form in forms):
        return None
    found = _Forms(forms)
    return {
        station: [Scan(found, path.parent, path.name) for path in paths]
        for station, paths in images.items()
    }
