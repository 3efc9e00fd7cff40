"""Accounts: one label for each login or person, the same in every table, that names nobody.

A login that the case declares keeps the id that the case gave it; an account of the system keeps
its name, which is nobody's. Every other one is a number, also where a command names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import count
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from veedor.case.plan import Plan
from veedor.engine import commands

SYSTEM = frozenset(
    (
        *("root", "admin", "administrator", "system", "nobody", "daemon", "bin", "www-data"),
        *("postgres", "mysql", "oracle", "sa", "guest", "backup", "service", "ftp", "git"),
        *("apache", "nginx", "tomcat", "ubuntu", "centos", "debian", "ec2-user", "azureuser"),
        *("local service", "network service", "anonymous logon"),
    )
)
"""Accounts that come with systems: their names say nothing of a person."""
OF_ACCOUNTS = ("account", "credential", "login", "login-failed", "logout")
"""Kinds of log lines whose object is an account."""
OF_COMMANDS = ("privilege",)
"""Kinds of log lines whose object and words are a command, or the account that was taken on."""


def label_accounts(
    con: ibis.BaseBackend,
    plan: Plan,
    operators: Iterable[str],
    others: Iterable[str],
    examiners: Iterable[str] = (),
) -> None:
    """`accounts`: each name as written, and its label.

    Parameters
    ----------
    operators : names that take steps of the count or of custody
    others : names in the logs of machines
    examiners : names of those who looked at a sample of sheets
    """
    declared = {user.id for user in plan.users}
    first = sorted(set(operators))
    labels = _numbered("operator", first, declared)
    second = sorted(set(examiners) - set(first))
    labels |= _numbered("examiner", second, declared)
    rest = sorted(set(others) - set(first) - set(second))
    labels |= _numbered("account", rest, declared)
    for name in labels:
        if name in declared or name.lower() in SYSTEM:
            labels[name] = name
    con.create_table(
        "accounts",
        ibis.memtable(
            {"name": list(labels), "label": list(labels.values())},
            schema={"name": "string", "label": "string"},
        ),
    )


def _numbered(word: str, names: Sequence[str], declared: Collection[str]) -> dict[str, str]:
    """A number for each name: its place, or one after all where the case declares such an id."""
    more = count(len(names) + 1)
    labels = {}
    for number, name in enumerate(names, 1):
        label = f"{word} {number}"
        while label in declared:
            label = f"{word} {next(more)}"
        labels[name] = label
    return labels


def joined(logins: NDArray[Any], plan: Plan) -> NDArray[Any]:
    """Logins that the case says belong to one person as one name; others as they are.

    A login that several people are meant to use is nobody's, and stays as it is.
    """
    person = {u.id: f"person {u.person}" for u in plan.users if u.person and not u.shared}
    return np.array([person.get(v, v) for v in logins.tolist()], dtype=object)


def impersonal(plan: Plan, logins: Iterable[str]) -> frozenset[str]:
    """Of these logins those declared as shared, and the accounts of systems: nobody's own."""
    shared = {user.id for user in plan.users if user.shared}
    return frozenset(v for v in logins if v in shared or v.lower() in SYSTEM)


def one_login(plan: Plan) -> str:
    """What one name that `joined` gives stands for, in words."""
    persons = Counter(u.person for u in plan.users if u.person and not u.shared)
    return (
        "one login or one person's logins" if max(persons.values(), default=0) > 1 else "one login"
    )


def names_in(table: ir.Table, column: str) -> list[str]:
    """The distinct names in a column."""
    names = table.select(name=table[column]).filter(ibis._.name.notnull()).distinct()
    return [str(v) for v in names.to_pyarrow().column("name").to_pylist()]


def named_by_commands(lines: ir.Table) -> list[str]:
    """The accounts that commands with privilege name."""
    return sorted(set().union(*(commands.named(text) for text in _texts(lines))))


def commands_labelled(con: ibis.BaseBackend, lines: ir.Table) -> ir.Table:
    """The log lines with labels for the accounts that the words of commands name."""
    book = con.table("accounts")
    pairs = book.filter(book.name != book.label).to_pyarrow().to_pylist()
    reword = commands.reworded({pair["name"]: pair["label"] for pair in pairs})
    other = {text: new for text in _texts(lines) if (new := reword(text)) != text}
    if not other:
        return lines
    schema = {"written": "string", "said": "string"}
    rows = {"written": list(other), "said": list(other.values())}
    said = con.create_table("said", ibis.memtable(rows, schema=schema))
    for column in ("object", "message"):
        command = lines.kind.isin(OF_COMMANDS).ifelse(lines[column], ibis.null("string"))
        found = lines.mutate(command=command).left_join(said, [("command", "written")])
        lines = found.mutate(**{column: found.said.fill_null(found[column])})
        lines = lines.drop("command", "written", "said")
    return lines


def _texts(lines: ir.Table) -> list[str]:
    """The distinct words of commands with privilege."""
    some = lines.filter(lines.kind.isin(OF_COMMANDS))
    return sorted({*names_in(some, "object"), *names_in(some, "message")})


def labelled(con: ibis.BaseBackend, table: ir.Table, *columns: str) -> ir.Table:
    """The table with those columns replaced by labels."""
    for column in columns:
        book = con.table("accounts").rename(
            **{f"{column}_name": "name", f"{column}_label": "label"}
        )
        joined = table.left_join(book, [(column, f"{column}_name")])
        table = joined.mutate(**{column: joined[f"{column}_label"]}).drop(
            f"{column}_name", f"{column}_label"
        )
    return table
