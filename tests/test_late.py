"""The benchmark of late sheets: what it gives the checks is what a written case gives them."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import late
from benchmarks.late_data import CHECKS, moved, permuted, simulated
from benchmarks.late_page import figures, interval, page, smallest
from benchmarks.late_tests import SHORTCUTS, SUBJECTS, p_values, shortcuts

from tests.conformance.test_checks import FORBIDDEN
from veedor.audit.plan import applicable, read
from veedor.audit.run import run_checks
from veedor.case.loading import load_case
from veedor.checks.base import registry
from veedor.simulate import load, write_case

STATIONS = 900


@pytest.fixture(scope="module")
def count():
    election, _ = load("rural-late-strong").make(3, STATIONS)
    return simulated(election)


@pytest.mark.parametrize("name", ["rural-late-strong", "late-bursts", "moved-late"])
def test_a_count_in_memory_gives_the_p_values_of_the_same_count_written(name, tmp_path):
    election, truth = load(name).make(7, STATIONS)
    path = write_case(election, tmp_path / "case", title=name, id=name, seed=7, truth=truth)
    evidence, _ = read(load_case(path), tmp_path)
    runs, _ = applicable(evidence, {check: registry()[check] for check in CHECKS})
    found = {(f.check.id, f.fact.subject): f.fact.p_value for f in run_checks(evidence, runs, 7)}
    evidence.con.disconnect()
    assert p_values(simulated(election), 7) == {n: found[s] for n, s in SUBJECTS.items()}


def test_labels_dealt_anew_stay_in_their_centre_and_leave_the_votes(count):
    dealt = permuted(count, np.random.default_rng(1))
    before, after = count.measured["timed"], dealt.measured["timed"]
    assert (before["t"] != after["t"]).mean() > 0.5
    for name in ("early", "t"):
        for codes in (before["cell_centre"], np.zeros(len(before["sid"]))):
            sums = [np.bincount(codes.astype(int), np.nan_to_num(t[name])) for t in (before, after)]
            assert sums[0] == pytest.approx(sums[1])
    stamped = ~np.isnan(after["t"])
    assert after["early"][~stamped].sum() == 0
    assert all((before[n] == after[n]).all() for n in ("v0", "v1", "valid", "registered"))


def test_votes_moved_change_the_lead_by_two_on_late_sheets_alone(count):
    changed, sheets, votes = moved(count, 0.25, 0.5, np.random.default_rng(1))
    before, after = count.stream(), changed.stream()
    gained = after.lead - before.lead
    assert gained.sum() == 2 * votes
    assert (gained > 0).sum() <= sheets == round(0.25 * before.late.sum())
    assert not gained[~before.late].any()
    assert (after.valid == before.valid).all()


def test_shortcuts_take_where_sheets_come_from_for_something_else():
    elections = [load("rural-late-strong").make(seed, 1200)[0] for seed in range(6)]
    found = [shortcuts(simulated(election)) for election in elections]
    assert all(tuple(one) == SHORTCUTS for one in found)
    for name in ("regression", "last"):
        assert sum(one[name] <= 0.05 for one in found) >= 4


def test_the_smallest_effect_lies_between_the_shares_tried():
    def rows(lead, alarms):
        return [
            {"share": lead, "lead": lead, "cut": 0.01 if i < alarms else 0.5} for i in range(10)
        ]

    found = [*rows(0, 0), *rows(100, 6), *rows(200, 10)]
    assert smallest(found, "cut") == (pytest.approx(150), 200)
    assert smallest(found[:20], "cut") == (None, 100)
    assert interval(0, 10)[0] == 0


def test_the_page_holds_every_part_and_accuses_nobody(monkeypatch):
    monkeypatch.setattr(late, "ALTERED", {"moved": ("move", "size", (0.4,))})
    monkeypatch.setattr(late, "SHARES", (0.1, 0.4))
    large = [
        {"share": s, "sheets": 1, "lead": 1e4 * s, **dict.fromkeys(SUBJECTS, 1.0 - s)}
        for s in (0.0, 0.5, 1.0)
    ]
    about = {"sheets": 9, "late": 3, "judged": 50.0, "valid": 900, "slack": 99.0, "clause": "lead"}
    results = {
        "parts": {
            "honest": [late.honest(seed, 400) for seed in (0, 1)],
            "bursts": [late.honest(seed, 400, "late-bursts") for seed in (0, 1)],
            "power": late.altered(5, 400),
            "twin": {"about": about, "rows": large},
        },
        "seconds": {"honest": 1.0},
        "options": {"elections": 2, "stations": 400, "seed": 0},
        "machine": "a machine",
    }
    text = page(results)
    assert "of 2 |" in text
    assert "| `late-bursts`, 400 stations |" in text
    assert "2 counts" not in text.split("## Late sheets altered")[1]
    assert not FORBIDDEN.search(text)
    assert [f.id for f in figures(results)] == ["late-power-moved", "late-power-twin"]
