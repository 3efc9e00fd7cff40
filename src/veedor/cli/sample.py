"""`veedor sample`: a sample of sheets for experts, that anybody can draw again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from veedor.cli import terminal

if TYPE_CHECKING:
    from veedor.case.announcement import Announcement
    from veedor.case.manifest import Case
    from veedor.checks.sampled import Frame

_most = click.option(
    "--most-ballots",
    type=click.IntRange(min=1),
    help="Ballots that any station can have had, where others than its registered voters may vote"
    " there.",
)
FEW_WORDS = 10**6
"""Fewer possible words than these are told."""
_SELECTIONS = ("simple", "stratified", "clustered", "proportional")


@click.group(
    epilog="""\b
Examples:
  veedor sample size --frame 34555 --detect 226 --chance 0.99
  veedor sample plan bolivia-2019
  veedor sample draw bolivia-2019 --size 300 --ceremony "dice 31415266" --out sample
"""
)
def command() -> None:
    """Plan a sample of sheets, draw it, and report what was found."""


@command.command(
    epilog="""\b
Examples:
  veedor sample size --frame 34555 --rate 0.05 --within 0.02
  veedor sample size --frame 34555 --detect 226 --chance 0.95
  veedor sample size --frame 5296 --rate 0.1 --within 0.03 --members 6.5 --alike 0.2
"""
)
@click.option("--frame", type=click.IntRange(min=1), required=True, help="Sheets to draw from.")
@click.option("--rate", type=click.FloatRange(0, 1), help="The rate that is expected, 0 to 1.")
@click.option(
    "--within",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="How far the 95 % limits may lie from it.",
)
@click.option("--detect", type=click.IntRange(min=1), help="Sheets with the thing, to be met.")
@click.option(
    "--chance",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="The chance with which one of them is to be in the sample.",
)
@click.option("--members", type=click.FloatRange(min=1), help="Sheets of a centre, on the mean.")
@click.option(
    "--alike",
    type=click.FloatRange(0, 1),
    help="How alike sheets of a centre are: the intra-class correlation, 0 to 1.",
)
def size(
    frame: int,
    rate: float | None,
    within: float | None,
    detect: int | None,
    chance: float,
    members: float | None,
    alike: float | None,
) -> None:
    """How many sheets to draw: for a precision, or to meet one of a number of sheets.

    Sizes are exact for simple draws without replacement. With --members and --alike they are
    enlarged by the design effect of drawing whole centres.
    """
    from veedor.stats.survey import clustered_size, size_for_detection, size_for_precision

    if (rate is None) != (within is None):
        raise click.UsageError("--rate and --within belong together")
    if (members is None) != (alike is None):
        raise click.UsageError("--members and --alike belong together")
    if rate is None and detect is None:
        raise click.UsageError("say --rate and --within, or --detect")
    if detect is not None and detect > frame:
        raise click.UsageError(f"--detect {detect} is more than the --frame of {frame} sheets")
    wanted = []
    if rate is not None and within is not None:
        points = "1 point" if within == 0.01 else f"{100 * within:g} points"
        words = f"95 % limits within {points} of {100 * rate:g} %"
        wanted.append((size_for_precision(frame, rate, within), words))
    if detect is not None:
        words = f"one of {detect:,} sheets met with a chance of {100 * chance:g} %"
        wanted.append((size_for_detection(frame, detect, chance), words))
    for number, words in wanted:
        terminal.out(f"{number:,} of {frame:,} sheets: {words}")
        if members is not None and alike is not None:
            more = min(clustered_size(number, members, alike), frame)
            terminal.out(
                f"{more:,} sheets in about {-(-more // max(int(members), 1)):,} whole centres of"
                f" {members:g}, with a correlation of {alike:g} within them"
            )


@command.command(
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
@_most
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
    from pydantic import ValidationError

    from veedor.case.sampling import Sample
    from veedor.sample import announce, source_entries, write_draw
    from veedor.sample.examination import NAME

    names = list(dict.fromkeys(n.strip() for n in (examiners or "").split(",") if n.strip()))
    if strange := next((n for n in names if not NAME.match(n)), None):
        raise click.UsageError(
            f"--examiners: {strange!r} is no name for a file; use letters a to z or A to Z, digits,"
            " points and hyphens"
        )
    if names and given["ceremony"] is None:
        raise click.UsageError("--examiners belongs with --ceremony: no sheet is drawn without it")
    if words_like is not None:
        _form(words_like)
    if kept := sorted(path.name for path in out.glob("answers-*.csv")):
        raise click.UsageError(f"{out} holds {kept[0]}: draw into another folder")
    if (out / "drawn.csv").exists() and not force:
        raise click.UsageError(f"{out / 'drawn.csv'} is there already; --force draws it again")
    manifest, counted = _counted(case, count)
    about = {k: v for k, v in given.items() if v is not None}
    title = f"Sample of {manifest.title}" if name == "sample" else f"Sample {name}"
    about = {"title": title} | about | {"id": name, "frame": counted}
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
    frames = _frames(manifest, counted)
    if sample.clusters is not None:
        places = len(set(frames.paths[sample.clusters]))
        if (sample.size or 0) > places:
            raise click.UsageError(
                f"--size {sample.size:,} is more than the {places:,} places of"
                f" {sample.clusters!r} to draw from"
            )
    # Draws of places, and of sheets by size, may be as many as one likes.
    once = sample.clusters is None and sample.selection != "proportional"
    if once and (sample.size or 0) > len(frames.sid):
        raise click.UsageError(
            f"--size {sample.size:,} is more than the {len(frames.sid):,} sheets to draw from"
        )
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
    terminal.out(
        f"{found.draws:,} draws, {found.sheets:,} sheets of {len(frames.sid):,}",
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
    if names and found.questions:
        terminal.out(
            "",
            "And at its end, for what they answer and are shown unveiled:",
            source_entries(name, out.name, names, found.questions),
        )
    elif names:
        terminal.out(
            "",
            "sample.toml asks nothing yet. Add its questions, and give the same command with"
            " --force: it then tells the entries for the examiners' answers.",
        )


@command.command(
    epilog="""\b
