"""A proposed template as a TOML file that asks a person for what cannot be seen."""

from __future__ import annotations

import json

from veedor.images.forms import Proposal
from veedor.images.template import FormField

__all__ = ["template_text"]


def template_text(proposal: Proposal) -> str:
    """The file: every place in millimetres from the upper left corner of the page."""
    template = proposal.template
    page = template.page
    lines = [
        f"# A proposal from {json.dumps(template.blank)}.",
        "# What stands after GUESS or TODO is for you to say.",
        "# Places are in millimetres from the upper left corner of the page.",
        "format = 1",
        f"id = {json.dumps(template.id)}",
        'title = ""  # TODO: the name of the form',
        f"blank = {json.dumps(template.blank, ensure_ascii=False)}",
        f"page = {{ width = {page.width:g}, height = {page.height:g} }}",
        'fillers = []  # TODO: what the rules let people write for nothing: "dash", "dot", "cross",'
        ' "line"',
        "",
    ]
    lines += _list(
        "fiducials",
        [
            f'{{ kind = "{f.kind}", x = {f.x:g}, y = {f.y:g}, size = {f.size:g} }}'
            for f in template.fiducials
        ],
        "No four marks of one size were found near the rim: the form is found by its print.",
    )
    lines += _list(
        "codes",
        [
            f"{{ x = {c.x:g}, y = {c.y:g}, width = {c.width:g}, height = {c.height:g},"
            " pattern = '(?P<station>.+)' }"
            for c in template.codes
        ],
        "TODO: where a bar code or square code is printed; `pattern` is a regular expression whose"
        " group\n# `station` is the official code, as narrow as the codes are.",
        "{ x = 20, y = 20, width = 60, height = 12, pattern = '(?P<station>[0-9]+)' }",
    )
    lines += [
        "# GUESS: rows of boxes, from the top. TODO: give each the id that the case file uses;",
        '# set `kind` to "time" or "other" for what is no count of votes or voters, and `by` to'
        ' "delegate"',
        "# for what a party's delegate writes.",
        *([f"# {proposal.singles} single boxes were left out."] if proposal.singles else []),
        "fields = [",
        *(f"  {_field(field)}," for field in template.fields),
        "]",
        "",
        "# TODO: what the form itself says adds up.",
        "sums = [",
        '  # { total = "valid", parts = ["votes-1", "votes-2"] },',
        "]",
        "",
        "# TODO: every part with names, numbers of identity, signatures or fingerprints. They are",
        "# veiled wherever a scan is shown; what is not listed here is shown.",
        "private = [",
        '  # { x = 120, y = 200, width = 80, height = 60, what = "signatures" },',
        "]",
    ]
    return "\n".join(lines) + "\n"


def _list(name: str, entries: list[str], none: str, example: str | None = None) -> list[str]:
    if entries:
        return [f"{name} = [", *(f"  {entry}," for entry in entries), "]", ""]
    inner = [f"  # {example},"] if example else []
    return [f"# {none}", f"{name} = [", *inner, "]", ""]


def _field(field: FormField) -> str:
    text = (
        f'{{ id = "{field.id}", x = {field.x:g}, y = {field.y:g}, width = {field.width:g},'
        f" height = {field.height:g}, digits = {field.digits}"
    )
    if field.gap:
        text += f", gap = {field.gap:g}"
    if field.boxes:
        boxes = ", ".join("[" + ", ".join(f"{v:g}" for v in box) + "]" for box in field.boxes)
        text += f", boxes = [{boxes}]"
    return text + " }"
