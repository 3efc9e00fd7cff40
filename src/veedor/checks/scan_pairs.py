"""Scans and pairs of them as checks of pictures see them: arrays, with the stations of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veedor.checks.base import Columns

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Texts = NDArray[np.object_]

NOWHERE = -1
"""Stands for a station that is not known."""


@dataclass(frozen=True, slots=True)
class Scans:
    """The scans with a picture, by number."""

    scan: Ints
    sid: Ints
    code_sid: Ints
    code: Texts
    comparable: Mask
    station: Texts
    file: Texts

    @classmethod
    def of(cls, rows: Columns) -> Scans:
        """From measured rows."""
        order = np.argsort(rows["scan"], kind="stable")
        scan, sid, code_sid = (rows[n][order].astype(np.int64) for n in ("scan", "sid", "code_sid"))
        code, station, file = (rows[n][order].astype(object) for n in ("code", "station", "file"))
        able = rows["comparable"][order].astype(np.bool_)
        return cls(scan, sid, code_sid, code, able, station, file)

    @property
    def coded(self) -> Mask:
        """Scans of which a code was read."""
        return np.array(self.code != "", dtype=np.bool_)

    @property
    def elsewhere(self) -> Mask:
        """Scans whose code names another station than the one under which they are filed."""
        return np.array(self.coded & (self.sid >= 0) & (self.code_sid != self.sid), dtype=np.bool_)

    def at(self, numbers: Ints) -> Ints:
        """Places of scans by their numbers."""
        return np.searchsorted(self.scan, numbers)

    def name_of(self, pairs: Pairs, other: Ints) -> Texts:
        """The other station of each pair: of the scan at `other`, or the one its code names."""
        return np.where(pairs.of_code, self.code[other], self.station[other])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of scans of one kind, `a` and `b` their stations, in order of the scans."""

    scan_a: Ints
    scan_b: Ints
    a: Ints
    b: Ints
    score: NDArray[np.float64]
    detail: Texts

    @classmethod
    def of(cls, rows: Columns, how: str, scans: Scans) -> Pairs:
        """The pairs of one kind, of scans with a picture."""
        both = np.isin(rows["scan_a"], scans.scan) & np.isin(rows["scan_b"], scans.scan)
        kept = np.flatnonzero(both & (rows["how"] == how))
        first, second = (rows[n][kept].astype(np.int64) for n in ("scan_a", "scan_b"))
        detail = rows["detail"][kept].astype(object)
        score = rows["score"][kept].astype(np.float64)
        order = np.lexsort((detail.astype(str), second, first))
        first, second = first[order], second[order]
        a, b = (scans.sid[scans.at(n)] for n in (first, second))
        return cls(first, second, a, b, score[order], detail[order])

    def with_other_codes(self, scans: Scans) -> Pairs:
        """Further pairs: each scan whose code names another station, with itself as of that."""
        at = np.flatnonzero(scans.elsewhere)
        text = np.full(len(at), "the code names the other station", dtype=object)
        added = (scans.scan[at], scans.scan[at], scans.sid[at], scans.code_sid[at],
                 np.ones(len(at)), text)  # fmt: skip
        return Pairs(*(
            np.concatenate([getattr(self, name), more])
            for name, more in zip(self.__slots__, added, strict=True)
        ))  # fmt: skip

    def where(self, mask: Mask | Ints) -> Pairs:
        """Those of a mask, or at some places."""
        return Pairs(*(getattr(self, name)[mask] for name in self.__slots__))

    @property
    def strict(self) -> Mask:
        """Pairs that are more than a lead."""
        return np.array([not str(text).startswith("lead:") for text in self.detail], np.bool_)

    @property
    def of_code(self) -> Mask:
        """Pairs of a scan's own station with the one that its code names."""
        return np.array((self.scan_a == self.scan_b) & (self.a != self.b), dtype=np.bool_)

    @property
    def apart(self) -> Mask:
        """Pairs of two stations that are known."""
        return self.known & np.array(self.a != self.b, dtype=np.bool_)

    @property
    def known(self) -> Mask:
        """Pairs of which both stations are known."""
        return np.array((self.a >= 0) & (self.b >= 0), dtype=np.bool_)

    def groups(self) -> list[int]:
        """Sizes of the groups of stations that hang together."""
        leader = {int(s): int(s) for s in np.concatenate([self.a, self.b])}

        def find(one: int) -> int:
            while leader[one] != one:
                leader[one] = leader[leader[one]]
                one = leader[one]
            return one

        for a, b in zip(self.a.tolist(), self.b.tolist(), strict=True):
            leader[find(a)] = find(b)
        ends = [find(one) for one in leader]
        return sorted(ends.count(end) for end in set(ends))
