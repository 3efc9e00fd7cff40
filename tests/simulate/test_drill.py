"""Each planted fact of a drill is seen by the check meant for it; honest nights show nothing.

What is expected is in `truth.json` and in the files of the case, never in what the checks say.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from veedor.audit.findings import Fact
from veedor.audit.plan import applicable, chosen, read
from veedor.audit.run import run_checks
from veedor.case.loading import load_case
from veedor.engine.verbs import collect
from veedor.simulate import load, write_case

GROUPS = ("infrastructure", "custody")
PROXY, SIDE, HOP, INNER = "198.51.100.77", "192.0.2.20", "10.99.0.2", "10.99.0.20"
SUPPORT = "192.0.2.41"
"""From where an account of the vendor logged in, outside the plan."""
SECONDS = 5
"""Clocks of an honest night are off by no more than this."""


@dataclass(frozen=True)
class Night:
    """A simulated night and what the checks say of it."""

    folder: Path
    planted: list[dict[str, Any]]
    facts: dict[str, dict[str, Fact]]
    codes: list[str]

    def truth(self, check: str, *addresses: str, **values: Any) -> dict[str, Any]:
        """The one planted fact for a check with an address, or with a value."""
        found = [
            p
            for p in self.planted
            if p["check"] == f"infrastructure.{check}"
            and set(addresses) <= set(p["addresses"])
            and values.items() <= p["values"].items()
        ]
        assert len(found) == 1, found
        return found[0]

    def fact(self, check: str, subject: str = "") -> Fact:
        group = "" if "." in check else "infrastructure."
        return self.facts[group + check][subject]

    def stations(self, sids: Any) -> set[str]:
        assert sids is not None
        found = [self.codes[int(sid)] for sid in sids]
        assert len(found) == len(set(found))
        return set(found)


def audited(scenario: str, seed: int, stations: int, folder: Path) -> Night:
    made = load(scenario)
    election, truth = made.make(seed, stations)
    path = write_case(election, folder / "case", title=scenario, id=scenario, seed=seed,
                      truth=truth, network=made.network)  # fmt: skip
    planted = json.loads(path.with_name("truth.json").read_text("utf-8")).get("planted", [])
    (folder / "work").mkdir()
    evidence, _ = read(load_case(path), folder / "work")
    runs, not_run = applicable(evidence, chosen(GROUPS))
    assert {n.check for n in not_run} <= {"custody.lost"}
    facts: dict[str, dict[str, Fact]] = {}
    for one in run_checks(evidence, runs, seed):
        facts.setdefault(one.check.id, {})[one.fact.subject] = one.fact
    codes = collect(evidence.stations().select("sid", "station"))
    assert codes["sid"].tolist() == list(range(len(codes["sid"])))
    evidence.con.disconnect()
    return Night(path.parent, planted, facts, [str(v) for v in codes["station"]])


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    return audited("drill-2019", 3, 2000, tmp_path_factory.mktemp("drill"))


def near(stamp, truth, seconds=SECONDS):
    assert stamp is not None
    a, b = dt.datetime.fromisoformat(stamp), dt.datetime.fromisoformat(truth)
    return abs((a - b).total_seconds()) <= seconds


def of(entries, **wanted):
    """The one entry of a statistic with these values."""
    found = [e for e in entries if wanted.items() <= e.items()]
    assert len(found) == 1, (wanted, entries)
    return found[0]


def both(row, truth, first="first", last="last"):
    return near(row[first], truth["from"]), near(row[last], truth["to"])


def test_every_planted_fact_has_its_test(drill):
    checks = {p["check"] for p in drill.planted}
    assert checks == {
        *(f"infrastructure.{n.replace('_', '-')}" for n in INFRASTRUCTURE),
        "custody.chain",
    }
    observed = {c for c, facts in drill.facts.items() if facts[""].status == "observed"}
    assert observed == checks


INFRASTRUCTURE = (
    *("undeclared_host", "redirect", "oversight", "undocumented", "unused_host", "direct_write"),
    *("log_gap", "records", "freeze", "access", "duties", "clock_skew"),
)


def test_undeclared_machines_are_those_planted_and_that_from_which_support_logged_in(drill):
    fact = drill.fact("undeclared-host")
    key_of = {h["address"]: h["key_of"] for h in fact.statistic["hosts"]}
    assert key_of == {PROXY: None, HOP: None, SIDE: None, INNER: "primary", SUPPORT: None}
    assert fact.statistic["other_keys"] == fact.statistic["called_only"] == []
    assert drill.truth("access")["addresses"][1] == SUPPORT
    support = of(fact.statistic["hosts"], address=SUPPORT)
    assert (support["acts"], support["called_by"], support["stations"]) == (1, 0, 0)
    planted = [p for p in drill.planted if p["check"] == "infrastructure.undeclared-host"]
    assert {a for p in planted for a in p["addresses"]} == {PROXY, HOP, SIDE, INNER}
    sheets = {s for p in planted for s in p["stations"]}
    assert drill.stations(fact.questioned) == sheets
    assert fact.statistic["stations"] == len(sheets) == sum(len(p["stations"]) for p in planted)


def test_calls_and_sheets_of_the_undeclared_proxy_are_counted(drill):
    truth = drill.truth("undeclared-host", PROXY)
    row = of(drill.fact("undeclared-host").statistic["hosts"], address=PROXY)
    assert row["called_by"] == len(truth["clients"]) == 350
    assert row["connections"] == truth["values"]["calls"]
    assert row["stations"] == truth["values"]["sheets"]
    assert near(row["last"], truth["to"])
    one = drill.fact("undeclared-host", PROXY)
    assert drill.stations(one.questioned) == drill.stations(one.rows["sid"]) == {*truth["stations"]}


def test_calls_and_sheets_of_the_second_path_are_counted(drill):
    truth = drill.truth("undeclared-host", SIDE)
    hosts = drill.fact("undeclared-host").statistic["hosts"]
    entry, hop = of(hosts, address=SIDE), of(hosts, address=HOP)
    assert entry["called_by"] == len(truth["clients"]) == 350
    assert entry["connections"] == truth["values"]["calls"]
    assert both(entry, truth) == (True, True)
    assert hop["called_by"] == hop["connections"] == 0
    assert hop["to_undeclared"] == of(hosts, address=INNER)["from_undeclared"] > 0
    assert hop["stations"] == truth["values"]["sheets"]
    assert near(hop["last"], truth["to"])
    one = drill.fact("undeclared-host", HOP)
    assert drill.stations(one.questioned) == drill.stations(one.rows["sid"]) == {*truth["stations"]}
    assert set(drill.facts["infrastructure.undeclared-host"]) == {"", PROXY, HOP}


@pytest.mark.parametrize("address", [PROXY, HOP])
def test_no_sheet_entered_through_a_machine_before_it_was_there(drill, address):
    truth = drill.truth("undeclared-host", address)
    entered = sorted(drill.fact("undeclared-host", address).rows["entered_at"].tolist())
    row = of(drill.fact("undeclared-host").statistic["hosts"], address=address)
    assert dt.datetime.fromisoformat(entered[0]) >= dt.datetime.fromisoformat(
        truth["from"]
    ) - dt.timedelta(seconds=SECONDS)
    assert near(row["first"], truth["from"])
    for check, list_, key in (("oversight", "hosts", "host"), ("undocumented", "things", "thing")):
        row = of(drill.fact(check).statistic[list_], **{key: address})
        assert near(row.get("first", row.get("at")), truth["from"])


@pytest.mark.parametrize(
    ("after", "before"), [(PROXY, "perimeter"), (SIDE, PROXY)], ids=["proxy", "second path"]
)
def test_every_workstation_moved_when_and_from_where_the_truth_says(drill, after, before):
    truth = drill.truth("redirect", after)
    fact = drill.fact("redirect")
    rows = [r for r in fact.statistic["destinations"] if r["destination"] == after]
    assert {r["group"] for r in rows} == {"headquarters", "annex"}
    assert sum(r["clients"] for r in rows) == sum(r["moved"] for r in rows) == 350
    assert {r["from"] for r in rows} == {before}
    assert {r["declared"] for r in rows} == {False}
    assert near(min(r["first"] for r in rows), truth["from"])
    assert near(min(r["first_moved"] for r in rows), truth["from"])
    assert near(max(r["last"] for r in rows), truth["to"])
    mine = fact.rows["destination"] == after
    clients = fact.rows["client"][mine].tolist()
    assert len(clients) == len(set(clients))
    assert set(clients) == set(truth["clients"])
    assert set(fact.rows["before"][mine].tolist()) == {before}


def test_no_client_is_said_to_have_moved_elsewhere(drill):
    said = drill.fact("redirect").statistic
    assert {d["destination"] for d in said["destinations"]} == {PROXY, SIDE}
    assert (said["outside"], said["moved"], said["planned"]) == (350, 350, [])


@pytest.mark.parametrize("after", [PROXY, SIDE])
def test_a_connection_that_two_records_tell_of_counts_once(drill, after):
    rows = [r for r in drill.fact("redirect").statistic["destinations"]
            if r["destination"] == after]  # fmt: skip
    truth = drill.truth("undeclared-host", after)
    assert sum(r["connections"] for r in rows) == truth["values"]["calls"]


def test_machines_without_oversight_are_those_outside_the_plan(drill):
    said = drill.fact("oversight").statistic
    # The inner address has the key of a declared host, and from that of support somebody logged in.
    assert {h["host"] for h in said["hosts"]} == {PROXY, SIDE, HOP}
    assert said["clients"] == [SUPPORT]
    for row in said["hosts"]:
        assert (row["declared"], row["overseer"], row["monitor"], row["signs"]) == (
            (False, None, None, 0)
        )
    assert said["unseen_overseer"] == said["unmonitored"] == 3
    through = {h["host"]: h["stations"] for h in said["hosts"]}
    sheets = {a: len(drill.truth("undeclared-host", a)["stations"]) for a in (PROXY, HOP)}
    assert through == {SIDE: 0, **sheets}
    assert said["stations"] == sum(sheets.values())
    truth = drill.truth("oversight", SIDE)
    assert both(of(said["hosts"], host=SIDE), truth) == (True, True)
    assert near(of(said["hosts"], host=PROXY)["last"], drill.truth("oversight", PROXY)["to"])


def test_oversight_follows_an_undeclared_machine_to_its_last_call(drill):
    row = of(drill.fact("oversight").statistic["hosts"], host=HOP)
    assert near(row["last"], drill.truth("oversight", HOP)["to"])


def test_what_no_document_mentions_is_what_was_planted(drill):
    fact = drill.fact("undocumented")
    missing = {
        (t["thing"], t["kind"])
        for t in fact.statistic["things"]
        if not t["documents"] and t["kind"] != "declared host"
    }
    # The snapshot at which publication came back is no stop and no incident.
    stop = drill.truth("undocumented", events=["cut", "snapshot-2"])
    restart = drill.truth("undocumented", events=["application-restart"])
    assert missing == {
        *((a, "undeclared machine") for a in (PROXY, SIDE, HOP, SUPPORT)),
        ("cut", "stop"),
        ("application-restart", "incident"),
    }
    assert fact.statistic["unmentioned"] == 6
    assert (fact.statistic["unlisted"], fact.statistic["unlisted_shared"]) == (
        [], ["content-network"]
    )  # fmt: skip
    things = fact.statistic["things"]
    assert near(of(things, thing="cut")["at"], stop["from"])
    assert near(of(things, thing="application-restart")["at"], restart["from"])
    assert near(of(things, thing=SIDE)["at"], drill.truth("undocumented", SIDE)["from"])


def test_the_declared_contingency_host_alone_was_not_used(drill):
    fact = drill.fact("unused-host")
    idle = [h["host"] for h in fact.statistic["hosts"] if h["due"] and not h["taken"]
            and (h["contingency"] or not h["contacts"] + h["lines"])]  # fmt: skip
    assert idle == ["contingency"] == drill.truth("unused-host")["hosts"]
    assert (fact.statistic["unused"], fact.statistic["idle_contingency"]) == (1, 0)
    assert of(fact.statistic["hosts"], host="contingency")["why"] in ("left", "bypassed")


def test_both_changes_by_hand_are_found_with_their_values(drill):
    fact = drill.fact("direct-write")
    planted = [p for p in drill.planted if p["check"] == "infrastructure.direct-write"]
    assert len(planted) == 2
    assert fact.statistic["unpaired_clear"] == len(fact.statistic["unpaired"]) == 2
    assert drill.stations(fact.questioned) == {p["stations"][0] for p in planted}
    assert drill.stations(fact.rows["sid"]) == {p["stations"][0] for p in planted}
    for truth in planted:
        row = of(fact.statistic["unpaired"], station=truth["stations"][0])
        assert near(row["at"], truth["from"])
        for side in ("before", "after"):
            assert [int(v) for v in row[side].split(",")] == truth["values"][side]
        assert [row["host"]] == truth["hosts"]
        assert [row["address"]] == truth["addresses"]
        assert row["actor"] == truth["values"]["account"]
        assert not row["silent"]


def test_lines_left_out_of_the_publishers_log_are_counted(drill):
    truth = drill.truth("log-gap", source="publisher")
    said = drill.fact("log-gap").statistic
    assert [s for s in said["silences"] if not s["planned"]] == []
    assert len(said["numbers"]) == 1
    gap = said["numbers"][0]
    assert [gap["host"]] == truth["hosts"]
    assert gap["source"] == truth["values"]["source"]
    assert gap["missing"] == said["missing_records"] == truth["values"]["lines"]
    # The log has a line a minute: its neighbours stand up to a minute outside what was removed.
    assert near(gap["from"], truth["from"], 65)
    assert near(gap["to"], truth["to"], 65)
    assert gap["from"] <= truth["from"]
    assert gap["to"] >= truth["to"]


def test_sheets_whose_machine_has_no_logs_left_are_those_of_the_second_path(drill):
    truth = drill.truth("log-gap", HOP)
    fact = drill.fact("log-gap", truth["values"]["withheld"])
    said = fact.statistic
    assert fact.status == "not-determinable"
    assert (said["host"], said["why"]) == (HOP, "destroyed")
    assert (said["from"], said["to"]) == (truth["from"], truth["to"])
    assert SIDE in said["what"]
    sheets = {*drill.truth("undeclared-host", SIDE)["stations"]}
    # By the clock of the machine that took it in, the last sheet may come after the end.
    entered = drill.fact("undeclared-host", HOP).rows
    end = dt.datetime.fromisoformat(truth["to"])
    rows = zip(entered["sid"].tolist(), entered["entered_at"].tolist(), strict=True)
    late = [(drill.codes[sid], at) for sid, at in rows if dt.datetime.fromisoformat(at) >= end]
    assert len(late) <= 1
    assert all(near(at, truth["to"]) for _, at in late)
    assert drill.stations(fact.questioned) == sheets - {station for station, _ in late}


def test_sheets_that_the_replica_lacks_are_named_and_those_published_by_the_stop_told_apart(drill):
    truth = next(p for p in drill.planted if p["check"] == "infrastructure.records")
    with (drill.folder / "preliminary-1.csv").open(encoding="utf-8", newline="") as file:
        published = {row["station"] for row in csv.DictReader(file)}
    fact = drill.fact("records")
    assert drill.stations(fact.rows["sid"]) == {*truth["stations"]}
    lacking = published & set(truth["stations"])
    assert drill.stations(fact.rows["sid"][fact.rows["published"].astype(bool)]) == lacking
    spreads = {e["event"]: e["spread"] for e in fact.statistic["events"]}
    assert spreads["cut"] == fact.statistic["bridge"]["published_only"] == len(lacking)
    assert truth["values"]["database"] - truth["values"]["replica"] == len(truth["stations"])
    stages = of(fact.statistic["stages"], earlier="verified", later="replicated")
    assert (stages["earlier_only"], stages["later_only"]) == (len(truth["stations"]), 0)


def test_the_hash_that_differs_is_the_one_that_was_changed(drill):
    truth = drill.truth("freeze")
    fact = drill.fact("freeze")
    assert [i["item"] for i in fact.statistic["items"] if i["different"]] == ["application"]
    item = of(fact.statistic["items"], item="application")
    assert (item["different"], [item["host"]]) == (1, truth["hosts"])
    assert near(item["first_different"], truth["from"])
    differs = fact.rows["differs"].astype(bool)
    assert fact.rows["sha256"][differs].tolist() == [truth["values"]["found"]]
    assert fact.statistic["unchecked"] == fact.statistic["unfrozen"] == 0


def test_the_shared_account_and_its_password_are_found(drill):
    truth = drill.truth("access")
    said = drill.fact("access").statistic
    jump, outside = truth["addresses"]
    assert len(said["shared"]) == len(said["outside"]) == len(said["changes"]) == 1
    shared = said["shared"][0]
    assert (shared["account"], shared["host"]) == ("support", "primary")
    assert set(shared["addresses"]) == {jump, outside}
    assert both(shared, truth, "from", "to") == (True, True)
    session = said["outside"][0]
    assert (session["address"], session["account"], session["sessions"]) == (outside, "support", 1)
    assert near(session["first"], truth["from"])
    change = said["changes"][0]
    assert (change["kind"], change["object"], change["host"]) == (
        ("credential", truth["values"]["password_changed"], "primary")
    )
    assert truth["from"] <= change["at"] <= truth["to"]
    assert said["not_given"] == []
    assert said["failed"]["succeeded_after"] == 0


def test_sheets_with_one_person_in_two_duties_are_exactly_those_planted(drill):
    fact = drill.fact("duties")
    planted = [p for p in drill.planted if p["check"] == "infrastructure.duties"]
    assert len(planted) == 2
    assert drill.stations(fact.questioned) == {s for p in planted for s in p["stations"]}
    outside = fact.statistic["outside"]
    for truth in planted:
        steps = sorted(truth["values"]["steps"])
        row = of(fact.statistic["incompatible"], duties=steps)
        assert (row["same"], row["people"]) == (len(truth["stations"]), 1)
        mine = [
            fact.rows["sid"][(fact.rows["login"] == truth["values"]["account"])
                             & (fact.rows["step"] == step)]
            for step in steps
        ]  # fmt: skip
        in_both = set(mine[0].tolist()) & set(mine[1].tolist())
        assert drill.stations(in_both) == {*truth["stations"]}
        assert of(outside, login=truth["values"]["account"])["sheets"] == len(truth["stations"])
    assert len(outside) == 2
    assert sum(row["same"] for row in fact.statistic["incompatible"]) == sum(
        len(p["stations"]) for p in planted
    )


def test_trails_out_of_order_lacking_a_step_or_overlapping_are_exactly_those_planted(drill):
    fact = drill.fact("custody.chain")
    planted = {p["values"]["kind"]: p for p in drill.planted if p["check"] == "custody.chain"}
    rows = fact.rows
    codes = [drill.codes[int(s)] for s in rows["sid"]]
    trails = list(zip(codes, *(rows[n] for n in STEPS), strict=True))
    reversed_ = {t[0] for t in trails if any(a and b and b < a for a, b in pairs(t[1:]))}
    level = {t[0] for t in trails if any(a and a == b for a, b in pairs(t[1:]))}
    missing = {t[0] for t in trails if None in t}
    assert reversed_ == {*planted["order"]["stations"]}
    assert missing == {*planted["missing"]["stations"]}
    assert level == {*planted["overlapping"]["stations"]}
    duties = {s for p in drill.planted if p["check"] == "infrastructure.duties"
              for s in p["stations"]}  # fmt: skip
    departed = reversed_ | level | missing | duties
    assert drill.stations(fact.questioned) == departed
    assert fact.statistic["departures"] == len(departed)
    assert {c for c, d in zip(codes, rows["departs"], strict=True) if d} == departed
    order = fact.statistic["order"]
    assert of(order, earlier="reception", later="opening")["reversed"] == len(reversed_)
    assert sum(p["reversed"] for p in order if p["prescribed"]) == len(reversed_)
    same = of(order, earlier="first-transcription", later="second-transcription")["same"]
    assert same == len(level)
    lacking = {s["step"]: s["missing"] for s in fact.statistic["steps"] if s["missing"]}
    assert lacking == {"approval": len(missing)}


STEPS = (
    *("reception", "opening", "first-transcription", "second-transcription", "approval"),
    "storage",
)


def pairs(stamps):
    return list(itertools.pairwise(stamps))


def test_the_clock_that_is_off_is_named_with_how_far(drill):
    truth = drill.truth("clock-skew")
    said = drill.fact("clock-skew").statistic
    (host,) = truth["hosts"]
    assert said["machine"] == host
    assert said["stepped_back"] == []
    for pair in said["pairs"]:
        assert pair["beyond"] == (host in (pair["first"], pair["second"]))
        if pair["beyond"]:
            off = truth["values"]["seconds"] * (1 if pair["second"] == host else -1)
            assert abs(pair["median_seconds"] - off) <= SECONDS
    assert said["skewed"] == sum(p["beyond"] for p in said["pairs"]) > 0


@pytest.mark.parametrize(
    ("scenario", "seed"), [("night", 11), ("night-nat", 12), ("night-adrift", 13)]
)
def test_an_honest_night_shows_nothing(scenario, seed, tmp_path):
    night = audited(scenario, seed, 800, tmp_path)
    assert night.planted == []
    observed = {
        check: [f.fact for f in facts.values() if f.status == "observed"]
        for check, facts in night.facts.items()
    }
    assert {check: words for check, words in observed.items() if words} == {}
    determined = {c for c, facts in night.facts.items() if facts[""].status == "not-observed"}
    assert {"infrastructure.undeclared-host", "infrastructure.redirect", "custody.chain"} <= (
        determined
    )
