"""Run an audit: plan, load, measure, assess, judge, write.

Nothing is written to the output folder before everything has been computed; the folder is then
put in place whole.
"""

from __future__ import annotations

import datetime as dt
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import veedor
from veedor.audit import files
from veedor.audit.findings import (
    CaseSummary,
    Document,
    EvidenceFile,
    Fact,
    Finding,
    Input,
    Manifest,
    NotRun,
    Option,
    OutcomeSummary,
    Scope,
    United,
)
from veedor.audit.judge import REPLICATES, Judge, adjust, generator
from veedor.case import catalogue
from veedor.case.manifest import Case, load_case
from veedor.checks.base import NEEDS, Check, Context, registry
from veedor.engine.duck import connect
from veedor.engine.evidence import Evidence
from veedor.engine.load import load
from veedor.engine.verbs import collect
from veedor.errors import SourceError, VeedorError

Progress = Callable[[str], None]

PACKAGES = ("duckdb", "ibis-framework", "numpy", "scipy", "pyarrow", "pydantic", "altair")


@dataclass(frozen=True, slots=True)
class Result:
    """An audit that ran: where it was written, and what it says."""

    directory: Path
    document: Document

    @property
    def findings(self) -> list[Finding]:
        """The findings, in the order of the checks."""
        return self.document.findings

    def table(self) -> pa.Table:
        """One row a finding: check, subject, status, kind, title, questioned sheets, p-values."""
        rows = [
            {
                "check": f.check,
                "subject": f.subject,
                "status": f.status,
                "kind": f.kind,
                "title": f.title,
                "stations": f.questioned.stations if f.questioned else None,
                "valid": f.questioned.valid if f.questioned else None,
                "robustness": f.robustness,
                "p_value": f.p_value,
                "p_adjusted": f.p_adjusted,
            }
            for f in self.findings
        ]
        return pa.Table.from_pylist(rows)

    def _repr_html_(self) -> str:
        """What a notebook shows: the outcome, and the findings as a table."""
        o = self.document.outcome
        head = (
            f"<p><b>{escape(self.document.case.title)}</b><br>"
            f"{escape(o.winner or 'no winner')} (decided by {escape(o.decided_by)}),"
            f" margin {o.margin_points} points: <b>{escape(o.statement)}</b></p>"
        )
        rows = "".join(
            f"<tr><td>{escape(f.id)}</td><td>{escape(f.status)}</td><td>{escape(f.fact)}</td></tr>"
            for f in self.findings
        )
        return (
            f"{head}<table><thead><tr><th>finding</th><th>status</th><th>fact</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


@dataclass
class _Clock:
    """Seconds spent by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + spent, 3)


def audit(
    case: str | Path,
    out: Path | None = None,
    *,
    seed: int = 0,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    command: Sequence[str] = (),
    report: bool = True,
) -> Result:
    """Audit a case and write the audit folder.

    Parameters
    ----------
    case : str or path
        A bundled case by name, or the path of a `case.toml` or its folder.
    out : path, optional
        The folder to write, `out/CASE-ID` when left out. An earlier audit there is replaced.
    seed : int
        Of everything that is drawn at random.
    only : sequence of str
        Ids of checks, or groups of them; all when empty.
    progress : callable, optional
        Is told what is being done, in words.
    command : sequence of str
        How the audit was called, for the manifest.
    report : bool
        Write figures and `index.html` too.

    Raises
    ------
    VeedorError
        Where the case or its files cannot be used; then nothing is written.
    """
    say = progress or (lambda message: None)
    clock = _Clock()
    started = dt.datetime.now(dt.UTC)
    manifest = load_case(catalogue.find_case(str(case)))
    checks = _chosen(only)
    target = Path(out) if out else Path("out") / manifest.id
    _refuse_foreign(target)
    with tempfile.TemporaryDirectory(prefix="veedor-") as name:
        folder = Path(name)
        with clock.time("read"):
            evidence, inputs = read(manifest, folder, say)
        with clock.time("checks"):
            facts, not_run = run_checks(evidence, checks, seed, say)
        with clock.time("judge"):
            say("judging: multiplicity, materiality, the outcome")
            judge = Judge.of(evidence, seed)
            findings = _findings(evidence, judge, facts)
            outcome = _outcome(evidence, judge, facts, findings)
        built = folder / "built"
        with clock.time("evidence"):
            findings = _write_evidence(evidence, facts, findings, built)
        figures = {f.id: fact.figures for f, (_, fact, _) in zip(findings, facts, strict=True)}
        document = _document(manifest, evidence, inputs, outcome, findings, not_run, seed)
        if report:
            with clock.time("figures"):
                document = _draw(document, figures, built, say)
        files.write_json(built / "findings.json", document.model_dump(mode="json"))
        evidence.con.disconnect()
        if report:
            with clock.time("report"):
                say("writing the report")
                _render(document, manifest, inputs, built, seed, started, command, clock, only)
        _finish(manifest, inputs, built, seed, started, command, clock, only)
        files.put_in_place(built, target)
    return Result(target, document)


def read(
    case: Case, folder: Path, say: Progress = lambda message: None
) -> tuple[Evidence, list[Input]]:
    """Locate and load all files of a case; `folder` takes what is unpacked on the way."""
    located: dict[str, catalogue.Located] = {}
    missing: dict[str, str] = {}
    for source in case.sources:
        wanted = [source.file, *(lookup.file for lookup in source.lookup)]
        try:
            for path in wanted:
                if path not in located:
                    located[path] = catalogue.locate(case, path, progress=_fetching(say))
        except VeedorError as error:
            if not source.optional:
                raise
            missing[source.id] = error.message
    paths = {path: found.path for path, found in located.items()}
    evidence, opened = load(case, connect(folder), paths, folder, missing=missing, progress=say)
    return evidence, _inputs(case, evidence, located, opened)


def _fetching(say: Progress) -> Callable[[str, int, int], None]:
    """Progress of a download, told once in every tenth of the file."""
    told: dict[str, int] = {}

    def progress(path: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if told.get(path) != tenth:
            told[path] = tenth
            say(f"fetching {path}: {10 * tenth} % of {total:,} bytes")

    return progress


def _inputs(
    case: Case,
    evidence: Evidence,
    located: Mapping[str, catalogue.Located],
    opened: Mapping[str, Any],
) -> list[Input]:
    aside = {info.source.id: info.set_aside for info in evidence.counts.values()}
    inputs = []
    for source in case.sources:
        if source.id not in opened:
            continue
        for path in [source.file, *(lookup.file for lookup in source.lookup)]:
            found = located[path]
            inputs.append(
                Input(
                    source=source.id,
                    kind=source.kind if path == source.file else "lookup",
                    path=path,
                    sha256=found.sha256,
                    bytes=found.bytes,
                    rows=opened[source.id].rows if path == source.file else None,
                    set_aside=aside.get(source.id, 0) if path == source.file else 0,
                    origin=found.origin,
                )
            )
    return inputs


def run_checks(
    evidence: Evidence,
    checks: Mapping[str, Check],
    seed: int,
    say: Progress = lambda message: None,
) -> tuple[list[tuple[Check, Fact, float]], list[NotRun]]:
    """Measure and assess every check that the evidence allows.

    Returns
    -------
    facts : list of (check, fact, seconds)
        In the order of the checks, then as each check gave them.
    not_run : list of NotRun
    """
    facts: list[tuple[Check, Fact, float]] = []
    not_run: list[NotRun] = []
    for name, check in checks.items():
        lacking = [need for need in check.needs if not evidence.has(need)]
        if lacking:
            not_run.append(
                NotRun(
                    check=name,
                    title=check.title,
                    status="not-applicable",
                    why="; ".join(NEEDS[need] for need in lacking),
                )
            )
            continue
        say(f"check {name}")
        start = time.perf_counter()
        measured = {key: collect(query) for key, query in check.measure(evidence).items()}
        found = list(check.assess(measured, context(evidence, name, seed)))
        spent = time.perf_counter() - start
        facts.extend((check, fact, round(spent / max(len(found), 1), 3)) for fact in found)
    return facts, not_run


def context(evidence: Evidence, check: str, seed: int) -> Context:
    """What a check may know besides its measured rows."""
    return Context(
        case=evidence.case,
        rng=generator(seed, check, evidence.case.contest),
        counts=evidence.counts,
        lists=evidence.lists,
        history=evidence.history_election,
    )


def _chosen(only: Sequence[str]) -> dict[str, Check]:
    every = registry()
    if not only:
        return every
    chosen = {
        name: check for name, check in every.items() if name in only or name.split(".")[0] in only
    }
    groups = {name.split(".")[0] for name in every}
    for wanted in only:
        if wanted not in every and wanted not in groups:
            raise VeedorError(
                f"there is no check {wanted!r}", remedy="`veedor checks` lists them all."
            )
    return chosen


def _findings(
    evidence: Evidence, judge: Judge, facts: Sequence[tuple[Check, Fact, float]]
) -> list[Finding]:
    adjusted = adjust([fact.p_value for _, fact, _ in facts])
    findings = []
    for (check, fact, seconds), p_adjusted in zip(facts, adjusted, strict=True):
        name = f"{check.id}.{fact.subject}" if fact.subject else check.id
        questioned, materiality, robustness = judge.materiality(fact, name)
        findings.append(
            Finding(
                check=check.id,
                subject=fact.subject,
                title=fact.title,
                status=fact.status,
                kind=fact.kind or check.kind,
                asks=check.asks,
                rule=check.rule,
                fact=fact.fact,
                statistic=files.plain(fact.statistic),
                interval=fact.interval,
                p_value=None if fact.p_value is None else round(float(fact.p_value), 6),
                p_adjusted=p_adjusted,
                explanations=[
                    e.model_copy(update={"values": files.plain(e.values)})
                    for e in fact.explanations
                ],
                questioned=questioned,
                materiality=materiality,
                robustness=robustness,
                parameters=files.plain(fact.parameters),
                references=list(check.references) + _list_references(evidence, fact),
                seconds=seconds,
            )
        )
    return findings


def _list_references(evidence: Evidence, fact: Fact) -> list[str]:
    info = evidence.lists.get(fact.subject)
    members = info.members or (info.id,) if info else ()
    found = [evidence.lists[m].reference for m in members]
    return list(dict.fromkeys(r for r in found if r))


def _outcome(
    evidence: Evidence,
    judge: Judge,
    facts: Sequence[tuple[Check, Fact, float]],
    findings: Sequence[Finding],
) -> OutcomeSummary:
    summary = judge.outcome(evidence.official, findings)
    parts = [
        (finding.id, np.asarray(fact.questioned, dtype=np.int64))
        for finding, (_, fact, _) in zip(findings, facts, strict=True)
        if fact.questioned is not None
        and fact.status == "observed"
        and not finding.check.startswith("outcome.")
        and len(fact.questioned)
    ]
    if not parts:
        return summary
    union = np.unique(np.concatenate([sids for _, sids in parts]))
    questioned, materiality, robustness = judge.treat(union, "united")
    united = United(
        findings=[name for name, _ in parts],
        questioned=questioned,
        materiality=materiality,
        robustness=robustness,
    )
    return summary.model_copy(update={"united": united})


def _write_evidence(
    evidence: Evidence,
    facts: Sequence[tuple[Check, Fact, float]],
    findings: Sequence[Finding],
    built: Path,
) -> list[Finding]:
    (built / "evidence").mkdir(parents=True)
    written = []
    names: set[str] = set()
    for finding, (_, fact, _) in zip(findings, facts, strict=True):
        if finding.id in names:
            raise ValueError(f"two findings are called {finding.id}")
        names.add(finding.id)
        if fact.rows is None or not any(len(v) for v in fact.rows.values()):
            written.append(finding)
            continue
        path = f"evidence/{files.slug(finding.id)}.parquet"
        table = _evidence_table(evidence, fact)
        pq.write_table(table, built / path, compression="zstd")
        entry = EvidenceFile(
            path=path,
            rows=table.num_rows,
            key="station" if fact.key == "sid" else fact.key,
            sha256=files.sha256(built / path),
        )
        written.append(finding.model_copy(update={"evidence": entry}))
    return written


def _evidence_table(evidence: Evidence, fact: Fact) -> pa.Table:
    columns: dict[str, Any] = {}
    assert fact.rows is not None
    if "sid" in fact.rows:
        columns.update(evidence.describe(np.asarray(fact.rows["sid"], dtype=np.int64)))
    columns.update({k: v for k, v in fact.rows.items() if k != "sid"})
    return pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()})


def _document(
    case: Case,
    evidence: Evidence,
    inputs: list[Input],
    outcome: OutcomeSummary,
    findings: list[Finding],
    not_run: list[NotRun],
    seed: int,
) -> Document:
    lacking = [f"{name}: {why}" for name, why in evidence.missing.items()]
    return Document(
        veedor=veedor.__version__,
        case=CaseSummary(
            id=case.id,
            title=case.title,
            contest=case.contest,
            date=case.date.isoformat(),
            simulated=case.simulated,
            notes=[*filter(None, [case.rule_text, case.remedy_text]), *case.notes],
        ),
        options=[Option(id=o.id, name=o.name, colour=o.colour) for o in case.options],
        inputs=inputs,
        outcome=outcome,
        findings=findings,
        not_run=not_run,
        scope=Scope(
            not_examined=[*case.scope.not_examined, *lacking],
            refused=list(case.scope.refused),
            destroyed=list(case.scope.destroyed),
        ),
        seed=seed,
    )


def _draw(
    document: Document, figures: Mapping[str, Sequence[Any]], built: Path, say: Progress
) -> Document:
    from veedor.report import figures as drawing

    say("drawing figures")
    findings = []
    for finding in document.findings:
        own = figures[finding.id]
        paths = drawing.write(own, built / "figures") if own else []
        findings.append(finding.model_copy(update={"figures": paths, "alt": [f.alt for f in own]}))
    return document.model_copy(update={"findings": findings})


def _render(
    document: Document,
    case: Case,
    inputs: list[Input],
    built: Path,
    seed: int,
    started: dt.datetime,
    command: Sequence[str],
    clock: _Clock,
    only: Sequence[str],
) -> None:
    from veedor.report.html import render

    _finish(case, inputs, built, seed, started, command, clock, only)
    render(built)


def _finish(
    case: Case,
    inputs: list[Input],
    built: Path,
    seed: int,
    started: dt.datetime,
    command: Sequence[str],
    clock: _Clock,
    only: Sequence[str],
) -> None:
    """Write `manifest.json`: everything needed to repeat the audit, and the hash of each output."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 1 if sys.platform == "darwin" else 1024
    manifest = Manifest(
        veedor=veedor.__version__,
        case=case.id,
        case_sha256=case.sha256,
        command=list(command),
        seed=seed,
        started=started.isoformat(timespec="seconds"),
        ended=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        versions=versions,
        parameters={
            "replicates": REPLICATES,
            "only": list(only),
            "peak_memory_bytes": peak * scale,
        },
        inputs=inputs,
        outputs={
            path.relative_to(built).as_posix(): files.sha256(path)
            for path in sorted(built.rglob("*"))
            if path.is_file() and path.name != "manifest.json"
        },
        seconds=clock.seconds,
    )
    shutil.copyfile(case.path, built / "case.toml")
    manifest = manifest.model_copy(
        update={"outputs": manifest.outputs | {"case.toml": files.sha256(built / "case.toml")}}
    )
    files.write_json(built / "manifest.json", manifest.model_dump(mode="json"))


def _refuse_foreign(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()) and not (target / "findings.json").is_file():
        raise SourceError(
            "the output folder holds something that is not an audit",
            place=str(target),
            remedy="Give another folder with --out, or empty this one.",
        )
