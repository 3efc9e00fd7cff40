"""What reaches the terminal: words, tables and progress; never a control character of the data."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[str, int, int], None]
KEPT = "\n\t"


def plain(text: object) -> str:
    """The text with control and direction characters written as escapes.

    Names in election data come from strangers: an escape sequence in one could retitle or clear a
    terminal, and a direction override could make a number read backwards.
    """
    return "".join(c if c in KEPT or _printable(c) else _escape(c) for c in str(text))


def cell(text: object) -> str:
    """As `plain`, on one line."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def _printable(character: str) -> bool:
    category = unicodedata.category(character)
    # Cf holds direction overrides and invisible characters; the joiners are part of some scripts.
    return category not in ("Cc", "Cf", "Cs", "Zl", "Zp") or character in "\u200c\u200d\u00ad"


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def out(*lines: object) -> None:
    """Write lines to standard output."""
    for line in lines:
        print(plain(line))


def note(*lines: object) -> None:
    """Write lines to standard error: what is being done, not what came of it."""
    for line in lines:
        print(plain(line), file=sys.stderr, flush=True)


def console(*, stderr: bool = False) -> Console:
    """A console of rich that reads no markup in data; colours only on a terminal (or NO_COLOR)."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)


def table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> None:
    """Write a table: drawn to the width of a terminal, or tab-separated where there is none.

    `numbers` are the columns that are aligned to the right.
    """
    if not sys.stdout.isatty():
        for row in [heads, *rows]:
            print("\t".join(cell(value) for value in row))
        return
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, head in enumerate(heads):
        drawn.add_column(
            Text(head), justify="right" if index in numbers else "left", overflow="fold"
        )
    for row in rows:
        drawn.add_row(*(Text(cell(value)) for value in row))
    console().print(drawn)


def megabytes(size: int) -> str:
    """`0.67 MB`."""
    return f"{size / 1e6:.2f} MB"


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """What to call with each step in words: a moving line on a terminal, plain lines elsewhere."""
    if not _lively():
        yield lambda words: note(cell(words))
        return
    from rich.progress import Progress as Drawn
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Drawn(*columns, console=console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("")
        yield lambda words: drawn.update(task, description=cell(words))


@contextlib.contextmanager
def transfers() -> Iterator[Progress]:
    """What to call with label, bytes done and bytes to do: bars, or a line per finished file."""
    if not _lively():
        yield _line_when_done
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Drawn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        DownloadColumn(),
    )
    with Drawn(*columns, console=console(stderr=True)) as drawn:
        tasks: dict[str, int] = {}

        def advance(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = int(drawn.add_task(cell(label), total=total))
            drawn.update(tasks[label], completed=done, total=total)  # type: ignore[arg-type]

        yield advance


def _line_when_done(label: str, done: int, total: int) -> None:
    if done == total:
        note(f"fetched {cell(label)} ({megabytes(total)})")


def _lively() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
