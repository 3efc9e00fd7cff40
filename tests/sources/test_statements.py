"""What clients sent to a database, of one or of several statements."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.sources.reading import machine, rows, written
from tests.sources.test_databases import record
from veedor.sources.statements import what_is_done

WRITE = ("database-write", "votes")
CALL = ("other", "call")


def done(sql, **keys):
    found = what_is_done(pa.array([sql], pa.string()), **keys)
    return found["kind"][0].as_py(), found["object"][0].as_py()


@pytest.mark.parametrize("mysql", [False, True])
@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("BEGIN; UPDATE votes SET a=1 WHERE s=5; COMMIT", WRITE),
        ("SELECT 1; UPDATE votes SET a=1", WRITE),
        ("SET search_path=x; DELETE FROM votes", WRITE),
        ("START TRANSACTION; UPDATE votes SET a=3", WRITE),
        ("LOCK TABLE other; UPDATE votes SET a=2; UPDATE later SET a=2", WRITE),
        ("GRANT ALL ON votes TO eve; UPDATE votes SET a=2", WRITE),
        ("SELECT 1; GRANT ALL ON votes TO eve", ("privilege", None)),
        ("INSERT votes VALUES (1)", WRITE),
        ("REPLACE votes VALUES (1)", WRITE),
        ("INSERT IGNORE INTO votes VALUES (1)", WRITE),
        ("DELETE votes FROM votes", WRITE),
        ("DELETE LOW_PRIORITY FROM votes", WRITE),
        ("SELECT * INTO votes FROM other", WRITE),
        ("WITH x AS (SELECT 1) SELECT * INTO votes FROM x", WRITE),
        ("WITH x AS (INSERT INTO votes VALUES (1) RETURNING *) SELECT * FROM x", WRITE),
        ("WITH x AS (SELECT 1) DELETE FROM votes", WRITE),
        ("EXPLAIN (BUFFERS, ANALYZE) DELETE FROM votes", WRITE),
        ("EXPLAIN ANALYZE WITH x AS (DELETE FROM votes) SELECT 1", WRITE),
        ("EXPLAIN UPDATE votes SET a=1", ("database-read", None)),
        ("UPDATE/**/votes SET a=1", WRITE),
        ("/*a*/ -- ;update x\n /* ;; */ UPDATE votes SET a=1", WRITE),
        ("/*!40000 UPDATE votes SET a=1 */", WRITE),
        ("PREPARE p AS UPDATE votes SET a=1", WRITE),
        ("DO $$ BEGIN IF a THEN UPDATE votes SET a=1; END IF; END $$", WRITE),
        ("DO $x$ BEGIN EXECUTE 'UPDATE votes SET a=1'; END $x$; SELECT 1", WRITE),
        ("DO $$ BEGIN PERFORM f(); END $$", CALL),
        ("DO $$ BEGIN PERFORM 1 FOR UPDATE NOWAIT; END $$", CALL),
        ("CALL fix('UPDATE votes SET a=1')", WRITE),
        ("CALL fix_votes(5)", CALL),
        ("SELECT 1; EXECUTE p(5)", CALL),
        ("EXECUTE p(5); UPDATE votes SET a=1", WRITE),
        ("SELECT fix()", ("database-read", None)),
        ("SELECT * FROM votes FOR UPDATE", ("database-read", "votes")),
        ("WITH x AS (SELECT 1) SELECT * FROM votes -- update x", ("database-read", "votes")),
        ("SELECT 'a; UPDATE x SET y=1' FROM votes", ("database-read", "votes")),
        ("SELECT replace(a, 'x into y', 'z') FROM votes", ("database-read", "votes")),
        ("SELECT a INTO @v FROM votes", ("database-read", "votes")),
        ("SELECT a INTO OUTFILE '/tmp/a' FROM votes", ("database-read", None)),
        ("SELECT 'UPDATE x; UPDATE y", ("database-read", None)),
        ("; ;", ("other", None)),
        ("", ("other", None)),
        (None, ("other", None)),
    ],
)
def test_a_write_anywhere_in_what_was_sent_is_a_write(sql, told, mysql):
    assert done(sql, mysql=mysql) == told


@pytest.mark.parametrize(
    ("sql", "postgresql", "mysql"),
    [
        # A backslash is a letter in PostgreSQL, unless the text is E'...', and none in MySQL.
        (r"SELECT 'C:\'; UPDATE votes SET a=1", WRITE, ("database-read", None)),
        (r"SELECT 'it\'; UPDATE x SET y=1'", ("database-write", "x"), ("database-read", None)),
        (r"SELECT E'it\'s; UPDATE x SET y=1'", ("database-read", None), ("database-read", None)),
        # Dollars quote a text in PostgreSQL only.
        ("SELECT $$a; UPDATE x SET y=1$$", ("database-read", None), ("database-write", "x")),
        ("PREPARE p FROM 'UPDATE votes SET a=1'", WRITE, WRITE),
        ("SELECT 1 # ;UPDATE votes SET a=1", WRITE, ("database-read", None)),
    ],
)
def test_texts_are_told_as_the_server_tells_them(sql, postgresql, mysql):
    assert done(sql) == postgresql
    assert done(sql, mysql=True) == mysql


def test_names_in_quotes_are_names():
    assert done('UPDATE "a"."b" SET n=\'x\'') == ("database-write", "a.b")
    assert done("UPDATE `a`.`b` SET n='it\\'s; DELETE FROM z'", mysql=True)[1] == "a.b"


def test_each_of_many_is_told_for_itself():
    sql = ["SELECT 1; UPDATE a SET x=1", None, "BEGIN", "CALL f()", "DO $$ UPDATE b SET x=1 $$"]

    found = what_is_done(pa.array(["x", *sql]).slice(1))

    assert found["kind"].to_pylist() == [
        *("database-write", "other", "other", "other", "database-write")
    ]
    assert found["object"].to_pylist() == ["a", None, None, "call", "b"]


def test_what_a_csvlog_says_was_prepared_is_what_is_executed(tmp_path):
    stamp = "2024-06-02 20:01:03.1 UTC"
    plain = record(stamp, "statement: EXECUTE p(5)")
    told = plain.replace(
        '"statement: EXECUTE p(5)",,', '"statement: EXECUTE p(5)","prepare: PREPARE p AS UPDATE'
        ' ""votes"" SET a=1",'
    )  # fmt: skip
    text = plain + told + record(stamp, "statement: BEGIN; DELETE FROM votes; COMMIT")

    found = rows(machine(written(tmp_path, text), "postgresql"))

    assert [(x["kind"], x["object"]) for x in found] == [CALL, WRITE, WRITE]


def test_the_general_log_of_mysql_is_told_the_same_way(tmp_path):
    text = '2024-06-02T20:01:02Z\t   12 Query\tSET @a="it\'s"; REPLACE `votes` VALUES (1)\n'

    (line,) = rows(machine(written(tmp_path, text), "mysql"))

    assert (line["kind"], line["object"]) == WRITE
