"""Logs of databases."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.sources.reading import machine, rows, us, written
from veedor.errors import SourceError
from veedor.sources.postgresql import what_is_done


def record(stamp, message, *, line=1, user='"app"', severity="LOG", width=26):
    quoted = message.replace('"', '""')
    cells = [
        *(stamp, user, '"rep"', "4242", '"10.0.0.5:53122"', "665ccf1e.1092", str(line)),
        *('"UPDATE"', "2024-06-02 20:01:02 UTC", "3/1", "0", severity, "00000", f'"{quoted}"'),
        *("", "", "", "", "", "", "", "", '"psql"'),
        *('"client backend"', "", "0"),
    ]
    return ",".join(cells[:width]) + "\n"


class TestPostgresql:
    def test_a_statement_of_several_lines_is_one_record(self, tmp_path):
        text = record(
            "2024-06-02 20:01:03.123 UTC",
            'statement: update "acta"\n set n = 1\n where id=5',
            line=7,
        )
        text += record("2024-06-02 20:01:04.123 UTC", "statement: select * from acta", line=8)

        found = machine(written(tmp_path, text), "postgresql")

        first, second = rows(found)
        assert (found.lines, found.broken) == (2, 0)
        assert (first["row"], second["row"]) == (1, 4)
        assert (first["kind"], first["object"]) == ("database-write", "acta")
        assert (second["kind"], second["object"]) == ("database-read", "acta")
        assert (first["session"], first["sequence"]) == ("665ccf1e.1092", 7)
        assert (first["actor"], first["address"], first["program"]) == ("app", "10.0.0.5", "psql")
        assert first["us"] == us("2024-06-02T20:01:03.123")

    def test_a_zone_by_its_letters_fixes_no_instant(self, tmp_path):
        text = record("2024-06-02 20:01:03.5 BOT", "x") + record("2024-06-02 20:01:03.5 -04", "x")

        first, second = rows(machine(written(tmp_path, text), "postgresql"))

        assert (first["us"], first["wall"]) == (None, us("2024-06-02 20:01:03.5"))
        assert second["us"] == us("2024-06-03T00:01:03.5")

    def test_a_record_within_a_statement_is_no_record(self, tmp_path):
        inside = record("2024-06-02 20:01:09.1 UTC", "statement: delete from acta")
        text = record("2024-06-02 20:01:03.1 UTC", f"statement: select '\n{inside}'")

        found = machine(written(tmp_path, text), "postgresql")

        assert [x["kind"] for x in rows(found)] == ["database-read"]

    def test_a_lost_quote_breaks_one_record_only(self, tmp_path):
        good = record("2024-06-02 20:01:03.1 UTC", "statement: select 1")
        bad = good.replace('1",', "1,")

        found = machine(written(tmp_path, good + bad + good * 3), "postgresql")

        assert (found.lines, found.broken, len(rows(found))) == (5, 1, 4)
        assert found.first_broken is not None
        assert found.first_broken[0] == 2

    @pytest.mark.parametrize("width", [23, 24, 26])
    def test_the_columns_of_each_version(self, tmp_path, width):
        text = record("2024-06-02 20:01:03.1 UTC", "statement: select 1", width=width)

        assert machine(written(tmp_path, text), "postgresql").broken == 0

    def test_who_comes_and_who_is_refused(self, tmp_path):
        stamp = "2024-06-02 20:01:03.1 UTC"
        text = record(stamp, "connection authorized: user=app database=rep")
        text += record(
            stamp, 'password authentication failed for user "eve"', user="", severity="FATAL"
        )
        text += record(stamp, "disconnection: session time: 0:00:01 user=app")
        text += record(stamp, "database system is shut down", user="")
        text += record(
            stamp, "AUDIT: SESSION,1,1,WRITE,UPDATE,TABLE,public.acta,update acta,<none>"
        )

        found = rows(machine(written(tmp_path, text), "postgresql"))

        assert [x["kind"] for x in found] == [
            *("login", "login-failed", "logout", "service", "database-write")
        ]
        assert (found[1]["actor"], found[1]["status"]) == ("eve", "failed")
        assert found[4]["object"] == "public.acta"

    def test_the_plain_log_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="no line of it"):
            machine(written(tmp_path, "2024-06-02 20:01:03.1 UTC [42] LOG:  x\n"), "postgresql")


@pytest.mark.parametrize(
    ("sql", "kind", "thing"),
    [
        ("UPDATE acta SET n=1", "database-write", "acta"),
        ("/* app */ -- x\n insert into `a`.`b` values (1)", "database-write", "a.b"),
        ("delete from only public.acta where 1=1", "database-write", "public.acta"),
        ("with x as (select 1) update acta set n=1", "database-write", "acta"),
        ("with x as (select 1) select * from acta", "database-read", "acta"),
        ("truncate table acta", "database-write", "acta"),
        ("copy acta (a, b) from stdin", "database-write", "acta"),
        ("copy acta to stdout", "database-read", None),
        ("drop table if exists acta", "database-write", "acta"),
        ("explain analyze delete from acta", "database-write", "acta"),
        ("alter role ana with password 'x'", "credential", "ana"),
        ("create user eve", "account", "eve"),
        ("grant select on acta to eve", "privilege", None),
        ("alter system set log_statement='none'", "configuration", None),
        ("set global general_log=0", "configuration", None),
        ("begin", "other", None),
        ("select 'update acta set n=1'", "database-read", None),
    ],
)
def test_what_a_statement_does(sql, kind, thing):
    done = what_is_done(pa.array([sql]))

    assert done["kind"].to_pylist() == [kind]
    assert done["object"].to_pylist() == [thing]


class TestMysql:
    HEAD = (
        "/usr/sbin/mysqld, Version: 8.0.36 (Ubuntu). started with:\n"
        "Tcp port: 3306  Unix socket: /var/run/mysqld/mysqld.sock\n"
        "Time                 Id Command    Argument\n"
    )

    def test_a_session_from_its_start_to_its_end(self, tmp_path):
        text = self.HEAD + (
            "2024-06-02T20:01:02.123456Z\t   12 Connect\troot@10.0.0.7 on rep using TCP/IP\n"
            "2024-06-02T20:01:02.2Z\t   12 Query\tUPDATE `acta`\nSET v=1\nWHERE id=2\n"
            "2024-06-02T16:01:03.2-04:00\t   12 Quit\t\n"
        )

        found = machine(written(tmp_path, text), "mysql")

        login, write, logout = rows(found)
        assert (found.lines, found.broken) == (3, 0)
        assert (login["kind"], login["us"]) == ("login", us("2024-06-02T20:01:02.123456"))
        assert (write["kind"], write["object"], write["row"]) == ("database-write", "acta", 5)
        assert (write["actor"], write["address"]) == ("root", "10.0.0.7")
        assert (logout["kind"], logout["us"]) == ("logout", us("2024-06-02T20:01:03.2"))

    def test_a_refused_connection(self, tmp_path):
        text = (
            "2024-06-02T20:01:04Z\t   13 Connect\tAccess denied for user 'x'@'10.1.1.1'"
            " (using password: YES)\n"
        )

        (line,) = rows(machine(written(tmp_path, text), "mysql"))

        assert (line["kind"], line["actor"], line["address"]) == ("login-failed", "x", "10.1.1.1")

    def test_old_stamps_stand_once_a_second(self, tmp_path):
        text = "240602 20:01:02\t   14 Connect\tapp@localhost on rep\n\t\t   14 Query\tselect 1\n"

        found = rows(machine(written(tmp_path, text), "mysql"))

        assert [x["wall"] for x in found] == [us("2024-06-02 20:01:02")] * 2

    def test_numbers_of_connections_begin_anew_with_the_server(self, tmp_path):
        text = "2024-06-02T20:01:02Z\t   8 Connect\tana@h on rep\n" + self.HEAD
        text += "2024-06-02T20:02:02Z\t   8 Query\tselect 1\n"

        first, second = rows(machine(written(tmp_path, text), "mysql"))

        assert (first["actor"], second["actor"]) == ("ana", None)
