"""Whether the draw of a sample is the one that was announced before its ceremony."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from veedor.case.announcement import OPTIONS, Announcement
from veedor.case.manifest import Case
from veedor.case.sampling import Sample
from veedor.checks.sampled import Frame, weights_of
from veedor.errors import CaseError
from veedor.export.spreadsheet import cell
from veedor.stats.draws import composed, seed_of

__all__ = ["announced", "csv_bytes", "frame_bytes", "repeating", "sentence"]


def frame_bytes(sample: Sample, frame: Frame, case: Case) -> bytes:
    """`frame.csv`: the codes in their order, with all that the draw hangs on.

    CaseError where a code cannot be written as it is, or a weight is not known.
    """
    codes = [composed(code) for code in frame.station]
    if odd := next((code for code in codes if cell(code) != code), None):
        raise CaseError(
            f"the station's code {odd!r} would be a formula, or change, in a spreadsheet",
            place=f"the count {sample.frame!r}",
            remedy="Take such characters off the codes with `strip` of the source.",
        )
    try:
        weights = weights_of(sample, frame, case) if sample.selection == "proportional" else None
    except ValueError as error:
        raise CaseError(
            str(error),
            place=f"the count {sample.frame!r}",
            remedy="Draw by other weights, or from a count that has them all.",
        ) from error
    level = sample.strata or sample.clusters
    return csv_bytes(
        ("station", *((level,) if level else ()), *(("weight",) if weights else ())),
        (
            (
                codes[i],
                *((composed(frame.paths[level][i]),) if level else ()),
                *((weights[i],) if weights else ()),
            )
            for i in sorted(range(len(codes)), key=codes.__getitem__)
        ),
    )


def csv_bytes(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file whose texts are safe in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([cell(v) if isinstance(v, str) else v for v in row] for row in rows)
    return text.getvalue().encode()


def announced(sample: Sample, frame: Frame, case: Case) -> dict[str, Any]:
    """What is known of the announcement of a draw that can be repeated.

    Returns
    -------
    sha256 : as the sample names it, or None
    state : str
        'not-named', or 'only-beside' where one lies beside the sample; where one is named,
        'not-at-hand', 'another-file', 'no-announcement', 'another-draw' or 'this-draw'
    differs : keys in which the draw is not the one that was announced
    words_like : the form of the words that was announced, or None
    """
    found: dict[str, Any] = {
        "sha256": sample.announced, "state": "not-named", "differs": [], "words_like": None
    }  # fmt: skip
    there = case.announcements.get(sample.id)
    if sample.announced is None:
        return found if there is None else found | {"state": "only-beside"}
    if there is None:
        return found | {"state": "not-at-hand"}
    if there.sha256 != sample.announced:
        return found | {"state": "another-file"}
    if there.said is None:
        return found | {"state": "no-announcement"}
    differs = _differing(there.said, sample, frame, case)
    return found | {
        "state": "another-draw" if differs else "this-draw",
        "differs": differs,
        "words_like": there.said.words_like,
    }


def repeating(sample: Sample, frame: Frame, case: Case) -> dict[str, Any]:
    """What anybody needs who repeats a draw."""
    words = composed(sample.ceremony or "")
    return {
        "words": words,
        "seed": seed_of(words),
        "frame_sha256": _frame_sha256(sample, frame, case),
        "frame": sample.frame,
        **{n: v for n in OPTIONS if n != "id" and (v := getattr(sample, n)) is not None},
    }


def _frame_sha256(sample: Sample, frame: Frame, case: Case) -> str | None:
    """Of `frame.csv`; None where such a frame cannot be written."""
    try:
        return hashlib.sha256(frame_bytes(sample, frame, case)).hexdigest()
    except CaseError:
        return None


def _differing(said: Announcement, sample: Sample, frame: Frame, case: Case) -> list[str]:
    # A frame that cannot be written never was, whatever was announced.
    sha256 = _frame_sha256(sample, frame, case) or "0" * 64
    mine = Announcement.of(sample, len(frame.sid), sha256, said.words_like)
    words = [] if said.fits(sample.ceremony or "") else ["words_like"]
    return said.differing(mine) + words


OPEN = (
    ": nothing here tells that its size, its kind and the form of its words were fixed before the"
    " ceremony."
)
TOLD = {
    "not-named": f"No announcement of the draw is named{OPEN}",
    "only-beside": (
        "The sample names no announcement of the draw, though a file of that name lies beside it"
        f"{OPEN}"
    ),
    "not-at-hand": "An announcement of the draw is named, and its file is not at hand.",
    "another-file": "The announcement beside the sample is not the one that the sample names.",
    "no-announcement": "The file that the sample names as its announcement announces no draw.",
    "another-draw": "The draw is another one than the named announcement tells of ({}).",
    "this-draw": "The draw has the frame, the size and the kind that the named announcement tells"
    " of{}.",
}
FIXED = (
    ", and the words in the sample's file have the form announced: that they are the words said,"
    " nothing here tells"
)
FREE = (
    ", which fixes no form of the words: whoever wrote them down could choose among spellings, and"
    " with each among other sheets"
)
VOUCHED = (
    " That the announcement was published before the ceremony, only who kept that copy can vouch"
    " for."
)


def sentence(found: Mapping[str, Any]) -> str:
    """The same in words."""
    more = FREE if found["words_like"] is None else FIXED
    if found["state"] == "another-draw":
        more = ", ".join(found["differs"])
    return TOLD[found["state"]].format(more) + (VOUCHED if found["sha256"] else "")
