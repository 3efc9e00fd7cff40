"""Every sentence of the report's frame, and how numbers are written, in one language.

A wording is a TOML file. A text is a template with named values, `"{n} sheets"`; a number with its
noun is `"{n:sheet|sheets}"`, and a text that is another in the plural is a table of `one` and
`other`, chosen by the value `n`. A key or a value that is missing
is an error that names it. `[checks."sheets.unanimous"]` replaces a finding's own texts, so that
a language can be added without touching a check or a template.
"""

from __future__ import annotations

import math
import string
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from veedor.audit.findings import Finding
from veedor.errors import VeedorError

_FOLDER = resources.files("veedor.report") / "wording"
_FORMATTER = string.Formatter()


class Wording:
    """The texts of one language.

    Parameters
    ----------
    texts : mapping
        The parsed wording file.
    place : str
        The file's name, for the errors.
    """

    def __init__(self, texts: Mapping[str, Any], place: str) -> None:
        self._texts = texts
        self._place = place
        self.language: str = self._leaf("language")
        self._thousands: str = self._leaf("numbers.thousands")
        self._decimal: str = self._leaf("numbers.decimal")

    def text(self, key: str, /, **values: Any) -> str:
        """The text under the dotted `key`, its values written in."""
        template = self._find(key)
        if isinstance(template, Mapping):
            form = "one" if values.get("n") == 1 else "other"
            template = template.get(form)
        if not isinstance(template, str):
            raise self._missing(key)
        return self._write(template, values, key)

    def known(self, group: str, name: str, default: str | None = None) -> str:
        """The text for a `name` of an open vocabulary, else `default`, else the name in words."""
        found = (self._find(group) or {}).get(name)
        if isinstance(found, str):
            return found
        return default if default is not None else name.replace("_", " ")

    def term(self, name: str, check: str = "", table: str = "") -> str:
        """The heading of a statistic's key or a column, else the name in words.

        The check's table has the first word, then the check, then the table of headings that
        lists its group, then the headings that are right for every check.
        """
        found = self._term(name, check, table)
        return name.replace("_", " ") if found is None else found

    def has_term(self, name: str, check: str = "", table: str = "") -> bool:
        """Whether a heading is given, rather than made from the name."""
        return self._term(name, check, table) is not None

    def finding(self, finding: Finding, field: str) -> str:
        """A finding's `title`, `check_title`, `asks`, `rule`, `fact` or `p_value_of`: that of this
        language, if any.
        """
        own = self._check(finding.check).get(field)
        if own is None:
            return str(getattr(finding, field))
        values = {**finding.statistic, "subject": finding.subject}
        return self._write(own, values, f"checks.{finding.check}.{field}")

    def explanation(self, finding: Finding, index: int, field: str) -> str | None:
        """The `text` or `result` of one explanation: this language's if it has one."""
        given = finding.explanations[index]
        own = self._check(finding.check).get("explanations", {}).get(given.id, {}).get(field)
        if own is None:
            value = getattr(given, field)
            return None if value is None else str(value)
        key = f"checks.{finding.check}.explanations.{given.id}.{field}"
        return self._write(own, {**finding.statistic, **given.values}, key)

    def number(self, value: float, decimals: int | None = None) -> str:
        """`value` with separators and a true minus sign; `decimals` None chooses by size."""
        if isinstance(value, bool):
            return self.text("numbers.yes" if value else "numbers.no")
        if isinstance(value, float) and not math.isfinite(value):
            return self.text("numbers.none")
        if decimals is None:
            decimals = 0 if isinstance(value, int) else _decimals(value)
            written = f"{value:,.{decimals}f}"
            if decimals and not isinstance(value, int):
                written = written.rstrip("0").rstrip(".")
        else:
            written = f"{value:,.{decimals}f}"
        if written.strip("-0.,") == "":
            written = written.lstrip("-")
        swap = {",": self._thousands, ".": self._decimal, "-": "−"}
        return "".join(swap.get(character, character) for character in written)

    def probability(self, p: float) -> str:
        """A p value as a reader expects it: two figures, or smaller than the smallest shown."""
        if p < 0.0001:
            return "< " + self.number(0.0001, 4)
        return self.number(p, 4 if p < 0.001 else 3 if p < 0.1 else 2)

    def plain(self, group: str) -> dict[str, str]:
        """Every text of a group as it stands, for the page's script."""
        found = self._find(group)
        if not isinstance(found, Mapping):
            raise self._missing(group)
        return dict(found)

    def _term(self, name: str, check: str, table: str) -> str | None:
        terms = self._texts.get("terms", {})
        group = check.partition(".")[0]
        of_group = (section for section in terms if group in section.split(", "))
        for section in (f"{check}:{table}", check, *of_group):
            own = terms.get(section)
            if isinstance(own, Mapping) and isinstance(own.get(name), str):
                return str(own[name])
        shared = terms.get(name)
        return shared if isinstance(shared, str) else None

    def _check(self, check: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._texts.get("checks", {}).get(check, {})
        return found

    def _find(self, key: str) -> Any:
        node: Any = self._texts
        for part in key.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    def _leaf(self, key: str) -> str:
        found = self._find(key)
        if not isinstance(found, str):
            raise self._missing(key)
        return found

    def _missing(self, key: str) -> VeedorError:
        return VeedorError(
            f"the wording has no text {key!r}",
            place=self._place,
            remedy="Add the key to the wording file.",
        )

    def _write(self, template: str, values: Mapping[str, Any], key: str) -> str:
        parts = []
        for literal, name, nouns, _ in _FORMATTER.parse(template):
            parts.append(literal)
            if name is None:
                continue
            if name not in values:
                raise VeedorError(
                    f"the text {key!r} asks for a value {name!r} that nothing gives",
                    place=self._place,
                    remedy="Use one of: " + ", ".join(sorted(values)) + ".",
                )
            value = values[name]
            parts.append(self.number(value) if isinstance(value, int | float) else str(value))
            if nouns:
                one, _, several = nouns.partition("|")
                parts.append(f" {one if value == 1 else several}")
        return "".join(parts)


def load(language: str = "en") -> Wording:
    """The wording of `language`, a file of the package."""
    known = sorted(
        entry.name.removesuffix(".toml")
        for entry in _FOLDER.iterdir()
        if entry.name.endswith(".toml")
    )
    if language not in known:
        raise VeedorError(
            f"the report has no wording in {language!r}",
            remedy=f"Use one of: {', '.join(known)}.",
        )
    source = _FOLDER / f"{language}.toml"
    return Wording(tomllib.loads(source.read_text("utf-8")), f"wording/{language}.toml")


def _decimals(value: float) -> int:
    """Four significant figures below 1,000; one decimal above; none where the value is whole."""
    size = abs(value)
    if size == 0 or (value == round(value) and size < 1e15):
        return 0
    if size >= 1000:
        return 1
    return max(0, min(8, 3 - math.floor(math.log10(size))))
