"""The benchmark of hands: what its page says of counts, limits and elections of drawn hands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks import handwriting, handwriting_centres
from benchmarks.handwriting_centres import Alone, Drawn
from benchmarks.handwriting_rates import NONE_OUT, Row, Seen, _became
from training.scanned import Scanned

from veedor.stats.likelihood import Limits, Performance

FAX = "scan and fax, form ledger"
ROW = Row(
    condition=FAX,
    mode="rand",
    digits=30,
    writers=54,
    same=54,
    different=2000,
    all=Performance(cllr=0.113, cllr_min=0.046, eer=0.015),
    limits=Limits(cllr=(0.06, 0.19), eer=(0.005, 0.028)),
    misleading=(),
    said=0.122,
)
ALONE = Alone(
    rank=1, hits=1, false=0, expected=0.0, low=0.0, high=1.0, found=True, p=0.008, several=5,
    several_inside=True,
)  # fmt: skip


def scans():
    """Three scans of grade good and two faxes, one of them in pieces; a third fax was not read."""
    family = np.array(["scan", "scan", "scan", "fax", "fax"])
    n = len(family)
    return Scanned(
        features=np.zeros((2 * n, 1), dtype=np.float16),
        digit=np.zeros(2 * n, dtype=np.int64),
        wrong=np.array([True] + [False] * (2 * n - 1)),
        sheet=np.repeat(np.arange(n), 2),
        written=np.full(n, 4),
        unbroken=np.array([1.0, 1.0, 1.0, 1.0, 0.5]),
        writer=np.arange(n),
        series=np.zeros(n, dtype=np.int64),
        turn=np.zeros(n, dtype=np.int64),
        family=family,
        form=np.full(n, "ledger-8"),
        grade=np.where(family == "scan", "good", "usable"),
        lost=1,
    )


def test_sheets_in_pieces_are_counted_among_those_of_their_own_family():
    scan, fax = (_became(FAX, family, scans(), 2) for family in ("scan", "fax"))
    assert (scan.written, scan.lost, scan.broken, scan.good) == (3, 0, 0, 3)
    assert (fax.written, fax.lost, fax.broken, fax.good) == (3, 1, 1, 0)
    assert fax.kept == pytest.approx(1 / 3)
    assert (fax.sure, scan.sure, scan.wrong) == pytest.approx((0.5, 0.5, 1 / 6))


def test_faxes_are_marked_where_the_rule_was_made_on_the_same_split():
    became = [Seen(FAX, "fax", 74, 2, 16, 0, 1.0, 0.0)]
    marked, unmarked = (
        handwriting.bar_table([ROW], [], became, split)[-1] for split in ("test", "train")
    )
    assert "of the 76% of faxes kept" in marked
    assert "kept" not in unmarked


def test_the_page_says_what_the_reference_asks_and_what_is_beyond_it():
    other = replace(ROW, condition=f"{FAX}{NONE_OUT}")
    assert handwriting.short(ROW) == ["loss"]
    assert handwriting.asked_line([ROW, other]).endswith(
        f"Of 1 rows of sheets 1 do not reach that: {FAX}, `rand` (loss)."
    )
    assert len(handwriting.bar_table([ROW, other], [], [], "test")) == 3


def test_no_error_seen_has_the_exact_limit_of_as_many_trials_as_writers():
    upper = 100 * (1 - 0.025 ** (1 / 69))
    assert handwriting.error_rate(0.0, 0.0, 0.0, 69) == f"0 seen (0 to {upper:.1f} %)"
    assert handwriting.error_rate(0.007, 0.0, 0.014, 69) == "0.7 % (0.0 to 1.4)"
    assert handwriting.counted(8, 8) == "8 of 8 (63 to 100 %)"


def test_limits_of_centres_are_over_all_of_their_writers():
    able = np.arange(6)
    same, other = np.full(6, 5.0), np.array([-5.0, 9.0])
    # The error is the centre of the writers 4 and 5: there only where both of them are drawn.
    found = handwriting_centres._compared(
        "x", same, other, able, np.array([[0, 1], [4, 5]]), np.random.default_rng(0)
    )
    assert (found.same, found.other, found.writers) == (6, 2, 6)
    assert found.low == 0.0
    assert found.high > found.all.eer


@pytest.mark.parametrize("each", [2, 3])
def test_drawn_elections_plant_whole_hands_and_pairs(monkeypatch, each):
    monkeypatch.setattr(handwriting_centres, "MADE", 1000)
    found = handwriting_centres.drawn(each, 0, runs=3, elections=(10, 20))
    assert [(d.centres, d.alike) for d in found] == [
        (c, k) for c in (10, 20) for k in sorted({2, each})
    ]
    whole = [d for d in found if d.alike == each]
    assert np.mean([r.rank == 1 for d in whole for r in d.runs]) > 0.8
    for d in found:
        assert min(r.p for r in d.runs) >= 2 * (d.centres + 1) / (d.centres + 1 + d.made) - 1e-9


def test_honest_elections_are_judged_by_their_own_sheets(monkeypatch):
    monkeypatch.setattr(handwriting_centres, "EACH", 5)
    found = handwriting_centres.honest(2, 0, runs=3)
    assert (found.each, found.runs) == (2, 3)
    assert found.alarms[1] <= found.alarms[0] <= 3


def test_the_table_of_planted_centres_says_where_none_is_observed():
    near = Drawn(200, 4, 4, 50_000, (ALONE,) * 8)
    far = Drawn(2000, 4, 2, 50_000, (replace(ALONE, p=0.077),) * 8)
    assert handwriting.drawn_table([near, far])[-1] == (
        "| 2000 | 4 | 2 | 50,000 | 8 of 8 (63 to 100 %) | 8 of 8 (63 to 100 %) |"
        " 0 of 8 (0 to 37 %) | 0.077 (0.077) |"
    )
    assert handwriting.drawn_line([near, replace(far, centres=500), far]) == (
        "A single planted centre is `observed` in every run: one hand on 4 sheets, among 200."
        " It is so in no run: one alike pair of 4 sheets, among 500, 2,000."
    )
