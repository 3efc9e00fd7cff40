"""An audit folder: its contract, its repeatability, and that nothing is left behind on failure."""

import hashlib
import json
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

import veedor
from tests.building import small_case
from veedor.audit.findings import Document
from veedor.audit.judge import adjust
from veedor.audit.run import audit
from veedor.audit.verify import verify
from veedor.errors import InputsMissingError, VeedorError, VerifyError

COUNT = {
    "station": [str(i) for i in range(12)],
    "registered": [100] * 12,
    "A": [50, 30, 10, 5, 40, 45, 38, 33, 60, 0, 12, 44],
    "B": [10, 20, 40, 15, 22, 19, 30, 31, 0, 9, 12, 20],
    "C": [0, 1, 2, 3, 4, 5, 6, 7, 0, 9, 1, 2],
    "blank": [1] * 12,
    "null": [2] * 12,
    "centre": ["c1"] * 4 + ["c2"] * 4 + ["c3"] * 4,
}
LISTS = {"named": ["1", "2", "3"]}


def run(folder, **keys):
    path = small_case(folder / "case", {"official": COUNT}, lists=LISTS, **keys)
    return path, audit(path, folder / "out", report=False)


def test_the_folder_stands_on_its_own(tmp_path):
    _, result = run(tmp_path)
    out = tmp_path / "out"
    document = Document.model_validate_json((out / "findings.json").read_bytes())
    assert document == result.document
    manifest = json.loads((out / "manifest.json").read_text())
    written = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert set(manifest["outputs"]) == written - {"manifest.json"}
    finding = next(f for f in document.findings if f.id == "outcome.slack.named")
    table = pq.read_table(out / finding.evidence.path)
    assert table.num_rows == finding.evidence.rows == 3
    assert table.column("station").to_pylist() == ["1", "2", "3"]
    assert table.column("centre").to_pylist() == ["c1"] * 3


def test_evidence_that_was_withheld_is_in_the_scope_once(tmp_path):
    gone = [
        ("d", "destroyed", "Logs of the server", "Report of 2020"),
        ("l", "lost", "A log book", ""),
        ("r", "refused", "The flows.", "Letter 7"),
        ("k", "not-kept", "Heartbeats", ""),
        ("p", "not-public", "Inventories", "This case"),
    ]
    withheld = [
        {"id": i, "why": w, "what": t} | ({"source": s} if s else {}) for i, w, t, s in gone
    ]
    scope = {"not_examined": ["Scans of the sheets."], "destroyed": ["A log book (lost)."]}
    _, result = run(tmp_path, withheld=withheld, scope=scope)
    assert result.document.scope.model_dump() == {
        "not_examined": [
            "Scans of the sheets.",
            "Heartbeats (not kept).",
            "Inventories (not public; This case).",
        ],
        "refused": ["The flows (refused; Letter 7)."],
        "destroyed": ["A log book (lost).", "Logs of the server (destroyed; Report of 2020)."],
    }


def test_materiality_of_a_named_list_by_hand(tmp_path):
    _, result = run(tmp_path)
    finding = next(f for f in result.findings if f.id == "outcome.slack.named")
    by = {m.treatment: m for m in finding.materiality}
    total_a, total_b = sum(COUNT["A"]), sum(COUNT["B"])
    valid = total_a + total_b + sum(COUNT["C"])
    assert finding.questioned.valid == 126
    assert by["remove"].margin_points == pytest.approx(
        100 * ((total_a - 45) - (total_b - 75)) / (valid - 126), abs=1e-6
    )
    assert by["worst"].margin_points == pytest.approx(
        100 * ((total_a - 45) - (total_b - 75 + 126)) / valid, abs=1e-6
    )
    assert by["replace"].low <= by["replace"].margin_points <= by["replace"].high


def test_addresses_that_differ_in_signs_or_are_long_have_findings_and_files_of_their_own(tmp_path):
    """Whoever writes into a log can choose them; each brought two sheets in."""
    names = ["a:b", "a_b", "a b", "a/b", "../a", "x" * 300]
    rows = [(name, str(2 * i + j)) for i, name in enumerate(names) for j in (0, 1)]
    columns = {"at": ["2020-01-31T20:00:00Z"] * len(rows), "host": ["app"] * len(rows),
               "kind": ["application-write"] * len(rows), "address": [n for n, _ in rows],
               "station": [s for _, s in rows]}  # fmt: skip
    fields = {n: n for n in ("host", "kind", "address", "station")}
    about = {"kind": "log-lines", "instant": "at", "fields": fields}
    hosts = [{"id": "app", "role": "application"}]
    path = small_case(tmp_path / "case", {"official": COUNT}, files={"lines": (about, columns)},
                      hosts=hosts)  # fmt: skip
    only = ["infrastructure.undeclared-host"]
    result = audit(path, tmp_path / "out", only=only, report=False)
    found = [f for f in result.findings if f.check == only[0]]
    mine = [f for f in found if f.subject]
    assert {f.title.removeprefix("Sheets that entered through ") for f in mine} == set(names)
    assert len({f.id for f in found}) == len({f.evidence.path for f in found}) == 7
    assert [f.evidence.rows for f in mine] == [2] * 6


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    path, _ = run(tmp_path)
    audit(path, tmp_path / "again", report=False)
    first = json.loads((tmp_path / "out" / "findings.json").read_text())
    second = json.loads((tmp_path / "again" / "findings.json").read_text())
    for document in (first, second):
        for finding in document["findings"]:
            finding.pop("seconds")
    assert first == second
    for file in sorted((tmp_path / "out" / "evidence").iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / "evidence" / file.name).read_bytes()


