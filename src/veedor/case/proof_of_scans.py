"""Whether scans, the file that names them and the templates of their forms fit one another."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from veedor.case.forms import form_mistakes
from veedor.case.locate import locate
from veedor.case.manifest import Case, Source
from veedor.case.pictures import Pictures, is_safe, is_sha256, open_pictures
from veedor.errors import SourceError, VeedorError
from veedor.images.template import Template, load_template

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from veedor.case.proof import Examined
    from veedor.engine.scan_index import Named

__all__ = ["of_scans"]


def of_scans(
    case: Case, source: Source, table: ir.Table, stations: Set[str], found: Examined
) -> list[str]:
    """What there is to tell of a source of scans, in words.

    `stations` are the codes in the counts and registers; none where these are not known.
    Mistakes in templates, and in what the case says of them, go to `found.wrong`; whatever an audit
    reports as a fact (a picture that is not there, or has another hash) is told and counts as
    unread.
    """
    from veedor.engine.scan_index import index_of

    found.wrong += _forms(case, source)
    place = locate(case, source.images, download=False).path
    rows = index_of(source, table)
    with open_pictures(place) as pictures:
        told = [f"{_some(len(pictures.names), 'picture')} in {place.name}"]
        doubts = [
            *_names(rows, pictures, place),
            *_strangers(source, rows, stations),
            *_hashes(rows, pictures),
        ]
    found.unread |= bool(doubts)
    return [*told, *doubts, *_several(rows), *_bare(case, source)]


def _bare(case: Case, source: Source) -> Iterator[str]:
    """Forms of which nothing will be veiled."""
    for file in source.templates:
        with contextlib.suppress(VeedorError):
            template = load_template(locate(case, file, download=False).path)
            if not template.private:
                yield (
                    f"The template {template.id!r} lists nothing as private: names, signatures and"
                    " fingerprints on its sheets will be shown"
                )


def _forms(case: Case, source: Source) -> Iterator[VeedorError]:
    """What is wrong with the templates, each once; then with what the case says of their fields."""
    templates: list[Template] = []
    for file in source.templates:
        path = locate(case, file, download=False).path
        try:
            template = load_template(path)
        except VeedorError as error:
            yield error
            continue
        templates.append(template)
        if template.blank and not (path.parent / template.blank).is_file():
            yield SourceError(
                f"the picture of the empty form, {template.blank!r}, is not there",
                place=str(path),
                remedy="It lies beside the template that names it as `blank`.",
            )
    if len(templates) == len(source.templates):
        yield from form_mistakes(case, case.sources.index(source), templates)


def _names(rows: Sequence[Named], pictures: Pictures, place: Path) -> Iterator[str]:
    """Rows that name no picture, and pictures that no row names."""
    known = set(pictures.names)
    for lost, what in (
        ([r for r in rows if r.station is None], "has no station's code"),
        ([r for r in rows if r.file is None], "names no picture"),
        ([r for r in rows if r.page is None], "has no page that is a number from 1"),
        (
            [r for r in rows if r.file and not is_safe(r.file)],
            "names a picture by a path that leads out of the folder",
        ),
        (
            [r for r in rows if r.file and is_safe(r.file) and r.file not in known],
            f"names a picture that is not in {place.name}",
        ),
    ):
        if lost:
            first = lost[0]
            yield (
                f"{_some(len(lost), 'row')} {what if len(lost) == 1 else _plural(what)},"
                f" {'in' if len(lost) == 1 else 'the first in'} row {first.row}"
                + (f": {first.file!r}" if first.file else "")
                + _alike(first.file, known)
            )
    named = {r.file for r in rows}
    if spare := [name for name in pictures.names if name not in named]:
        yield (
            f"{_some(len(spare), 'picture')} {'is' if len(spare) == 1 else 'are'} named by no row,"
            f" {'' if len(spare) == 1 else 'the first '}{spare[0]!r}"
        )


def _strangers(source: Source, rows: Sequence[Named], stations: Set[str]) -> Iterator[str]:
    """Rows that name a station that no count and no register has, with a code that is like it: the
    same but for capitals, marks and zeros before numbers.
    """
    strange = [r for r in rows if r.station is not None and r.station not in stations]
    if not strange or not stations:
        return
    like: dict[str, list[str]] = {}
    for code in stations:
        like.setdefault(_bare_code(code), []).append(code)
    found = next(
        ((r, codes[0]) for r in strange if len(codes := like.get(_bare_code(r.station), [])) == 1),
        None,
    )
    one = len(strange) == 1
    shown = (
        f" (there is {found[1]!r}"
        + ("" if found[0] is strange[0] else f", where row {found[0].row} has {found[0].station!r}")
        + ")"
        if found
        else ""
    )
    yield (
        f"{_some(len(strange), 'row')} {'names' if one else 'name'} a station of no count,"
        f" {'in' if one else 'the first in'} row {strange[0].row}: {strange[0].station!r}{shown};"
        f" {'its scan stands' if one else 'their scans stand'} beside no record: write the codes in"
        f" {' and '.join(map(repr, source.key))} as the counts do"
    )


def _bare_code(code: str | None) -> str:
    """A station's code without what is often written otherwise: capitals, marks, leading zeros."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[^\w]|_", " ", code or "").casefold())


