"""A document as TOML, in the little of it that case files need."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any


def toml(document: Mapping[str, Any]) -> str:
    """A document as TOML: scalars first, then tables, then arrays of tables."""
    lines: list[str] = []
    _emit(lines, document, "", "")
    return "\n".join(lines).lstrip("\n") + "\n"


def _emit(lines: list[str], table: Mapping[str, Any], path: str, head: str) -> None:
    if head:
        lines += ["", head]
    rest = []
    for key, value in table.items():
        if isinstance(value, Mapping) or (
            isinstance(value, list) and value and isinstance(value[0], Mapping)
        ):
            rest.append((f"{path}{_key(key)}", value))
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for name, value in rest:
        if isinstance(value, Mapping):
            _emit(lines, value, f"{name}.", f"[{name}]")
        else:
            for entry in value:
                _emit(lines, entry, f"{name}.", f"[[{name}]]")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value)
