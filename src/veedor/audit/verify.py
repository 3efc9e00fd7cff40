"""Verify an audit folder: every hash, and, given the inputs, every finding.

The hashes are checked with nothing of the code that wrote them. Recomputing runs the audit anew
from the case file in the folder and compares what it says, apart from the seconds it took.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from veedor.audit.findings import Document, Manifest
from veedor.errors import InputsMissingError, VerifyError


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
    if manifest.inputs != document.inputs:
        raise VerifyError("the manifest and the findings name other inputs", place=str(folder))
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


def _recompute(
    folder: Path,
    manifest: Manifest,
    document: Document,
    case: Path | str | None,
    progress: Callable[[str], None],
) -> list[str]:
    import veedor
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
    with tempfile.TemporaryDirectory(prefix="veedor-verify-") as name:
        try:
            again = audit(
                path,
                Path(name) / "again",
                seed=manifest.seed,
                only=manifest.parameters.get("only", []),
                progress=progress,
                report=False,
            )
        except UnavailableError as error:
            raise InputsMissingError(error.message, place=error.place) from error
        _same_inputs(document, again.document)
        _same(_comparable(document), _comparable(again.document), "")
    return [
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
        finding.pop("figures")
        finding.pop("alt")
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
