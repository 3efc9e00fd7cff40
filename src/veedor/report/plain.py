"""Strings from election data, made safe to show.

A station's name may hold terminal escapes, bidirectional overrides or lone surrogates. They are
made visible instead of acting on the reader's screen; HTML escaping is the template's work.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
del _CONTROL[0x09], _CONTROL[0x0A]
_ACTING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF)
_CONTROL |= {code: f"\\u{code:04x}" for code in _ACTING}
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LINK = re.compile(
    r"(https?://[^\s<>\"'`]+[^\s<>\"'`.,;:)\]])|\b(10\.\d{4,9}/[^\s<>\"'`]*[A-Za-z0-9])"
)


def clean(text: str) -> str:
    """`text` with control characters and bidirectional overrides written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATE.sub("�", text.translate(_CONTROL))


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
