"""Before anything is measured: the checks that were asked for, the files, the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from veedor.audit.findings import Input, NotRun
from veedor.case import catalogue
from veedor.case.forms import blank_of
from veedor.case.manifest import Case, Source
from veedor.case.mistake import near
from veedor.checks.base import NEEDS, Check, registry
from veedor.engine.duck import connect
from veedor.engine.evidence import Evidence
from veedor.engine.load import load
from veedor.errors import CaseError, VeedorError
from veedor.images.template import load_template
from veedor.sources import Opened

Progress = Callable[[str], None]
OF_SCANS = frozenset(("scans", "readings", "glyphs", "twins", "empty-kept"))
"""Needs that scans may meet."""


def chosen(only: Sequence[str]) -> dict[str, Check]:
    """The checks that are named by id or by group; all when nothing is named.

    Raises
    ------
    VeedorError
        Where a name is neither a check nor a group.
    """
    every = registry()
    groups = {name.split(".")[0] for name in every}
    for wanted in only:
        if wanted not in every and wanted not in groups:
            raise VeedorError(
                f"there is no check {wanted!r}", remedy="`veedor checks` lists them all."
            )
    return {
        name: check
        for name, check in every.items()
        if not only or name in only or name.split(".")[0] in only
    }


def need_scans(checks: Mapping[str, Check]) -> bool:
    """Whether one of the checks looks at scans, reading which takes long."""
    return any(not OF_SCANS.isdisjoint(check.needs) for check in checks.values())


def applicable(
    evidence: Evidence, checks: Mapping[str, Check]
) -> tuple[dict[str, Check], list[NotRun]]:
    """The checks for which the case has evidence, and why each of the others cannot be asked."""
    runs: dict[str, Check] = {}
    others: list[NotRun] = []
    for name, check in checks.items():
        lacking = [need for need in check.needs if not evidence.has(need)]
        if not lacking:
            runs[name] = check
            continue
        why = "; ".join(NEEDS[need] for need in lacking)
        others.append(NotRun(check=name, title=check.title, status="not-applicable", why=why))
    return runs, others


def check_expectations(case: Case) -> None:
    """Refuse a statement that expects a finding of a check that there is none of.

    Raises
    ------
    CaseError
        With the place of the statement, and the nearest checks.
    """
    known = registry()
    for number, statement in enumerate(case.statements):
        for expectation in statement.expects:
            check = ".".join(expectation.finding.split(".")[:2])
            if check not in known:
                raise CaseError(
                    f"statements ({statement.id}): expects the finding {expectation.finding!r}, and"
                    f" there is no check {check!r}{near(check, known)}",
                    place=case.place("statements", number, "expects"),
                    remedy="`veedor checks` lists them all.",
                )


def read(
    case: Case,
    folder: Path,
    say: Progress = lambda message: None,
    jobs: int | None = None,
) -> tuple[Evidence, list[Input]]:
    """Locate and load all files of a case; `folder` takes what is unpacked on the way, and `jobs`
    is the number of processes that read scans.

    Raises
    ------
    VeedorError
        Where a statement expects a finding of no check, or a file cannot be had or read.
    """
    check_expectations(case)
    located: dict[str, catalogue.Located] = {}
    missing: dict[str, str] = {}
    for source in case.sources:
        try:
            for path in _paths(source, located):
                if path not in located:
                    located[path] = catalogue.locate(case, path, progress=_fetching(say))
        except catalogue.UnavailableError as error:
            if not source.optional:
                raise
            missing[source.id] = error.message
    paths = {path: found.path for path, found in located.items()}
    evidence, opened = load(
        case, connect(folder), paths, folder, missing=missing, progress=say, jobs=jobs
    )
    return evidence, _inputs(case, evidence, located, opened)


def _paths(source: Source, located: Mapping[str, catalogue.Located]) -> Iterator[str]:
    """Every file of a source; a template is located before the picture of the empty form beside
    it, which it names.
    """
    for path in source.paths():
        yield path
        if path in source.templates:
            blank = blank_of(path, load_template(located[path].path))
            if blank is not None:
                yield blank


def _fetching(say: Progress) -> Callable[[str, int, int], None]:
    """Progress of a download, told once in every tenth of the file."""
    told: dict[str, int] = {}

    def progress(path: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if told.get(path) != tenth:
            told[path] = tenth
            say(f"fetching {path}: {10 * tenth} % of {total:,} bytes")

    return progress


def _rows(evidence: Evidence, opened: Mapping[str, Opened], source: str) -> int:
    machine = evidence.machines.get(source)
    return machine.lines if machine else opened[source].rows


def _kind(source: Source, path: str) -> str:
    """What a file is to a source that is none of its rows."""
    if path == source.images:
        return "pictures"
    if source.kind == "scans" and path not in {lookup.file for lookup in source.lookup}:
        return "template" if path in source.templates else "empty-form"
    return "lookup"


def _inputs(
    case: Case,
    evidence: Evidence,
    located: Mapping[str, catalogue.Located],
    opened: Mapping[str, Opened],
) -> list[Input]:
    aside = {info.source.id: info.set_aside for info in evidence.counts.values()}
    inputs = []
    for source in case.sources:
        if source.id in evidence.missing:
            continue
        parts = {part.file: part.id for part in source.parts()}
        for path in dict.fromkeys(_paths(source, located)):
            found = located[path]
            own = path in parts
            inputs.append(
                Input(
                    source=source.id,
                    kind=source.kind if own else _kind(source, path),
                    path=path,
                    sha256=found.sha256,
                    bytes=found.bytes,
                    rows=_rows(evidence, opened, parts[path]) if own else None,
                    set_aside=aside.get(source.id, 0) if own else 0,
                    origin=found.origin,
                )
            )
    inputs += [
        Input(source=f"plan-{name}", kind="plan", path=name, sha256=sha, bytes=size, rows=None)
        for name, (sha, size) in case.plan_files.items()
    ]
    return inputs
