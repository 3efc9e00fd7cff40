"""Scans that share what two sheets do not: the file, the ink, a piece of picture, the code.

All scans of a case are compared with all others; see `inklayers` for the ink of whole sheets,
`patches` for single digits and fields, `mutual` for scans on which no form was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from veedor.images.inklayers import PRIVATE, Pair, same_ink
from veedor.images.inkprint import Inkprint
from veedor.images.mutual import Features, features, mutual
from veedor.images.patches import Reused, glyphs_of, reused
from veedor.images.template import Template

__all__ = ["Scanned", "Twin", "Twins", "find_twins"]

How = Literal["file", "ink", "patch", "code"]
SAME_PARTS = 0.8
"""Correlation of four in five written parts of two scans, from which they are one."""
NEAR_PAGES = 4
"""Scans whose pages are most alike that one without a form is compared with; the next ones serve
to tell what is print."""
CONTROLS = 2


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the search is told of one scan.

    Attributes
    ----------
    scan : its number
    sid : the station by the file that names it, None where not known
    sha256 : of its bytes, None where it is not there
    code : the station that its printed code names, None where none was read
    template : id of the form found on it, None where none
    print : its inkprint, None where it could not be opened
    """

    scan: int
    sid: int | None
    sha256: str | None
    code: str | None
    template: str | None
    print: Inkprint | None


@dataclass(frozen=True, slots=True)
class Twin:
    """Two scans, `scan_a` before `scan_b`, or two places on one scan.

    `score` is 1 for the same file or code, else the correlation. `detail` says what is shared.
    """

    scan_a: int
    scan_b: int
    how: How
    score: float
    detail: str


@dataclass(frozen=True, slots=True)
class Twins:
    """What the search found and how far it saw.

    Attributes
    ----------
    pairs : by scans, then by what they share
    compared : numbers of the scans whose ink could be compared: a copy of them would be told
    sparse : numbers of those with too little ink for that
    """

    pairs: tuple[Twin, ...]
    compared: tuple[int, ...]
    sparse: tuple[int, ...]


def find_twins(
    scans: Sequence[Scanned],
    templates: Mapping[str, Template],
    *,
    pixels: Callable[[int], NDArray[np.uint8] | None] | None = None,
    seed: int = 0,
) -> Twins:
    """Everything that scans share.

    Files that are the same are compared once; of sheets with the same ink only the first is
    searched for pieces. Of several scans with one file, or one code, each is told beside the first.

    Parameters
    ----------
    pixels : gives the (height, width, 3) picture of a scan by its number; without it, scans on
        which no form was found are compared as files alone
    seed : for learning where the centres of an index lie; what is found does not hang on it
    """
    pairs = [*_same_files(scans), *_same_codes(scans)]
    first = _first_files(scans)
    once = [i for i, one in enumerate(scans) if first[i] == i]
    ink, compared, sparse = _same_ink(scans, once, templates)
    pairs += ink
    if pixels is not None:
        pairs += _same_pages(scans, once, pixels)
    copies = {t.scan_b for t in pairs if t.how in ("file", "ink")}
    pairs += _same_patches(scans, [i for i in once if scans[i].scan not in copies], templates, seed)
    pairs.sort(key=lambda t: (t.scan_a, t.scan_b, t.how, -t.score, t.detail))
    lead = {one.scan: scans[i].scan for i, one in zip(first, scans, strict=True)}
    return Twins(tuple(pairs), _with_copies(compared, lead), _with_copies(sparse, lead))


def _with_copies(numbers: Sequence[int], lead: Mapping[int, int]) -> tuple[int, ...]:
    """Numbers of scans, and of those with the same file as one of them."""
    known = set(numbers)
    return tuple(sorted(scan for scan, first in lead.items() if first in known))


def _first_files(scans: Sequence[Scanned]) -> list[int]:
    """For each scan, the place of the first one with the same bytes."""
    seen: dict[str, int] = {}
    return [i if s.sha256 is None else seen.setdefault(s.sha256, i) for i, s in enumerate(scans)]


def _same_files(scans: Sequence[Scanned]) -> list[Twin]:
    first = _first_files(scans)
    return [
        Twin(scans[f].scan, one.scan, "file", 1.0, "the same file")
        for f, one in zip(first, scans, strict=True)
        if scans[f] is not one
    ]


def _same_codes(scans: Sequence[Scanned]) -> list[Twin]:
    """One printed code on scans that are filed under different stations."""
    by_code: dict[str, list[Scanned]] = defaultdict(list)
    for one in scans:
        if one.code is not None:
            by_code[one.code].append(one)
    return [
        Twin(group[0].scan, one.scan, "code", 1.0, f"both codes name station {code}")
        for code, group in by_code.items()
        for one in group[1:]
        if one.sid != group[0].sid
    ]


