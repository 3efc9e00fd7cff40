"""The printed forms of a source of scans: its templates, and what the case says of their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from veedor.case.manifest import Case, Source
from veedor.case.mistake import near
from veedor.errors import CaseError
from veedor.images.template import Template, load_template

__all__ = ["Form", "blank_of", "form_mistakes", "read_forms"]


@dataclass(frozen=True, slots=True)
class Form:
    """A template as a case names it, and the folder in which the picture of it empty lies."""

    file: str
    template: Template
    folder: Path


def blank_of(file: str, template: Template) -> str | None:
    """Where the picture of the empty form lies, as the case would name it: beside the template."""
    if template.blank is None:
        return None
    return (PurePosixPath(file).parent / template.blank).as_posix()


def read_forms(case: Case, source: Source, paths: Mapping[str, Path]) -> tuple[Form, ...]:
    """The forms of a source of scans.

    Parameters
    ----------
    paths : file, as the case names it -> where it lies
        Of the templates; a picture of an empty form is looked for beside its template where it is
        not among them.

    Raises
    ------
    CaseError
        Where a template is not there or describes no form, or what the case says of its fields
        does not fit; the first mistake.
    """
    number = case.sources.index(source)
    forms = []
    for file in source.templates:
        template = load_template(paths[file])
        folder, blank = paths[file].parent, blank_of(file, template)
        if blank and not (folder / str(template.blank)).is_file():
            if blank not in paths or paths[blank].name != template.blank:
                raise CaseError(
                    f"the picture of the empty form, {template.blank!r}, is not there",
                    place=str(paths[file]),
                    remedy="It lies beside the template that names it as `blank`.",
                )
            folder = paths[blank].parent
        forms.append(Form(file, template, folder))
    for mistake in form_mistakes(case, number, [form.template for form in forms]):
        raise mistake
    return tuple(forms)


def form_mistakes(case: Case, number: int, templates: Sequence[Template]) -> Iterator[CaseError]:
    """What the case's source of that number says of fields that no form has, or forms have twice.

    Each with the case file and its line.
    """
    source = case.sources[number]
    names = [template.id for template in templates]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        yield _mistake(case, (number, "templates"), f"two templates have the id {twice!r}")
    known = {field.id: field for template in templates for field in template.fields}
    for name, fields in source.on_form().items():
        keys = ("options", name) if name in source.options else (name,)
        for field in fields:
            if field not in known:
                yield _mistake(
                    case,
                    (number, *keys),
                    f"{name} is mapped to the field {field!r}, which no template has"
                    f"{near(field, known)}",
                )
            elif known[field].kind != "count":
                yield _mistake(
                    case,
                    (number, *keys),
                    f"{name} is mapped to the field {field!r}, which holds no count but"
                    f" {known[field].kind!r}",
                )
        for template in templates:
            if len(own := [field for field in fields if field in template.ids]) > 1:
                yield _mistake(
                    case,
                    (number, *keys),
                    f"{name} is mapped to {' and '.join(own)}, and the form {template.id!r} has"
                    " both",
                )


def _mistake(case: Case, keys: tuple[str | int, ...], text: str) -> CaseError:
    source = case.sources[int(keys[0])]
    return CaseError(
        f"sources ({source.id}): {text}",
        place=case.place("sources", *keys),
        remedy="Mend the case file, or the template that it names.",
    )