def test_nothing_is_written_when_the_case_cannot_be_used(tmp_path):
    path = small_case(tmp_path / "case", {"official": COUNT})
    (tmp_path / "case" / "official.csv").write_text("station,A\n1,2\n")
    with pytest.raises(VeedorError):
        audit(path, tmp_path / "out", report=False)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_audit_is_not_overwritten(tmp_path):
    path = small_case(tmp_path / "case", {"official": COUNT})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(VeedorError, match="not an audit"):
        audit(path, tmp_path / "out", report=False)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_verify_agrees_and_recomputes(tmp_path):
    path, _ = run(tmp_path)
    agreed = verify(tmp_path / "out", case=path)
    assert any("come out the same" in line for line in agreed)


def _edit_findings(out, change):
    data = json.loads((out / "findings.json").read_text())
    change(data)
    (out / "findings.json").write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    return data


def test_verify_sees_a_changed_file(tmp_path):
    run(tmp_path)
    _edit_findings(tmp_path / "out", lambda d: d["outcome"].update(winner="B"))
    with pytest.raises(VerifyError, match=r"findings\.json.*SHA-256"):
        verify(tmp_path / "out", recompute=False)


def test_verify_sees_a_changed_number_whose_hash_was_changed_too(tmp_path):
    path, _ = run(tmp_path)
    out = tmp_path / "out"
    _edit_findings(out, lambda d: d["outcome"].update(slack_votes=1.0))
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["outputs"]["findings.json"] = hashlib.sha256(
        (out / "findings.json").read_bytes()
    ).hexdigest()
    (out / "manifest.json").write_text(json.dumps(manifest))
    verify(out, recompute=False)
    with pytest.raises(VerifyError, match=r"outcome\.slack_votes"):
        verify(out, case=path)


def test_verify_sees_a_file_that_is_missing_or_added(tmp_path):
    run(tmp_path)
    out = tmp_path / "out"
    (out / "extra.txt").write_text("x")
    with pytest.raises(VerifyError, match="not in the manifest"):
        verify(out, recompute=False)
    (out / "extra.txt").unlink()
    next((out / "evidence").iterdir()).unlink()
    with pytest.raises(VerifyError, match="is missing"):
        verify(out, recompute=False)


def test_verify_wants_the_inputs_that_were_audited(tmp_path):
    path, _ = run(tmp_path)
    csv = path.parent / "official.csv"
    csv.write_text(csv.read_text().replace("50,10", "51,10"))
    with pytest.raises(VerifyError, match="SHA-256"):
        verify(tmp_path / "out", case=path)


def test_verify_says_where_the_inputs_are_missing(tmp_path):
    path, _ = run(tmp_path)
    with pytest.raises(InputsMissingError, match="no bundled case"):
        verify(tmp_path / "out")
    (path.parent / "official.csv").unlink()
    with pytest.raises(InputsMissingError, match=r"official\.csv"):
        verify(tmp_path / "out", case=path)


def test_the_package_can_be_called(tmp_path):
    path = small_case(tmp_path / "case", {"official": COUNT})
    result = veedor.audit(path, tmp_path / "out", report=False, only=["outcome"])
    assert [f.check for f in result.findings] == ["outcome.result", "outcome.slack"]
    assert result.table().num_rows == 2
    assert {"p_value", "p_value_of"} <= set(result.table().column_names)
    assert "<table>" in result._repr_html_()


def test_an_unknown_check_is_named(tmp_path):
    path = small_case(tmp_path / "case", {"official": COUNT})
    with pytest.raises(VeedorError, match=r"no check 'sheets\.nothing'"):
        audit(path, tmp_path / "out", only=["sheets.nothing"])


def test_adjusted_p_values_keep_their_places():
    adjusted = adjust([0.01, None, 0.5])
    assert adjusted[1] is None
    assert adjusted[0] == pytest.approx(0.01 * 2 * 1.5)
    assert adjusted[2] == pytest.approx(0.75)


def reseal(out, name):
    """Put a file's new hash into the manifest, as somebody who changes a folder would."""
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["outputs"][name] = hashlib.sha256((out / name).read_bytes()).hexdigest()
    (out / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["index.html", "figures/outcome.result.shares.svg", "case.toml"])
def test_verify_sees_a_change_to_what_a_reader_looks_at(tmp_path, name):
    path = small_case(tmp_path / "case", {"official": COUNT})
    out = audit(path, tmp_path / "out", only=["outcome"]).directory
    verify(out, case=path)
    text = (out / name).read_text(encoding="utf-8")
    (out / name).write_text(text.replace("Option A", "Option B"), encoding="utf-8")
    reseal(out, name)
    with pytest.raises(VerifyError, match=rf"{re.escape(name)}|index\.html"):
        verify(out, case=path)


def test_only_an_audit_is_replaced(tmp_path):
    path, _ = run(tmp_path)
    out = tmp_path / "out"
    audit(path, out, report=False)
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(VeedorError, match=r"thesis\.txt"):
        audit(path, out, report=False)
    assert (out / "thesis.txt").read_text() == "mine"


def test_a_folder_that_only_looks_like_an_audit_is_kept(tmp_path):
    path = small_case(tmp_path / "case", {"official": COUNT})
    out = tmp_path / "out"
    out.mkdir()
    (out / "findings.json").write_text("{}")
    with pytest.raises(VeedorError, match="not an audit"):
        audit(path, out, report=False)


def test_the_package_can_be_called_in_a_fresh_interpreter(tmp_path):
    path = small_case(tmp_path / "case", {"official": COUNT})
    code = (
        "import sys, veedor; r = veedor.audit(sys.argv[1], sys.argv[2], report=False);"
        " print(len(r.findings))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
