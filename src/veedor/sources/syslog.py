"""System logs: RFC 3164 (as written to files, without a year), RFC 5424, and stamps in ISO 8601.

Sources: RFC 3164 section 4, RFC 5424 section 6, and the file formats of rsyslog. The form is told
by line. What a line tells of is told by its program and its words, as OpenSSH, PAM, sudo, shadow,
systemd, chrony and ntpd write them.

A stamp without a year is of the year of the line before. A month that falls back by more than half
a year begins a new year; one that goes from January to December is a clock that went back over New
Year, and the year before. Smaller steps back are a clock that was set, in the same year. So a log
with a gap of half a year or more is not dated rightly: nothing in it tells.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.case.source import Source
from veedor.sources.columns import (
    Columns,
    Mask,
    Rule,
    classified,
    constant,
    distinct,
    filled,
    first_of,
    matches,
    parts,
    take,
)
from veedor.sources.lines import Batch, Parsed, read_lines
from veedor.sources.machine import Read
from veedor.sources.stamps import CLOCK, MONTHS, OFFSET, iso, of_groups

PRIORITY = r"^(?:<[0-9]{1,3}>)?"
MONTH = "|".join(MONTHS)
OLD = (
    rf"{PRIORITY}(?P<raw>(?:{MONTH}) {{1,2}}[0-9]{{1,2}} [0-9:]{{7,8}}) (?P<host>\S+)"
    r" (?P<rest>.*)$",
    rf"{PRIORITY}(?P<raw>(?:{MONTH}) {{1,2}}[0-9]{{1,2}} (?:[0-9]{{4}} )?[0-9]{{1,2}}:[0-9:]{{5}}"
    r"(?:[.,][0-9]{1,9})?):? (?P<host>\S+) (?P<rest>.*)$",
)
OLD_STAMP = rf"^(?P<month>{MONTH}) {{1,2}}(?P<day>[0-9]{{1,2}}) (?:(?P<year>[0-9]{{4}}) )?{CLOCK}$"
ISO = (
    rf"{PRIORITY}(?P<raw>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9:]{{5,8}}(?:[.,][0-9]{{1,9}})?"
    rf" ?{OFFSET}?) (?P<host>\S+) (?P<rest>.*)$"
)
NEW = (
    r"^<[0-9]{1,3}>1 (?P<raw>\S+) (?P<host>\S+) (?P<program>\S+) (?P<session>\S+) \S+"
    r" (?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: (?P<message>.*))?$"
)
TAG = r"^(?P<program>[A-Za-z0-9_./@()-]+(?: [0-9.]+)?)(?:\[(?P<session>[^\]]*)\])?:(?P<message>.*)$"

FROM = r"from (?P<address>[0-9A-Za-z.:%-]+)"
SSHD = r"sshd(?:-session)?(?:\(pam_unix\))?"
CLOCKS = r"chronyd|ntpd|ntpdate|ntp|systemd-timesyncd|timesyncd"
HALF = r"^(?i:[ap]\.?m\.?)$"
DAY = 86_400_000_000
YEAR = 365 * DAY
SAME = 10_000_000
"""Microseconds within which logind tells of a session after the program that opened it."""
AT_MOST_A_SECOND = r"(?:0+(?:\.[0-9]+)?|\.[0-9]+|1(?:\.0+)?|[0-9]+(?:\.[0-9]+)?e-[0-9]+)"
"""Seconds by which clocks are kept in step all the time; a clock is set by more."""

RULES = (
    Rule(
        "login",
        rf"^Accepted \S+ for (?P<actor>.*) {FROM} port [^:]*(?::.*(?P<key>SHA256:\S+))?",
        SSHD,
        "ok",
    ),
    Rule(
        "login-failed",
        rf"^(?:message repeated [0-9]+ times: \[ )?Failed \S+ for (?:invalid user |illegal user )?"
        rf"(?P<actor>.*) {FROM} port",
        SSHD,
        "failed",
    ),
    # PAM writes of the same attempt; only where it writes in the name of the program does sshd,
    # in versions before 2005, say nothing itself.
    Rule(
        "login-failed",
        r"^authentication failure;.* rhost=(?P<address>\S*)(?: +user=(?P<actor>\S+))?",
        r"\S+\(pam_unix\)",
        "failed",
    ),
    Rule("logout", r"^pam_unix\(sshd:session\): session closed for user (?P<actor>\S+)", SSHD),
    Rule("logout", r"^session closed for user (?P<actor>\S+)", SSHD),
    Rule("login", r"^session opened for user (?P<actor>\S+)", r"sshd\(pam_unix\)", "ok"),
    Rule("service", r"^(?:Server listening on|Received signal 15)", SSHD),
    Rule("other", "", SSHD),
    Rule(
        "privilege",
        r"^ *(?P<actor>\S+) : .*(?:incorrect password|NOT in sudoers|not allowed|authentication"
        r" failure).*COMMAND=(?P<object>.*)$",
        "sudo",
        "failed",
    ),
    Rule("privilege", r"^ *(?P<actor>\S+) : .*COMMAND=(?P<object>.*)$", "sudo", "ok"),
    Rule(
        "privilege",
        r"^(?:FAILED SU|FAILED su) .*?(?P<object>\S+)\) (?P<actor>\S+) on",
        r"su(?:\(pam_unix\))?",
        "failed",
    ),
    Rule("privilege", r"^\(to (?P<object>\S+)\) (?P<actor>\S+) on", "su", "ok"),
    Rule(
        "privilege",
        r"session opened for user (?P<object>[^\s(]+)(?:\(uid=[0-9]+\))? by (?P<actor>[^\s(]*)",
        r"(?:sudo|su|pkexec|runuser)(?:\(pam_unix\))?",
        "ok",
    ),
    Rule("logout", r"session closed for user (?P<object>\S+)", r"(?:su|sudo)(?:\(pam_unix\))?"),
    Rule("login", r"^LOGIN ON (?P<object>\S+) BY (?P<actor>\S+)", "login", "ok"),
    Rule("login", r"^ROOT LOGIN ON (?P<object>\S+)", "login", "ok"),
    Rule("login-failed", r"^FAILED LOGIN", "login", "failed"),
    Rule(
        "login",
        r"^New session (?P<object>\S+) of user (?P<actor>[^\s.]+)",
        "systemd-logind",
        "ok",
    ),
    Rule("logout", r"^(?:Session (?P<object>\S+) logged out|Removed session)", "systemd-logind"),
    Rule("account", r"^new (?:user|group): name=(?P<object>[^\s,]+)", "useradd|groupadd|adduser"),
    Rule("account", r"^delete (?:user|group) '(?P<object>[^']+)'", "userdel|groupdel"),
    Rule("account", r"(?:user|group)(?: name)? '?(?P<object>[^\s',]+)", "usermod|groupmod|gpasswd"),
    Rule(
        "credential",
        r"password changed for (?P<object>\S+)|changed? (?:password|expiry) of (?P<more>\S+)"
        r"|password for '",
        "passwd|chpasswd|chage|usermod",
    ),
    Rule("clock", r"(?i)time has been changed|system clock|set time|changed? .*time", "systemd"),
    Rule(
        "service",
        r"^(?:Started|Stopped|Starting|Stopping|Reloaded|Reloading|Restarted) (?P<object>.*?)\.*$",
        r"systemd",
    ),
    Rule(
        "service",
        r"^(?P<object>\S+\.(?:service|socket|timer)): (?:Succeeded|Deactivated|Failed|Main)",
        "systemd",
    ),
    Rule("service", r"(?:startup|shutdown) (?:succeeded|failed)", None),
    Rule("service", r"(?i)^(?:re)?start(?:ed|ing)?\b|exiting|terminat", CLOCKS),
    Rule("other", rf"(?i)(?:^|\s)[+-]?{AT_MOST_A_SECOND}\s?(?:s|secs?|seconds?)\b", CLOCKS),
    Rule("other", r"(?i)frequency|^initial (?:clock )?synchroni[sz]ation", CLOCKS),
    Rule(
        "clock",
        r"(?i)\bstep(?:ped|ping)?\b|clock_step|system clock (?:wrong|was)|time reset"
        r"|adjust(?:ing|ed)?\b.*(?:clock|time)|time has been changed|changed local time"
        r"|(?:forward|backward).*(?:clock|time)",
        rf"{CLOCKS}|systemd-timedated|hwclock|date",
    ),
    Rule(
        "log-cleared",
        r"(?i)vacuuming done, freed [0-9.]*[1-9]|journal .*(?:deleted|cleared)",
        "systemd-journald",
    ),
    Rule("log-cleared", r"(?i)(?:audit )?log (?:was )?(?:cleared|truncated)", None),
    Rule(
        "service", r"^(?:\[origin .*\] )?(?:re)?start|exiting on signal|restart\.", r"r?syslogd.*"
    ),
    Rule("heartbeat", r"^-- MARK --", None),
    Rule(
        "privilege", r"^\((?P<actor>[^)]+)\) CMD \(?(?P<object>.*?)\)?$", r"(?i)cron|crond|anacron"
    ),
)
"""What lines tell of, by program and words; the first that holds."""


def read(con: ibis.BaseBackend, source: Source, path: Path, folder: Path) -> Read:
    """Lines of a system log. Without a year, stamps are dated only where the source states one.

    Raises
    ------
    SourceError
        Where no line has one of the three forms.
    """
    system = System(source.year, source.around)
    found = read_lines(con, source, path, folder, system)
    # Only the whole log tells how near it is: one that began long before may reach to the day.
    if years := system.years_off():
        system = System((system.first_year or 0) + years, nearest=True)
        found = read_lines(con, source, path, folder, system)
    return found


class System:
    """Parser of system logs.

    Parameters
    ----------
    year : int or None
        Of the first line whose stamp has none.
    around : date or None
        Where no year is given, the first line is of the year that puts it nearest to this day.
    nearest : bool
        The year is one that was chosen so.
    """

    def __init__(
        self, year: int | None, around: dt.date | None = None, *, nearest: bool = False
    ) -> None:
        self.year, self.first_year = year, year
        self.around = around if year is None else None
        self.nearest = nearest or self.around is not None
        self.span: tuple[int, int] | None = None
        self.sessions: dict[tuple[str | None, str | None], int] = {}
        self.month: int | None = None
        self.new_years = 0
        self.forms: set[str] = set()

    def parse(self, batch: Batch) -> Parsed:
        """Lines of a batch."""
        text = batch.text
        kept = np.zeros(len(text), dtype=bool)
        pieces = []
        for name, patterns, of in (
            ("new", (NEW,), self._new),
            ("iso", (ISO,), self._iso),
            ("old", OLD, self._old),
        ):
            left = np.flatnonzero(~kept)
            if not len(left):
                break
            hit, found = first_of(text.take(pa.array(left)), patterns)
            # What stands where the host does is then the half of the day.
            hit &= ~matches(found["host"], HALF)
            if hit.any():
                self.forms.add(name)
                kept[left[hit]] = True
                pieces.append((left[hit], of(take(found, hit))))
        columns = _merged(pieces)
        if columns:
            columns = _told(columns)
            columns["kind"] = self._once(columns)
        return Parsed(kept, matches(text, r"^\s*$"), columns)

    def basis(self) -> str:
        """What the stamps are."""
        said = []
        if "old" in self.forms:
            said.append(
                "wall clock without a year, and no year is stated"
                if self.first_year is None
                else "wall clock without a year; the first line is taken to be of"
                f" {self.first_year}{self._why()}, and a month that falls back by more than half a"
                f" year begins a new one ({self.new_years} found)"
            )
        if self.forms & {"new", "iso"}:
            said.append("ISO 8601, with the offset that it states")
        return "; ".join(said)

    def _why(self) -> str:
        return ", the year that puts the log nearest to the election" if self.nearest else ""

    def years_off(self) -> int:
        """By how many years the log as a whole would be nearer to the day of the election."""
        if self.span is None or self.around is None:
            return 0
        day = _micros(self.around)
        off = {k: _distance(day, *(v + k * YEAR for v in self.span)) for k in (0, -1, 1)}
        return min(off, key=lambda k: off[k])

    def _once(self, columns: Columns) -> pa.StringArray:
        """Kinds, where a session that another line told of just before is no second login."""
        kind = columns["kind"]
        logins = np.flatnonzero(np.array(pc.equal(kind, "login")))
        if not len(logins):
            return kind
        where = pa.array(logins)
        at = pc.coalesce(columns["us"], columns["wall"])
        names = ("program", "host", "actor")
        again = []
        for row, us, program, *who in zip(
            logins.tolist(),
            *(a.take(where).to_pylist() for a in (at, *(columns[n] for n in names))),
            strict=True,
        ):
            one = (who[0], who[1] or "root")
            if program != "systemd-logind":
                self.sessions[one] = us or 0
            elif us is not None and one in self.sessions and 0 <= us - self.sessions[one] <= SAME:
                again.append(row)
        mask = np.zeros(len(kind), dtype=bool)
        mask[again] = True
        return pc.if_else(pa.array(mask), "other", kind)

    def _new(self, found: Columns) -> Columns:
        raw = filled(found["raw"], "-")
        names = ("host", "program", "session")
        return {
            **iso(raw).columns(),
            **{name: filled(found[name], "-") for name in names},
            "raw": raw,
            "message": pc.replace_substring_regex(found["message"], "^\ufeff", ""),
        }

    def _iso(self, found: Columns) -> Columns:
        return {**iso(found["raw"]).columns(), **_tagged(found)}

    def _old(self, found: Columns) -> Columns:
        groups = distinct(found["raw"], lambda raw: parts(raw, OLD_STAMP)[1])
        own = np.array(groups["year"].is_valid())
        named = pc.index_in(groups["month"], value_set=pa.array(MONTHS))
        month = pc.fill_null(named, 0).to_numpy().astype(np.int64) + 1
        bare = ~own & np.array(named.is_valid())
        if self.year is None and self.around is not None and bare.any():
            first = int(np.flatnonzero(bare)[0])
            self.year = _nearest(self.around, int(month[first]), int(groups["day"][first].as_py()))
            self.first_year = self.year
        year = self._years(month, bare)
        given = pc.fill_null(groups["year"].cast(pa.int64()), 0).to_numpy()
        stamps = of_groups(groups, np.where(own, given, year))
        self._reach(stamps.wall.filter(pa.array(~own)))
        return {**stamps.columns(), **_tagged(found)}

    def _reach(self, walls: pa.Int64Array) -> None:
        """Widen the span of the stamps without a year."""
        if len(walls) > walls.null_count:
            low, high = pc.min_max(walls).as_py().values()
            before = self.span or (low, high)
            self.span = (min(low, before[0]), max(high, before[1]))

    def _years(self, month: np.ndarray, without: Mask) -> np.ndarray:
        """The year of each stamp; 0 (which is none) where no year is known."""
        years = np.zeros(len(month), dtype=np.int64)
        bare = month[without]
        if self.year is None or not len(bare):
            return years
        before = bare[0] if self.month is None else self.month
        step = np.diff(bare, prepend=before)
        turn = (step < -6).astype(np.int64)
        years[without] = self.year + np.cumsum(turn - (step == 11))
        self.new_years += int(turn.sum())
        self.year, self.month = int(years[without][-1]), int(bare[-1])
        return years


def _nearest(around: dt.date, month: int, day: int) -> int:
    """The year that puts a day of a month nearest to another day."""
    # Day by day of a year of 366: a 29th of February counts as the day before March.
    off = {
        year: abs((dt.date(year, month, 1) - around).days + day - 1)
        for year in (around.year, around.year - 1, around.year + 1)
    }
    return min(off, key=lambda year: off[year])


def _micros(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * DAY


def _distance(day: int, first: int, last: int) -> int:
    """Microseconds between a day and a span of time; 0 where it lies within."""
    return max(first - day - DAY, day - last, 0)


def _tagged(found: Columns) -> Columns:
    """Program, process and message of the rest of a line."""
    hit, tag = parts(found["rest"], TAG)
    message = pc.ascii_ltrim_whitespace(pc.if_else(pa.array(hit), tag["message"], found["rest"]))
    return {
        "raw": found["raw"],
        "host": found["host"],
        "program": tag["program"],
        "session": tag["session"],
        "message": message,
    }


def _merged(pieces: list[tuple[np.ndarray, Columns]]) -> Columns:
    """Lines of several forms, in the order of the file."""
    if len(pieces) <= 1:
        return pieces[0][1] if pieces else {}
    order = np.argsort(np.concatenate([where for where, _ in pieces]))
    tables = pa.concat_tables(
        [pa.table(columns) for _, columns in pieces], promote_options="default"
    )
    whole = tables.take(pa.array(order))
    return {name: whole[name].combine_chunks() for name in whole.column_names}


def _told(columns: Columns) -> Columns:
    """With what each line tells of."""
    message = pc.fill_null(columns["message"], "")
    told = classified(message, columns["program"], RULES)
    if "more" in told:
        more = told.pop("more")
        told["object"] = pc.coalesce(told.get("object", constant(None, len(more))), more)
    return columns | {name: array for name, array in told.items() if name not in ("rest",)}
