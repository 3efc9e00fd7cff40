"""`veedor images`: a template of a form, and what is seen of one scan."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from veedor.cli import terminal
from veedor.cli.images_read import read
from veedor.errors import ExtraMissingError, VeedorError

if TYPE_CHECKING:
    from veedor.images.sheet import Intake, Quality, Registration
    from veedor.images.template import Template

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_Out = click.Path(dir_okay=False, path_type=Path)


@click.group(
    epilog="""\b
Examples:
  veedor images template empty-form.pdf --page A4 --out form.toml
  veedor images look sheet-0042.jpg --template form.toml --out seen.png
"""
)
def command() -> None:
    """Describe a form, and see what is seen of a scan of it."""
    try:
        import cv2  # noqa: F401
        import PIL  # noqa: F401
        import pypdfium2  # noqa: F401
        import zxingcpp  # noqa: F401
    except ImportError as error:
        raise ExtraMissingError(
            f"looking at scans needs {error.name}, which is not installed",
            remedy="Install it with: pip install 'veedor[images]'",
        ) from error


command.add_command(read)


@command.command(
    epilog="""\b
Examples:
  veedor images template empty-form.png --out form.toml
  veedor images template empty-form.pdf --page letter --out forms/form-a.toml
"""
)
@click.argument("blank", type=_File)
@click.option("--out", type=_Out, default=Path("form.toml"), show_default=True,
              help="The template to write.")  # fmt: skip
@click.option("--page", help="Size of the page: A4, letter, legal, or WIDTHxHEIGHT in"
              " millimetres; by default from the picture's dots an inch.")  # fmt: skip
@click.option("--number", type=click.IntRange(min=1), default=1, show_default=True,
              help="Which page of a PDF or TIFF.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite a template that is there.")
def template(blank: Path, out: Path, page: str | None, number: int, force: bool) -> None:
    """Propose a template from BLANK, a picture of the empty form.

    The picture shows the page from edge to edge, upright: best the printer's PDF, else a clean
    scan. Rows of boxes become fields, solid marks near the rim become fiducials. The file written
    asks for the rest: names of fields, sums, and what nobody may see.
    """
    from veedor.images.forms import page_of, propose_template
    from veedor.images.intake import take_in
    from veedor.images.registration import Registrar
    from veedor.images.template import load_template
    from veedor.images.template_text import template_text

    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already; --force overwrites it")
    intake = take_in(blank, page=number - 1)
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", out.stem).strip("-._+") or "form"
    beside = _beside(intake, blank, out, number)
    proposal = propose_template(intake.pixels, page_of(page, intake), id=name, blank=beside)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(template_text(proposal), encoding="utf-8")
    form = load_template(out)
    found = Registrar([(form, out.parent)]).attempt(intake.pixels)
    boxes = len(form.cells)
    terminal.out(
        f"Written: {out}",
        "",
        f"  page        {form.page.width:g} x {form.page.height:g} mm",
        f"  fields      {len(form.fields)} rows of boxes, {boxes} boxes",
        f"  fiducials   {len(form.fiducials) or 'none: the form is found by its print'}",
        f"  codes       {len(form.codes) or 'none on this picture'}",
        f"  on itself   {_on_itself(found.registration, found.why)}",
        "",
        "Read it, name the fields, list what is private, then:",
        f"  veedor images look SCAN --template {out} --out seen.png",
    )


def _beside(intake: Intake, blank: Path, out: Path, number: int) -> str:
    """The blank's name from the template's folder; a later page is saved as a picture there."""
    if number == 1:
        return Path(os.path.relpath(blank, out.parent)).as_posix()
    from PIL import Image

    saved = out.with_name(f"{out.stem}-blank.png")
    if saved.exists():
        raise VeedorError(
            f"is there already, and page {number} would be saved as it",
            place=str(saved),
            remedy="Move it away, or name another --out.",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(intake.pixels).save(saved)
    return saved.name


def _on_itself(found: Registration | None, why: str) -> str:
    if found is None:
        return f"not found again: {why}"
    return f"found again, {int(found.found.sum())} of {len(found.found)} fields"


@command.command(
    epilog="""\b
Examples:
  veedor images look sheet-0042.jpg --template form.toml
  veedor images look scans.tif --number 3 --template a.toml --template b.toml --out seen.png
