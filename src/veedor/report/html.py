"""The report: an audit folder as one HTML file that opens offline.

Everything comes from the folder; every sentence of the frame comes from the wording. The page
runs only the scripts whose hashes its content security policy names, and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import vl_convert
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel, ValidationError

from veedor.audit.findings import Document, Manifest
from veedor.errors import VeedorError
from veedor.report import pages
from veedor.report.figures import VEGA_LITE
from veedor.report.plain import clean, links, stem
from veedor.report.wording import Wording, load

_PACKAGE = resources.files("veedor.report")
_PAGE = "index.html"
_EARLY = 'document.documentElement.classList.add("js","routed")'
"""Runs before the page is laid out, so that only the open section ever is."""

_Model = TypeVar("_Model", bound=BaseModel)


def render(directory: Path, language: str = "en") -> Path:
    """Write `directory/index.html` from what lies in `directory`, and return its path.

    The page does not depend on the manifest's own entry for it, nor on `manifest.seconds`: whoever
    verifies the folder can make it again and compare the bytes.

    Raises
    ------
    VeedorError
        Where `findings.json` or `manifest.json` is missing or not as the format says, where a
        file that a finding names is missing, or where the wording lacks a text.
    """
    directory = Path(directory)
    words = load(language)
    document = _read(directory / "findings.json", Document)
    manifest = _read(directory / "manifest.json", Manifest)
    checks = pages.checks(document, directory, words)
    figures = [figure for page in checks for item in page.items for figure in item.figures]
    script = _asset("report.js")
    runtime = _runtime() if figures else ""
    template = _environment(words).get_template("report.html")
    text = template.render(
        document=document,
        manifest=manifest,
        outputs={k: v for k, v in sorted(manifest.outputs.items()) if k != _PAGE},
        summary=pages.summary(document, checks, words),
        checks=checks,
        not_determined=pages.not_determined(checks),
        figures=figures,
        specs={figure.id: figure.spec for figure in figures},
        style=_own(_asset("report.css")),
        early=_own(_EARLY),
        script=_own(script),
        runtime=_own(runtime),
        policy=_policy(_EARLY, script, runtime),
        strings=words.plain("script"),
        lang=words.language,
    )
    path = directory / _PAGE
    path.write_text(text, "utf-8")
    return path


def _environment(words: Wording) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.globals.update(
        t=words.text, known=words.known, term=words.term, n=words.number, p=words.probability
    )
    environment.filters.update(embed=_embed, stem=stem, links=links)
    return environment


def _template(name: str) -> str:
    return (_PACKAGE / "templates" / name).read_text("utf-8")


def _finalize(value: Any) -> Any:
    """Control characters of any text made visible; text already marked safe is left."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return clean(value)


def _own(text: str) -> Markup:
    """A file of this package, which stands in the page as it is."""
    return Markup(text)  # noqa: S704


def _embed(value: Any) -> Markup:
    """`value` as JSON that can stand in a script element, whatever strings are in it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (no character of HTML is left in it)


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise VeedorError(
            f"the audit folder has no {path.name}",
            place=str(path),
            remedy="Give the folder that `veedor audit` wrote.",
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise VeedorError(
            f"{path.name} is not as its format says: {where}: {first['msg']}",
            place=str(path),
            remedy="Run the audit again with this version of veedor.",
        ) from error


def _asset(name: str) -> str:
    return (_PACKAGE / "assets" / name).read_text("utf-8")


@cache
def _runtime() -> str:
    """The Vega runtime, safe to stand in a script element."""
    bundle = vl_convert.javascript_bundle(
        snippet="window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE
    )
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", bundle, flags=re.IGNORECASE)


def _policy(*scripts: str) -> str:
    """A policy that loads nothing and runs only `scripts`."""
    hashes = (
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in scripts
        if script
    )
    allowed: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in hashes),
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())
