"""Scans as tables: every scan that the case names, what was read on it, and its digits' shapes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veedor.case.forms import Form, read_forms
from veedor.case.manifest import Case, Source
from veedor.case.pictures import open_pictures
from veedor.case.tables import DOUBT, SCANS, votes_columns
from veedor.engine.evidence import CountInfo
from veedor.engine.parse import CELL_FIELDS
from veedor.engine.scan_index import Named, index_of
from veedor.engine.scan_tables import ScanTables
from veedor.engine.shelf import Filed, Shelf
from veedor.engine.verbs import collect
from veedor.errors import CaseError, ExtraMissingError
from veedor.images.template import Template
from veedor.sources import Opened
from veedor.stats.numerals import Numbers, numbers

if TYPE_CHECKING:
    from veedor.images.record import SheetRecord
    from veedor.images.sheet import FieldReading

__all__ = ["chance_of", "embedding_size", "held_by", "make_scans", "missing_extra"]

Say = Callable[[str], None]
NOTHING = (10, 11)
"""Positions of `empty` and `filler` among the classes of a box."""
OVER = 13
"""Position of `overwritten`."""
TELLING = ("number", "filler", "empty")
"""States of a field that reading may take for another."""


def missing_extra() -> str:
    """Why scans cannot be read here; empty where they can."""
    try:
        import cv2  # noqa: F401
        import onnxruntime  # noqa: F401
        import PIL  # noqa: F401
        import pypdfium2  # noqa: F401
        import zxingcpp  # noqa: F401
    except ImportError as error:
        return f"reading scans needs the package {error.name}, which is not installed"
    return ""


def make_scans(
    con: ibis.BaseBackend,
    case: Case,
    opened: Mapping[str, Opened],
    counts: Mapping[str, CountInfo],
    paths: Mapping[str, Path],
    folder: Path,
    *,
    missing: dict[str, str],
    say: Say = lambda message: None,
    jobs: int | None = None,
) -> Shelf:
    """`scans`, `readings`, `compared`, `glyphs` and `twins`; empty where the case has no scans.

    Parameters
    ----------
    folder : for the rows, which do not fit the memory
    missing : source -> why it could not be had; an optional one is added that cannot be read here
    jobs : processes that read

    Raises
    ------
    ExtraMissingError
        Where scans that the case needs cannot be read here.
    """
    shelf = Shelf()
    sources = [s for s in case.sources if s.kind == "scans" and s.id in opened]
    if sources and (lacking := missing_extra()):
        if needed := [s.id for s in sources if not s.optional]:
            raise ExtraMissingError(
                f"sources ({needed[0]}): {lacking}", remedy="pip install 'veedor[images]'"
            )
        missing |= {s.id: lacking for s in sources}
        sources = []
    with ScanTables(case, folder, embedding_size() if sources else 0) as out:
        stations = collect(con.table("stations").select("station", "sid"))
        known = dict(zip(stations["station"].tolist(), stations["sid"].tolist(), strict=True))
        recorded = [_Recorded(con, case, i, n) for i, n in enumerate(counts)] if sources else []
        for source in sources:
            forms = read_forms(case, source, paths)
            shelf.places[source.id] = paths[source.images]
            shelf.forms[source.id] = {form.template.id: form for form in forms}
            rows = index_of(source, opened[source.id].table)
            shelf.unnamed[source.id] = _unnamed(paths[source.images], rows)
            maker = _Maker(source, forms, known, recorded, shelf, out)
            for named, record in _read(paths[source.images], rows, forms, say, jobs):
                maker.add(named, record)
        if out.scans:
            say("looking for scans that share what two sheets do not")
            _compare(case, shelf, out)
    out.create(con)
    return shelf


def _unnamed(place: Path, rows: Sequence[Named]) -> tuple[str, ...]:
    """Pictures that no row names."""
    named = {row.file for row in rows}
    with open_pictures(place) as pictures:
        return tuple(name for name in pictures.names if name not in named)


def _compare(case: Case, shelf: Shelf, out: ScanTables) -> None:
    """Add the pairs of scans that share something, and which scans could be told from others."""
    from veedor.images.twins import find_twins

    templates: dict[str, Template] = {}
    for source, forms in shelf.forms.items():
        for name, form in forms.items():
            if templates.setdefault(name, form.template).digest != form.template.digest:
                number = [s.id for s in case.sources].index(source)
                raise CaseError(
                    f"sources ({source}): another source has a template of the id {name!r} that"
                    " describes another form",
                    place=case.place("sources", number, "templates"),
                    remedy="Give each form its own id.",
                )
    found = find_twins(out.prints, templates, pixels=shelf.pixels)
    out.twins += [asdict(pair) for pair in found.pairs]
    told = set(found.compared)
    for row in out.scans:
        row["comparable"] = row["scan"] in told


def _read(
    place: Path, rows: Sequence[Named], forms: Sequence[Form], say: Say, jobs: int | None
) -> Iterator[tuple[Named, SheetRecord]]:
    """Each row with what was read of its scan."""
    from veedor.images.batch import Wanted, read_scans

    wanted = [Wanted(row.file, row.page, row.sha256) for row in rows]
    pairs = [(form.template, form.folder) for form in forms]
    records = read_scans(place, wanted, pairs, jobs=jobs, progress=_Told(say))
    yield from zip(rows, records, strict=True)


class _Told:
    """Progress in words: how many scans are read, how fast, and how long it may still take."""

    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock, self._start, self._last = say, clock, clock(), float("-inf")

    def __call__(self, done: int, total: int, fresh: int) -> None:
        now = self._clock()
        # More and more rarely, so that a log of hours stays short.
        if now - self._last < max(2.0, 0.01 * (now - self._start)) and done < total:
            return
        self._last = now
        pace = fresh / max(now - self._start, 1e-9)
        left = f", {_span((total - done) / pace)} left" if fresh and done < total else ""
        rate = f" ({pace:.1f} a second{left})" if fresh else ""
        self._say(f"reading scans: {done:,} of {total:,}{rate}")


def _span(seconds: float) -> str:
    """A time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Recorded:
    """What one count records, by station."""

    def __init__(self, con: ibis.BaseBackend, case: Case, position: int, count: str) -> None:
        self.count = count
        votes = dict(zip(case.option_ids, votes_columns(len(case.options)), strict=True))
        columns = votes | {name: name for name in CELL_FIELDS}
        rows = collect(con.table(f"sheets_{position}").select("sid", *columns.values()))
        self._at = {sid: i for i, sid in enumerate(rows["sid"].tolist())}
        self._numbers = {name: _floats(rows[column]) for name, column in columns.items()}

    def of(self, sid: int, field: str) -> int | None:
        """The number that the count has there; None where it has none."""
        at = self._at.get(sid)
        value = self._numbers[field][at] if at is not None and field in self._numbers else np.nan
        return None if np.isnan(value) else int(value)


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype == object:
        return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    return values.astype(np.float64)


