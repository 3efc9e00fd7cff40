"""Fuzz the readers by coverage: `python -m tests.sources.atheris_readers FORMAT [-runs=N]`.

Needs atheris, which is not among the requirements. FORMAT is a name of `samples.LINES` or
`samples.PACKED`. A crash is any exception that is not a SourceError.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["veedor.sources"]):
    from tests.sources.test_damage import FILES, tried

NAME = sys.argv.pop(1)
SAMPLE = FILES[NAME][2]


def one(data: bytes) -> None:
    """The bytes alone, or put into the sample, by the first of them."""
    if data[:1] < b"\x80":
        tried(NAME, data[1:])
    else:
        place = int.from_bytes(data[1:3], "big") % (len(SAMPLE) + 1)
        tried(NAME, SAMPLE[:place] + data[3:] + SAMPLE[place:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