Examples:
  veedor sample plan bolivia-2019
  veedor sample plan case.toml --limit 0.1 --errors 0.02
"""
)
@click.argument("case")
@click.option(
    "--limit",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="The risk limit.",
)
@click.option(
    "--errors",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of sheets that are expected to differ, by a vote either way.",
)
@click.option("--samples", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@_most
def plan(
    case: str, limit: float, errors: float, samples: int, seed: int, most_ballots: int | None
) -> None:
    """How many sheets a risk-limiting audit of CASE takes, by kind of draw.

    The draws are simulated, once with hand counts that are those reported, once with slips.
    """
    from veedor.sample import plan_risk

    manifest, counted = _counted(case, None)
    frame = _frames(manifest, counted)
    terminal.out(
        f"{manifest.title}: {manifest.contest_rule.describe()}",
        f"{len(frame.sid):,} sheets; risk limit {100 * limit:g} %; {samples} simulated samples.",
        "",
    )
    with terminal.steps() as progress:
        rows = plan_risk(manifest, frame, limit, errors, samples, seed, most_ballots, progress)
    terminal.table(
        ("draw", "hand count", "median", "9 in 10 samples"),
        [(r.draw, r.hand, r.words(0.5), r.words(0.9)) for r in rows],
        numbers=(2, 3),
    )


@command.command(
    epilog="""\b
Examples:
  veedor sample report case.toml
  veedor sample report case.toml --out out/sample
Exit codes: 0 done, 1 could not be done, 2 wrong usage.
"""
)
@click.argument("case")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder to write.  [default: out/ and the id of the case]",
)
@click.option("--seed", type=int, default=0, show_default=True)
def report(case: str, out: Path | None, seed: int) -> None:
    """Report on the samples of CASE: its checks of samples and of the outcome, and no others."""
    from veedor.audit.run import audit
    from veedor.case.catalogue import find_case
    from veedor.case.loading import load_case
    from veedor.cli.audit import summary
    from veedor.errors import CaseError

    path = find_case(case)
    if not load_case(path).samples:
        raise CaseError(
            "this case names no sample",
            place=str(path),
            remedy='Name what `veedor sample draw` wrote: plans = ["sample/sample.toml"].',
        )

    only = ("outcome", "sampling")
    with terminal.steps() as progress:
        result = audit(
            case,
            out,
            seed=seed,
            only=only,
            progress=progress,
            command=["veedor", "audit", case, *(w for o in only for w in ("--only", o))],
        )
    for finding in result.findings:
        if finding.check.startswith("sampling."):
            terminal.out("", finding.title, f"  {finding.fact}")
    terminal.out("", *summary(result.document, result.directory))


def _form(words_like: str) -> None:
    """Refuse a form of the words that leaves nothing open, or more than can be seen."""
    if "#" not in words_like:
        raise click.UsageError("--words-like has no # for a digit: nothing is left to chance")
    if len(words_like.splitlines()) > 1 or words_like.splitlines()[0] != words_like:
        raise click.UsageError("--words-like has a line break: write the words on one line")
    if words_like.strip() != words_like:
        raise click.UsageError("--words-like begins or ends with a blank, which nobody sees")


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


def _counted(case: str, count: str | None) -> tuple[Case, str]:
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


def _frames(manifest: Case, count: str) -> Frame:
    """The sheets of a count, whose files are read without the scans."""
    import tempfile

    from veedor.audit.plan import read
    from veedor.checks.sampled import Frame, frame_query
    from veedor.engine.verbs import collect

    with tempfile.TemporaryDirectory(prefix="veedor-") as folder, terminal.steps() as progress:
        evidence, _ = read(manifest.without_scans(), Path(folder), progress)
        return Frame.of(collect(frame_query(evidence, count)), manifest)


@command.command(
    epilog="""\b
