"""Write the audit folder: the rows behind each finding, the document, the figures, the manifest."""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
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
)
from veedor.audit.judge import REPLICATES
from veedor.case.manifest import Case
from veedor.engine.evidence import Evidence

PACKAGES = (
    "duckdb",
    "ibis-framework",
    "numpy",
    "scipy",
    "pyarrow",
    "pydantic",
    "vl-convert-python",
)


FOR_SCANS = ("opencv-python-headless", "onnxruntime", "pillow", "pypdfium2", "zxing-cpp")
"""Named too where scans are read: what is read depends on them."""
REPORT = "index.html"


@dataclass(frozen=True, slots=True)
class Call:
    """How an audit was asked for, for its manifest."""

    seed: int
    command: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    show_private: bool = False
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


def write_evidence(
    evidence: Evidence, facts: Sequence[Fact], findings: Sequence[Finding], built: Path
) -> list[Finding]:
    """Write the rows of each fact, and give the findings with where their rows are."""
    (built / "evidence").mkdir(parents=True)
    written: list[Finding] = []
    names: set[str] = set()
    for finding, fact in zip(findings, facts, strict=True):
        name = files.slug(finding.id)
        if name in names:
            raise ValueError(f"two findings are called {name}")
        names.add(name)
        if fact.rows is None or not any(len(v) for v in fact.rows.values()):
            written.append(finding)
            continue
        path = f"evidence/{name}.parquet"
        table = _table(evidence, fact)
        pq.write_table(table, built / path, compression="zstd")
        entry = EvidenceFile(
            path=path,
            rows=table.num_rows,
            key="station" if fact.key == "sid" else fact.key,
            sha256=files.sha256(built / path),
        )
        written.append(finding.model_copy(update={"evidence": entry}))
    return written


def _table(evidence: Evidence, fact: Fact) -> pa.Table:
    """The rows of a fact, its stations by official code and place."""
    columns: dict[str, Any] = {}
    rows = fact.rows or {}
    if "sid" in rows:
        columns.update(evidence.describe(np.asarray(rows["sid"], dtype=np.int64)))
    columns.update({k: v for k, v in rows.items() if k != "sid"})
    return pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()})


def document(
    evidence: Evidence,
    inputs: list[Input],
    outcome: OutcomeSummary,
    findings: list[Finding],
    not_run: list[NotRun],
    seed: int,
) -> Document:
    """`findings.json` as an object."""
    case = evidence.case
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
        scope=_scope(evidence),
        seed=seed,
    )


_GONE = {"refused": "refused", "destroyed": "destroyed", "lost": "destroyed"}
"""The part of the scope that names evidence which is not there, by why; else `not_examined`."""


def _scope(evidence: Evidence) -> Scope:
    """What the case leaves out, evidence that was withheld, and files that are missing."""
    case = evidence.case.scope
    parts: dict[str, list[str]] = {
        "not_examined": list(case.not_examined),
        "refused": list(case.refused),
        "destroyed": list(case.destroyed),
    }
    for one in evidence.plan.withheld:
        why = "; ".join(filter(None, (one.why.replace("-", " "), one.source)))
        parts[_GONE.get(one.why, "not_examined")].append(f"{one.what.rstrip('.')} ({why}).")
    parts["not_examined"] += [f"{name}: {why}" for name, why in evidence.missing.items()]
    for name, pictures in evidence.shelf.unnamed.items():
        if pictures:
            number = "1 picture" if len(pictures) == 1 else f"{len(pictures):,} pictures"
            parts["not_examined"].append(
                f"{name}: {number} that no row of the file names, such as {pictures[0]!r}."
            )
    return Scope(**{part: list(dict.fromkeys(lines)) for part, lines in parts.items()})


def draw(made: Document, facts: Sequence[Fact], built: Path) -> Document:
    """Draw the figures of all facts, and give the document with where they are."""
    from veedor.report import figures

    findings = []
    for finding, fact in zip(made.findings, facts, strict=True):
        paths = figures.write(fact.figures, built) if fact.figures else []
        alts = [figure.alt for figure in fact.figures]
        findings.append(finding.model_copy(update={"figures": paths, "alt": alts}))
    return made.model_copy(update={"findings": findings})


def manifest(
    case: Case, inputs: list[Input], built: Path, call: Call, seconds: dict[str, float]
) -> Manifest:
    """Write `manifest.json`: all that is needed to repeat the audit, and each output's hash."""
    shutil.copyfile(case.path, built / "case.toml")
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    if any(one.kind == "pictures" for one in inputs):
        for name in FOR_SCANS:
            with contextlib.suppress(metadata.PackageNotFoundError):
                versions[name] = metadata.version(name)
    made = Manifest(
        veedor=veedor.__version__,
        case=case.id,
        case_sha256=case.sha256,
        command=list(call.command),
        seed=call.seed,
        started=call.started.isoformat(timespec="seconds"),
        ended=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        versions=versions,
        parameters={
            "replicates": REPLICATES,
            "only": list(call.only),
            "show_private": call.show_private,
            "peak_memory_bytes": peak_memory(),
        },
        inputs=inputs,
        outputs={
            path.relative_to(built).as_posix(): files.sha256(path)
            for path in sorted(built.rglob("*"))
            if path.is_file() and path.name != "manifest.json"
        },
        seconds=seconds,
    )
    files.write_json(built / "manifest.json", made.model_dump(mode="json"))
    return made


def seal(made: Manifest, built: Path, seconds: dict[str, float]) -> None:
    """Add the report, which was made from the manifest as it stood, to the manifest."""
    outputs = made.outputs | {REPORT: files.sha256(built / REPORT)}
    sealed = made.model_copy(update={"outputs": dict(sorted(outputs.items())), "seconds": seconds})
    files.write_json(built / "manifest.json", sealed.model_dump(mode="json"))


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
