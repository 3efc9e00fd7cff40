"""What each system held, within the time to which the records are written, and in what words."""

from __future__ import annotations

import pytest

from tests.building import evidence, facts

N = 12
SHEETS = {
    "station": [str(i) for i in range(N)], "centre": ["a"] * N, "A": [60] * N, "B": [40] * N,
    "C": [0] * N,
}  # fmt: skip
EVENTS = {"polls-closed": "2020-01-31T18:00:00Z", "stop": "2020-01-31T20:00:00Z"}


def records(tmp_path, *, published, verified, replicated=None):
    """A count that stops at 20:00:00, with the seconds before or after of each line of its logs.

    Parameters
    ----------
    published : sheets of the count that was published at the stop
    verified, replicated : seconds of the line of each sheet less those of the stop; None has none
    """

    def log(stage, seconds):
        entry = {"kind": "log", "key": "station", "stage": stage, "instant": "at"}
        some = [(str(i), s) for i, s in enumerate(seconds) if s is not None]
        at = [f"2020-01-31T{19 + (s >= 0)}:{s % 3600 // 60:02d}:{s % 60:02d}" for _, s in some]
        return entry, {"station": [i for i, _ in some], "at": at}

    files = {"verified": log("verified", verified)}
    if replicated is not None:
        files["replicated"] = log("replicated", replicated)
    early = {name: column[:published] for name, column in SHEETS.items() if name != "centre"}
    found = evidence(
        tmp_path, {"official": SHEETS, "early": early}, at={"early": EVENTS["stop"]}, files=files,
        events=EVENTS,
    )  # fmt: skip
    return facts("infrastructure.records", found)[""]


BEFORE = [-601 + 61 * i for i in range(8)]


@pytest.mark.parametrize(("second", "status", "bounds"), [
    (0, "not-observed", (8, 9)), (-1, "observed", (8, 8)), (1, "not-observed", (8, 8)),
])  # fmt: skip
def test_a_sheet_of_the_very_second_of_the_statement_is_no_difference(
    tmp_path, second, status, bounds
):
    said = records(tmp_path, published=8, verified=[*BEFORE, second, 300, 401])
    stop = said.statistic["events"][0]
    count, log = (a for a in stop["answers"] if a["counts"] == "processed")
    assert said.status == status
    assert (count["at_least"], count["at_most"]) == bounds
    assert log["sheets"] == log["at_least"] == log["at_most"] == (8 if second > 0 else 9)
    assert stop["certain"] == (status == "observed")
    assert stop["spread"] == (second <= 0)


def test_lines_written_to_the_minute_may_be_of_after_the_event(tmp_path):
    minutes = [-600 + 60 * i for i in range(8)]
    said = records(tmp_path, published=8, verified=[*minutes, 0, 0, 600])
    log = said.statistic["events"][0]["answers"][-1]
    assert (log["sheets"], log["at_least"], log["at_most"]) == (10, 8, 10)
    assert said.status == "not-observed"


def test_sheets_that_a_copy_lacks_are_in_the_sentence_and_nothing_is_said_of_what_is_not(tmp_path):
    lacking = [*BEFORE[:5], None, None, None, 305]
    said = records(tmp_path, published=8, verified=[*BEFORE, 300], replicated=lacking)
    assert (said.status, said.statistic["stage"]) == ("observed", "replicated")
    assert said.fact.startswith(
        "At 2020-01-31 20:00:00 the records of sheets past the last step differ by 3 sheets. 3"
        " sheets of the log of verified are at no time in that of replicated. They state:"
    )
    assert said.fact.endswith(
        "Sheet by sheet, 3 sheets are in the published count and not in the log of replicated by"
        " then."
    )
    results = {e.id: e.result for e in said.explanations}
    assert results["seconds"] == (
        "3 published sheets have no line of the log of replicated by then; 3 have none at any time."
    )
    assert results["queue"] == (
        "No sheet is in the log of replicated by then and not in the published count."
    )


def test_published_sheets_with_a_line_later_are_told_with_the_first_of_them(tmp_path):
    said = records(tmp_path, published=8, verified=[*BEFORE[:6], 65, None])
    results = {e.id: e.result for e in said.explanations}
    assert results["seconds"] == (
        "2 published sheets have no line of the log of verified by then; 1 has one later, the"
        " first 1 min 5 s after the cut; 1 has none at any time."
    )
