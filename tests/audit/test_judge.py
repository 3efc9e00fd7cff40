"""Judgement: what counts towards the statement on the outcome, and that sets are united."""

import numpy as np
import pytest

from tests.building import evidence
from veedor.audit.findings import Fact, Finding
from veedor.audit.judge import Judge, generator

COUNT = {
    "station": [f"{i:02d}" for i in range(20)],
    "registered": [100] * 20,
    "A": [60, 55, 50, 45] * 5,
    "B": [30, 35, 40, 50] * 5,
    "C": [1, 2, 3, 4] * 5,
    "blank": [0] * 20,
    "centre": [f"c{i // 4}" for i in range(20)],
}


@pytest.fixture
def judge(tmp_path):
    return Judge.of(evidence(tmp_path, {"official": COUNT}), seed=0)


def a_fact(questioned, status="observed"):
    return Fact(
        subject="",
        status=status,
        statistic={},
        title="t",
        fact="f.",
        questioned=np.array(questioned, dtype=np.int64),
    )


def a_finding(judge, fact, p_adjusted):
    questioned, materiality, robustness = judge.materiality(fact, "x")
    return Finding(
        check="sheets.x",
        subject="",
        title="t",
        status=fact.status,
        kind="anomaly",
        asks="?",
        rule="r",
        fact="f.",
        statistic={},
        p_adjusted=p_adjusted,
        questioned=questioned,
        materiality=materiality,
        robustness=robustness,
    )


def test_a_station_named_twice_is_questioned_once(judge):
    questioned, _, _ = judge.materiality(a_fact([0, 0, 1]), "x")
    assert questioned.stations == 2
    assert questioned.votes == {"A": 115, "B": 65, "C": 3}


def test_every_treatment_is_given_side_by_side(judge):
    _, materiality, _ = judge.materiality(a_fact(range(8)), "x")
    assert [m.treatment for m in materiality] == [
        "remove",
        "replace",
        "worst",
        "best",
        "share-false-removed",
        "share-false-switched",
    ]


def test_a_fact_that_was_not_observed_questions_nothing(judge):
    assert judge.materiality(a_fact([0, 1], "not-observed"), "x") == (None, [], None)


def test_the_statement_is_given_in_parts(judge):
    listed = a_finding(judge, a_fact(range(16)), None).model_copy(
        update={"check": "outcome.slack", "subject": "named"}
    )
    recorded = a_finding(judge, a_fact([0]), 0.001)
    outcome = judge.outcome("official", [listed, recorded])
    assert outcome.statement == "fragile"
    parts = {(p.source, p.treatments): p for p in outcome.statement_by}
    assert parts["records", "what-if"].statement == "robust"
    assert parts["records", "bound"].statement == "robust"
    assert parts["lists", "bound"].findings == ["outcome.slack.named"]


def test_a_number_that_the_null_model_expects_does_not_clear_the_sheets(judge):
    everything = a_fact(range(16))
    assert judge.outcome("official", [a_finding(judge, everything, 0.9)]).statement == "fragile"


def open_case(tmp_path, **changes):
    table = {
        "station": ["1", "2", "3"],
        "registered": [900, 300, 900],
        "A": [6, 5, 10],
        "B": [205, 5, 10],
        "C": [0, 0, 0],
        "status": ["OK", "OK", "OK"],
    }
    table |= changes
    source = {"counted": {"column": "status", "values": ["OK"]}}
    found = evidence(tmp_path, {"official": table}, sources={"official": source})
    return Judge.of(found, seed=0).outcome("official", [])


@pytest.mark.parametrize(
    ("changes", "votes"),
    [
        ({"A": [6, 5, "illegible"]}, 890),
        ({"status": ["OK", "OK", "Ok"], "A": [6, 5, 500]}, 510),
        ({"station": ["1", "3", "3"], "A": [6, 500, 501], "B": [205, 0, 0]}, 501),
        ({"station": ["1", "2", None], "A": [6, 5, 500]}, 510),
    ],
    ids=["unreadable", "not counted", "conflicting", "no code"],
)
def test_votes_that_the_files_leave_open_forbid_a_statement(tmp_path, changes, votes):
    outcome = open_case(tmp_path, **changes)
    assert outcome.winner == "B"
    assert outcome.unresolved.votes == votes
    assert outcome.statement == "not-determinable"


def test_nothing_is_open_where_every_sheet_is_read_and_counted(tmp_path):
    assert open_case(tmp_path).unresolved is None


def test_the_outcome_by_hand(judge):
    outcome = judge.outcome("official", [])
    assert outcome.votes == {"A": 1050, "B": 775, "C": 50}
    assert outcome.margin_points == pytest.approx(100 * 275 / 1875, abs=1e-6)
    assert outcome.break_even.switched == 138


def test_randomness_depends_on_the_seed_and_the_names_alone():
    first = generator(1, "a", "b").random(3)
    assert (first == generator(1, "a", "b").random(3)).all()
    assert (first != generator(2, "a", "b").random(3)).any()
    assert (first != generator(1, "ab", "").random(3)).any()
