"""What was stated, beside what the records say: each verdict, and what gives none."""

from __future__ import annotations

import pytest

from tests.checks.test_infrastructure_hosts import HOSTILE, night
from veedor.audit.run import context
from veedor.checks.base import registry

CHECK = "statements.register"
FINDINGS = {
    "a.seen": ("observed", {"sheets": 7, "hosts": [{"calls": 3}, {"calls": 9}], "flag": True}),
    "a.unseen": ("not-observed", {"sheets": 0, "none": None, "name": "x"}),
    "a.open": ("not-determinable", {"sheets": 5}),
}


def stated(id="s1", by="Vendor", topic="the machines", **more):
    return {"id": id, "by": by, "capacity": "vendor", "topic": topic, "text": "It was so.",
            "source": "A letter.", **more}  # fmt: skip


def expect(finding, **more):
    return {"expects": [{"finding": finding, **more}]}


def said(*statements, findings=FINDINGS):
    found = night(statements=list(statements))
    about = context(found, CHECK, 0, findings)
    return {f.subject: f for f in registry()[CHECK].assess({}, about)}


def verdict(**more):
    (fact,) = said(stated(**more)).values()
    return fact.statistic["statements"][0]["verdict"], fact.status


CORROBORATED = ("corroborated", "not-observed")
CONTRADICTED = ("contradicted", "observed")
UNTESTED = ("untested", "not-determinable")


@pytest.mark.parametrize(("finding", "status", "outcome"), [
    ("a.seen", "observed", CORROBORATED),
    ("a.seen", "not-observed", CONTRADICTED),
    ("a.unseen", ["not-observed", "observed"], CORROBORATED),
    ("a.unseen", "observed", CONTRADICTED),
    ("a.open", "observed", UNTESTED),
    ("a.open", "not-observed", UNTESTED),
    ("a.open", "not-determinable", CORROBORATED),
    ("a.none", "observed", UNTESTED),
])  # fmt: skip
def test_a_statement_is_set_beside_the_status_of_a_finding(finding, status, outcome):
    assert verdict(**expect(finding, status=status)) == outcome


@pytest.mark.parametrize(("finding", "path", "bounds", "outcome"), [
    ("a.seen", "sheets", {"at_least": 7}, CORROBORATED),
    ("a.seen", "sheets", {"at_least": 8}, CONTRADICTED),
    ("a.seen", "sheets", {"at_most": 7}, CORROBORATED),
    ("a.seen", "sheets", {"at_most": 6}, CONTRADICTED),
    ("a.seen", "sheets", {"at_least": 5, "at_most": 6}, CONTRADICTED),
    ("a.seen", "hosts.1.calls", {"at_least": 9, "at_most": 9}, CORROBORATED),
    ("a.seen", "flag", {"at_least": 1}, CORROBORATED),
    ("a.unseen", "sheets", {"at_most": 0}, CORROBORATED),
    ("a.seen", "hosts.2.calls", {"at_least": 0}, UNTESTED),
    ("a.seen", "sheets.more", {"at_least": 0}, UNTESTED),
    ("a.unseen", "none", {"at_least": 0}, UNTESTED),
    ("a.unseen", "name", {"at_least": 0}, UNTESTED),
    ("a.none", "sheets", {"at_least": 0}, UNTESTED),
])  # fmt: skip
def test_a_statement_is_set_beside_a_number_of_a_finding(finding, path, bounds, outcome):
    assert verdict(**expect(finding, statistic=path, **bounds)) == outcome


@pytest.mark.parametrize(("status", "outcome"), [
    (["not-observed", "not-determinable"], UNTESTED), (["not-determinable"], CORROBORATED),
    (["not-determinable", "void"], CORROBORATED), (["void"], UNTESTED),
])  # fmt: skip
def test_a_finding_that_is_not_determinable_bears_out_only_that_it_is_so(status, outcome):
    assert verdict(**expect("a.open", status=status)) == outcome


def half(**statistic):
    """What a check of machines says of a count of whose sheets half came in unseen."""
    seen = {"carrying": 0, "hosts": [], "entered": 50, "sheets": 100}
    return {"infrastructure.undeclared-host": ("not-observed", seen | statistic)}


