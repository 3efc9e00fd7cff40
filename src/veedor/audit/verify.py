"""Verify an audit folder: every hash, and, given the inputs, every finding.

The hashes are checked with nothing of the code that wrote them. The report is made anew from the
rest of the folder, and given the inputs the whole audit is run anew; both must come out the same,
apart from the seconds that things took. The manifest is not signed: agreement shows that the folder
is whole and is what the inputs give, not who made it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import veedor
from veedor.audit.findings import Document, Manifest
from veedor.errors import DownloadError, InputsMissingError, VerifyError

REPORT = "index.html"


def verify(
    directory: Path | str,
    *,
    recompute: bool = True,
    case: Path | str | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> list[str]:
    """Check an audit folder against what it says of itself.

    Parameters
    ----------
    directory : path
        The folder that `veedor audit` wrote.
    recompute : bool
        Run the audit anew on the inputs, and compare the findings. Needs the inputs.
    case : path, optional
        The case file that was audited; may be left out for a bundled case.

    Returns
    -------
    list of str
        What was checked and agrees, in words.

    Raises
    ------
    VerifyError
        At the first thing that does not agree: a file that is missing, changed, or not listed; a
        finding that comes out otherwise.
    InputsMissingError
        Where all hashes agree, and the inputs to compute the findings anew cannot be had.
    """
    folder = Path(directory)
    manifest = _read(folder / "manifest.json", Manifest)
    document = _read(folder / "findings.json", Document)
    agreed = [_outputs(folder, manifest), _evidence(folder, document)]
    agreed += _pictures(folder, document)
    if _sha256(folder / "case.toml") != manifest.case_sha256:
        raise VerifyError("is not the case that was audited", place=str(folder / "case.toml"))
    if manifest.inputs != document.inputs:
        raise VerifyError("the manifest and the findings name other inputs", place=str(folder))
    if (folder / REPORT).is_file() and manifest.veedor == veedor.__version__:
        agreed.append(_report(folder, manifest))
    if recompute:
        agreed += _recompute(folder, manifest, document, case, progress)
    return agreed


def _read(path: Path, model: type[Any]) -> Any:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise VerifyError(
            "cannot be read", place=str(path), remedy="Is this a folder that `veedor audit` wrote?"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise VerifyError(
            f"not as the format says: {where}: {first['msg']}", place=str(path)
        ) from error


def _outputs(folder: Path, manifest: Manifest) -> str:
    for name, expected in sorted(manifest.outputs.items()):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise VerifyError("lies outside the folder", place=name)
        if not path.is_file():
            raise VerifyError("is missing", place=str(path))
        found = _sha256(path)
        if found != expected:
            raise VerifyError(
                f"has SHA-256 {found}, and the manifest says {expected}",
                place=str(path),
                remedy="The file was changed after the audit wrote it.",
            )
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {
        "manifest.json"
    }
    if extra := sorted(present - set(manifest.outputs)):
        raise VerifyError("is not in the manifest", place=str(folder / extra[0]))
    return f"{len(manifest.outputs)} files have the hashes that the manifest says"


def _evidence(folder: Path, document: Document) -> str:
    count = 0
    for finding in document.findings:
        if finding.evidence is None:
            continue
        path = folder / finding.evidence.path
        if not path.is_file() or _sha256(path) != finding.evidence.sha256:
            raise VerifyError(
                f"is not the evidence that the finding {finding.id} states", place=str(path)
            )
        count += 1
    return f"{count} evidence files have the hashes that their findings say"


def _pictures(folder: Path, document: Document) -> list[str]:
    count = 0
    for finding in document.findings:
        for picture in finding.pictures:
            path = folder / picture.path
            if not path.is_file() or _sha256(path) != picture.sha256:
                raise VerifyError(
                    f"is not the part of a scan that the finding {finding.id} states",
                    place=str(path),
                )
            count += 1
    return [f"{count} parts of scans have the hashes that their findings say"] if count else []


def _report(folder: Path, manifest: Manifest) -> str:
    """Make the report anew from what else lies in the folder, and compare the bytes."""
    from veedor.report.html import render

    outputs = {name: sha for name, sha in manifest.outputs.items() if name != REPORT}
    unsealed = manifest.model_copy(update={"outputs": outputs, "seconds": {}})
    with tempfile.TemporaryDirectory(prefix="veedor-verify-") as name:
        copy = Path(name) / "audit"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(REPORT))
        (copy / "manifest.json").write_text(unsealed.model_dump_json(), encoding="utf-8")
        if render(copy).read_bytes() != (folder / REPORT).read_bytes():
            raise VerifyError(
                "is not the report that the findings, the evidence and the figures make",
                place=str(folder / REPORT),
                remedy="It was changed, or made with other versions of the packages it lists.",
            )
    return "the report is what the findings, the evidence and the figures make"


def _figures(folder: Path, again: Path) -> str:
    """The figures of the audit made anew, byte for byte."""
    names = sorted(p.name for p in (again / "figures").glob("*"))
    for name in names:
        path = folder / "figures" / name
        if not path.is_file() or path.read_bytes() != (again / "figures" / name).read_bytes():
            raise VerifyError(
                "is not the figure that the findings make",
                place=str(path),
                remedy="It was changed, or drawn where other fonts are installed.",
            )
    return f"{len(names)} files of figures come out the same when drawn anew"


def _recompute(
    folder: Path,
    manifest: Manifest,
    document: Document,
    case: Path | str | None,
    progress: Callable[[str], None],
) -> list[str]:
    from veedor.audit.run import audit
    from veedor.case.catalogue import UnavailableError, bundled, find_case

    if manifest.veedor != veedor.__version__:
        raise VerifyError(
            f"was made by veedor {manifest.veedor}, and this is {veedor.__version__}",
            place=str(folder),
            remedy=f"Install veedor {manifest.veedor}, or check the hashes alone with --hashes.",
        )
    if case is None and manifest.case not in {entry.name for entry in bundled()}:
        raise InputsMissingError(
            f"is an audit of {manifest.case!r}, which is no bundled case",
            place=str(folder),
            remedy="Give the case file with --case, its data beside it.",
        )
    path = find_case(case or manifest.case)
    if _sha256(path) != manifest.case_sha256:
        raise VerifyError(
            "is not the case file that was audited", place=str(path), remedy="Give that file."
        )
    drawn = (folder / REPORT).is_file()
    with tempfile.TemporaryDirectory(prefix="veedor-verify-") as name:
        try:
            again = audit(
                path,
                Path(name) / "again",
                seed=manifest.seed,
                only=manifest.parameters.get("only", []),
                progress=progress,
                report=drawn,
                show_private=manifest.parameters.get("show_private", False),
            )
        except (UnavailableError, DownloadError) as error:
            raise InputsMissingError(error.message, place=error.place) from error
        _same_inputs(document, again.document)
        _same(_comparable(document), _comparable(again.document), "")
        figures = [_figures(folder, again.directory)] if drawn else []
    return [
        *figures,
        f"{len(document.inputs)} inputs have the hashes that the findings say",
        f"{len(document.findings)} findings come out the same when computed anew",
    ]


def _same_inputs(document: Document, again: Document) -> None:
    here = {entry.source for entry in again.inputs}
    if lacking := sorted({entry.source for entry in document.inputs} - here):
        raise InputsMissingError(f"the audit read {', '.join(lacking)}, and here they are not")
    for old, new in zip(document.inputs, again.inputs, strict=True):
        if old != new:
            raise VerifyError(
                f"is {new.path} with SHA-256 {new.sha256} here, and {old.sha256} in the audit",
                place=f"input {old.source}",
            )


def _comparable(document: Document) -> Any:
    data = json.loads(document.model_dump_json())
    for finding in data["findings"]:
        finding.pop("seconds")
    return data


def _same(old: Any, new: Any, where: str) -> None:
    """Raise at the first place where the two differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            _same(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            name = a.get("check", i) if isinstance(a, dict) else i
            _same(a, b, f"{where}[{name}]")
    elif old != new:
        raise VerifyError(
            f"was {old!r} and comes out as {new!r}",
            place=f"findings.json, {where}",
            remedy="The findings were changed, or the same version computes otherwise here.",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
