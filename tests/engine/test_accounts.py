"""Labels of accounts: they name nobody, also where commands do, and are no declared id."""

from __future__ import annotations

import ibis
import pytest

from tests.engine.test_machines import with_source
from veedor.case.plan import Plan
from veedor.engine.accounts import label_accounts
from veedor.engine.commands import named, reworded
from veedor.engine.verbs import collect


def labels(operators, others=(), users=()):
    con = ibis.duckdb.connect()
    plan = Plan.model_validate({"users": [{"id": u} for u in users]})
    label_accounts(con, plan, operators, others)
    book = con.table("accounts").to_pyarrow().to_pydict()
    return dict(zip(book["name"], book["label"], strict=True))


def test_no_label_is_the_id_of_a_declared_user():
    found = labels(
        ["anna", "bert", "operator 1"], ["carl", "account 2"], ["operator 1", "account 2", "x"]
    )
    assert found == {
        "anna": "operator 4", "bert": "operator 2", "operator 1": "operator 1",
        "account 2": "account 2", "carl": "account 3",
    }  # fmt: skip
    assert len(set(found.values())) == len(found)


def test_who_looks_at_a_sample_is_called_an_examiner_unless_they_took_steps_too():
    con = ibis.duckdb.connect()
    plan = Plan.model_validate({"users": [{"id": "eva"}]})
    label_accounts(con, plan, ["anna"], ["bert", "carl"], ["anna", "bert", "eva"])
    book = con.table("accounts").to_pyarrow().to_pydict()
    assert dict(zip(book["name"], book["label"], strict=True)) == {
        "anna": "operator 1", "bert": "examiner 1", "carl": "account 1", "eva": "eva",
    }  # fmt: skip


def test_a_declared_id_that_no_record_names_is_no_label_either():
    found = labels(["anna", "bert"], users=["operator 1", "operator 3"])
    assert found == {"anna": "operator 4", "bert": "operator 2"}


@pytest.mark.parametrize(
    ("command", "accounts"),
    [
        ("/usr/sbin/usermod -L carla", {"carla"}),
        ("usermod -aG wheel eve", {"eve"}),
        ("useradd -m -s /bin/bash -c 'Eva' eve", {"eve", "Eva"}),
        ("adduser eve sudo", {"eve"}),
        ("gpasswd -a eve docker", {"eve"}),
        ("chage -E 2020-01-01 ana", {"ana"}),
        ("/usr/bin/passwd maria", {"maria"}),
        ("passwd -l maria; userdel -r eve", {"maria", "eve"}),
        ("chown ana:staff /srv/x", {"ana"}),
        ("su - maria", {"maria"}),
        ("crontab -u eve -e", {"eve"}),
        ("cat /home/ana/notes", {"ana"}),
        ("(to maria) jose on pts/0", {"maria", "jose"}),
        ("jose : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", {"root"}),
        ("pam_unix(su:session): session opened for user maria(uid=0) by jose(uid=0)", {"maria"}),
        ("vi /etc/passwd", set()),
        ("/usr/bin/date -s 10:00", set()),
        ("passwd", set()),
        ("", set()),
    ],
)
def test_what_a_command_is_told_of_accounts(command, accounts):
    assert named(command) == accounts


def test_whole_words_become_labels_and_parts_of_words_and_paths_do_not():
    reword = reworded(
        {"ana": "account 1", "Ana Roca": "account 2", r"D\x": "account 3", "date": "account 4",
         "7": "account 5", "e.f": "account 6"}
    )  # fmt: skip
    said = r"ana : PWD=/home/ana ; USER=ana; COMMAND=/usr/bin/date -s 7 'ana' Ana Roca. D\x"
    assert reword(said) == (
        "account 1 : PWD=/home/account 1 ; USER=account 1; COMMAND=/usr/bin/date -s 7 'account 1'"
        " account 2. account 3"
    )
    assert reword("banana ana-x ana.y anab /srv/ana D\\xy") == (
        "banana ana-x ana.y anab /srv/ana D\\xy"
    )
    assert reword("ana. ana, e.f. (ana)") == "account 1. account 1, account 6. (account 1)"
    assert reworded({})("ana") == "ana"


SYSLOG = """\
Jan 31 20:00:00 app sshd[11]: Accepted password for jose from 10.0.1.1 port 22 ssh2
Jan 31 20:05:00 app su[12]: (to maria) jose on pts/0
Jan 31 20:05:10 app su[12]: pam_unix(su:session): session opened for user maria by jose(uid=0)
Jan 31 20:05:20 app sudo: jose : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/sbin/usermod -L carla
Jan 31 20:05:30 app sudo: jose : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/date -s x
Jan 31 20:05:40 app cron[12]: (jose) CMD (cp /home/maria/x /srv)
"""


def test_commands_with_privilege_name_nobody(tmp_path):
    """Names in the order of the alphabet: carla, jose, maria; root is an account of systems."""
    found = with_source(tmp_path, SYSLOG, format="syslog")
    lines = found.log_lines().filter(found.log_lines().kind == "privilege").order_by("row")
    read = collect(lines.select("row", "actor", "object", "message"))
    assert read["actor"].tolist() == ["account 2"] * 5
    assert read["object"].tolist() == [
        *("account 3", "account 3", "/sbin/usermod -L account 1", "/usr/bin/date -s x"),
        "cp /home/account 3/x /srv",
    ]
    text = " ".join(read["message"].tolist())
    assert not any(name in text for name in ("jose", "maria", "carla"))
    assert "USER=root" in text
