"""Run an audit: plan, load, measure, assess, judge, write.

Nothing is written to the output folder before everything has been computed; the folder is then
put in place whole.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from veedor.audit import files, plan, write
from veedor.audit.findings import (
    Document,
    Fact,
    Finding,
    Manifest,
    OutcomeSummary,
    Status,
    United,
)
from veedor.audit.judge import Judge, adjust, generator
from veedor.audit.pictures import write_pictures
from veedor.audit.plan import Progress
from veedor.case.catalogue import find_case
from veedor.case.loading import load_case
from veedor.checks.base import Check, Context
from veedor.engine.evidence import Evidence
from veedor.engine.verbs import collect
from veedor.errors import SourceError


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
        """One row a finding: check, subject, status, kind, title, questioned sheets, p-values
        and what they are of.
        """
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
                "p_value_of": f.p_value_of,
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


def audit(
    case: str | Path,
    out: Path | None = None,
    *,
    seed: int = 0,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    command: Sequence[str] = (),
    report: bool = True,
    jobs: int | None = None,
    show_private: bool = False,
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
    jobs : int, optional
        Processes that read scans; as many as there are cores when left out.
    show_private : bool
        Leave names, signatures and fingerprints in the parts of scans that are shown. They are
        veiled when left out, and the report says where they were not.

    Raises
    ------
    VeedorError
        Where the case or its files cannot be used; then nothing is written.
    """
    say = progress or (lambda message: None)
    clock = _Clock()
    call = write.Call(
        seed=seed, command=tuple(command), only=tuple(only), show_private=show_private
    )
    manifest = load_case(find_case(str(case)))
    checks = plan.chosen(only)
    target = Path(out) if out else Path("out") / manifest.id
    _refuse_foreign(target)
    with tempfile.TemporaryDirectory(prefix="veedor-") as name:
        built = Path(name) / "built"
        with clock.time("read"):
            looked_at = manifest if plan.need_scans(checks) else manifest.without_scans()
            evidence, inputs = plan.read(looked_at, Path(name), say, jobs)
        runs, not_run = plan.applicable(evidence, checks)
        with clock.time("checks"):
            found = run_checks(evidence, runs, seed, say)
        with clock.time("judge"):
            say("judging: multiplicity, materiality, the outcome")
            judge = Judge.of(evidence, seed)
            findings = _findings(evidence, judge, found)
            outcome = _outcome(evidence, judge, found, findings)
        facts = [f.fact for f in found]
        with clock.time("evidence"):
            findings = write.write_evidence(evidence, facts, findings, built)
            findings = write_pictures(
                evidence.shelf, facts, findings, built, show_private=show_private
            )
        document = write.document(evidence, inputs, outcome, findings, not_run, seed)
        evidence.con.disconnect()
        if report:
            with clock.time("figures"):
                say("drawing figures")
                document = write.draw(document, facts, built)
        files.write_json(built / "findings.json", document.model_dump(mode="json"))
        made = write.manifest(manifest, inputs, built, call, dict(clock.seconds))
        if report:
            from veedor.report.html import render

            with clock.time("report"):
                say("writing the report")
                render(built)
            write.seal(made, built, clock.seconds)
        files.put_in_place(built, target)
    return Result(target, document)


@dataclass(frozen=True, slots=True)
class Found:
    """A fact, the check that found it, and its share of the check's seconds."""

    check: Check
    fact: Fact
    seconds: float

    @property
    def id(self) -> str:
        """The id of the finding that it becomes."""
        return f"{self.check.id}.{self.fact.subject}" if self.fact.subject else self.check.id


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
            self.seconds[stage] = round(time.perf_counter() - start, 3)


def run_checks(
    evidence: Evidence,
    checks: Mapping[str, Check],
    seed: int,
    say: Progress = lambda message: None,
) -> list[Found]:
    """Measure and assess each check, in order; the facts of each in the order it gave them."""
    by_check: dict[str, list[Found]] = {}
    findings: dict[str, tuple[Status, Mapping[str, Any]]] = {}
    for name, check in sorted(checks.items(), key=lambda item: item[1].last):
        say(f"check {name}")
        start = time.perf_counter()
        measured = {key: collect(query) for key, query in check.measure(evidence).items()}
        facts = list(check.assess(measured, context(evidence, name, seed, findings)))
        each = round((time.perf_counter() - start) / max(len(facts), 1), 3)
        by_check[name] = [Found(check, fact, each) for fact in facts]
        findings |= {f.id: (f.fact.status, f.fact.statistic) for f in by_check[name]}
    return [found for name in checks for found in by_check[name]]