"""
)
@click.argument("scan", type=_File)
@click.option("--template", "templates", type=_File, multiple=True, required=True,
              help="The template of the form; several where it may be one of them.")  # fmt: skip
@click.option("--number", type=click.IntRange(min=1), default=1, show_default=True,
              help="Which page of a PDF or TIFF.")  # fmt: skip
@click.option("--out", type=_Out, help="A picture of the scan with its boxes to write (PNG).")
@click.option("--force", is_flag=True, help="Overwrite a picture that is there.")
def look(
    scan: Path, templates: tuple[Path, ...], number: int, out: Path | None, force: bool
) -> None:
    """Say what is seen of SCAN: the file, its quality, codes, form and fields.

    The picture shows where each box was found, with private parts veiled. No picture is written of
    a scan on which no form was found, for nobody knows what on it is private; the exit code is
    then 1. A code is told where it is in the place of one of the form, or fits its pattern: others
    are counted only, for they may be those of somebody's identity card.
    """
    from veedor.images import codes
    from veedor.images.intake import take_in
    from veedor.images.quality import judge
    from veedor.images.registration import Registrar
    from veedor.images.template import load_template

    if out is not None and out.suffix.lower() != ".png":
        raise click.UsageError(f"--out writes a PNG: {out} does not end in .png")
    forms = [(load_template(path), path.parent) for path in templates]
    if out is not None and out.exists():
        kept = {"the scan itself": scan} | {
            f"the empty form of {form.id!r}": folder / form.blank
            for form, folder in forms
            if form.blank
        }
        own = [what for what, path in kept.items() if path.exists() and out.samefile(path)]
        if own or not force:
            never = f"it is {own[0]}" if own else "--force overwrites it"
            raise click.UsageError(f"{out} is there already; {never}")
    registrar = Registrar(forms)
    intake = take_in(scan, page=number - 1)
    attempt = registrar.attempt(intake.pixels)
    found = attempt.registration
    _tell_file(intake)
    if found is None:
        _tell_quality(judge(intake.pixels))
        texts = codes.find_codes(intake.pixels)
        _tell_codes(texts, codes.fitting(texts, [form for form, _ in forms]))
        raise VeedorError(
            f"no form was found: {attempt.why}",
            place=str(scan),
            remedy="Look at the original; is this its template, and is the whole page on it?",
        )
    form = registrar.template(found.template)
    _tell_quality(judge(intake.pixels, registration=found, template=form))
    texts = codes.read_codes(intake.pixels, found, form)
    mine = {*codes.read_at(intake.pixels, found, form), *codes.fitting(texts, [form])}
    shown = tuple(text for text in texts if text in mine)
    _tell_codes(texts, shown)
    _tell_form(found, form, codes.station_of(shown, form))
    if out is not None:
        from veedor.images.overlay import overlay, save

        if not form.private:
            terminal.note(f"The template {form.id!r} lists nothing as private: all is shown.")
        save(overlay(intake.pixels, found, form), out)
        terminal.out(f"Written: {out}")


def _tell_file(intake: Intake) -> None:
    height, width = intake.pixels.shape[:2]
    dpi = f", {intake.dpi:.0f} dots an inch" if intake.dpi else ""
    terminal.out(
        f"file      {intake.file}: {intake.format}, {width} x {height} pixels{dpi},"
        f" {intake.bytes:,} bytes",
        f"sha256    {intake.sha256}",
        *(f"          {note}" for note in intake.metadata),
    )


def _tell_quality(quality: Quality) -> None:
    terminal.out(f"quality   {quality.grade}", *(f"          {why}" for why in quality.reasons))


def _tell_codes(texts: Sequence[str], shown: Sequence[str]) -> None:
    others = len(texts) - len(shown)
    more = [f"{others} other code{'' if others == 1 else 's'}, not shown"] if others else []
    terminal.out(f"codes     {', '.join([*shown, *more]) or 'none read'}")


def _tell_form(found: Registration, form: Template, station: str | None) -> None:
    lost = [name for name, there in zip(form.ids, found.found, strict=True) if not there]
    terminal.out(
        f"station   {station or 'not told by a code'}",
        f"form      {form.id}, found by its {found.method}: {found.score:.0%} of its lines,"
        f" {found.residual:.2f} mm off in the median",
        f"fields    {len(form.fields) - len(lost)} of {len(form.fields)} found",
        *([f"          not found: {', '.join(lost)}"] if lost else []),
    )