@pytest.mark.parametrize(("carrying", "bounds", "entered", "outcome"), [
    (0, {"at_most": 0}, 50, UNTESTED), (0, {"at_most": 0}, 100, CORROBORATED),
    (1, {"at_most": 0}, 50, CONTRADICTED), (1, {"at_least": 1}, 50, CORROBORATED),
    (0, {"at_least": 1}, 50, UNTESTED), (0, {"at_least": 1}, 100, CONTRADICTED),
    (2, {"at_least": 1, "at_most": 3}, 50, UNTESTED), (None, {"at_most": 0}, 50, UNTESTED),
])  # fmt: skip
def test_a_number_of_what_was_seen_in_part_may_be_higher(carrying, bounds, entered, outcome):
    findings = half(carrying=carrying, entered=entered)
    asked = expect("infrastructure.undeclared-host", statistic="carrying", **bounds)
    (fact,) = said(stated(**asked), findings=findings).values()
    row = fact.statistic["statements"][0]
    assert (row["verdict"], fact.status) == outcome
    told = "through which machine 50 sheets entered is not on record" in row["shown"]
    assert told == (outcome == UNTESTED and carrying is not None)
    assert fact.statistic["not_asked"] == 0


def test_how_much_was_seen_is_itself_known():
    asked = expect("infrastructure.undeclared-host", statistic="entered", at_most=50)
    (fact,) = said(stated(**asked), findings=half()).values()
    assert fact.statistic["corroborated"] == 1


@pytest.mark.parametrize(("finding", "statistic", "shown"), [
    ("infrastructure.undeclared-host", "carryin",
     "infrastructure.undeclared-host has no number carryin (it has carrying)"),
    ("infrastructure.undeclared", "carrying",
     "there is no check infrastructure.undeclared (there is infrastructure.undeclared-host)"),
    ("custody.chain", "trails", "this audit has no finding custody.chain"),
])  # fmt: skip
def test_what_this_audit_does_not_have_is_told_and_not_laid_to_the_case(finding, statistic, shown):
    asked = expect(finding, statistic=statistic, at_most=0)
    (fact,) = said(stated(**asked), findings=half()).values()
    row = fact.statistic["statements"][0]
    assert (row["verdict"], row["shown"], fact.status) == (("untested", shown, "not-determinable"))
    assert fact.statistic["not_asked"] == 1
    assert "nothing in the case can test" not in fact.fact
    assert fact.fact.endswith(
        "1 expects something of a finding, or of a number, that this audit does not have."
    )


def test_one_finding_that_disagrees_contradicts_and_one_that_is_silent_does_not():
    yes = {"finding": "a.seen", "status": "observed"}
    no = {"finding": "a.unseen", "status": "observed"}
    silent = {"finding": "a.open", "status": "observed"}
    assert verdict(expects=[yes, silent]) == CORROBORATED
    assert verdict(expects=[silent, yes, no]) == CONTRADICTED
    assert verdict(expects=[silent]) == UNTESTED
    assert verdict(needs="the logs") == UNTESTED
    (fact,) = said(stated(expects=[yes, silent], needs="the logs")).values()
    row = fact.statistic["statements"][0]
    assert row["shown"] == "a.seen is observed; a.open is not-determinable"
    assert row["needs"] == "the logs"


def test_statements_of_one_topic_stand_side_by_side_and_are_counted():
    by = said(
        stated("s1", "Vendor", **expect("a.seen", status="observed")),
        stated("s2", "Auditor", **expect("a.seen", status="not-observed"), disputes=["s1", "s4"]),
        stated("s3", "Vendor", refusal=True),
        stated("s4", "Party", topic="The cut, & why", disputes=["s2"]),
    )
    assert list(by) == ["the-machines", "the-cut-why"]
    first, second = by.values()
    counts = ("corroborated", "contradicted", "untested", "refusals", "disputed")
    assert [first.statistic[n] for n in counts] == [1, 1, 1, 1, 1]
    assert first.status == "observed"
    assert first.rows["id"].tolist() == ["s1", "s2", "s3"]
    assert "Vendor and Auditor" in first.fact
    assert "1 of them contests another. 1 refuses access to evidence." in first.fact
    # It contests a statement of another topic, which does not stand beside it.
    assert (second.status, second.statistic["disputed"]) == ("not-determinable", 0)


def test_topics_that_differ_in_signs_alone_are_findings_of_their_own():
    topics = ("The machines", "the machines!", "the-machines")
    found = night(statements=[stated(f"s{i}", topic=t) for i, t in enumerate(topics)])
    facts = list(registry()[CHECK].assess({}, context(found, CHECK, 0, {})))
    assert len({f.subject for f in facts}) == len(facts) == 3


def test_a_statement_sees_the_findings_of_the_checks_before_it():
    assert registry()[CHECK].last


def test_hostile_words_of_a_statement_are_quoted_as_they_are():
    by = said(*(stated(f"s{i}", by=t, topic="x", text=t, source=t) for i, t in enumerate(HOSTILE)))
    (fact,) = by.values()
    assert [r["text"] for r in fact.statistic["statements"]] == list(HOSTILE)
    assert fact.rows["by"].tolist() == list(HOSTILE)
