"""`veedor case copy`: a bundled case as a file of one's own."""

from __future__ import annotations

from veedor.case.catalogue import find_case
from veedor.cli import main


def test_a_bundled_case_is_copied_to_be_added_to(tmp_path, capsys):
    out = tmp_path / "mine" / "case.toml"
    assert main(["case", "copy", "bolivia-2019", "--out", str(out)]) == 0
    assert out.read_text("utf-8") == find_case("bolivia-2019").read_text("utf-8")
    assert f"Written: {out}" in capsys.readouterr().out
    assert main(["case", "copy", "bolivia-2019", "--out", str(out)]) == 2
    assert main(["case", "copy", "nowhere", "--out", str(out), "--force"]) == 1
    assert main(["case", "copy", "a/b", "--out", str(tmp_path / "b.toml")]) == 2
    assert "no name of a bundled case" in capsys.readouterr().err
