r"""What SQL statements do, and to which table.

A log holds what a client sent in one piece, which may be several statements parted by semicolons:
`BEGIN; UPDATE acta ...; COMMIT`. The first that writes tells what the whole is; without one, the
first that grants or sets something. Texts in quotes and comments are set aside before, so that
words in them count for nothing. What another program holds (`CALL`, `EXECUTE`, a block after `DO`)
is a write where its own text names one; otherwise it is of kind `other` with the object `call`,
since it may write. A function that writes and is called by SELECT is not seen as a write: the
statement does not show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veedor.sources.columns import Columns, Rule, classified, constant, filled, matches, parts

CALL = "call"
"""The object of a statement that runs what its text does not show."""

_NAME = r"(?P<object>[\w$.\"`\[\]-]+)"
_START = r"(?is)^(?:\s+|\()*(?:/\*![0-9]*\s*)?(?:\s|\()*"
_RUN = r"(?:explain\s+(?:\([^)]*\banaly[sz]e\b[^)]*\)|analy[sz]e)\s*(?:verbose\s+)?)?"
"""EXPLAIN runs a statement only where it is told to measure it."""
_SOFTLY = r"(?:(?:low_priority|delayed|high_priority|quick|ignore|overwrite|or\s+\w+)\s+)*"
_WRITES = (
    rf"(?:(?:insert|replace)\s+{_SOFTLY}(?:into\s+)?|update\s+{_SOFTLY}(?:only\s+)?"
    rf"|delete\s+{_SOFTLY}(?:from\s+)?(?:only\s+)?|merge\s+into\s+"
    r"|truncate\s+(?:table\s+)?(?:only\s+)?)"
)
_MADE = (
    r"(?:create(?:\s+(?:or\s+replace|temp|temporary|unlogged))*|alter|drop|rename)\s+"
    r"(?:table|view|index|trigger|function|procedure|rule|database|schema|materialized\s+view)"
    r"\s+(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?"
)
_TO_A_FILE = r"select\b.*\binto\s+(?:outfile|dumpfile)\b"
_INTO = r"(?:select|with)\b.*?\binto\s+(?:(?:temp|temporary|unlogged)\s+)?(?:table\s+)?"
_IN_A_BLOCK = r"(?is)(?:[;$('\"]|\b(?:begin|then|else|loop|do))\s*"
"""What stands before a statement within a block, or within the text of one."""

STATEMENTS = (
    Rule(
        "credential",
        _START
        + r"(?:alter|create)\s+(?:user|role)\s+(?:if\s+(?:not\s+)?exists\s+)?(?P<object>\S+).*"
        r"(?:password|identified)|^\s*set\s+password",
    ),
    Rule("account", _START + r"(?:create|alter|drop)\s+(?:user|role|login)\s+(?P<object>[^\s;]+)"),
    Rule("privilege", _START + r"(?:grant|revoke)\s"),
    Rule("configuration", _START + r"(?:alter\s+system|set\s+(?:global|persist)\S*)"),
    Rule("database-write", _START + _RUN + _WRITES + _NAME),
    Rule("database-write", _START + _RUN + r"with\b.*?[()]\s*" + _WRITES + _NAME),
    Rule("database-write", _START + r"prepare\b.*?(?:\bas\b|\()\s*" + _WRITES + _NAME),
    Rule("database-write", _START + rf"copy\s+{_NAME}(?:\s*\([^)]*\))?\s+from\b"),
    Rule("database-write", _START + rf"load\s+(?:data|xml)\b.*?\binto\s+table\s+{_NAME}"),
    Rule("database-write", _START + r"import\s+foreign"),
    Rule("database-write", _START + _MADE + _NAME),
    Rule(CALL, _START + r"(?:call|execute|do)\b"),
    Rule("database-read", _START + _TO_A_FILE),
    Rule("database-write", _START + _RUN + _INTO + _NAME),
    Rule("database-read", _START + rf"(?:select|with|table|copy|declare)\b.*?\bfrom\s+{_NAME}"),
    Rule("database-read", _START + r"(?:select|with|table|show|copy|declare|fetch|explain|desc)\b"),
)
"""What one statement does, and to which table."""

FIRST = ("database-write", "credential", "account", "privilege", "configuration", CALL,
         "database-read", "other")  # fmt: skip
"""What decides where several statements were sent at once."""

_COMMENT = r"--[^\n]*|/\*(?:[^!*]|\*+[^*/])(?:[^*]|\*+[^*/])*(?:\*+/|$)|/\*\*+/"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*(?:'|$)"
_DOLLARS = r"\$(?:[A-Za-z_]\w*)?\$"


@dataclass(frozen=True, slots=True)
class _Writing:
    """How names, comments and texts are written; texts in quotes are no part of a statement."""

    names: str
    comments: str
    texts: str
    some: str
    """What a statement holds that has any of them."""


_POSTGRESQL = _Writing(
    r'"[^"]*"',
    _COMMENT,
    rf"\b[eE]{_ESCAPED}|'(?:[^']|'')*(?:'|$)|{_DOLLARS}.*?(?:{_DOLLARS}|$)",
    rf"'|--|/\*|{_DOLLARS}",
)
_MYSQL = _Writing(
    r"`[^`]*`",
    rf"#[^\n]*|{_COMMENT}",
    rf'{_ESCAPED}|"(?:[^"\\]|\\.|"")*(?:"|$)',
    "['\"#]|--|/\\*",
)


def what_is_done(sql: pa.StringArray, *, mysql: bool = False) -> Columns:
    """Kind and object of what clients sent, each of one or several statements.

    Parameters
    ----------
    mysql : bool
        Texts, names and comments are written as MySQL has them; else as PostgreSQL has them.
    """
    sql = pc.fill_null(sql, "")
    bare = _bare(sql, _MYSQL if mysql else _POSTGRESQL)
    pieces = pc.split_pattern(bare, ";")
    flat = pieces.flatten()
    told = classified(flat, None, STATEMENTS)
    rank = pc.index_in(told["kind"], value_set=pa.array(FIRST)).to_numpy(zero_copy_only=False)
    # The lowest rank decides, and of the same rank the first: one number says both.
    order = rank.astype(np.int64) * (len(flat) + 1) + np.arange(len(flat))
    starts = np.array(pieces.offsets)[:-1] - (pieces.offsets[0].as_py() if len(sql) else 0)
    decides = np.minimum.reduceat(order, starts) % (len(flat) + 1) if len(sql) else order
    kind = told["kind"].take(pa.array(decides))
    thing = told.get("object", constant(None, len(flat))).take(pa.array(decides))
    kind, thing = _of_calls(sql, kind, thing)
    return {"kind": kind, "object": filled(pc.replace_substring_regex(thing, r'["`;]', ""))}


def _bare(sql: pa.StringArray, written: _Writing) -> pa.StringArray:
    """Statements without texts in quotes and comments. Names in quotes stay."""
    quoted = matches(sql, written.some)
    if not quoted.any():
        return sql
    some = sql.filter(pa.array(quoted))
    # What PREPARE takes is a statement, in MySQL within quotes.
    some = pc.replace_substring_regex(some, r"(?i)^(\s*prepare\s+\S+\s+from\s+)['\"]", r"\1(")
    kept = f"{written.names}|{written.comments}"
    bare = pc.replace_substring_regex(some, rf"(?s)({kept})|{written.texts}", r"\1")
    spaced = pc.replace_substring_regex(bare, rf"(?s)({written.names})|{written.comments}", r"\1 ")
    joined = pc.replace_substring_regex(spaced, r'(["`]) ([.(,;]|$)', r"\1\2")
    return pc.replace_with_mask(sql, pa.array(quoted), joined)


def _of_calls(
    sql: pa.StringArray, kind: pa.StringArray, thing: pa.StringArray
) -> tuple[pa.StringArray, pa.StringArray]:
    """Calls as writes where their own text names one, else as `other` with the object `call`."""
    called = np.array(pc.equal(kind, CALL).to_numpy(zero_copy_only=False), dtype=bool)
    if not called.any():
        return kind, thing
    hit, found = parts(sql.filter(pa.array(called)), _IN_A_BLOCK + _WRITES + _NAME)
    named = np.zeros(len(sql), dtype=bool)
    named[np.flatnonzero(called)[hit]] = True
    objects = pc.if_else(pa.array(hit), found["object"], CALL)
    thing = pc.replace_with_mask(thing, pa.array(called), objects)
    kind = pc.if_else(pa.array(called), "other", kind)
    return pc.if_else(pa.array(named), "database-write", kind), thing
