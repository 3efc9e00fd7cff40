"""The template that the documentation shows is one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from veedor.images.template import Template

PAGE = Path(__file__).parents[2] / "docs" / "images.md"


def test_the_example_of_a_template_is_a_template() -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    form = Template.model_validate(tomllib.loads(example[1]))
    assert "valid" in form.ids


def test_every_key_of_a_template_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for key in Template.model_fields:
        assert re.search(rf"\b{key}\b", text), key
