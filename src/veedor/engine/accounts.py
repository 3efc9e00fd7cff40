"""Accounts: one label for each login or person, the same in every table, that names nobody.

A login that the case declares keeps the id that the case gave it; an account of the system keeps
its name, which is nobody's. Every other one is a number.
"""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from veedor.case.plan import Plan

SYSTEM = frozenset(
    (
        *("root", "admin", "administrator", "system", "nobody", "daemon", "bin", "www-data"),
        *("postgres", "mysql", "oracle", "sa", "guest", "backup", "service", "ftp", "git"),
        *("apache", "nginx", "tomcat", "ubuntu", "centos", "debian", "ec2-user", "azureuser"),
        *("local service", "network service", "anonymous logon"),
    )
)
"""Accounts that come with systems: their names say nothing of a person."""


def label_accounts(
    con: ibis.BaseBackend, plan: Plan, operators: Iterable[str], others: Iterable[str]
) -> None:
    """`accounts`: each name as written, and its label.

    Parameters
    ----------
    operators : names that take steps of the count or of custody
    others : names in the logs of machines
    """
    declared = {user.id for user in plan.users}
    first = sorted(set(operators))
    labels = {name: f"operator {number}" for number, name in enumerate(first, 1)}
    rest = sorted(set(others) - set(first))
    labels |= {name: f"account {number}" for number, name in enumerate(rest, 1)}
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


def names_in(table: ir.Table, column: str) -> list[str]:
    """The distinct names in a column."""
    names = table.select(name=table[column]).filter(ibis._.name.notnull()).distinct()
    return [str(v) for v in names.to_pyarrow().column("name").to_pylist()]


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
