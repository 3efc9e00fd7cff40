"""What machines recorded of a simulated night agrees with the truth, and an honest one is honest.

The files are parsed here by hand, with nothing of what wrote them.
"""

from __future__ import annotations

import csv
import datetime as dt
import ipaddress
import itertools
import json
import re
import tomllib

import pyarrow.parquet as pq
import pytest

from veedor.case.loading import load_case
from veedor.case.tables import FLOWS
from veedor.errors import VeedorError
from veedor.simulate import Parameters, honest_election, load, names, write_case
from veedor.simulate.departures import DEPARTURES
from veedor.simulate.network import write_flows
from veedor.simulate.night import Network, network_from

SIDE = "192.0.2.20"
HONEST = tuple(name for name in names(honest=True) if load(name).network)


def written(name, folder, seed=4, stations=700):
    scenario = load(name)
    election, truth = scenario.make(seed, stations)
    return write_case(election, folder, title=name, id=name, seed=seed, truth=truth,
                      network=scenario.network).parent  # fmt: skip


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    return written("drill-2019", tmp_path_factory.mktemp("drill"))


@pytest.fixture(scope="module", params=HONEST)
def night(request, tmp_path_factory):
    return written(request.param, tmp_path_factory.mktemp(request.param))


def zeek(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    fields = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    return [
        dict(zip(fields, line.split("\t"), strict=True)) for line in lines if line[0] != "#"
    ]  # fmt: skip


def connections(folder):
    return [row for path in sorted(folder.glob("zeek-*-conn.log")) for row in zeek(path)]


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def requests(path):
    form = re.compile(r'(\S+) - (\S+) \[([^\]]+)\] "(\S+) (\S+) HTTP/1.1" (\d+) \d+ "-" "[^"]+"')
    for line in path.read_text(encoding="utf-8").splitlines():
        found = form.fullmatch(line)
        assert found, line
        yield found.groups()


def rows_written(folder):
    """Of the database's log: station, before, after, account."""
    form = re.compile(r"acta (\S+) before=\(([0-9,]*)\) after=\(([0-9,]*)\)")
    with (folder / "postgresql-database.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            assert len(row) == 26
            if row[23] == "checkpointer" or row[13].endswith(" entered"):
                continue
            yield (*form.fullmatch(row[13]).groups(), row[1])


def planted(folder, check=None):
    facts = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["planted"]
    return [fact for fact in facts if check in (None, fact["check"])]


def events_of(folder):
    return {event.id: event.at for event in load_case(folder).events}


def test_an_honest_night_has_nothing_planted_and_its_case_loads(night):
    assert planted(night) == []
    case = load_case(night)
    assert {"flows", "log-lines", "custody", "hashes"} <= {s.kind for s in case.sources}
    assert case.plans == ("plan.toml",)
    assert not case.withheld
    for file in case.files:
        assert (night / file.path).stat().st_size == file.bytes
    mentioned = {event for document in case.documents for event in document.events}
    assert {e.id for e in case.events} <= mentioned


def test_on_an_honest_night_every_connection_is_declared_but_those_of_strangers(night):
    case = load_case(night)
    where = {h.id: h.addresses for h in case.hosts} | {g.id: g.addresses for g in case.groups}
    allowed = [(where[p.source], where[p.target], p.ports) for p in case.paths]

    def held(address, networks):
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(n) for n in networks)

    pairs = {(c["id.orig_h"], c["id.resp_h"], int(c["id.resp_p"])) for c in connections(night)}
    strange = {
        (src, dst, port)
        for src, dst, port in pairs
        if not any(held(src, s) and held(dst, t) and port in ports for s, t, ports in allowed)
    }
    assert strange
    for src, _, _ in strange:
        assert held(src, ["192.0.2.0/24", "2001:db8:bad::/48"])
    carried = sum(
        int(c["orig_bytes"]) for c in connections(night)
        if held(c["id.orig_h"], ["192.0.2.0/24"]) and c["orig_bytes"] != "-"
    )  # fmt: skip
    assert carried < 100 * 6000


def test_on_an_honest_night_every_sheet_in_the_database_was_entered(night):
    entered = {r["station"]: r["after"] for r in table(night / "application-primary.csv")}
    entered.pop("")
    found = list(rows_written(night))
    assert {station: after for station, _, after, _ in found} == entered
    said = (night / "postgresql-database.csv").read_text("utf-8")
    assert {s for s in entered if f"acta {s} entered" in said} == set(entered)
    assert {before for _, before, _, _ in found} == {""}
    posted = [path for *_, way, path, _ in requests(night / "access-primary.log") if way == "POST"]
    assert sorted(p.removeprefix("/acta/") for p in posted if "acta" in p) == sorted(entered)
    assert {r["station"] for r in table(night / "replica.csv")} == set(entered)


def test_on_an_honest_night_people_and_hashes_keep_to_the_plan(night):
    case = load_case(night)
    person = {user.id: user for user in case.users}
    for row in table(night / "custody.csv"):
        steps = [c.removesuffix("_at") for c in row if c.endswith("_at")]
        times = [dt.datetime.fromisoformat(row[f"{s}_at"]) for s in steps]
        assert times == sorted(times)
        assert all(step in person[row[f"{step}_by"]].duties for step in steps)
        assert len({row[f"{s}_by"] for s in steps}) == len(steps)
    frozen = {f.item: f.sha256 for f in case.freezes}
    assert all(row["sha256"] == frozen[row["item"]] for row in table(night / "hashes.csv"))
    for row in table(night / "processing.csv"):
        assert row["who"] in person
        assert row["host"] in ("10.10.0.10", "10.10.0.30")


def test_a_declared_contingency_moves_every_workstation_for_its_time_only(tmp_path):
    folder = written("night", tmp_path)
    (plan,) = load_case(folder).contingencies
    start, end = plan.declared_from.timestamp(), plan.declared_to.timestamp()
    calls = [c for c in connections(folder) if c["id.resp_p"] == "443" and c["conn_state"] == "SF"]
    entered = {a: [float(c["ts"]) for c in calls
                   if c["id.resp_h"] == a and c["service"] == "ssl"]
               for a in ("203.0.113.10", "203.0.113.30")}  # fmt: skip
    assert entered["203.0.113.30"]
    assert all(start - 1 <= t < end for t in entered["203.0.113.30"])
    assert not any(start <= t < end - 1 for t in entered["203.0.113.10"])


def test_during_the_outage_nothing_of_the_headquarters_is_seen(tmp_path):
    folder = written("night", tmp_path)
    start = events_of(folder)["site-outage"].timestamp()
    for c in connections(folder):
        if start <= float(c["ts"]) < start + 480:
            assert not c["id.orig_h"].startswith("10.20.")
    beats = [r for r in table(folder / "heartbeats.csv") if r["host"] == "jump"]
    times = [dt.datetime.fromisoformat(r["time"]) for r in beats]
    assert 480 <= max((b - a).total_seconds() for a, b in itertools.pairwise(times)) <= 600


def test_clients_and_stations_of_the_second_path_are_those_of_the_truth(drill):
    stop = events_of(drill)["cut"].timestamp()
    after = [c for c in connections(drill) if c["id.resp_h"] == SIDE]
    assert all(float(c["ts"]) >= stop - 1 for c in after)
    clients = {c["id.orig_h"] for c in after}
    redirect = next(f for f in planted(drill, "infrastructure.redirect") if SIDE in f["addresses"])
    assert clients == set(redirect["clients"])
    assert len(clients) == redirect["values"]["workstations"]
    assert redirect["stations"] == []
    (host,) = (f for f in planted(drill, "infrastructure.undeclared-host")
               if SIDE in f["addresses"])  # fmt: skip
    lines = list(requests(drill / "access-primary.log"))
    posted = {r[4].removeprefix("/acta/") for r in lines if r[0] == "10.99.0.2" and r[3] == "POST"}
    assert posted == set(host["stations"])
    assert {r["station"] for r in table(drill / "processing.csv") if r["host"] == "10.99.0.2"} == (
        posted
    )
    assert not any(c["id.resp_h"] == "203.0.113.30" and c["service"] == "ssl"
                   for c in connections(drill))  # fmt: skip


def test_the_proxy_carries_the_sheets_until_the_stop(drill):
    stop = events_of(drill)["cut"].timestamp()
    found = [c for c in connections(drill) if c["id.resp_h"] == "198.51.100.77"]
    assert max(float(c["ts"]) for c in found) <= stop
    direct = [c for c in connections(drill) if c["id.resp_h"] == "203.0.113.10"
              and c["id.orig_h"].startswith("10.")]  # fmt: skip
    assert max(float(c["ts"]) for c in direct) <= min(float(c["ts"]) for c in found) + 1
    fact = next(f for f in planted(drill, "infrastructure.undeclared-host")
                if f["addresses"] == ["198.51.100.77"])  # fmt: skip
    assert {c["id.orig_h"] for c in found} == set(fact["clients"])
    posted = {r[4].removeprefix("/acta/") for r in requests(drill / "access-primary.log")
              if r[0] == "198.51.100.77" and r[3] == "POST"}  # fmt: skip
    assert posted == set(fact["stations"])
    declared = {a for h in load_case(drill).hosts for a in h.addresses}
    assert not {"198.51.100.77", SIDE, "10.99.0.2", "10.99.0.20"} & declared


def test_sheets_written_by_hand_are_those_of_the_truth(drill):
    stored = {(r["station"], r["after"]) for r in table(drill / "application-primary.csv")}
    bare = {(s, b, a) for s, b, a, _ in rows_written(drill) if (s, a) not in stored}
    facts = planted(drill, "infrastructure.direct-write")
    assert bare == {
        (f["stations"][0], *(",".join(map(str, f["values"][v])) for v in ("before", "after")))
        for f in facts
    }
    options = load_case(drill).option_ids
    for name in ("official.csv", "preliminary-2.csv"):
        count = {r["station"]: [int(r[o]) for o in options] for r in table(drill / name)}
        for fact in facts:
            station, values = fact["stations"][0], fact["values"]
            assert count[station] == values[values["counts_hold"]]


def test_the_replica_and_the_publishers_log_lack_what_the_truth_says(drill):
    (short,) = planted(drill, "infrastructure.records")
    held = {r["station"] for r in table(drill / "replica.csv")}
    stored = {s for s, *_ in rows_written(drill)}
    assert stored - held == set(short["stations"])
    assert (len(stored), len(held)) == (short["values"]["database"], short["values"]["replica"])
    numbers = [int(r["sequence"]) for r in table(drill / "application-publisher.csv")]
    skipped = set(range(1, numbers[-1])) - set(numbers)
    gap = next(f for f in planted(drill, "infrastructure.log-gap") if f["hosts"])
    assert len(skipped) == gap["values"]["lines"]
    (gone,) = load_case(drill).withheld
    assert gone.why == "destroyed"


def test_duties_and_custody_differ_where_the_truth_says(drill):
    trail = {r["station"]: r for r in table(drill / "custody.csv")}
    for fact in planted(drill, "infrastructure.duties"):
        first, second = (f"{step}_by" for step in fact["values"]["steps"])
        both = {s for s, r in trail.items() if r[first] == r[second] != ""}
        assert both == set(fact["stations"])
    kinds = {f["values"]["kind"]: set(f["stations"]) for f in planted(drill, "custody.chain")}
    assert kinds["missing"] == {s for s, r in trail.items() if not r["approval_at"]}
    assert kinds["order"] == {s for s, r in trail.items() if r["opening_at"] < r["reception_at"]}
    same = ("first-transcription_at", "second-transcription_at")
    assert kinds["overlapping"] == {s for s, r in trail.items() if r[same[0]] == r[same[1]]}


def test_hash_account_clock_and_documents_differ_where_the_truth_says(drill):
    case = load_case(drill)
    frozen = {f.item: f.sha256 for f in case.freezes}
    other = [r for r in table(drill / "hashes.csv") if r["sha256"] != frozen[r["item"]]]
    (fact,) = planted(drill, "infrastructure.freeze")
    assert [(r["item"], r["sha256"]) for r in other] == [
        (fact["values"]["item"], fact["values"]["found"])
    ]
    log = (drill / "syslog-primary.log").read_text(encoding="utf-8")
    (access,) = planted(drill, "infrastructure.access")
    for address in access["addresses"]:
        assert f"Accepted publickey for support from {address} " in log
    assert "password changed for support" in log
    stored = {r["station"]: r["time"] for r in table(drill / "application-primary.csv")}
    (clock,) = planted(drill, "infrastructure.clock-skew")
    posted = [r for r in requests(drill / "access-perimeter.log") if "/acta/" in r[4]]
    assert len(posted) >= 8
    for _, _, stamp, _, path, _ in posted:
        at = dt.datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z")
        late = at - dt.datetime.fromisoformat(stored[path.removeprefix("/acta/")])
        assert late.total_seconds() == pytest.approx(clock["values"]["seconds"], abs=8)
    unmentioned = {e.id for e in case.events} - {e for d in case.documents for e in d.events}
    facts = planted(drill, "infrastructure.undocumented")
    assert unmentioned == {e for f in facts for e in f["values"].get("events", [])}


@pytest.mark.parametrize("name", ["night", "drill-2019"])
def test_same_seed_same_bytes(name, tmp_path):
    found = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        case = written(name, tmp_path / folder, seed, 200)
        found.append({p.name: p.read_bytes() for p in sorted(case.iterdir())})
    assert found[0] == found[1]
    assert found[0].keys() == found[2].keys()
    assert found[0]["zeek-core-conn.log"] != found[2]["zeek-core-conn.log"]


@pytest.mark.parametrize("stations", [60, 121])
def test_a_small_night_can_be_written_too(stations, tmp_path):
    for seed in range(3):
        folder = written("drill-2019", tmp_path / str(seed), seed, stations)
        assert {f["check"] for f in planted(folder)} >= {"infrastructure.redirect"}


@pytest.mark.parametrize("departure", DEPARTURES)
def test_one_departure_alone_can_be_had(departure, tmp_path):
    scenario = load("night")
    election, _ = scenario.make(2, 300)
    network = Network(departures=(departure,))
    write_case(election, tmp_path, title="t", id="t", seed=2, network=network)
    assert planted(tmp_path)


def test_a_scenario_without_a_network_has_no_trace_of_one(tmp_path):
    election, truth = load("drill").make(3, 300)
    write_case(election, tmp_path, title="t", id="t", seed=3, truth=truth)
    assert "planted" not in json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert "plans" not in tomllib.loads((tmp_path / "case.toml").read_text(encoding="utf-8"))
    assert {"host", "who"}.isdisjoint(table(tmp_path / "processing.csv")[0])
    assert not list(tmp_path.glob("*.log"))


def test_what_a_network_cannot_be_is_refused(tmp_path):
    with pytest.raises(VeedorError, match="parameter"):
        network_from({"client": 3})
    election, _ = load("night").make(2, 300)
    with pytest.raises(VeedorError, match="departure"):
        write_case(election, tmp_path, title="t", id="t", seed=2,
                   network=Network(departures=("nothing",)))  # fmt: skip
    bare = honest_election(Parameters(snapshots=(), stations=50), 1)
    with pytest.raises(VeedorError, match="preliminary"):
        write_case(bare, tmp_path, title="t", id="t", seed=1, network=Network())


def test_many_connections_are_the_same_in_both_forms_and_come_by_time(tmp_path):
    write_flows(tmp_path / "conn.log", 2500, 1, chunk=1000, redirect=True)
    write_flows(tmp_path / "flows.parquet", 2500, 1, chunk=1000, redirect=True)
    lines = zeek(tmp_path / "conn.log")
    found = pq.read_table(tmp_path / "flows.parquet").to_pylist()
    assert set(found[0]) == set(FLOWS) - {"source", "row"}
    assert len(lines) == len(found) == 2500
    assert [r["uid"] for r in lines] == [r["uid"] for r in found]
    assert [round(float(r["ts"]) * 1e6) for r in lines] == pytest.approx(
        [r["us"] for r in found], abs=2
    )
    times = [r["us"] for r in found]
    assert times == sorted(times)
    moved = [r["us"] for r in found if r["dst"] == SIDE]
    before = [r["us"] for r in found if r["dst"] == "203.0.113.10"]
    assert max(before) < min(moved)
