"""`veedor sample`: a sample of sheets for experts, that anybody can draw again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from veedor.cli import terminal
from veedor.cli.sample_draw import counted_of, draw, frames_of, most


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


command.add_command(draw)


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
@most
def plan(
    case: str, limit: float, errors: float, samples: int, seed: int, most_ballots: int | None
) -> None:
    """How many sheets a risk-limiting audit of CASE takes, by kind of draw.

    The draws are simulated, once with hand counts that are those reported, once with slips.
    """
    from veedor.sample import plan_risk

    manifest, counted = counted_of(case, None)
    frame = frames_of(manifest, counted)
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
        manifest, counted = counted_of(case, examination.sample.frame)
        frame = frames_of(manifest, counted)
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
