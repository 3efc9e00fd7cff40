"""Instants: what a stamp means, and what is refused rather than guessed."""

import numpy as np
import pyarrow as pa
import pytest

from tests.building import small_case
from veedor.case.loading import load_case
from veedor.engine.instants import UNKNOWN, read_instants

OFFICIAL = {"official": {"station": ["1"], "A": [1], "B": [0], "C": [0]}}


def source_of(tmp_path, zone="America/La_Paz", closed="2020-01-31T17:00:00-04:00", **keys):
    entry = {"kind": "log", "key": "station", "stage": "verified", "instant": "at", **keys}
    path = small_case(
        tmp_path,
        OFFICIAL,
        files={"log": (entry, {"station": ["1"], "at": ["2020-01-31T20:00:00"]})},
        events={"polls-closed": closed},
    )
    path.write_text(path.read_text().replace('timezone = "UTC"', f'timezone = "{zone}"'))
    case = load_case(path)
    return case, case.sources[-1]


def read(tmp_path, stamps, **keys):
    case, source = source_of(tmp_path, **keys)
    rows = np.arange(2, len(stamps) + 2)
    return read_instants(case, source, pa.array(stamps, pa.string()), rows)


def seconds(text):
    return int(np.datetime64(text).astype("datetime64[s]").astype(np.int64))


def test_a_bare_stamp_is_the_wall_clock_of_the_case(tmp_path):
    found = read(tmp_path, ["2020-01-31T20:06:59"])
    assert found.local[0] == seconds("2020-01-31T20:06:59")
    assert found.utc[0] == seconds("2020-02-01T00:06:59")
    assert not found.info.offset
    assert found.info.zone == "America/La_Paz"


@pytest.mark.parametrize(
    "stamp", ["2020-02-01T00:06:59Z", "2020-01-31 19:06:59-0500", "2020-02-01T02:06:59.5+02:00"]
)
def test_a_stamp_with_its_own_offset_is_the_same_instant(tmp_path, stamp):
    found = read(tmp_path, [stamp])
    assert found.utc[0] == seconds("2020-02-01T00:06:59")
    assert found.local[0] == seconds("2020-01-31T20:06:59")
    assert found.info.offset


def test_a_source_may_have_a_zone_of_its_own(tmp_path):
    case, source = source_of(tmp_path)
    utc = source.model_copy(update={"zone": "UTC"})
    shifted = read_instants(case, utc, pa.array(["2020-02-01 00:06"]), np.array([2]))
    assert shifted.utc[0] == seconds("2020-02-01T00:06:00")
    assert shifted.local[0] == seconds("2020-01-31T20:06:00")


def test_clocks_that_are_moved_are_counted_and_not_guessed(tmp_path):
    """In New York 01:30 was shown twice on 1 November 2020, and 02:30 never on 8 March 2020."""
    stamps = ["2020-11-01T01:30:00", "2020-03-08T02:30:00", "2020-06-01T12:00:00"]
    found = read(tmp_path, stamps, zone="America/New_York")
    assert found.info.ambiguous == 2
    assert found.utc[0] == seconds("2020-11-01T05:30:00")
    assert found.utc[2] == seconds("2020-06-01T16:00:00")


def test_what_is_not_read_is_counted_with_its_place(tmp_path):
    found = read(tmp_path, ["2020-01-31T20:00:00", None, "yesterday", "31/01/2020 20:00:00"])
    assert found.utc.tolist()[1:] == [UNKNOWN] * 3
    assert (found.info.empty, found.info.unread) == (1, 2)
    assert found.info.first_unread == (4, "yesterday")


def test_a_day_that_does_not_exist_and_an_offset_of_no_zone_give_no_instant(tmp_path):
    stamps = [
        *("2019-02-30 10:00:00", "2019-02-28 10:00:00", "2020-02-30T10:00:00Z"),
        *("2019-10-20T10:00:00-99:00", "2019-10-20T10:00:00-04:99", "2019-10-20T10:00:00-18:00"),
    ]
    found = read(tmp_path, stamps)
    assert (found.utc != UNKNOWN).tolist() == [False, True, False, False, False, True]
    assert (found.local != UNKNOWN).tolist() == (found.utc != UNKNOWN).tolist()
    assert (found.info.unread, found.info.first_unread) == (4, (2, "2019-02-30 10:00:00"))

    days = ["31/02/2019 10:00:00", "31/04/2019 10:00:00", "01/03/2019 10:00:00"]
    found = read(tmp_path, days, instant_format="%d/%m/%Y %H:%M:%S")
    assert (found.utc != UNKNOWN).tolist() == [False, False, True]
    assert found.info.unread == 2


def test_a_pattern_reads_other_stamps(tmp_path):
    found = read(
        tmp_path, ["31/01/2020 20:06:59", "2020-01-31T20:06:59"], instant_format="%d/%m/%Y %H:%M:%S"
    )
    assert found.utc[0] == seconds("2020-02-01T00:06:59")
    assert found.info.unread == 1


def twelve(n=600):
    """An evening's stamps from 17:00 to 22:00, as a clock of twelve hours shows them."""
    minutes = np.linspace(17 * 60, 22 * 60 - 1, n).astype(int)
    return [f"2020-01-31T{(m // 60 - 1) % 12 + 1:02d}:{m % 60:02d}:00" for m in minutes]


def test_a_clock_of_twelve_hours_is_refused_with_the_reason(tmp_path):
    found = read(tmp_path, twelve())
    assert "twelve hours" in found.info.refused
    assert (found.utc == UNKNOWN).all()
    assert found.info.unread == 0


def test_a_clock_of_24_hours_is_used(tmp_path):
    stamps = [f"2020-01-31T{17 + m // 60:02d}:{m % 60:02d}:00" for m in range(300)]
    found = read(tmp_path, stamps)
    assert found.info.refused is None
    assert found.info.hours[17:22] == (60, 60, 60, 60, 60)


def test_a_morning_after_the_vote_is_no_reason_to_refuse(tmp_path):
    stamps = [f"2020-02-01T{8 + i // 60:02d}:{i % 60:02d}:00" for i in range(240)]
    assert read(tmp_path, stamps).info.refused is None


def test_a_pattern_of_twelve_hours_is_refused_in_the_case(tmp_path):
    from veedor.errors import CaseError

    with pytest.raises(CaseError, match="which half of the day"):
        source_of(tmp_path, instant_format="%d/%m/%Y %I:%M:%S")
