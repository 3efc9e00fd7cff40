from __future__ import annotations

from pathlib import Path

import pytest

from veedor.report.html import render

from .sample import folder


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up audit folder with its report."""
    directory = folder(tmp_path_factory.mktemp("report") / "audit")
    render(directory)
    return directory


@pytest.fixture(scope="session")
def page(audit: Path) -> str:
    return (audit / "index.html").read_text("utf-8")