def _same_ink(
    scans: Sequence[Scanned], once: Sequence[int], templates: Mapping[str, Template]
) -> tuple[list[Twin], list[int], list[int]]:
    pairs: list[Twin] = []
    compared: list[int] = []
    sparse: list[int] = []
    for name, template in sorted(templates.items()):
        places = [i for i in once if scans[i].template == name and scans[i].print is not None]
        prints = [p for i in places if (p := scans[i].print) is not None]
        found = same_ink(prints, template.owner)
        for i, told in zip(places, found.comparable, strict=True):
            (compared if told else sparse).append(scans[i].scan)
        for pair in found.pairs:
            ends = (scans[places[pair.a]].scan, scans[places[pair.b]].scan)
            pairs.append(Twin(*ends, "ink", *_layer(pair)))
    return pairs, sorted(compared), sorted(sparse)


def _layer(pair: Pair) -> tuple[float, str]:
    """How alike two sheets are, and in what."""
    boxes = f"{pair.boxes.alike} of {pair.boxes.inked} written boxes"
    if not pair.by_boxes:
        return pair.private, f"the writing of the private parts, and the ink of {boxes}"
    if pair.private >= PRIVATE:
        return pair.boxes.score, f"the ink of {boxes}, and the writing of the private parts"
    return pair.boxes.score, f"the ink of {boxes}"


def _same_pages(
    scans: Sequence[Scanned],
    once: Sequence[int],
    pixels: Callable[[int], NDArray[np.uint8] | None],
) -> list[Twin]:
    """Scans without a form beside those whose pages look most alike, laid on each other."""
    places = [i for i in once if (p := scans[i].print) is not None and p.page.size and p.page.any()]
    asked = [k for k, i in enumerate(places) if scans[i].template is None]
    if not asked or len(places) < 3:
        return []
    alike = _pages_alike(scans, places, asked)
    known: dict[int, Features | None] = {}

    def look(place: int) -> Features | None:
        if place not in known:
            picture = pixels(scans[place].scan)
            known[place] = None if picture is None else features(picture)
        return known[place]

    found: dict[tuple[int, int], Twin] = {}
    for k, row in zip(asked, alike, strict=True):
        order = [int(j) for j in np.argsort(-row, kind="stable") if j != k]
        near = order[: NEAR_PAGES + CONTROLS]
        for j in near[:NEAR_PAGES]:
            # The least alike of them, lest further copies take the writing for print.
            rest = [n for n in near if n != j][-CONTROLS:]
            controls = [c for n in rest if (c := look(places[n])) is not None]
            pair = _page_pair(scans, places[k], places[j], look, controls)
            if pair is not None:
                found[pair.scan_a, pair.scan_b] = pair
    return list(found.values())


def _pages_alike(
    scans: Sequence[Scanned], places: Sequence[int], asked: Sequence[int]
) -> NDArray[np.float32]:
    """(asked, places): the correlation of pages, without what all have in common."""
    pages = np.stack([one.page.ravel() for i in places if (one := scans[i].print) is not None])
    flat = pages.astype(np.float32) - pages.mean(axis=0, dtype=np.float32)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return np.asarray(flat[list(asked)] @ flat.T, dtype=np.float32)


def _page_pair(
    scans: Sequence[Scanned],
    one: int,
    other: int,
    look: Callable[[int], Features | None],
    controls: Sequence[Features],
) -> Twin | None:
    a, b = look(one), look(other)
    if a is None or b is None:
        return None
    both = [mutual(a, b, controls), mutual(b, a, controls)]
    told = [m for m in both if m is not None]
    # Controls must leave something of both: else one may be print alone.
    if len(told) < 2 or min(m.score for m in told) < SAME_PARTS:
        return None
    scan_a, scan_b = sorted((scans[one].scan, scans[other].scan))
    text = f"the writing in {told[0].parts} parts of a page on which no form was found"
    return Twin(scan_a, scan_b, "ink", min(m.score for m in told), text)


def _same_patches(
    scans: Sequence[Scanned], places: Sequence[int], templates: Mapping[str, Template], seed: int
) -> list[Twin]:
    """Pieces of picture that stand in two places."""
    places = [i for i in places if scans[i].template in templates]
    offsets = dict(zip(sorted(templates), range(0, 10_000 * len(templates), 10_000), strict=True))
    owners = [templates[t].owner + offsets[t] for i in places if (t := scans[i].template)]
    glyphs = glyphs_of([scans[i].print for i in places], owners)
    return [
        Twin(
            scans[places[one.a]].scan,
            scans[places[one.b]].scan,
            "patch",
            one.score,
            _piece(one, *(templates[str(scans[places[k]].template)] for k in (one.a, one.b))),
        )
        for one in reused(glyphs, np.random.default_rng(seed))
    ]


def _piece(one: Reused, form_a: Template, form_b: Template) -> str:
    """In words: `strict: boxes 1, 2 of votes-1 = boxes 1, 2 of votes-3; 3e-05 expected`."""
    sides = [_boxes(form_a, one.boxes_a), _boxes(form_b, one.boxes_b)]
    return f"{one.level}: {sides[0]} = {sides[1]}; {one.expected:.1g} expected"


def _boxes(form: Template, boxes: Sequence[int]) -> str:
    field = int(form.owner[boxes[0]])
    first = int(np.searchsorted(form.owner, field))
    numbers = ", ".join(str(box - first + 1) for box in boxes)
    return f"{'box' if len(boxes) == 1 else 'boxes'} {numbers} of {form.ids[field]}"