def _alike(file: str | None, known: set[str]) -> str:
    """The picture whose name differs from that of a row in capitals alone, or in the folder."""
    if not file or file in known:
        return ""

    def plain(name: str) -> str:
        return name.rpartition("/")[2].casefold()

    found = [name for name in known if plain(name) == plain(file)]
    return f" (there is {found[0]!r})" if len(found) == 1 else ""


def _plural(what: str) -> str:
    verb, _, rest = what.partition(" ")
    return f"{ {'has': 'have', 'names': 'name'}[verb] } {rest}"


def _hashes(rows: Sequence[Named], pictures: Pictures) -> Iterator[str]:
    """Pictures that have another hash than their row states, and those that cannot be read; then
    hashes that are none.
    """
    known = set(pictures.names)
    other, broken = [], []
    none = [row for row in rows if row.sha256 is not None and not is_sha256(row.sha256)]
    for row in rows:
        if row.sha256 is None or row.file not in known or not is_sha256(row.sha256):
            continue
        try:
            if hashlib.sha256(pictures.read(row.file)).hexdigest() != row.sha256:
                other.append(row)
        except SourceError as error:
            broken.append((row, error))
    if other:
        yield (
            f"{_some(len(other), 'picture')} {'has' if len(other) == 1 else 'have'} another"
            f" SHA-256 than the row states,"
            f" {'in' if len(other) == 1 else 'the first in'} row {other[0].row}: {other[0].file!r}"
        )
    if broken:
        row, why = broken[0]
        yield (
            f"{_some(len(broken), 'picture')} cannot be read,"
            f" {'in' if len(broken) == 1 else 'the first in'} row {row.row}: {row.file!r}"
            f" {why.message}"
        )

    if none:
        yield (
            f"{_some(len(none), 'row')} {'states' if len(none) == 1 else 'state'} as SHA-256 what"
            f" is none (64 digits and letters a to f),"
            f" {'in' if len(none) == 1 else 'the first in'} row {none[0].row}: {none[0].sha256!r};"
            " such a scan is not read: correct it, or leave the cell empty"
        )


def _several(rows: Sequence[Named]) -> Iterator[str]:
    """Stations of which there are several scans, all of which are kept."""
    times = Counter(row.station for row in rows if row.station is not None)
    if several := {station for station, n in times.items() if n > 1}:
        first = next(r for r in rows if r.station in several)
        verb = "has" if len(several) == 1 else "have"
        yield (
            f"{_some(len(several), 'station')} {verb} several scans, all of which are kept,"
            f" {'' if len(several) == 1 else 'the first '}{first.station!r} in row {first.row}"
        )


def _some(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
