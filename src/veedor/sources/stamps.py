"""Stamps of machines' logs: microseconds of UTC where they fix the instant, else a wall clock.

What cannot be an instant (a 30th of February, an hour of 25) is null in both.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veedor.sources.columns import Columns, parts, whole_numbers

SECOND = 1_000_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
)
OFFSET = r"(?P<offset>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)"
ISO = rf"^(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})[T ]{CLOCK} ?{OFFSET}?"
"""An instant in ISO 8601 at the start of a text; seconds, their parts and the offset may lack."""

EPOCH = r"^(?P<whole>-?[0-9]{1,11})(?:\.(?P<part>[0-9]{1,9}))?$"

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stamps:
    """Instants of n lines, in microseconds since 1970: of UTC (`us`) or of a wall clock."""

    us: pa.Int64Array
    wall: pa.Int64Array

    def columns(self) -> Columns:
        """Both, by name."""
        return {"us": self.us, "wall": self.wall}


def iso(text: pa.StringArray, *, end: str = "$") -> Stamps:
    """Read ISO 8601 with or without an offset; `end` is what may follow it."""
    return of_groups(parts(text, ISO + end)[1])


def of_groups(groups: Columns, year: Ints | None = None) -> Stamps:
    """Instants from named groups: year, month, day, hour, minute, second, part, offset.

    `month` is a number or an English abbreviation; any other word is no month. `year` is given
    apart where stamps have none.
    """
    count = len(groups["day"])
    month = groups["month"]
    named = pc.index_in(month, value_set=pa.array(MONTHS))
    months = np.where(
        _mask(named.is_valid()),
        _numbers(named) + 1,
        _numbers(whole_numbers(month)),
    )
    years = _numbers(groups["year"]) if year is None else year
    second = _numbers(groups["second"]) if "second" in groups else np.zeros(count, dtype=np.int64)
    values, good = civil(
        years,
        months,
        _numbers(groups["day"]),
        _numbers(groups["hour"]),
        _numbers(groups["minute"]),
        second,
    )
    good &= _mask(groups["day"].is_valid())
    if "part" in groups:
        values = values + _micros(groups["part"])
    if "offset" not in groups:
        return Stamps(pa.nulls(count, pa.int64()), pa.array(values, mask=~good))
    fixed = _mask(groups["offset"].is_valid())
    shift, fair = _offsets(groups["offset"])
    return Stamps(
        pa.array(values - shift, mask=~(good & fixed & fair)), pa.array(values, mask=~good | fixed)
    )


def epoch(text: pa.StringArray, *, unit: int = SECOND) -> pa.Int64Array:
    """Microseconds from seconds (or another unit, of so many microseconds) since 1970."""
    if unit == SECOND and len(text):
        try:
            return _exact(text)
        except pa.ArrowInvalid:
            pass
    hit, groups = parts(text, EPOCH if unit == SECOND else r"^(?P<whole>-?[0-9]{1,18})(?P<part>)$")
    whole = _numbers(groups["whole"])
    part = _micros(groups["part"]) if unit == SECOND else np.zeros_like(whole)
    signs = np.where(_mask(pc.fill_null(pc.starts_with(groups["whole"], "-"), False)), -1, 1)
    return pa.array(whole * unit + signs * part, mask=~hit)


def _exact(text: pa.StringArray) -> pa.Int64Array:
    """Microseconds of seconds with at most six decimals, where all are numbers."""
    seconds = text.cast(pa.decimal128(17, 6))
    # A decimal of six places is its number of millionths, in 16 bytes of which 8 suffice.
    millionths = np.frombuffer(seconds.buffers()[1], dtype="<i8")[::2]
    within = millionths[seconds.offset : seconds.offset + len(seconds)]
    return pa.array(within, mask=np.array(seconds.is_null()))


def civil(
    year: Ints, month: Ints, day: Ints, hour: Ints, minute: Ints, second: Ints
) -> tuple[Ints, NDArray[np.bool_]]:
    """Microseconds since 1970 of dates of the Gregorian calendar, and whether they are any."""
    good = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1)
    good &= (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60)
    good &= (second >= 0) & (second <= 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    good &= day <= after - first
    days = first + np.where(good, day, 1) - 1
    return ((days * 24 + hour) * 60 + minute) * 60 * SECOND + second * SECOND, good


def by_format(text: pa.StringArray, form: str) -> Stamps:
    """Instants by a pattern of strptime; with %z they are fixed."""
    if not any(code in form for code in ("%z", "%f", "%Z", "%s")):
        return Stamps(pa.nulls(len(text), pa.int64()), by_strptime(text, form).cast(pa.int64()))
    coded = text.dictionary_encode()
    pairs = [_read(value, form) for value in coded.dictionary.to_pylist()]
    us, wall = (
        pa.array([pair[i] for pair in pairs], pa.int64()).take(coded.indices) for i in (0, 1)
    )
    return Stamps(us, wall)


def by_strptime(text: pa.StringArray, form: str) -> pa.TimestampArray:
    """Wall clocks by a pattern of strptime without %z, in microseconds; null where they are none.

    Arrow takes the 31st of February for the 3rd of March: the day that is read must be the one that
    is written.
    """
    read = pc.strptime(text, format=form, unit="us", error_is_null=True)
    # Only a day that the month does not have can be another: at most three days on.
    early = np.flatnonzero(_mask(pc.fill_null(pc.less_equal(pc.day(read), 3), False)))
    if not len(early) or not re.search("%[deDF]", form):
        return read
    some = text.take(pa.array(early))
    hit, found = parts(some, _with_day(form))
    same = hit & (
        _numbers(pc.utf8_trim_whitespace(found["day"]))
        == _numbers(pc.day(read.take(pa.array(early))))
    )
    for i in np.flatnonzero(~hit).tolist():
        same[i] = _read(some[i].as_py(), form)[1] is not None
    rolled = np.zeros(len(text), dtype=bool)
    rolled[early[~same]] = True
    return pc.if_else(pa.array(rolled), None, read)


_WHOLE = {"D": "%m/%d/%y", "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M"}
_DIGITS = {"Y": 4, "j": 3, "u": 1, "w": 1} | dict.fromkeys("myHMSICUW", 2)


def _with_day(form: str) -> str:
    """A pattern of strptime as an expression whose named group is the day of the month."""
    for code, whole in _WHOLE.items():
        form = form.replace(f"%{code}", whole)
    made, day = [], "(?P<day> ?[0-9]{1,2})"
    for code, letter, blank in re.findall(r"%(.)|(\S)|(\s+)", form):
        if code in ("d", "e"):
            made.append(day)
            day = " ?[0-9]{1,2}"
        elif code:
            number = f" ?[0-9]{{1,{_DIGITS[code]}}}" if code in _DIGITS else r"\pL+\.?"
            made.append("%" if code == "%" else number)
        else:
            made.append(r"\s*" if blank else re.escape(letter))
    return f"^{''.join(made)}"


def _read(text: str, form: str) -> tuple[int | None, int | None]:
    try:
        found = dt.datetime.strptime(text, form)
    except (ValueError, OverflowError):
        return None, None
    offset = found.utcoffset()
    wall = (found.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    if offset is None:
        return None, wall
    return wall - offset // dt.timedelta(microseconds=1), None


def _mask(array: pa.Array) -> NDArray[np.bool_]:
    return np.array(array.to_numpy(zero_copy_only=False), dtype=bool)


def _numbers(array: pa.Array) -> Ints:
    """Numbers of digits that a pattern has checked; 0 where null."""
    return np.array(pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False))


def _micros(part: pa.StringArray) -> Ints:
    """Microseconds of the digits after the point, cut to six."""
    six = pc.utf8_slice_codeunits(pc.utf8_rpad(part, 6, "0"), 0, 6)
    return _numbers(six)


def _offsets(text: pa.StringArray) -> tuple[Ints, NDArray[np.bool_]]:
    """Microseconds east of Greenwich, and whether there is such an offset."""
    coded = text.dictionary_encode()
    known = [offset_of(value) for value in coded.dictionary.to_pylist()]
    where = pc.fill_null(coded.indices, len(known)).to_numpy(zero_copy_only=False)
    shifts = np.array([value or 0 for value in known] + [0], dtype=np.int64)
    fair = np.array([value is not None for value in known] + [False], dtype=bool)
    return shifts[where], fair[where]


def offset_of(text: str) -> int | None:
    """Microseconds east of Greenwich of an offset such as -04:00; None where no zone has it."""
    if text in ("Z", "UTC", "GMT"):
        return 0
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 18 or minutes > 59:
        return None
    return (-1 if text[0] == "-" else 1) * (hours * 60 + minutes) * 60 * SECOND


def spans(text: pa.StringArray) -> pa.Int64Array:
    """Microseconds of a length of time written in seconds, such as 0.447460 or 1e-06."""
    try:
        seconds = text.cast(pa.float64())
    except pa.ArrowInvalid:
        form = r"^[0-9]{1,9}(?:\.[0-9]{1,12})?(?:[eE]-?[0-9]{1,2})?$"
        good = pc.match_substring_regex(text, form)
        seconds = pc.if_else(good, text, None).cast(pa.float64())
    seconds = pc.if_else(pc.greater_equal(seconds, 0.0), seconds, None)
    micros = pc.multiply(seconds, float(SECOND))
    return pc.if_else(pc.less(micros, 9e18), pc.round(micros), None).cast(pa.int64())