Examples:
  veedor sample examine sample --as e1 --case case.toml
  veedor sample examine sample --as e1 --among e1,e2,e3 --images scans --case case.toml
"""
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--as", "examiner", required=True, metavar="NAME", help="Who examines.")
@click.option(
    "--among", metavar="NAMES", help="All examiners, by commas: each sheet is seen by --each."
)
@click.option(
    "--each", type=click.IntRange(min=1), default=2, show_default=True, help="Examiners of a sheet."
)
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of pictures, each named by the station's code; with --case, whose forms say what"
    " is private in them, or with --show-private.",
)
@click.option(
    "--case",
    help="The case, so that its scans can be shown, and votes where they are asked for.",
)
@click.option(
    "--show-private",
    is_flag=True,
    help="Show pictures as they are, with names, signatures and fingerprints; every showing is"
    " kept.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of this machine.  [default: any free]"
)
def examine(
    folder: Path,
    examiner: str,
    among: str | None,
    each: int,
    images: Path | None,
    case: str | None,
    show_private: bool,
    port: int,
) -> None:
    """Judge the sheets drawn into FOLDER, one at a time, on a page of this machine.

    The examiner sees a sheet and the form, in an order of their own, and neither the votes nor what
    others answered. Before, the draw is repeated: another drawn.csv than the words of sample.toml
    draw from frame.csv is refused. Every entry is added to FOLDER/answers-NAME.csv at once and none
    is changed. The page is served to this machine alone, under an address that cannot be guessed.

    Names, signatures and fingerprints are veiled, where the printed forms of the case say that they
    lie; its own scans are shown where no folder of pictures is given. Pictures that cannot be
    veiled are shown with --show-private alone: who was shown one as it is, and when, is added to
    FOLDER/unveiled-NAME.csv each time.
    """
    import secrets

    from veedor.errors import VeedorError
    from veedor.sample.examination import Answers, Examination, codes_of, images_of
    from veedor.sample.repeating import compare

    try:
        import uvicorn

        from veedor.sample.pages import pages
        from veedor.sample.scans import files_veiled, scans_of
    except ImportError as error:
        raise VeedorError(
            "the page needs the packages starlette and uvicorn",
            remedy="pip install 'veedor[web]'",
        ) from error
    names = [n.strip() for n in among.split(",") if n.strip()] if among else []
    examination = Examination.open(folder, examiner, names, each)
    uncompared = compare(folder, examination.sample)
    files = images_of(images, examination.stations, codes_of(folder)) if images else {}
    found: dict[str, Any] = {**files}
    veiled: dict[str, Any] | None = None
    votes: dict[str, list[tuple[str, int]]] = {}
    if case is not None:
        manifest, counted = _counted(case, examination.sample.frame)
        frame = _frames(manifest, counted)
        if images is None:
            found |= scans_of(manifest, examination.stations, show_private=show_private)
        elif not show_private:
            veiled = files_veiled(manifest, files)
            found |= veiled or {}
        options = (*manifest.option_ids, "blank", "null")
        mine = set(examination.stations)
        votes = {
            s: list(zip(options, row, strict=True))
            for s, row in zip(frame.station, frame.votes.tolist(), strict=True)
            if s in mine
        }
    if images is not None and veiled is None and not show_private:
        raise click.UsageError(
            "nothing says where names, signatures and fingerprints lie in the pictures of --images:"
            " name with --case a case whose forms say what is private, or show them as they are"
            " with --show-private"
        )
    answers = Answers(folder, examination)
    if found and show_private:
        terminal.note(
            "The pictures are shown as they are: names, signatures and fingerprints are not veiled."
            f" Every showing is kept in {answers.unveiled_path}."
        )
    if uncompared:
        terminal.note(f"drawn.csv was not compared with the draw: {uncompared}.")
    else:
        terminal.out("drawn.csv is what the words of sample.toml draw from frame.csv.")
    token = secrets.token_urlsafe(16)
    application = pages(examination, answers, found, votes, token)
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, log_level="error", access_log=False
    )
    with config.bind_socket() as bound:
        terminal.out(
            f"{len(examination.stations):,} sheets, {answers.done:,} with an entry;"
            f" pictures of {len(found):,}.",
            f"Open http://127.0.0.1:{bound.getsockname()[1]}/{token}/",
            f"Entries: {answers.path}. Ctrl-C ends.",
        )
        uvicorn.Server(config).run(sockets=[bound])
