"""Headings of statistics say what the check's docstring says, and are no other check's words."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from veedor.audit.findings import EvidenceFile
from veedor.checks.base import registry
from veedor.report.tables import Terms, evidence, statistic
from veedor.report.wording import Wording, load

GROUPS = ("custody", "infrastructure", "statements")
FILE = resources.files("veedor.report") / "wording" / "en.toml"
WORDING = tomllib.loads(FILE.read_text("utf-8"))
TERMS = WORDING["terms"]


def _documented(check: object) -> Iterator[tuple[str, str]]:
    """The keys of a check's statistic by its docstring, each with the table that it is in."""
    text = (inspect.getdoc(type(check)) or "").partition("\nStatistic\n")[2]
    text = text.partition("\nUncertainty\n")[0]
    for names in re.findall(r"(?m)^(\w+(?:, \w+)*) : ", text):
        yield from ((name, "") for name in names.split(", "))
    for table, names in re.findall(r"(\w+)`?\s*:\s*(?:array of )?\{([^}]*)\}", text):
        yield from ((name.strip(), table) for name in names.split(","))


DOCUMENTED = [
    (check.id, table, key)
    for check in registry().values()
    if check.id.startswith(GROUPS)
    for key, table in _documented(check)
]


def test_no_heading_of_machines_custody_and_statements_is_of_another_group() -> None:
    sheets = "outcome, sheets, reconcile, flow, trend"
    assert {"least", "missing", "unknown", "numbers", "later"} <= TERMS[sheets].keys()
    marked = {**TERMS, sheets: dict.fromkeys(TERMS[sheets], "of another group")}
    words = Wording({**WORDING, "terms": marked}, "en.toml")
    taken = [of for of in DOCUMENTED if words.term(of[2], of[0], of[1]) == "of another group"]
    assert taken == []


def test_a_heading_for_every_check_is_of_a_place_a_number_of_the_sheet_or_the_tables_frame() -> (
    None
):
    """What stands in the bare table is shown by checks that are not written yet, too."""
    places = """
        centre commission country department district locality municipality province regency region
        seat section sid station village
    """
    numbers = "blank cast count null option reason registered sheets stations valid votes"
    frame = "_of _value from high low p p_adjusted p_value role row rows what why"
    bare = {key for key, text in TERMS.items() if isinstance(text, str)}
    assert bare <= set(f"{places} {numbers} {frame}".split())


def test_a_group_is_listed_once() -> None:
    shared = [name for name, given in TERMS.items() if isinstance(given, dict) and "." not in name]
    listed = [group for name in shared for group in name.split(", ")]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("check", "table", "key", "heading"),
    [
        ("infrastructure.clock-skew", "pairs", "least", "least offset, seconds"),
        ("infrastructure.clock-skew", "evidence", "most", "greatest offset, seconds"),
        ("infrastructure.records", "events", "least", "fewest sheets past the last step"),
        ("infrastructure.records", "events", "most", "most sheets past the last step"),
        ("infrastructure.records", "stages", "later", "later step"),
        ("infrastructure.records", "bridge", "later", "of them, in the log later"),
        ("infrastructure.records", "stages", "earlier", "earlier step"),
        ("infrastructure.duties", "", "unknown", "logins that the case does not declare"),
        ("infrastructure.log-gap", "", "numbers", "record numbers left out"),
        ("infrastructure.log-gap", "numbers", "missing", "records left out between"),
        ("infrastructure.log-gap", "", "valid", "valid votes on them"),
        ("infrastructure.freeze", "evidence", "differs", "differs from the frozen hash"),
        ("custody.chain", "steps", "missing", "trails without a stamp"),
        ("custody.chain", "order", "earlier", "earlier step"),
        ("custody.chain", "order", "later", "later step"),
        ("custody.chain", "seals", "changed", "times that the seal differs"),
        ("custody.lost", "records", "changed", "of them that differ"),
        ("sheets.over-registered", "", "unknown", "sheets without a number of voters"),
        ("reconcile.totals", "", "numbers", "announced numbers compared"),
    ],
)
def test_a_heading_says_what_its_check_counts(
    check: str, table: str, key: str, heading: str
) -> None:
    assert load().term(key, check, table) == heading


def test_pairs_in_a_list_are_told_apart() -> None:
    given = {"prescribed": [["reception", "opening"], ["opening", "storage"]]}
    told = statistic(given, Terms(load(), "custody.chain")).values
    assert told == [("prescribed order", "reception, opening; opening, storage")]


def test_places_are_put_last_only_in_a_file_of_stations(tmp_path: Path) -> None:
    def columns(**given: list[object]) -> list[str]:
        pq.write_table(pa.table(given), tmp_path / "rows.parquet")
        file = EvidenceFile(path="rows.parquet", rows=1, key=next(iter(given)), sha256="")
        return [c.key for c in evidence(tmp_path, file, "rows", Terms(load())).columns]

    assert columns(station=["1"], region=["R"], votes=[2]) == ["station", "votes", "region"]
    assert columns(first=["a"], second=["b"], events=[2]) == ["first", "second", "events"]


def test_a_table_of_a_statistic_has_headings_of_its_own() -> None:
    given = {
        "unknown": 2,
        "people": [{"first": "opening", "second": "storage", "same": 1}],
        "seals": [{"first": "opening", "changed": 3}],
        "departing": {"missing": 4},
    }
    made = statistic(given, Terms(load(), "custody.chain"))
    assert made.values == [("unknown", "2")]
    people, seals, departing = made.tables
    assert [c.heading for c in people.columns][2] == "one login, or one person’s, in both"
    assert [c.heading for c in seals.columns][1] == "times that the seal differs"
    assert departing.rows == [["a prescribed step missing", "4"]]
