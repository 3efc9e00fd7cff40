"""Small cases for tests: a few rows written as an authority would, read as any case is."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from veedor.audit.findings import Fact
from veedor.audit.run import context
from veedor.case.loading import load_case
from veedor.case.manifest import Case
from veedor.checks.base import registry
from veedor.engine.duck import connect
from veedor.engine.evidence import Evidence
from veedor.engine.load import load
from veedor.engine.verbs import collect

GEOGRAPHY = ("region", "municipality", "centre")
FIELDS = ("registered", "blank", "null", "declared_valid", "declared_cast", "reason")


def write_csv(path: Path, columns: Mapping[str, Sequence[Any]]) -> Path:
    """Columns as a CSV file; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if v is None else v for v in row])
    return path


def toml_value(value: Any) -> str:
    """A Python value as TOML, for the few kinds a case file holds."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def small_case(
    folder: Path,
    counts: Mapping[str, Mapping[str, Sequence[Any]]],
    *,
    options: Sequence[str] = ("A", "B", "C"),
    rule: Mapping[str, Any] | None = None,
    roles: Mapping[str, str] | None = None,
    lists: Mapping[str, Sequence[Any]] | None = None,
    lost: Sequence[str] = (),
    history: Mapping[str, Sequence[Any]] | None = None,
    place_class: Mapping[str, Sequence[Any]] | None = None,
    at: Mapping[str, str] | None = None,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
    files: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Sequence[Any]]]] | None = None,
    events: Mapping[str, str] | None = None,
    **extra: Any,
) -> Path:
    """Write a case of a few stations and give the path of its `case.toml`.

    Parameters
    ----------
    counts : count -> columns
        `station`, the option ids, and any of `registered`, `blank`, `null`, `declared_valid`,
        `declared_cast`, `reason`, `lat`, `lon`, `region`, `municipality`, `centre`. The first is
        the official one, and gets the geography R, R-M, R-M-C where it has none.
    lists : list -> stations
    history : columns `region`, `municipality`, `centre` and option ids
    sources : source id -> further keys of its entry, such as `words` or `counted`
    files : source id -> its entry (of kind log, publications, states ...) and its columns
    events : kind of event -> its instant
    extra : keys of the case, such as `announced` or `extra_voters`
    """
    folder.mkdir(parents=True, exist_ok=True)
    official = next(iter(counts))
    parts: list[str] = []
    for name, columns in counts.items():
        table = dict(columns)
        if name == official:
            for level in GEOGRAPHY:
                table.setdefault(level, [f"{level}-1"] * len(table["station"]))
        write_csv(folder / f"{name}.csv", table)
        entry: dict[str, Any] = {
            "id": name,
            "kind": "count",
            "count": name,
            "file": f"{name}.csv",
            "format": "delimited",
            "key": "station",
            "role": "official" if name == official else (roles or {}).get(name, "preliminary"),
            "geography": {level: level for level in GEOGRAPHY if level in table},
            "options": {o: o for o in options},
            **{f: f for f in FIELDS if f in table},
        }
        if "lat" in table:
            entry |= {"latitude": "lat", "longitude": "lon"}
        parts.append(_source(entry | dict((sources or {}).get(name, {})), (at or {}).get(name)))
    for name, stations in (lists or {}).items():
        write_csv(folder / f"{name}.csv", {"station": stations})
        parts.append(
            _source(
                {
                    "id": name,
                    "kind": "list",
                    "file": f"{name}.csv",
                    "format": "delimited",
                    "key": "station",
                    "title": f"List {name}",
                    "lost": name in lost,
                }
            )
        )
    if history:
        write_csv(folder / "history.csv", history)
        parts.append(
            _source(
                {
                    "id": "history",
                    "kind": "history",
                    "file": "history.csv",
                    "format": "delimited",
                    "match": "geography",
                    "level": "centre",
                    "election": "the election before",
                    "geography": {level: level for level in GEOGRAPHY},
                    "options": {o: o for o in options if o in history},
                }
            )
        )
    if place_class:
        write_csv(folder / "classes.csv", place_class)
        parts.append(
            _source(
                {
                    "id": "classes",
                    "kind": "stations",
                    "file": "classes.csv",
                    "format": "delimited",
                    "key": "station",
                    "place_class": "place_class",
                }
            )
        )
    for name, (entry, columns) in (files or {}).items():
        write_csv(folder / f"{name}.csv", columns)
        parts.append(
            _source({"id": name, "file": f"{name}.csv", "format": "delimited"} | dict(entry))
        )
    for kind, instant in (events or {}).items():
        about = {"id": kind, "kind": kind, "text": f"Event {kind}."}
        lines = ["[[events]]", *(f"{k} = {toml_value(v)}" for k, v in about.items())]
        parts.append("\n".join([*lines, f"at = {instant}"]) + "\n")
    head: dict[str, Any] = {
        "format": 1,
        "id": "small",
        "title": "A small case",
        "contest": "mayor",
        "timezone": "UTC",
        "official": official,
        "geography": list(GEOGRAPHY),
        "rule": dict(rule or {"kind": "plurality"}),
        "options": [{"id": o, "name": f"Option {o}"} for o in options],
        **extra,
    }
    lines = [f"{key} = {toml_value(value)}" for key, value in head.items()]
    lines.insert(4, "date = 2020-01-31")
    path = folder / "case.toml"
    path.write_text("\n".join(lines) + "\n\n" + "\n".join(parts), encoding="utf-8")
    return path


def _source(entry: Mapping[str, Any], at: str | None = None) -> str:
    lines = ["[[sources]]", *(f"{k} = {toml_value(v)}" for k, v in entry.items())]
    if at:
        lines.append(f"at = {at}")
    return "\n".join(lines) + "\n"


def read_case(path: Path) -> Evidence:
    """Load a case whose files lie beside it, as an audit does."""
    case: Case = load_case(path)
    wanted = {path for source in case.sources for path in source.paths()}
    folder = path.parent / "work"
    folder.mkdir(exist_ok=True)
    return load(case, connect(folder), {f: path.parent / f for f in wanted}, folder)[0]


def evidence(
    folder: Path, counts: Mapping[str, Mapping[str, Sequence[Any]]], **keys: Any
) -> Evidence:
    """`small_case`, read."""
    return read_case(small_case(folder, counts, **keys))


def facts(check: str, found: Evidence, seed: int = 0) -> dict[str, Fact]:
    """What a check says of some evidence, by subject."""
    one = registry()[check]
    lacking = [need for need in one.needs if not found.has(need)]
    assert not lacking, f"{check} needs {lacking}"
    measured = {name: collect(query) for name, query in one.measure(found).items()}
    return {fact.subject: fact for fact in one.assess(measured, context(found, check, seed))}


def stations(found: Evidence, fact: Fact, column: str = "sid") -> list[str]:
    """The official codes of the rows behind a fact."""
    assert fact.rows is not None
    return [str(v) for v in found.describe(fact.rows[column])["station"]]