class _Maker:
    """Makes rows of the scans of one source."""

    def __init__(
        self,
        source: Source,
        forms: Sequence[Form],
        stations: Mapping[str, int],
        recorded: Sequence[_Recorded],
        shelf: Shelf,
        out: ScanTables,
    ) -> None:
        self._source, self._stations, self._recorded = source, stations, recorded
        self._templates = {form.template.id: form.template for form in forms}
        self._mapped = {one: name for name, ids in source.on_form().items() for one in ids}
        self._shelf, self._out = shelf, out

    def add(self, named: Named, record: SheetRecord) -> None:
        """One scan."""
        from veedor.images.inkprint import Inkprint
        from veedor.images.twins import Scanned

        scan = len(self._shelf.scans)
        sid = self._stations.get(named.station) if named.station is not None else None
        self._shelf.scans.append(
            Filed(
                self._source.id,
                named.station,
                None if record.status == "missing" else named.file,
                named.page or 0,
                record.sha256,
                record.template,
                record.matrix,
            )
        )
        about = {
            "scan": scan,
            "sid": sid,
            "station": named.station,
            "source": self._source.id,
            "row": named.row,
            "file": named.file,
            "reasons": "; ".join(why.replace(";", ",") for why in record.reasons) or None,
            "code": record.station,
            "code_sid": self._stations.get(record.station) if record.station else None,
        }
        same = (n for n in SCANS if n not in about and n != "comparable")
        self._out.scans.append(about | {name: getattr(record, name) for name in same})
        self._out.prints.append(
            Scanned(
                scan,
                sid,
                record.sha256,
                record.station,
                record.template,
                None if record.inkprint is None else Inkprint.unpack(record.inkprint),
            )
        )
        for one in record.fields:
            self._field(scan, sid, one, record)
        self._glyphs(scan, sid, record)
        self._out.added()

    def _field(self, scan: int, sid: int | None, one: FieldReading, record: SheetRecord) -> None:
        name = self._mapped.get(one.field)
        template = self._templates[str(record.template)]
        about = template.field(one.field)
        held = held_by(one) if name is not None else None
        said = {n: getattr(one, n) for n in ("value", "text", "joint")}
        if name is None and one.field in template.hidden:
            # A number of identity, say: its digits serve for comparing hands, and are told nowhere.
            said = dict.fromkeys(said)
        self._out.readings.append(
            {
                "scan": scan,
                "sid": sid,
                "field": name if name is not None else one.field,
                "cell_of": one.field,
                "rest": held.beyond(DOUBT) if held and one.state in TELLING else None,
                "altered": float(one.altered.max(initial=0.0)),
                "kind": about.kind,
                **said,
                **{n: getattr(one, n) for n in ("state", "p", "p_joint", "holds")},
            }
        )
        if held is None or sid is None or name is None:
            return
        for count in self._recorded:
            number = count.of(sid, name)
            if number is not None:
                p = chance_of(one, held, number, bool(template.fillers))
                row = {"scan": scan, "sid": sid, "count": count.count, "field": name}
                self._out.compared.append(row | {"transcribed": number, "p": p})

    def _glyphs(self, scan: int, sid: int | None, record: SheetRecord) -> None:
        found = record.glyphs
        if found is None or not len(found.cell):
            return
        template = self._templates[str(record.template)]
        owner = template.owner
        first = np.searchsorted(owner, np.arange(len(template.fields)))
        fields = owner[found.cell]
        self._out.add_glyphs(
            {
                "scan": np.full(len(fields), scan),
                "sid": pa.array([sid] * len(fields), pa.int64()),
                "cell_of": np.array(template.ids, dtype=object)[fields],
                "box": found.cell - first[fields],
                "by": np.array([f.by for f in template.fields], dtype=object)[fields],
                "kind": np.array([f.kind for f in template.fields], dtype=object)[fields],
                "digit": found.digit,
                "p": found.p,
                "unbroken": found.unbroken,
            },
            found.shape,
        )


def held_by(one: FieldReading) -> Numbers:
    """What a field may hold, by its boxes alone. A box that was written over holds the digit that
    can be seen in it.
    """
    boxes = one.boxes.astype(np.float64)
    seen = boxes[:, :10]
    upper = boxes[:, [OVER]] / np.maximum(seen.sum(axis=1, keepdims=True), 1e-9)
    return numbers(seen * (1 + upper), boxes[:, NOTHING].sum(axis=1))


def chance_of(one: FieldReading, held: Numbers, number: int, fillers: bool) -> float:
    """The probability that a field holds a number; that of the reading where it is the same."""
    if one.value == number:
        return one.p
    p = held.of(number)
    if number == 0 and fillers:  # filled out throughout, which then stands for zero
        boxes = one.boxes.astype(np.float64)
        p += float(boxes[:, NOTHING].sum(axis=1).prod() - boxes[:, NOTHING[0]].prod())
    return p if one.value is None else min(p, 1.0 - one.p)


def embedding_size() -> int:
    """How many numbers describe the shape of a digit."""
    from veedor.handwriting.embedding import DIM

    return int(DIM)
