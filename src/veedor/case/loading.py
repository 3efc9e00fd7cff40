"""Read a case file: `case.toml`, and the plan files that it names, into a `Case`.

A mistake is named with its key and, where it can be found, its line.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
import typing
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from veedor.case.announcement import ANNOUNCED, beside
from veedor.case.manifest import Case
from veedor.case.mistake import MistakenError
from veedor.case.plan import TABLES, Plan
from veedor.case.written import Written, WrittenFile
from veedor.contest import rule_from
from veedor.errors import CaseError

SHOWN = 6
"""Mistakes that a message tells."""


def load_case(path: Path | str) -> Case:
    """Read and validate a case file.

    Parameters
    ----------
    path : path
        `case.toml`, or the folder that holds it.

    Raises
    ------
    CaseError
        Where the file cannot be read, is not TOML, or does not describe a case: the message
        names the key, its line where it can be found, and what was expected.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "case.toml"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CaseError(
            f"the case file cannot be read ({error.strerror})",
            place=str(path),
            remedy="Give the path of a case.toml, or a name that `veedor data list` shows.",
        ) from error
    try:
        text = raw.decode("utf-8")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise CaseError(
            f"not UTF-8 (byte {error.start})", place=str(path), remedy="Save the file as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"not TOML: {error}", place=str(path)) from error
    written = Written([WrittenFile.of(path, text, data)])
    plans = _add_plans(data, path, written)
    try:
        case = Case.model_validate(data)
    except ValidationError as error:
        raise _explain(error, Case, written) from error
    case._path = path
    case._written = written
    case._sha256 = hashlib.sha256(raw).hexdigest()
    case._plan_files = plans
    _add_announcements(case)
    parameters = {k: v for k, v in case.rule.items() if k != "kind"}
    kind = case.rule.get("kind")
    if not isinstance(kind, str):
        raise CaseError(
            "the rule has no kind",
            place=case.place("rule"),
            remedy='Add, say, kind = "plurality".',
        )
    try:
        case._rule = rule_from(kind, parameters, case.option_ids)
    except CaseError as error:
        place = error.place or case.place("rule")
        raise CaseError(error.message, place=place, remedy=error.remedy) from error
    return case


def _add_plans(data: dict[str, Any], path: Path, written: Written) -> dict[str, tuple[str, int]]:
    """Add the entries of the plan files to those of the case; the hash and size of each file."""
    names = data.get("plans", ())
    found: dict[str, tuple[str, int]] = {}
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return found
    for name in names:
        place = path.parent / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise CaseError(
                f"`plans` names {name!r}, which does not lie beside the case file",
                place=str(path),
                remedy="Copy it into the folder of the case file.",
            )
        try:
            raw = place.read_bytes()
            text = raw.decode("utf-8")
            more = tomllib.loads(text)
        except OSError as error:
            raise CaseError(
                f"this file of `plans` cannot be read ({error.strerror})",
                place=str(place),
                remedy="Plan files lie beside the case file; mend the name.",
            ) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CaseError(f"not TOML in UTF-8: {error}", place=str(place)) from error
        file = WrittenFile.of(place, text, more)
        try:
            Plan.model_validate(more)
        except ValidationError as error:
            raise _explain(error, Plan, Written([file])) from error
        written.files.append(file)
        for table in TABLES:
            if table in more:
                data[table] = [*data.get(table, ()), *more[table]]
        if "custody" in more:
            if "custody" in data:
                raise CaseError(
                    "the order of custody is given twice",
                    place=str(place),
                    remedy="Keep one `custody`, in the case file or in one plan file.",
                )
            data["custody"] = more["custody"]
        found[name] = (hashlib.sha256(raw).hexdigest(), len(raw))
    return found


def _add_announcements(case: Case) -> None:
    """Read what was announced of samples, beside the files in which they stand."""
    samples = iter(case.samples)
    for file in case._written.files:
        own = list(islice(samples, file.entries.get("samples", 0)))
        if not any(sample.ceremony or sample.announced for sample in own):
            continue
        if (found := beside(file.path)) is not None:
            name = file.path.with_name(ANNOUNCED).relative_to(case.path.parent).as_posix()
            case._plan_files[name] = (found.sha256, found.bytes)
            case._announcements |= dict.fromkeys((sample.id for sample in own), found)


def _explain(error: ValidationError, model: type[BaseModel], written: Written) -> CaseError:
    """The mistakes, each with its key; one in another line than the first with its place, too."""
    told = list(_told(error, model))
    places = [written.place(keys) or "" for keys, _ in told]
    lines = [
        text if place == places[0] else f"{place}: {text}"
        for place, (_, text) in zip(places, told, strict=True)
    ]
    more = f" (and {len(lines) - SHOWN} more)" if len(lines) > SHOWN else ""
    return CaseError("; ".join(lines[:SHOWN]) + more, place=places[0], remedy="Mend the case file.")


def _told(
    error: ValidationError, model: type[BaseModel]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The keys of each mistake, and what it is, in words."""
    details = error.errors(include_url=False)
    inner = {str(d["loc"][0]) for d in details if len(d["loc"]) > 1}
    for detail in details:
        keys = detail["loc"]
        if len(keys) == 1 and str(keys[0]) in inner:
            continue
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, MistakenError):
            yield from ((mistake.keys, mistake.text) for mistake in cause.mistakes)
            continue
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"this key is not known here{_did_you_mean(model, keys)}"
        where = ".".join(map(str, keys))
        yield keys, f"{where}: {message}" if where else message


def _did_you_mean(model: type[BaseModel], keys: tuple[str | int, ...]) -> str:
    """The nearest keys of the entry in which the last of these keys stands."""
    entry: type[BaseModel] | None = model
    for key in keys[:-1]:
        if entry is not None and isinstance(key, str):
            fields = {field.alias or name: field for name, field in entry.model_fields.items()}
            entry = _entry(fields[key].annotation) if key in fields else None
    if entry is None:
        return ""
    known = sorted(field.alias or name for name, field in entry.model_fields.items())
    close = difflib.get_close_matches(str(keys[-1]), known, n=2)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _entry(annotation: Any) -> type[BaseModel] | None:
    """The kind of entry within a type such as a tuple of hosts."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_entry(part) for part in typing.get_args(annotation))
    return next((entry for entry in found if entry), None)
