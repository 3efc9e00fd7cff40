"""Lost sheets: the votes on them, and which records survive."""

from tests.building import evidence, facts, stations

OFFICIAL = {
    "station": ["1", "2", "3", "4"],
    "A": [60, 70, 20, 90],
    "B": [40, 30, 80, 10],
    "C": [0, 0, 0, 0],
}
EARLY = {"station": ["1", "2", "4"], "A": [60, 75, 90], "B": [40, 25, 10], "C": [0, 0, 0]}


def lost(tmp_path, listed, counts=None, **keys):
    found = evidence(
        tmp_path,
        {"official": OFFICIAL, **(counts or {})},
        lists={"burnt": listed, "named": ["4"]},
        lost=("burnt",),
        **keys,
    )
    by = facts("custody.lost", found)
    assert set(by) == {"burnt"}
    return found, by["burnt"]


def test_a_sheet_without_any_record_is_not_determinable(tmp_path):
    found, fact = lost(tmp_path, ["1", "2", "3", "77"], {"early": EARLY})
    said = fact.statistic
    assert fact.status == "not-determinable"
    assert (said["stations"], said["valid"]) == (3, 300)
    assert said["votes"] == {"A": 150, "B": 150, "C": 0}
    assert (said["with_record"], said["without_record"]) == (2, 1)
    assert said["valid_without_record"] == 100
    assert said["votes_without_record"] == {"A": 20, "B": 80, "C": 0}
    assert (said["changed_against_record"], said["cells_against_record"]) == (1, 2)
    assert said["records"] == [
        {
            "count": "early",
            "role": "preliminary",
            "stations": 2,
            "valid": 200,
            "changed": 1,
            "cells": 2,
            "net": {"A": -5, "B": 5, "C": 0},
        }
    ]
    assert said["unmatched"] == 1
    assert stations(found, fact)[0] == "3"


def test_a_count_of_the_same_authority_is_no_independent_record(tmp_path):
    """Lost sheets may have been replaced in the count by the photographs of the preliminary one."""
    found, fact = lost(tmp_path, ["1", "2", "3"], {"early": EARLY})
    said = fact.statistic
    assert fact.status == "not-determinable"
    assert (said["with_record"], said["independent_record"]) == (2, 0)
    assert (said["without_independent_record"], said["valid_without_independent_record"]) == (
        3,
        300,
    )
    assert sorted(found.describe(fact.questioned)["station"]) == ["1", "2", "3"]
    assert "Independent copies in the case hold 0 of them." in fact.fact
    assert "not known to be independent, holds 2; none holds 1." in fact.fact
    assert "not a changed vote" not in fact.fact
    after = next(e for e in fact.explanations if e.id == "after")
    assert after.result.startswith("Of 2 sheets that another count holds, 1 has the same")
    assert "only on 0 sheets that an independent copy holds" in after.result
    assert any("not a changed vote" in e.text for e in fact.explanations)


def test_agreement_with_the_same_authority_alone_settles_nothing(tmp_path):
    found, fact = lost(tmp_path, ["1", "4"], {"early": EARLY})
    assert fact.status == "not-determinable"
    assert sorted(found.describe(fact.questioned)["station"]) == ["1", "4"]


COPIES = {"roles": {"early": "copy"}}


def test_where_all_have_a_record_the_changed_ones_are_questioned(tmp_path):
    found, fact = lost(tmp_path, ["1", "2"], {"early": EARLY}, **COPIES)
    assert fact.status == "observed"
    assert list(found.describe(fact.questioned)["station"]) == ["2"]


def test_records_that_agree_question_nothing(tmp_path):
    _, fact = lost(tmp_path, ["1", "4"], {"early": EARLY}, **COPIES)
    assert fact.status == "not-observed"
    assert fact.questioned is None


def test_a_second_count_may_hold_what_the_first_lacks(tmp_path):
    copy = {"station": ["3"], "A": [20], "B": [80], "C": [0]}
    found, fact = lost(tmp_path, ["1", "3"], {"early": EARLY, "copy": copy}, roles={"copy": "copy"})
    assert fact.status == "not-determinable"
    assert (fact.statistic["with_record"], fact.statistic["independent_record"]) == (2, 1)
    assert list(found.describe(fact.questioned)["station"]) == ["1"]
    assert [(r["count"], r["stations"]) for r in fact.statistic["records"]] == [
        ("early", 1),
        ("copy", 1),
    ]


def test_without_another_count_nothing_has_a_record(tmp_path):
    _, fact = lost(tmp_path, ["1", "2"])
    assert fact.status == "not-determinable"
    assert fact.statistic["without_record"] == 2


def test_a_list_of_unknown_stations_is_not_applicable(tmp_path):
    _, fact = lost(tmp_path, ["91"], {"early": EARLY})
    assert fact.status == "not-applicable"
