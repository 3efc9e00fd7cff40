"""What a checkout is installed from: locks without addresses, targets that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def pins(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.M))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
class TestLocks:
    def test_name_no_address_and_no_place(self, lock):
        text = lock.read_text(encoding="utf-8")
        assert not re.search(
            r"://|file:|--(extra-)?index|--find-links|--trusted|/opt/|/home/", text
        )

    def test_every_pin_has_a_hash(self, lock):
        entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"), flags=re.M)[1:]
        assert entries
        for entry in entries:
            assert "==" in entry.splitlines()[0]
            assert "--hash=sha256:" in entry

    def test_agree_with_the_core(self, lock):
        core = pins(ROOT / "requirements" / "core.txt")
        assert core.items() <= pins(lock).items()


def test_the_core_holds_what_the_project_asks_for_and_what_builds_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    core = {name.lower() for name in pins(ROOT / "requirements" / "core.txt")}
    wanted = project["project"]["dependencies"] + project["build-system"]["requires"]
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement)
        assert name is not None
        assert name[0].lower() in core


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
class TestMake:
    def test_help_is_the_default_and_lists_the_targets(self):
        done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
        for target in ("audit", "test", "targets", "drill", "bench", "docs", "lock", "clean"):
            assert re.search(rf"^  make {target} +\w", done.stdout, re.M)

    def test_no_python_is_said_clearly(self, tmp_path):
        make, bash = shutil.which("make"), shutil.which("bash")
        assert make is not None
        assert bash is not None
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "bash").symlink_to(bash)
        done = subprocess.run(
            [make, f"VENV={tmp_path / 'venv'}", f"{tmp_path / 'venv'}/.made"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={"PATH": str(tmp_path / "bin")},
        )
        assert done.returncode != 0
        assert "Python 3.11 or later" in done.stderr


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    import veedor

    assert project["version"] == veedor.__version__
    assert f"version: {veedor.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## [{veedor.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
