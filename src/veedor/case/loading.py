"""Read a case file: `case.toml`, and the plan files that it names, into a `Case`.

A mistake is named with its key and, where it can be found, its line.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from veedor.case.manifest import Announced, Case, Event, ListUnion, Option, ScopeText
from veedor.case.plan import (
    TABLES,
    AllowedPath,
    ClientGroup,
    Contingency,
    Delivered,
    Expectation,
    Freeze,
    Host,
    Plan,
    PlannedStop,
    Statement,
    User,
    Withheld,
)
from veedor.case.source import Filter, Lookup, Source, Split, Step
from veedor.contest import rule_from
from veedor.errors import CaseError


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
    plans = _add_plans(data, path)
    try:
        case = Case.model_validate(data)
    except ValidationError as error:
        raise _explain(error, text, path) from error
    case._path = path
    case._sha256 = hashlib.sha256(raw).hexdigest()
    case._plan_files = plans
    parameters = {k: v for k, v in case.rule.items() if k != "kind"}
    kind = case.rule.get("kind")
    if not isinstance(kind, str):
        raise CaseError(
            "the rule has no kind",
            place=_place(path, text, "rule", []),
            remedy='Add, say, kind = "plurality".',
        )
    try:
        case._rule = rule_from(kind, parameters, case.option_ids)
    except CaseError as error:
        place = error.place or _place(path, text, "rule", [])
        raise CaseError(error.message, place=place, remedy=error.remedy) from error
    return case


def _add_plans(data: dict[str, Any], path: Path) -> dict[str, tuple[str, int]]:
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
        try:
            Plan.model_validate(more)
        except ValidationError as error:
            raise _explain(error, text, place) from error
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


def _explain(error: ValidationError, text: str, path: Path) -> CaseError:
    lines = []
    place = str(path)
    details = error.errors(include_url=False)
    inner = {str(d["loc"][0]) for d in details if len(d["loc"]) > 1}
    details = [d for d in details if len(d["loc"]) != 1 or str(d["loc"][0]) not in inner]
    for number, detail in enumerate(details):
        keys = [str(part) for part in detail["loc"]]
        where = ".".join(keys)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"this key is not known{_did_you_mean(keys[-1])}"
        if number == 0:
            place = _place(path, text, keys[0] if keys else "", keys)
        lines.append(f"{where}: {message}" if where else message)
    more = f" (and {len(lines) - 6} more)" if len(lines) > 6 else ""
    return CaseError("; ".join(lines[:6]) + more, place=place, remedy="Mend the case file.")


def _did_you_mean(key: str) -> str:
    entries = (
        *(Case, Source, Option, Event, Announced, Lookup, Filter, Split, ListUnion, ScopeText),
        *(Step, Host, ClientGroup, AllowedPath, Contingency, Freeze, User, PlannedStop),
        *(Delivered, Withheld, Statement, Expectation),
    )
    known = sorted({name for entry in entries for name in entry.model_fields})
    near = difflib.get_close_matches(key, known, n=2)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _place(path: Path, text: str, first: str, keys: list[str]) -> str:
    """`path:line` of the key, as well as a reading of the text can tell."""
    lines = text.splitlines()
    number = 0
    index = next((int(k) for k in keys if k.isdigit()), None)
    table = re.compile(rf"^\s*\[\[?{re.escape(first)}\b")
    heads = [n for n, line in enumerate(lines) if table.match(line)]
    arrays = [n for n in heads if lines[n].strip().startswith(f"[[{first}]]")]
    if index is not None and index < len(arrays):
        number = arrays[index]
    elif heads:
        number = heads[0]
    last = next((k for k in reversed(keys) if not k.isdigit()), first)
    pattern = re.compile(rf"^\s*\"?{re.escape(last)}\"?\s*=")
    for n in range(number, len(lines)):
        if pattern.match(lines[n]):
            return f"{path}:{n + 1}"
    return f"{path}:{number + 1}" if heads else str(path)
