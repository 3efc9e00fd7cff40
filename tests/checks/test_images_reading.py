"""What counts record against what was read on scans: thresholds, directions, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from tests.building import evidence, facts
from tests.scans import put_rows
from veedor.checks.images.reading import UNLIKELY
from veedor.checks.read_fields import called
from veedor.checks.transcripts import (
    BORNE_OUT_MOST,
    MISREAD,
    MISREAD_MOST,
    Fields,
    by_reading,
)
from veedor.stats.exact import unequal_chances_tail

FIELDS = ("A", "B", "C", "blank")


def sheets(n, **columns):
    """An official count of n sheets; A leads B."""
    rows = {"A": [60] * n, "B": [40] * n, "C": [5] * n, "blank": [0] * n}
    rows |= columns
    return {"official": {"station": [f"{i:03d}" for i in range(n)], **rows}}


class Scans:
    """Scans of the sheets on which everything is read as it is recorded, until told otherwise."""

    def __init__(self, folder, n=6, **columns):
        self.counts = sheets(n, **columns)
        self.found = evidence(folder, self.counts)
        self.scans: list[dict[str, Any]] = []
        self.readings: list[dict[str, Any]] = []
        self.compared: list[dict[str, Any]] = []
        for sid in range(n):
            self.add(sid)

    def add(self, sid, **more):
        scan = len(self.scans)
        station = f"{sid:03d}"
        row = {"scan": scan, "sid": sid, "station": station, "status": "read", "code": station}
        self.scans.append(row | {"code_sid": sid, "grade": "good", "consistent": True} | more)
        for field in FIELDS:
            recorded = self.counts["official"][field][sid]
            place = {"scan": scan, "sid": sid, "field": field}
            about = {"cell_of": f"f-{field}", "kind": "count", "altered": 0.0, "rest": 0.0001}
            number = {"state": "number", "value": recorded, "p": 0.9999}
            sums = {"joint": recorded, "p_joint": 0.9999, "holds": True}
            self.readings.append(place | about | number | sums)
            row = place | {"count": "official", "transcribed": recorded, "p": 0.9999}
            self.compared.append(row)

    def read(self, scan, field, *, p_recorded=1e-6, **more):
        """Change what was read in one field."""
        at = next(
            i for i, r in enumerate(self.readings) if (r["scan"], r["field"]) == (scan, field)
        )
        self.readings[at] |= {"joint": more.get("value"), "p_joint": 0.9, "holds": None} | more
        self.compared[at]["p"] = p_recorded

    def facts(self, seed=0):
        tables = {"scans": self.scans, "readings": self.readings, "compared": self.compared}
        return facts("images.reading", put_rows(self.found, tables), seed)


def test_scans_that_hold_what_is_recorded_are_not_observed_to_differ(tmp_path):
    found = Scans(tmp_path).facts()
    s = found["official"].statistic
    assert (s["fields"], s["agree"], s["disagree"], s["unsure"]) == (24, 24, 0, 0)
    assert found["official"].status == found[""].status == "not-observed"
    assert s["sample"] == 24
    assert found["official"].questioned is None


@pytest.mark.parametrize(
    ("reading", "p_recorded", "where"),
    [
        ({"value": 68, "p": 0.95}, 0.0009, "disagree"),
        ({"value": 68, "p": 0.95}, 0.0011, "unsure"),  # the recorded number is not out of question
        ({"value": 68, "p": 0.89}, 0.0001, "unsure"),  # what was read is not sure
        ({"value": 60, "p": 0.989}, 0.989, "unsure"),  # nor is the same number
        ({"value": 60, "p": 0.99}, 0.99, "agree"),
        ({"value": 68, "p": 0.95, "altered": 0.6}, 0.0001, "unsure"),
        ({"value": 68, "p": 0.95, "state": "overwritten"}, 0.0001, "unsure"),
        ({"value": None, "p": 0.99, "state": "struck"}, 0.0001, "unsure"),
        ({"value": None, "p": 0.99, "state": "empty"}, 0.0001, "disagree"),
        ({"value": 68, "p": 0.6, "joint": 60, "p_joint": 0.995}, 0.3, "agree"),
        ({"value": 68, "p": 0.95, "joint": 60, "p_joint": 0.995}, 0.002, "unsure"),
    ],
)
def test_thresholds_part_agreement_disagreement_and_doubt(tmp_path, reading, p_recorded, where):
    scans = Scans(tmp_path)
    scans.read(2, "A", p_recorded=p_recorded, **reading)
    s = scans.facts()["official"].statistic
    expected = {"agree": 23, "disagree": 0, "unsure": 0}
    expected[where] += 1
    assert {k: s[k] for k in expected} == expected


def test_a_field_that_is_empty_where_zero_is_recorded_agrees(tmp_path):
    scans = Scans(tmp_path)
    scans.read(0, "blank", value=None, state="empty", p=0.995, p_recorded=0.001)
    scans.read(1, "blank", value=0, state="filler", p=0.995, p_recorded=0.995)
    s = scans.facts()["official"].statistic
    assert (s["agree"], s["empty_as_zero"]) == (24, 1)


def test_direction_and_votes_are_of_the_record_less_the_scan(tmp_path):
    scans = Scans(tmp_path)
    scans.read(1, "A", value=50, p=0.999)
    scans.read(2, "A", value=55, p=0.999)
    scans.read(4, "B", value=47, p=0.999)
    fact = scans.facts()["official"]
    s = fact.statistic
    assert fact.status == "observed"
    assert s["lead"] == {"winner": "A", "runner_up": "B", "up": 3, "down": 0, "p": 0.25}
    assert s["lead_votes"] == 22
    rows = {row["field"]: (row["up"], row["down"], row["net"]) for row in s["by_field"]}
    assert rows["A"] == (2, 0, 15)
    assert rows["B"] == (0, 1, -7)
    assert fact.questioned is not None
    assert fact.questioned.tolist() == [1, 2, 4]
    assert fact.p_value == 0.25
    shown = fact.pictures[0]
    assert (shown.scan, shown.fields) == (1, ("f-A",))
    assert "A is recorded as 60 and read as 50" in shown.caption


def test_as_many_as_reading_alone_leads_one_to_expect_are_not_told(tmp_path):
    scans = Scans(tmp_path)
    for row in scans.readings:
        row["rest"] = 0.05
    scans.read(3, "C", value=8, p=0.95, holds=False)
    fact = scans.facts()["official"]
    assert fact.statistic["expected"] == pytest.approx(24 * MISREAD * 0.05)
    assert fact.statistic["p_reading"] == pytest.approx(1 - (1 - MISREAD_MOST * 0.05) ** 24)
    assert (fact.status, fact.questioned) == ("not-determinable", None)
    assert (fact.p_value, fact.p_value_of, fact.explanations) == (None, "", ())
    assert "lead of" not in fact.fact
    assert "a person must look at them, and they are listed." in fact.fact
    # The form's own sums bear it out, as they may by chance.
    scans.read(3, "C", value=8, p=0.95, holds=True, rest=0.05)
    fact = scans.facts()["official"]
    assert (fact.status, fact.statistic["confirmed"]) == ("not-determinable", 1)
    assert "listed, those that are borne out first." in fact.fact
    some = BORNE_OUT_MOST * (1 - (1 - 0.05) ** 4)
    assert fact.statistic["p_confirmed"] == pytest.approx(1 - (1 - some) ** 6)
    for row in scans.readings:
        row["rest"] = 0.0022
    fact = scans.facts()["official"]
    assert fact.statistic["p_reading"] > UNLIKELY >= fact.statistic["p_confirmed"]
    assert (fact.status, fact.statistic["confirmed"]) == ("observed", 1)
    assert fact.questioned.tolist() == [3]
    assert (fact.p_value, "p" in fact.statistic["lead"]) == (None, False)
    assert "lead of" not in fact.fact
    assert "only the sheets with a disagreement that is borne out" in fact.fact
    tested = {e.id: e.result for e in fact.explanations}
    assert tested["reading"]
    assert not tested["direction"]
    scans.read(4, "B", value=9, p=0.95)  # no sum bears this one out, and it is not questioned
    fact = scans.facts()["official"]
    assert fact.questioned.tolist() == [3]
    assert fact.rows["sid"][:2].tolist() == [3, 4]  # the larger difference comes after it
    assert [p.scan for p in fact.pictures[:2]] == [3, 4]


def borne_out(scans):
    """Stations on whose sheets a disagreement is borne out, and how many fields are."""
    s = scans.facts()["official"].statistic
    return s["sheets_confirmed"], s["confirmed"], s["balanced"]


def test_a_number_is_borne_out_by_the_sums_that_it_stands_in(tmp_path):
    scans = Scans(tmp_path)
    scans.read(1, "A", value=50, p=0.999, holds=None)
    scans.read(2, "A", value=50, p=0.999, holds=False)
    assert borne_out(scans) == (0, 0, 0)
    scans.read(3, "A", value=50, p=0.999, holds=True)
    assert borne_out(scans) == (1, 1, 0)
    # Nothing stands on the sheet, its sums hold without it, and the record has votes there.
    scans.read(4, "B", value=None, state="empty", p=0.999, holds=True)
    assert borne_out(scans) == (2, 2, 0)


def test_votes_that_the_record_has_elsewhere_bear_each_other_out(tmp_path):
    scans = Scans(tmp_path)
    scans.read(1, "A", value=50, p=0.999)
    scans.read(1, "B", value=49, p=0.999)  # 10 more there, 9 less here
    assert borne_out(scans) == (0, 0, 0)
    scans.read(2, "A", value=50, p=0.999)
    scans.read(2, "B", value=48, p=0.999)
    scans.read(2, "C", value=7, p=0.999)
    assert borne_out(scans) == (1, 3, 3)
    scans.read(3, "A", value=50, p=0.999)
    scans.read(4, "B", value=50, p=0.999)  # they balance, but on two sheets
    assert borne_out(scans) == (1, 3, 3)


def test_scans_that_are_not_there_or_of_another_station_are_counted_and_left_out(tmp_path):
    scans = Scans(tmp_path)
    scans.scans[0] |= {"status": "missing", "grade": None, "code": None, "code_sid": None}
    scans.scans[1] |= {"status": "unregistered", "reasons": "no form"}
    scans.scans[2] |= {"code": "005", "code_sid": 5}
    scans.scans[3] |= {"code": "elsewhere", "code_sid": None}
    scans.scans[4] |= {"code": None, "code_sid": None}
    scans.scans[5] |= {"sid": None, "station": "unknown", "code": "unknown", "code_sid": None}
    found = scans.facts()
    s = found[""].statistic
    wanted = {"scans": 6, "read": 4, "missing": 1, "unregistered": 1, "other_code": 2}
    assert {k: s[k] for k in wanted} == wanted
    assert (s["unknown_station"], s["without_scan"], s["without_reading"]) == (1, 2, 5)
    assert found[""].status == "observed"
    assert "1 is of a station that is not in the results" in found[""].fact
    told = found[""].rows
    assert told["named"].tolist() == ["unknown", "000", "001", "002", "003"]
    assert told["sid"].tolist() == [-1, 0, 1, 2, 3]
    assert told["unknown_station"].tolist() == [1, 0, 0, 0, 0]
    written = scans.found.describe(told["sid"])
    assert written["station"].tolist() == [None, "000", "001", "002", "003"]
    assert found["official"].statistic["fields"] == len(FIELDS)


def test_reasons_that_differ_in_what_is_of_one_scan_are_one(tmp_path):
    scans = Scans(tmp_path)
    for i, row in enumerate(scans.scans):
        cut = f"is damaged or cut short (image file is truncated ({i} bytes not processed))"
        row |= {"status": "unreadable", "reasons": f"has few pixels (3.{i} per millimetre); {cut}"}
    scans.scans[5]["reasons"] = "the picture is another than the one listed: its SHA-256 differs"
    s = scans.facts()[""].statistic
    assert s["reasons"] == [
        {"reason": "has few pixels", "scans": 5},
        {"reason": "is damaged or cut short", "scans": 5},
        {"reason": "the picture is another than the one listed: its SHA-256 differs", "scans": 1},
    ]


def test_a_station_with_several_scans_moves_no_votes(tmp_path):
    scans = Scans(tmp_path)
    scans.add(2)
    scans.read(6, "A", value=10, p=0.999)
    found = scans.facts()
    s = found["official"].statistic
    assert found[""].statistic["several"] == 1
    assert (s["disagree"], s["sheets_compared"], s["lead_votes"]) == (1, 5, 0)


def test_the_sample_of_agreements_is_drawn_by_the_seed(tmp_path):
    scans = Scans(tmp_path, n=40)

    def drawn(seed):
        rows = scans.facts(seed)["official"].rows
        at = np.flatnonzero(rows["what"] == "agrees, drawn to be looked at")
        return [(int(rows["sid"][i]), rows["field"][i]) for i in at]

    assert len(drawn(1)) == 30
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_case_whose_scans_name_nothing_that_is_recorded_cannot_be_told(tmp_path):
    scans = Scans(tmp_path)
    scans.compared.clear()
    fact = scans.facts()["official"]
    assert (fact.status, fact.pictures) == ("not-determinable", ())


def test_the_interval_is_of_the_share_that_is_told(tmp_path):
    scans = Scans(tmp_path)
    for scan in range(3):
        scans.read(scan, "A", value=68, p=0.95, p_recorded=0.0001)
        scans.read(scan + 3, "A", value=68, p=0.6, p_recorded=0.3)
    fact = scans.facts()["official"]
    assert (fact.statistic["disagree"], fact.statistic["unsure"]) == (3, 3)
    # Clopper and Pearson's limits of 3 in 24.
    assert fact.interval.low == pytest.approx(100 * beta.ppf(0.025, 3, 22), abs=1e-3)
    assert fact.interval.high == pytest.approx(100 * beta.ppf(0.975, 4, 21), abs=1e-3)


def test_what_agrees_by_the_sums_alone_is_told_apart(tmp_path):
    scans = Scans(tmp_path, n=4)
    scans.read(1, "A", value=68, p=0.6, joint=60, p_joint=0.995, p_recorded=0.3)
    scans.read(2, "B", value=40, p=0.95, joint=40, p_joint=0.995, p_recorded=0.95)
    scans.read(3, "blank", value=None, state="empty", p=0.995, joint=0, p_joint=0.999)
    fact = scans.facts()["official"]
    s = fact.statistic
    assert (s["agree"], s["agree_by_sums"], s["empty_as_zero"]) == (16, 2, 1)
    assert (
        "16 agree with the scans (100.00 %), 2 of them by the sums of the form alone" in fact.fact
    )
    rows = zip(*(fact.rows[k] for k in ("scan", "field", "what")), strict=True)
    kinds = {(int(scan), field): what for scan, field, what in rows}
    by_sums = "agrees by the sums of the form alone, drawn to be looked at"
    assert {k for k, w in kinds.items() if w == by_sums} == {(1, "A"), (2, "B")}
    assert kinds[3, "blank"] == "agrees, drawn to be looked at"
    captions = {(p.scan, p.fields[0]): p.caption for p in fact.pictures}
    assert captions[1, "f-A"].endswith(
        "agree by the sums of the form alone: A is recorded as 60; its boxes leave it open (68 with"
        " probability 0.60), and the sums of the form say 60."
    )
    assert captions[0, "f-A"].endswith("agree: A is recorded as 60 and read as 60.")


def test_without_disagreement_there_is_no_figure(tmp_path):
    scans = Scans(tmp_path)
    assert scans.facts()["official"].figures == ()
    scans.read(1, "A", value=50, p=0.999)
    (figure,) = scans.facts()["official"].figures
    assert dict(zip(figure.rows["label"], figure.rows["value"], strict=True)) == pytest.approx(
        {f"{called(name)} (6 fields)": 100 / 6 if name == "A" else 0.0 for name in FIELDS}
    )


def fields_of(stations, wrong, rest):
    """Ten fields of each station, all read with certainty; `wrong` (n, 10) differ."""
    n = len(stations) * 10
    own = {name: np.zeros(n) for name in ("region", "p_recorded", "altered", "p_joint")}
    texts = {name: np.full(n, "x", dtype=object) for name in ("field", "cell_of", "text")}
    return Fields.of(
        {
            **own,
            **texts,
            "sid": np.repeat(stations, 10),
            "scan": np.repeat(np.arange(len(stations)), 10),
            "transcribed": np.zeros(n),
            "state": np.full(n, "number", dtype=object),
            "value": wrong.ravel().astype(float),
            "p": np.full(n, 0.999),
            "p_recorded": np.where(wrong.ravel(), 0.0, 0.999),
            "joint": np.full(n, np.nan),
            "rest": np.full(n, rest),
            "alone": np.ones(n, dtype=bool),
            "holds": np.full(n, -1),
        }
    )


def test_fields_and_scans_of_one_station_count_once():
    wrong = np.zeros((3, 10), dtype=bool)
    wrong[0, :4] = wrong[1, 2] = True
    fields = fields_of(np.array([7, 7, 8]), wrong, 0.001)
    found, right = by_reading(fields), 1 - MISREAD * 0.001
    assert (found.sheets, found.fields) == (1, pytest.approx(30 * (1 - right)))
    assert found.expected == pytest.approx(2 - right**10 - right**20)
    assert found.p == pytest.approx(1 - (1 - MISREAD_MOST * 0.001) ** 30)


@pytest.mark.parametrize("together", [1.0, 0.4, 0.0])
def test_errors_of_reading_raise_no_alarm_however_they_cluster_and_altered_sheets_do(together):
    """Fields err as often as was measured: on few sheets, on which so large a share of the fields
    err `together`, or each field by itself. Counted by fields, with the probabilities of the boxes,
    the alarm would go off in most elections.
    """
    rng, rest, n, runs = np.random.default_rng(1), 0.0012, 250, 100
    stations, by_sheet, by_field, found = np.arange(n), 0, 0, 0
    for _ in range(runs):
        wrong = rng.random((n, 10)) < (together or MISREAD * rest)
        if together:
            wrong &= rng.random(n)[:, None] < MISREAD * rest / together
        fields = fields_of(stations, wrong, rest)
        by_sheet += by_reading(fields).p <= UNLIKELY
        by_field += unequal_chances_tail(int(wrong.sum()), fields.could_mislead) <= UNLIKELY
        wrong[rng.choice(n, 40, replace=False), 0] = True
        found += by_reading(fields_of(stations, wrong, rest)).p <= UNLIKELY
    assert by_field / runs > 0.3
    assert by_sheet / runs <= UNLIKELY
    assert found / runs > 0.95
