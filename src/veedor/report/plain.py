"""Strings from election data, made safe to show.

A station's name may hold terminal escapes, bidirectional overrides or lone surrogates. They are
made visible instead of acting on the reader's screen; HTML escaping is the template's work.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import quote

_ACTING = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Categories of characters that are not seen but act: controls, directions, separators of lines,
and invisible ones that make two names look the same.
"""
_SHOWN = frozenset("\t\n\u00ad\u200c\u200d")
"""Those of them that belong to a script's writing or to a text's layout."""


class _Visible(dict[int, str | None]):
    """Code point -> what is written for it; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)
        if kind == "Cs":
            shown = "\ufffd"
        elif character in _SHOWN or (kind not in _ACTING and code & 0xFFFE != 0xFFFE):
            shown = character
        else:
            shown = _escaped(code)
        self[code] = shown
        return shown


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_VISIBLE = _Visible()
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LINK = re.compile(
    r"(https?://[^\s<>\"'`]+[^\s<>\"'`.,;:)\]])|\b(10\.\d{4,9}/[^\s<>\"'`]*[A-Za-z0-9])"
)


def clean(text: str) -> str:
    """`text` with control, direction and invisible characters written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_VISIBLE)


def cleaned(value: Any) -> Any:
    """`value` with `clean` applied to every string in it, keys included."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return value


def stem(identifier: str) -> str:
    """`identifier` as a file stem and HTML id: letters, digits, dot, hyphen, underscore."""
    return _UNSAFE.sub("-", identifier).strip(".-") or "unnamed"


def links(reference: str) -> list[tuple[str, str | None]]:
    """`reference` in pieces of (text, address): web addresses and DOIs get one, nothing else."""
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for match in _LINK.finditer(reference):
        if match.start() > end:
            pieces.append((reference[end : match.start()], None))
        address = match[1] or f"https://doi.org/{quote(match[2])}"
        pieces.append((match[0], address))
        end = match.end()
    if end < len(reference):
        pieces.append((reference[end:], None))
    return pieces
