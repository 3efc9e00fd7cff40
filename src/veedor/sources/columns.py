"""Columns of text taken out of lines by regular expressions over whole arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Columns = dict[str, pa.Array]

Mask = NDArray[np.bool_]


def matches(text: pa.StringArray, pattern: str) -> Mask:
    """Where a pattern is found; a null matches nothing."""
    found = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return np.array(found.to_numpy(zero_copy_only=False), dtype=bool)


def parts(text: pa.StringArray, pattern: str) -> tuple[Mask, Columns]:
    """Where a pattern is found, and its named groups there: null elsewhere, and where empty."""
    if "(?P<" not in pattern:
        return matches(text, pattern), {}
    found = pc.extract_regex(text, pattern=pattern)
    hit = np.array(found.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    names = [found.type.field(i).name for i in range(found.type.num_fields)]
    return hit, {n: filled(a) for n, a in zip(names, found.flatten(), strict=True)}


def first_of(text: pa.StringArray, patterns: Sequence[str]) -> tuple[Mask, Columns]:
    """As `parts`, by the first of several patterns of the same groups that is found.

    A pattern without ambiguity, that reads most lines, is put first: it is several times quicker.
    """
    hit, found = parts(text, patterns[0])
    for pattern in patterns[1:]:
        left = np.flatnonzero(~hit)
        if not len(left):
            break
        more, others = parts(text.take(pa.array(left)), pattern)
        where = np.flatnonzero(hit)
        found = {
            name: _scattered(
                [
                    (where, found[name].take(pa.array(where))),
                    (left[more], others[name].filter(pa.array(more))),
                ],
                len(text),
            )
            for name in found
        }
        hit[left[more]] = True
    return hit, found


def distinct(text: pa.StringArray, read: Callable[[pa.StringArray], Columns]) -> Columns:
    """Columns read from a text, each value of which is read once: many lines share a second."""
    coded = text.dictionary_encode()
    return {name: array.take(coded.indices) for name, array in read(coded.dictionary).items()}


def filled(text: pa.StringArray, *blanks: str) -> pa.StringArray:
    """Null where the text is empty or one of `blanks`."""
    empty = pc.is_in(text, value_set=pa.array(["", *blanks]))
    return pc.if_else(empty, None, text)


def take(columns: Mapping[str, pa.Array], where: Mask) -> Columns:
    """The columns at the lines where the mask is set."""
    if where.all():
        return dict(columns)
    mask = pa.array(where)
    return {name: array.filter(mask) for name, array in columns.items()}


def whole_numbers(text: pa.StringArray) -> pa.Int64Array:
    """Numbers; null where the text is none or has more than 18 digits."""
    try:
        # Arrow reads 0x10 as sixteen, and nothing else that is no number.
        if not pc.any(pc.match_substring(text, "x", ignore_case=True)).as_py():
            return text.cast(pa.int64())
    except pa.ArrowInvalid:
        pass
    good = pc.match_substring_regex(text, r"^[+-]?[0-9]{1,18}$")
    return pc.if_else(good, pc.ascii_ltrim(text, characters="+"), None).cast(pa.int64())


def constant(value: str | None, number: int) -> pa.StringArray:
    """The same text many times."""
    return pa.repeat(pa.scalar(value, pa.string()), number)


def spaced(*texts: pa.StringArray) -> pa.StringArray:
    """Texts joined by spaces; nulls are left out, and a row of nulls is null."""
    # Arrow 22 to 26 drop a row of nulls from what they return: the empty text keeps it.
    start = constant("", len(texts[0]))
    whole = pc.binary_join_element_wise(start, *texts, " ", null_handling="skip")
    return filled(pc.ascii_ltrim(whole, characters=" "))


@dataclass(frozen=True, slots=True)
class Rule:
    """What a message tells of, where its program and its words match.

    Named groups of `pattern` are columns. `program` matches the whole name of the program.
    """

    kind: str
    pattern: str
    program: str | None = None
    status: str | None = None


def classified(
    message: pa.StringArray, program: pa.StringArray | None, rules: Sequence[Rule]
) -> Columns:
    """Kind, status and the groups of the first rule that a line matches; `other` where none."""
    todo = np.arange(len(message))
    found: dict[str, list[tuple[NDArray[np.int64], pa.Array]]] = {"kind": [], "status": []}
    named = _programs(program, {rule.program for rule in rules if rule.program})
    for rule in rules:
        here = todo if rule.program is None else todo[named[rule.program][todo]]
        if not len(here):
            continue
        words = message.take(pa.array(here))
        hit = matches(words, rule.pattern)
        where = here[hit]
        if not len(where):
            continue
        # To find is much quicker than to take parts out: that is done for the lines found only.
        groups = parts(words.filter(pa.array(hit)), rule.pattern)[1]
        given = {**groups, "kind": constant(rule.kind, len(where))}
        if rule.status:
            given["status"] = constant(rule.status, len(where))
        for name, values in given.items():
            found.setdefault(name, []).append((where, values))
        todo = np.setdiff1d(todo, where, assume_unique=True)
    columns = {name: _scattered(pieces, len(message)) for name, pieces in found.items()}
    return columns | {"kind": pc.fill_null(columns["kind"], "other")}


def _programs(program: pa.StringArray | None, patterns: set[str]) -> dict[str, Mask]:
    """Where the whole name of the program matches each pattern; every name is looked at once."""
    if program is None:
        return {}
    coded = program.dictionary_encode()
    names = coded.dictionary
    where = pc.fill_null(coded.indices, len(names)).to_numpy(zero_copy_only=False)
    return {
        pattern: np.append(matches(names, f"^(?:{pattern})$"), False)[where] for pattern in patterns
    }


def _scattered(pieces: list[tuple[NDArray[np.int64], pa.Array]], number: int) -> pa.Array:
    if not pieces:
        return pa.nulls(number, pa.string())
    where = np.full(number, -1)
    where[np.concatenate([place for place, _ in pieces])] = np.arange(
        sum(len(place) for place, _ in pieces)
    )
    values = pa.concat_arrays([values for _, values in pieces])
    return values.take(pa.array(where, mask=where < 0))
