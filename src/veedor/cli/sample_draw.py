"""`veedor sample draw`: sheets drawn by the words of a public ceremony, announced before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from veedor.cli import terminal

if TYPE_CHECKING:
    from veedor.case.announcement import Announcement
    from veedor.case.manifest import Case
    from veedor.case.sampling import Sample
    from veedor.checks.sampled import Frame
    from veedor.sample import Drawn

__all__ = ["counted_of", "draw", "frames_of", "most"]

most = click.option(
    "--most-ballots",
    type=click.IntRange(min=1),
    help="Ballots that any station can have had, where others than its registered voters may vote"
    " there.",
)
"""The option of commands that read a frame."""
FEW_WORDS = 10**6
"""Fewer possible words than these are told."""
_SELECTIONS = ("simple", "stratified", "clustered", "proportional")


@click.command(
    epilog="""\b
Examples:
  veedor sample draw bolivia-2019 --size 300 --words-like "dice ########" --out sample
  veedor sample draw bolivia-2019 --size 300 --ceremony "dice 31415266" --out sample
  veedor sample draw case.toml --selection clustered --clusters centre --size 60 \\
      --ceremony "lottery of 1 March: 04 17 22 31 40" --out sample
Exit codes: 0 drawn, 1 could not be done, 2 wrong usage.
"""
)
@click.argument("case")
@click.option("--selection", type=click.Choice(_SELECTIONS), default="simple", show_default=True)
@click.option("--size", type=click.IntRange(min=1), required=True, help="Sheets, centres or draws.")
@click.option(
    "--ceremony",
    metavar="WORDS",
    help="What was said or thrown in public; whoever has the words can repeat the draw. Without"
    " it the draw is announced and not made.",
)
@click.option(
    "--words-like",
    metavar="FORM",
    help="Announced: the form of the words, such as 'dice ########'. Each # is one digit, 0 to 9;"
    " the rest stands as it is, spaces too.",
)
@click.option(
    "--count", metavar="ID", help="The count whose sheets are drawn.  [default: official]"
)
@click.option("--strata", metavar="LEVEL", help="Stratified: the level of geography.")
@click.option("--clusters", metavar="LEVEL", help="Clustered: the level whose places are drawn.")
@click.option("--within", type=click.IntRange(min=1), help="Clustered: sheets in each place.")
@click.option("--weights", type=click.Choice(("registered", "risk")), help="Proportional: to what.")
@most
@click.option(
    "--examiners",
    metavar="NAMES",
    help="Who will examine, by commas: the entries of the case file for their answers are told.",
)
@click.option("--id", "name", default="sample", show_default=True, metavar="ID")
@click.option("--title", help="What the report calls it.  [default: of the case, or by the id]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sample"),
    show_default=True,
    metavar="DIR",
)
@click.option("--force", is_flag=True, help="Draw again where a draw is there, with its own words"
              " only; a sample.toml of the same draw stays as it is.")  # fmt: skip
def draw(
    case: str,
    out: Path,
    force: bool,
    name: str,
    count: str | None,
    words_like: str | None,
    examiners: str | None,
    **given: object,
) -> None:
    """Draw sheets of CASE with the words of a public ceremony as the seed.

    Writes DIR/frame.csv, what was drawn from; DIR/drawn.csv, the sheets in the order of the draw
    with the chance of each; and DIR/sample.toml, the entry for the case file. Without --ceremony
    the frame and DIR/announced.toml, how many will be drawn and how, both to be published before
    it; the draw in DIR then has to be that one. In another folder any other can be drawn: only what
    was published elsewhere binds.
    """
    from veedor.case.announcement import form_of_words
    from veedor.sample import announce, write_draw

    names = _examiners(examiners)
    if names and given["ceremony"] is None:
        raise click.UsageError("--examiners belongs with --ceremony: no sheet is drawn without it")
    if words_like is not None:
        try:
            form_of_words(words_like)
        except ValueError as error:
            raise click.UsageError(f"--words-like {error}") from error
    if kept := sorted(path.name for path in out.glob("answers-*.csv")):
        raise click.UsageError(f"{out} holds {kept[0]}: draw into another folder")
    if (out / "drawn.csv").exists() and not force:
        raise click.UsageError(f"{out / 'drawn.csv'} is there already; --force draws it again")
    manifest, counted = counted_of(case, count)
    sample = _sample(manifest, {**given, "id": name, "frame": counted})
    frames = frames_of(manifest, counted)
    _large_enough(sample, frames)
    if sample.ceremony is None:
        published = announce(sample, frames, manifest, out, words_like)
        terminal.out(
            f"{len(frames.sid):,} sheets, of which nothing is drawn yet",
            f"written: {out / 'frame.csv'}",
            f"written: {out / 'announced.toml'}",
            f"frame {published.frame}",
            f"announced {published.announced}",
            "",
            "Publish both, with their SHA-256 (above), where you cannot change them, and hold the"
            " ceremony. Then give the same command with --ceremony.",
        )
        _warn_of_words(published.said)
        return
    found = write_draw(sample, frames, manifest, out, words_like)
    _tell(found, len(frames.sid), out)
    if names:
        _tell_entries(found, name, out, names)


def _examiners(said: str | None) -> list[str]:
    """The names that files can have, each once."""
    from veedor.sample.examination import NAME

    names = list(dict.fromkeys(n.strip() for n in (said or "").split(",") if n.strip()))
    if strange := next((n for n in names if not NAME.match(n)), None):
        raise click.UsageError(
            f"--examiners: {strange!r} is no name for a file; use letters a to z or A to Z, digits,"
            " points and hyphens"
        )
    return names


def _sample(manifest: Case, given: Mapping[str, object]) -> Sample:
    """The sample that the options describe; wrong ones are wrong usage."""
    from pydantic import ValidationError

    from veedor.case.sampling import Sample

    name = given["id"]
    title = f"Sample of {manifest.title}" if name == "sample" else f"Sample {name}"
    about = {"title": title} | {k: v for k, v in given.items() if v is not None}
    try:
        sample = Sample.model_validate(about)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "string_pattern_mismatch":
            raise click.UsageError(
                f"--{first['loc'][0]} {first['input']!r} is no id: letters a to z or A to Z,"
                " digits, and after the first of them . _ + - too"
            ) from error
        place = "".join(f"--{part}: " for part in first["loc"])
        text = place + first["msg"].removeprefix("Value error, ")
        raise click.UsageError(text.replace("`", "--", 1).replace("`", "", 1)) from error
    for level in (sample.strata, sample.clusters):
        if level is not None and level not in manifest.geography:
            raise click.UsageError(
                f"{level!r} is no level of geography; they are {', '.join(manifest.geography)}"
            )
    return sample


def _large_enough(sample: Sample, frames: Frame) -> None:
    """Refuse more than there is; draws of sheets by size may be as many as one likes."""
    if sample.selection == "proportional":
        return
    number, what = len(frames.sid), "sheets"
    if sample.clusters is not None:
        number, what = len(set(frames.paths[sample.clusters])), f"places of {sample.clusters!r}"
    if (sample.size or 0) > number:
        raise click.UsageError(
            f"--size {sample.size:,} is more than the {number:,} {what} to draw from"
        )


def _tell(found: Drawn, sheets: int, out: Path) -> None:
    """What was drawn, and what the case file needs for it."""
    terminal.out(
        f"{found.draws:,} draws, {found.sheets:,} sheets of {sheets:,}",
        *(f"written: {path}" for path in found.written),
        *(f"kept as it is: {path}" for path in found.kept),
        f"seed {found.seed}",
        f"frame {found.frame}",
        f"announced {found.announced}: compare it with the published one"
        if found.announced
        else "nothing was announced in this folder; the report will say so",
        "",
        "In the case file, with this folder beside it:",
        f'plans = ["{out.name}/sample.toml"]',
    )


def _tell_entries(found: Drawn, name: str, out: Path, examiners: Sequence[str]) -> None:
    """The entries of the case file for what examiners will answer."""
    from veedor.sample import source_entries

    if found.questions:
        terminal.out(
            "",
            "And at its end, for what they answer and are shown unveiled:",
            source_entries(name, out.name, examiners, found.questions),
        )
        return
    terminal.out(
        "",
        "sample.toml asks nothing yet. Add its questions, and give the same command with"
        " --force: it then tells the entries for the examiners' answers.",
    )


def _warn_of_words(said: Announcement) -> None:
    """Say what the form of the words leaves open, where that is too much or too little."""
    if said.possible is None:
        terminal.note(
            "No form of the words is announced: whoever writes them down can choose among"
            " spellings, and with each among other sheets. To fix it, announce into another folder"
            " with --words-like, say 'dice ########', before anything is published."
        )
    elif said.possible < FEW_WORDS:
        terminal.note(
            f"The form leaves {said.possible:,} words at the most: who tries them all beforehand"
            " may know of sheets that few or none of them draw. Give it more #."
        )


def counted_of(case: str, count: str | None) -> tuple[Case, str]:
    """The case, and the name of the count whose sheets are drawn from."""
    from veedor.case.catalogue import find_case
    from veedor.case.loading import load_case

    manifest = load_case(find_case(case))
    name = count or manifest.official
    known = [s.count for s in manifest.count_sources()]
    if name not in known:
        raise click.UsageError(
            f"--count {name!r} is no count; they are {', '.join(map(str, known))}"
        )
    return manifest, name


def frames_of(manifest: Case, count: str) -> Frame:
    """The sheets of a count, whose files are read without the scans."""
    import tempfile

    from veedor.audit.plan import read
    from veedor.checks.sampled import Frame, frame_query
    from veedor.engine.verbs import collect

    with tempfile.TemporaryDirectory(prefix="veedor-") as folder, terminal.steps() as progress:
        evidence, _ = read(manifest.without_scans(), Path(folder), progress)
        return Frame.of(collect(frame_query(evidence, count)), manifest)
