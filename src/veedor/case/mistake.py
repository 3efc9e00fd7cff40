"""What is wrong in a case file, and the names that were perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Mistake", "MistakenError", "near"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with an entry: its table, its number there and the key; and what, in words."""

    keys: tuple[str | int, ...]
    text: str


class MistakenError(ValueError):
    """Mistakes that only the whole case shows."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(m.text for m in mistakes))


def near(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, as a question; nothing where none is near."""
    found = difflib.get_close_matches(name, sorted(known), n=2)
    return f"; did you mean {' or '.join(found)}?" if found else ""
