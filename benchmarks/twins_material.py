"""What the search for re-used images is measured on, made once and kept: see `twins_sheets`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.stages import Arrays, Stages
from benchmarks.twins_sheets import (
    CHANGES,
    PER_HAND,
    PER_ROUND,
    Made,
    Pasted,
    Setting,
    nist_digits,
    of_drawn,
    of_nist,
    paste,
    printed,
)
from veedor.images.inkprint import Inkprint

__all__ = ["Lacking", "Material"]

PORTION = 11 * PER_HAND
"""Sheets that are made, and kept, at once."""
BY_NIST = 500
"""Sheets, at most, by NIST's test writers: more than their digits are enough for."""
FEWEST = 50
"""Scans by NIST's writers from which pieces are taken from these alone."""
MODULE = __name__


class Lacking(Exception):
    """A stage's result is not there, and the stage is not wanted."""


@dataclass(slots=True)
class Material:
    """Sheets of a setting, and what was made of them.

    Attributes
    ----------
    sheets : how many
    keep : so many of the first pictures are kept
    """

    stages: Stages
    setting: Setting
    sheets: int
    keep: int
    _made: list[Made] = field(default_factory=list)

    @property
    def given(self) -> dict[str, Any]:
        """What results about these sheets depend on."""
        return {**self._chance, "sheets": self.sheets, "keep": self.keep}

    @property
    def _chance(self) -> dict[str, Any]:
        form, families, seed = self.setting.form, self.setting.families, self.setting.seed
        digits = nist_digits()
        known = 0 if digits is None else len(digits.digit)
        return {"form": form, "families": families, "seed": seed, "digits": known}

    def made(self) -> list[Made]:
        """All sheets: first those by NIST's test writers, as far as their digits go."""
        if not self._made:
            found = self._portion("nist", min(self.sheets, BY_NIST), self.keep)
            for start in range(len(found), self.sheets, PORTION):
                count = min(PORTION, self.sheets - start)
                found += self._portion(start, count, min(max(self.keep - start, 0), count))
            self._made = found
        return self._made

    def _portion(self, portion: str | int, count: int, keep: int) -> list[Made]:
        def make() -> Arrays:
            rng = self.setting.rng("sheets", portion)
            if portion != "nist":
                return _packed(list(of_drawn(self.setting, count, keep, rng)))
            digits = nist_digits()
            some = of_nist(self.setting, digits, count, keep, rng) if digits is not None else ()
            return _packed(list(some))

        arrays = self.stages.arrays(
            "sheets", MODULE, make, portion=portion, count=count, keep=keep, **self._chance
        )
        return _unpacked(_there(arrays, "sheets"))

    def copied(self, count: int) -> list[int]:
        """Places of the sheets that are copied."""
        able = [i for i, one in enumerate(self.made()) if one.file and one.print is not None]
        order = self.setting.rng("copied").permutation(len(able))[:count]
        return [able[i] for i in order]

    def copies(self, change: str, count: int) -> list[Inkprint | None]:
        """The copied sheets once more, after a change."""

        def make() -> Arrays:
            made, rng = self.made(), self.setting.rng("copies", change)
            return _prints(
                printed(
                    CHANGES[change](made[i].pixels, 2 * float(rng.choice([-1, 1]))),
                    self.setting.form,
                )
                for i in self.copied(count)
            )

        arrays = self.stages.arrays(
            "copies", MODULE, make, change=change, count=count, **self.given
        )
        return _prints_of(_there(arrays, "copies"))

    def base(self) -> list[Made]:
        """The sheets among which pieces are pasted.

        No photographs; and those by NIST's writers alone, where there are enough of them.
        """
        able = [
            one for one in self.made()
            if one.file and one.print is not None and one.family != "photo"
        ]  # fmt: skip
        nist = [one for one in able if one.hand.startswith("nist")]
        return nist if len(nist) >= FEWEST else able

    def pasted(self, what: str, then: str, count: int) -> list[Pasted]:
        """Pieces on other sheets of the base."""

        def make() -> Arrays:
            rng = self.setting.rng("pasted", what, then)
            rounds = -(-count // PER_ROUND)
            done = list(paste(self.setting, self.base(), what, then, rounds, rng))
            about = [(one.source, one.target, one.boxes, one.round) for one in done]
            at = np.array(about, dtype=np.int64).reshape(-1, 4)
            return {"about": at, **_prints(one.print for one in done)}

        arrays = _there(
            self.stages.arrays(
                "pieces", MODULE, make, what=what, then=then, count=count, **self.given
            ),
            "pieces",
        )
        prints = _prints_of(arrays)
        return [
            Pasted(*row, one) for row, one in zip(arrays["about"].tolist(), prints, strict=True)
        ]


def _there(arrays: Arrays | None, stage: str) -> Arrays:
    if arrays is None:
        raise Lacking(stage)
    return arrays


def _joined(parts: Sequence[bytes], name: str) -> Arrays:
    """Bytes one after another, and the length of each."""
    return {
        name: np.frombuffer(b"".join(parts), dtype=np.uint8),
        f"{name}_size": np.array([len(one) for one in parts], dtype=np.int64),
    }


def _parted(arrays: Arrays, name: str) -> list[bytes]:
    ends = np.cumsum(arrays[f"{name}_size"]).tolist()
    return [arrays[name][start:end].tobytes() for start, end in zip([0, *ends], ends, strict=False)]


def _prints(prints: Iterable[Inkprint | None]) -> Arrays:
    return _joined([b"" if one is None else one.pack().tobytes() for one in prints], "print")


def _prints_of(arrays: Arrays) -> list[Inkprint | None]:
    return [
        Inkprint.unpack(np.frombuffer(part, np.uint8)) if part else None
        for part in _parted(arrays, "print")
    ]


def _packed(made: Sequence[Made]) -> Arrays:
    return {
        "words": np.array([(m.kind, m.hand, m.family) for m in made], dtype=np.str_).reshape(-1, 3),
        "matrix": np.array([m.matrix for m in made], dtype=np.float64).reshape(-1, 3, 3),
        **_prints(m.print for m in made),
        **_joined([m.file or b"" for m in made], "picture"),
    }


def _unpacked(arrays: Arrays) -> list[Made]:
    files, prints = _parted(arrays, "picture"), _prints_of(arrays)
    return [
        Made(*words, file or None, matrix, one)
        for words, file, matrix, one in zip(
            arrays["words"].tolist(), files, arrays["matrix"], prints, strict=True
        )
    ]