def context(
    evidence: Evidence,
    check: str,
    seed: int,
    findings: Mapping[str, tuple[Status, Mapping[str, Any]]] | None = None,
) -> Context:
    """What a check may know besides its measured rows."""
    return Context(
        case=evidence.case,
        rng=generator(seed, check, evidence.case.contest),
        counts=evidence.counts,
        lists=evidence.lists,
        history=evidence.history_election,
        clocks=evidence.clocks,
        stages=evidence.stages,
        plan=evidence.plan,
        machines=evidence.machines,
        trails=evidence.trails,
        findings=findings or {},
    )


def _findings(evidence: Evidence, judge: Judge, found: Sequence[Found]) -> list[Finding]:
    adjusted = adjust([f.fact.p_value for f in found])
    return [
        _finding(evidence, judge, f, p_adjusted)
        for f, p_adjusted in zip(found, adjusted, strict=True)
    ]


def _finding(evidence: Evidence, judge: Judge, found: Found, p_adjusted: float | None) -> Finding:
    check, fact = found.check, found.fact
    questioned, materiality, robustness = judge.materiality(fact, found.id)
    return Finding(
        check=check.id,
        check_title=check.title,
        subject=fact.subject,
        title=fact.title,
        status=fact.status,
        kind=fact.kind or check.kind,
        asks=check.asks,
        rule=check.rule,
        fact=fact.fact,
        statistic=files.plain(fact.statistic),
        interval=fact.interval,
        p_value=files.probability(fact.p_value),
        p_value_of=fact.p_value_of or None,
        p_adjusted=p_adjusted,
        explanations=[
            e.model_copy(update={"values": files.plain(e.values)}) for e in fact.explanations
        ],
        questioned=questioned,
        materiality=materiality,
        robustness=robustness,
        parameters=files.plain(fact.parameters),
        references=list(check.references) + _list_references(evidence, fact),
        seconds=found.seconds,
    )


def _list_references(evidence: Evidence, fact: Fact) -> list[str]:
    info = evidence.lists.get(fact.subject)
    members = info.members or (info.id,) if info else ()
    found = [evidence.lists[m].reference for m in members]
    return list(dict.fromkeys(r for r in found if r))


def _outcome(
    evidence: Evidence, judge: Judge, found: Sequence[Found], findings: Sequence[Finding]
) -> OutcomeSummary:
    """The outcome, with every sheet that a finding from the records questions taken together."""
    summary = judge.outcome(evidence.official, findings)
    parts = {
        f.id: np.asarray(f.fact.questioned, dtype=np.int64)
        for f, finding in zip(found, findings, strict=True)
        if f.fact.questioned is not None
        and len(f.fact.questioned)
        and f.fact.status == "observed"
        and finding.origin == "records"
    }
    if not parts:
        return summary
    union = np.unique(np.concatenate(list(parts.values())))
    # A finding that has all of these sheets says of them what is said of them together.
    name = next((n for n, own in parts.items() if len(np.unique(own)) == len(union)), "united")
    questioned, materiality, robustness = judge.treat(union, name)
    united = United(
        findings=list(parts),
        questioned=questioned,
        materiality=materiality,
        robustness=robustness,
    )
    return summary.model_copy(update={"united": united})


def _refuse_foreign(target: Path) -> None:
    """Only a folder that is an audit, and nothing besides, is replaced."""
    _refuse_unwritable(target)
    if not target.is_dir() or not any(target.iterdir()):
        return
    remedy = "Give another folder with --out, or empty this one."
    try:
        known = Manifest.model_validate_json((target / "manifest.json").read_bytes()).outputs
    except (OSError, ValidationError) as error:
        raise SourceError(
            "the output folder holds something that is not an audit",
            place=str(target),
            remedy=remedy,
        ) from error
    present = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    if foreign := sorted(present - set(known) - {"manifest.json"}):
        raise SourceError(
            f"the output folder holds {foreign[0]}, which is no part of the audit there",
            place=str(target),
            remedy=remedy,
        )


def _refuse_unwritable(target: Path) -> None:
    """Before anything is computed: can the folder be made where it is wanted?"""
    place = target.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise SourceError(
            f"the output folder cannot be made: {place} cannot be written to",
            place=str(target),
            remedy="Give another folder with --out.",
        )
