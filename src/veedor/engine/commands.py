"""Accounts in the words of commands with privilege: which are named, and their labels in place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_ABOUT = re.compile(
    r"(?:^|[\s/=(;&|])(?P<tool>useradd|usermod|userdel|adduser|deluser|passwd|chage|chfn|chsh"
    r"|gpasswd|chown|su|runuser)\s+(?P<rest>[^;|&<>\n]*)"
)
"""Programs that are told the name of an account, and what they are told."""
_NAMED = re.compile(
    r"""(?:\bUSER=|\s-[uU]\s+|--user[=\s]|/home/)(?P<name>[^\s;/:"',)]+)"""
    r"|^\(to (?P<to>\S+)\) (?P<by>\S+) on|for user (?P<of>[^\s(]+)"
)
"""What names an account wherever it stands."""
_GROUPS = re.compile(r"-a?[gG]a?|--groups?|--gid")
_VALUES = re.compile(r"-[sdehkKpuEWIMm]|--(?:shell|home|expiredate|uid)")
"""Options whose value is none of an account."""
_PLAIN = re.compile(r"[^\W\d][\w.@+-]*\$?")
_WORD = re.compile(r"(/home/|(?<![\w./-]))(\w[\w.$@+-]*)")


def named(text: str) -> set[str]:
    """The accounts that a command names."""
    found = {group for match in _NAMED.finditer(text) for group in match.groups() if group}
    for match in _ABOUT.finditer(text):
        found.update(_told(match["tool"], match["rest"].split()))
    return {name for name in found if _PLAIN.fullmatch(name)}


def _told(tool: str, words: list[str]) -> Iterator[str]:
    """The words of a command that are no options, groups, paths or values."""
    passed = False
    plain = []
    for word in words:
        if not passed and not word.startswith("-"):
            plain.append(word.strip("\"'"))
        # The home of an account is made by -m, which has a value in usermod -d only.
        passed = bool(_GROUPS.fullmatch(word) or _VALUES.fullmatch(word)) and word != "-m"
    if tool == "chown":
        plain = [re.split("[:.]", plain[0])[0]] if plain else []
    elif tool in ("su", "runuser", "adduser", "deluser"):
        plain = plain[:1]
    elif tool == "gpasswd":
        plain = plain[:-1]
    yield from plain


def reworded(labels: Mapping[str, str]) -> Callable[[str], str]:
    """A function that puts labels where names stand as whole words of a command.

    The last part of a path is no name, unless it is a home.
    """
    odd = sorted((n for n in labels if not _WORD.fullmatch(n)), key=len, reverse=True)
    others = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, odd))})(?!\w)") if odd else None
    plain = {name: label for name, label in labels.items() if not name.isdecimal()}

    def word(match: re.Match[str]) -> str:
        before, name = match.groups()
        bare = name.rstrip(".-+@$")
        if name in plain:
            return before + plain[name]
        return before + plain[bare] + name[len(bare) :] if bare in plain else match[0]

    def reword(text: str) -> str:
        if others is not None:
            text = others.sub(lambda match: labels[match[0]], text)
        return _WORD.sub(word, text)

    return reword
