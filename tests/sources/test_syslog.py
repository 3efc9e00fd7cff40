"""System logs: forms, years that are not written, and what lines tell of."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from tests.sources.reading import LOGS, connection, machine, needs_logs, rows, us, written
from veedor.case.source import Source
from veedor.errors import SourceError
from veedor.sources.machine import open_machine


def walls(tmp_path, text, year=2019):
    found = machine(written(tmp_path, text), "syslog", year=year)
    return [line["wall"] for line in rows(found)]


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    text = (LOGS / "loghub" / "OpenSSH_2k.log").read_text(encoding="utf-8")
    path = written(tmp_path_factory.mktemp("ssh"), text)
    return text.splitlines(), machine(path, "syslog", year=2015)


@needs_logs
class TestPublicLogs:
    def test_every_line_is_read(self, ssh):
        lines, found = ssh

        assert (found.lines, found.broken) == (len(lines), 0)
        assert {line["host"] for line in rows(found)} == {"LabSZ"}

    def test_failed_logins_are_those_that_sshd_writes(self, ssh):
        lines, found = ssh
        failed = [
            n
            for n, line in enumerate(lines, 1)
            if re.search(r"\]: (message repeated.*)?Failed \w+ for ", line)
        ]

        assert len(failed) > 500
        assert [x["row"] for x in rows(found) if x["kind"] == "login-failed"] == failed

    def test_addresses_of_failed_logins(self, ssh):
        lines, found = ssh

        for line in rows(found):
            if line["kind"] == "login-failed":
                assert f"from {line['address']} port" in lines[line["row"] - 1]
                assert line["actor"] in lines[line["row"] - 1]

    def test_the_one_login(self, ssh):
        lines, found = ssh

        logins = [x for x in rows(found) if x["kind"] == "login"]
        assert len(logins) == sum("Accepted password" in line for line in lines) == 1
        assert (logins[0]["actor"], logins[0]["status"]) == ("fztu", "ok")

    def test_another_kind_of_log_is_refused(self, tmp_path):
        text = (LOGS / "loghub" / "Proxifier_2k.log").read_bytes()

        with pytest.raises(SourceError, match="no line of it is of the format 'syslog'"):
            machine(written(tmp_path, text), "syslog")

    def test_summer_of_a_linux_machine(self, tmp_path):
        text = (LOGS / "loghub" / "Linux_2k.log").read_text(encoding="utf-8")

        found = machine(written(tmp_path, text), "syslog", year=2005)

        lines = rows(found)
        assert (found.lines, found.broken) == (len(text.splitlines()), 0)
        assert lines[0]["wall"] == us("2005-06-14 15:16:01")
        assert sum(x["kind"] == "login-failed" for x in lines) == sum(
            "(pam_unix)" in x and "]: authentication failure" in x for x in text.splitlines()
        )


class TestYears:
    def test_without_a_year_nothing_is_dated(self, tmp_path):
        found = machine(written(tmp_path, "Jan  1 00:00:00 h sshd[1]: x\n"), "syslog")

        (line,) = rows(found)
        assert (line["us"], line["wall"], line["raw"]) == (None, None, "Jan  1 00:00:00")
        assert "no year is stated" in found.basis

    def test_two_new_years_in_one_file(self, tmp_path):
        stamps = [
            "Dec 31 23:59:59",
            "Jan  1 00:00:01",
            "Jul  1 00:00:00",
            "Dec 31 12:00:00",
            "Jan  1 00:00:00",
        ]
        text = "".join(f"{stamp} h cron[1]: x\n" for stamp in stamps)

        assert walls(tmp_path, text) == [
            us("2019-12-31 23:59:59"),
            us("2020-01-01 00:00:01"),
            us("2020-07-01 00:00:00"),
            us("2020-12-31 12:00:00"),
            us("2021-01-01 00:00:00"),
        ]

    def test_a_clock_that_steps_back_begins_no_year(self, tmp_path):
        text = "Oct 20 19:40:00 h a: x\nOct 20 18:40:00 h a: x\nSep 30 00:00:00 h a: x\n"

        assert walls(tmp_path, text) == [
            us("2019-10-20 19:40:00"),
            us("2019-10-20 18:40:00"),
            us("2019-09-30 00:00:00"),
        ]

    def test_a_clock_that_steps_back_over_new_year(self, tmp_path):
        stamps = ("Dec 31 23:59:59", "Jan  1 00:00:01", "Dec 31 23:59:58", "Jan  1 00:00:02")
        text = "".join(f"{stamp} h a: x\n" for stamp in stamps)

        assert walls(tmp_path, text) == [
            us("2019-12-31 23:59:59"),
            us("2020-01-01 00:00:01"),
            us("2019-12-31 23:59:58"),
            us("2020-01-01 00:00:02"),
        ]

    def test_the_29th_of_february_is_of_a_leap_year_only(self, tmp_path):
        text = "Feb 29 00:00:00 h a: x\n"

        assert walls(tmp_path, text, 2020) == [us("2020-02-29")]
        assert walls(tmp_path, text, 2019) == [None]

    def test_years_go_on_from_block_to_block(self, tmp_path, monkeypatch):
        monkeypatch.setattr("veedor.sources.lines.CHUNK", 64)
        text = "".join(f"{m}  1 00:00:00 h a: x\n" for _ in range(3) for m in ("Jan", "May", "Dec"))

        assert walls(tmp_path, text) == [
            us(f"{year}-{m}-01") for year in (2019, 2020, 2021) for m in ("01", "05", "12")
        ]


def near(tmp_path, stamps, day):
    """Instants of a log without years, read near a day; and what is said of them."""
    path = written(tmp_path, "".join(f"{stamp} h a: x\n" for stamp in stamps))
    source = Source(id="m", kind="log-lines", file=path.name, format="syslog")
    dated = source.near(dt.date.fromisoformat(day))
    found = open_machine(connection(), dated, path, tmp_path)
    return [line["wall"] for line in rows(found)], found.basis


class TestTheYearNearestToTheElection:
    @pytest.mark.parametrize(
        ("day", "stamps", "years"),
        [
            # The log of an election in January begins in December.
            ("2020-01-05", ("Dec 28", "Jan  5"), (2019, 2020)),
            # That of one in December goes on in January.
            ("2019-12-29", ("Jan  2", "Jan  3"), (2020, 2020)),
            ("2019-10-20", ("Oct 19", "Oct 21"), (2019, 2019)),
            # A long log begins nearer to the day a year later, and reaches to the day.
            ("2019-10-20", ("Feb 10", "Jun  1", "Oct 20"), (2019, 2019, 2019)),
            ("2020-03-01", ("Jun  1", "Dec 30", "Mar  1"), (2019, 2019, 2020)),
            ("2020-01-05", ("Feb 29", "Mar  1"), (2020, 2020)),
        ],
    )
    def test_is_that_of_the_log(self, tmp_path, day, stamps, years):
        found, basis = near(tmp_path, [f"{s} 20:00:00" for s in stamps], day)

        months = {"Jan": 1, "Feb": 2, "Mar": 3, "Jun": 6, "Oct": 10, "Dec": 12}
        assert found == [
            us(f"{year}-{months[s[:3]]:02d}-{int(s[4:]):02d} 20:00:00")
            for s, year in zip(stamps, years, strict=True)
        ]
        assert f"of {years[0]}, the year that puts the log nearest to the election" in basis

    def test_gives_way_to_a_year_that_the_case_states(self, tmp_path):
        path = written(tmp_path, "Dec 28 20:00:00 h a: x\n")
        source = Source(id="m", kind="log-lines", file=path.name, format="syslog", year=2015)

        found = open_machine(connection(), source.near(dt.date(2020, 1, 5)), path, tmp_path)

        assert [line["wall"] for line in rows(found)] == [us("2015-12-28 20:00:00")]
        assert "nearest" not in found.basis

    def test_is_that_of_the_first_stamp_without_one(self, tmp_path):
        stamps = ("Oct 20 2012 20:00:00", "Dec 28 20:00:00")

        assert near(tmp_path, stamps, "2020-01-05")[0] == [
            us("2012-10-20 20:00:00"),
            us("2019-12-28 20:00:00"),
        ]


class TestForms:
    @pytest.mark.parametrize("half", ["PM", "am", "p.m.", "A.M."])
    @pytest.mark.parametrize("stamp", ["2019-10-20 10:00:00", "Oct 20 10:00:00"])
    def test_half_a_day_is_no_host(self, tmp_path, stamp, half):
        text = f"{stamp} {half} app x: a\n{stamp} app x: b\n"

        found = machine(written(tmp_path, text), "syslog", year=2019)

        assert (found.lines, found.broken, found.first_broken[0]) == (2, 1, 1)
        assert [line["host"] for line in rows(found)] == ["app"]

    @pytest.mark.parametrize(
        ("before", "kind"),
        [
            (
                "20:00:00 app sshd[11]: Accepted password for jose from 10.0.1.1 port 22 ssh2",
                "other",
            ),
            (
                "19:59:51 app sshd[11]: Accepted password for jose from 10.0.1.1 port 22 ssh2",
                "other",
            ),
            (
                "19:59:50 app sshd[11]: Accepted password for jose from 10.0.1.1 port 22 ssh2",
                "login",
            ),
            (
                "20:00:00 web sshd[11]: Accepted password for jose from 10.0.1.1 port 22 ssh2",
                "login",
            ),
            (
                "20:00:00 app sshd[11]: Accepted password for ana from 10.0.1.1 port 22 ssh2",
                "login",
            ),
            ("20:00:00 app sshd[11]: Failed password for jose from 10.0.1.1 port 22 ssh2", "login"),
            ("20:00:00 app login[11]: LOGIN ON tty1 BY jose", "other"),
        ],
    )
    def test_a_session_is_one_login(self, tmp_path, before, kind, monkeypatch):
        text = (
            f"Oct 20 {before}\nOct 20 20:00:01 app systemd-logind[5]: New session 7 of user jose.\n"
        )

        for size in (1 << 20, 64):
            monkeypatch.setattr("veedor.sources.lines.CHUNK", size)
            _, session = rows(machine(written(tmp_path, text), "syslog", year=2019))
            assert (session["kind"], session["actor"]) == (kind, "jose")

    def test_each_line_tells_its_form(self, tmp_path):
        text = (
            '<34>1 2019-10-20T19:40:01.003-04:00 web su 77 ID47 [x@1 a="b\\]c"] failed\n'
            "2019-10-20T19:40:02.5+00:00 db systemd[1]: Started PostgreSQL.\n"
            "<13>Oct 20 19:40:03 web cron[5]: x\n"
            "2019-10-20T19:40:04 db kernel: y\n"
            "Oct 20 2019 19:40:05: fw %ASA-6-1: z\n"
        )

        found = machine(written(tmp_path, text), "syslog", year=2018)

        one, two, three, four, five = rows(found)
        assert one["us"] == us("2019-10-20T23:40:01.003")
        assert (one["host"], one["program"], one["session"]) == ("web", "su", "77")
        assert two["us"] == us("2019-10-20T19:40:02.5")
        assert (two["kind"], two["object"]) == ("service", "PostgreSQL")
        assert three["wall"] == us("2018-10-20 19:40:03")
        assert (four["us"], four["wall"]) == (None, us("2019-10-20 19:40:04"))
        assert five["wall"] == us("2019-10-20 19:40:05")

    @pytest.mark.parametrize(
        ("line", "kind", "found"),
        [
            (
                "sshd[9]: Accepted publickey for ana from 10.0.0.9 port 22 ssh2: RSA SHA256:abc",
                "login",
                {"actor": "ana", "address": "10.0.0.9", "key": "SHA256:abc", "status": "ok"},
            ),
            (
                "sshd[9]: Failed password for invalid user Failed password for root from 1.1.1.1"
                " port 9 from 10.0.0.9 port 22 ssh2",
                "login-failed",
                {"address": "10.0.0.9", "status": "failed"},
            ),
            ("sshd[9]: Invalid user x for Accepted password for root from 1.1.1.1", "other", {}),
            (
                "sshd[9]: pam_unix(sshd:session): session closed for user ana",
                "logout",
                {"actor": "ana"},
            ),
            (
                "sudo:   ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ; COMMAND=/usr/bin/date -s x",
                "privilege",
                {"actor": "ana", "object": "/usr/bin/date -s x", "status": "ok"},
            ),
            (
                "sudo:   ana : user NOT in sudoers ; TTY=pts/0 ; USER=root ; COMMAND=/bin/sh",
                "privilege",
                {"actor": "ana", "status": "failed"},
            ),
            (
                "su[7]: pam_unix(su:session): session opened for user root(uid=0) by ana(uid=1000)",
                "privilege",
                {"actor": "ana", "object": "root"},
            ),
            ("useradd[7]: new user: name=eve, UID=1001, GID=1001", "account", {"object": "eve"}),
            ("userdel[7]: delete user 'eve'", "account", {"object": "eve"}),
            (
                "passwd[7]: pam_unix(passwd:chauthtok): password changed for root",
                "credential",
                {"object": "root"},
            ),
            ("systemd[1]: Stopped Audit daemon.", "service", {"object": "Audit daemon"}),
            ("chronyd[5]: System clock was stepped by -3600.0 seconds", "clock", {}),
            ("ntpd[5]: time reset +3600.123 s", "clock", {}),
            ("systemd-timedated[5]: Changed local time to Sun 2019-10-20", "clock", {}),
            ("kernel: CPU0: Intel stepping 06", "other", {}),
            ("systemd-journald[5]: Vacuuming done, freed 8M", "log-cleared", {}),
            ("systemd-journald[5]: Vacuuming done, freed 10.0M of archived", "log-cleared", {}),
            ("systemd-journald[5]: Vacuuming done, freed 0B of archived journals", "other", {}),
            ("systemd-journald[5]: Journal /run/log/journal was rotated", "other", {}),
            ("systemd-journald[5]: Received client request to rotate journal.", "other", {}),
            ("logrotate[5]: rotating log /var/log/messages", "other", {}),
            ("chronyd[5]: System clock wrong by 0.000512 seconds, adjustment started", "other", {}),
            ("chronyd[5]: System clock wrong by -1.000000 seconds", "other", {}),
            ("chronyd[5]: System clock wrong by 1.000512 seconds", "clock", {}),
            ("chronyd[5]: System clock wrong by -247.1 seconds, adjustment started", "clock", {}),
            ("chronyd[5]: System clock was stepped by 0.300000 seconds", "other", {}),
            ("chronyd[5]: System clock was stepped by 10.0 seconds", "clock", {}),
            ("chronyd[5]: Backward time jump detected!", "clock", {}),
            ("systemd-timesyncd[5]: Initial synchronization to time server 1.2.3.4", "other", {}),
            ("systemd-timesyncd[5]: Initial clock synchronization to Sun 2019-10-20", "other", {}),
            ("ntpd[5]: time reset +0.128123 s", "other", {}),
            ("ntpd[5]: adjusting local clock by 0.5s", "other", {}),
            ("ntpd[5]: adjusting clock frequency by 0.3 to -5.1ppm", "other", {}),
            ("ntpdate[5]: adjust time server 1.2.3.4 offset 0.000512 sec", "other", {}),
            ("ntpdate[5]: step time server 1.2.3.4 offset 3600.12 sec", "clock", {}),
        ],
    )
    def test_what_a_line_tells_of(self, tmp_path, line, kind, found):
        (row,) = rows(
            machine(written(tmp_path, f"Oct 20 19:40:00 h {line}\n"), "syslog", year=2019)
        )

        assert row["kind"] == kind
        assert {name: row[name] for name in found} == found
