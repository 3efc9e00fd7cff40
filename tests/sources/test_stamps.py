"""Stamps, against the standard library's calendar."""

from __future__ import annotations

import datetime as dt
import itertools

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.reading import us
from veedor.sources.columns import whole_numbers
from veedor.sources.stamps import by_format, epoch, iso, spans


@settings(deadline=None)
@given(st.lists(st.datetimes(min_value=dt.datetime(1, 1, 1)), min_size=1))
def test_iso_agrees_with_the_calendar(instants):
    texts = [instant.isoformat(" ") for instant in instants]

    assert iso(pa.array(texts)).wall.to_pylist() == [us(text) for text in texts]


@settings(deadline=None)
@given(
    st.datetimes(min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_offsets_agree_with_the_calendar(instant, minutes):
    text = instant.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes))).isoformat()

    assert iso(pa.array([text])).us.to_pylist() == [us(text)]


@pytest.mark.parametrize(
    "text",
    ["2019-02-29 00:00:00", "2019-13-01 00:00:00", "2019-01-01 24:00:00", "2019-1-1 00:00:00", "x"],
)
def test_what_is_no_instant_is_null(text):
    stamps = iso(pa.array([text, None]))

    assert stamps.us.to_pylist() == stamps.wall.to_pylist() == [None, None]


def test_an_impossible_offset_fixes_nothing():
    stamps = iso(pa.array(["2019-01-01T00:00:00+99:00"]))

    assert (stamps.us.to_pylist(), stamps.wall.to_pylist()) == ([None], [None])


@pytest.mark.parametrize("others", [[], ["x"]])
def test_seconds_since_1970_are_exact(others):
    texts = ["1379288667.706265", "1379288667.1", "-1.5", "0", None]

    found = epoch(pa.array(texts + others)).to_pylist()

    assert found[:5] == [1379288667706265, 1379288667100000, -1500000, 0, None]
    assert found[5:] == [None] * len(others)


def test_nothing_gives_nothing():
    none = pa.array([], pa.string())

    assert (
        len(epoch(none)) == len(spans(none)) == len(whole_numbers(none)) == len(iso(none).us) == 0
    )


def test_lengths_of_time():
    assert spans(pa.array(["0.447460", "1e-06", "-1", "nan", "inf"])).to_pylist() == [
        *(447460, 1, None, None, None)
    ]
    assert spans(pa.array(["2.5", "x"])).to_pylist() == [2_500_000, None]


@pytest.mark.parametrize("others", [[], ["12x"], ["0x10"]])
def test_numbers(others):
    found = whole_numbers(pa.array(["007", "-5", None, *others])).to_pylist()

    assert found == [7, -5, None, *([None] * len(others))]


@pytest.mark.parametrize(
    ("text", "form", "wall"),
    [
        ("02/06/2024 20:01:02", "%d/%m/%Y %H:%M:%S", "2024-06-02 20:01:02"),
        ("02/06/2024 08:01:02 PM", "%d/%m/%Y %I:%M:%S %p", "2024-06-02 20:01:02"),
        ("02/06/2024 20:01:02.25", "%d/%m/%Y %H:%M:%S.%f", "2024-06-02 20:01:02.25"),
    ],
)
def test_patterns_of_strptime(text, form, wall):
    assert by_format(pa.array([text, "x"]), form).wall.to_pylist() == [us(wall), None]


FORMS = (
    *("%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%d %b %Y %I:%M %p", "%d.%m.%y %H:%M", "%D %T"),
    *("%F %R", "%A, %e de %m de %Y %H:%M"),
)


@pytest.mark.parametrize("form", FORMS)
def test_a_day_that_the_month_does_not_have_is_none(form):
    """Every day of two years, and those that are in no month, by the standard library."""
    plain = form.replace("%D", "%m/%d/%y").replace("%F", "%Y-%m-%d").replace("%e", "%d")
    plain = plain.replace("%T", "%H:%M:%S").replace("%R", "%H:%M")
    texts, walls = [], []
    for year, month, day in itertools.product((2019, 2020), range(1, 13), range(1, 32)):
        model = dt.datetime(2019, month, 1, 13, 5, 9).strftime(
            plain.replace("%d", f"{day:02d}")
            .replace("%Y", f"{year}")
            .replace("%y", f"{year % 100}")
        )
        texts.append(model)
        try:
            wall = dt.datetime.strptime(model, plain)
        except ValueError:
            walls.append(None)
        else:
            walls.append(us(str(wall)))

    assert walls.count(None) == 2 * 31 * 12 - 365 - 366
    assert by_format(pa.array(texts), form).wall.to_pylist() == walls


def test_a_pattern_without_a_day_of_the_month_is_read_as_before():
    assert by_format(pa.array(["2019-01", None]), "%Y-%m").wall.to_pylist() == [
        us("2019-01-01"),
        None,
    ]
