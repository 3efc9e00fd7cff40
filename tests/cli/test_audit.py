"""`veedor audit` and `veedor verify`: arguments in, summary and exit code out."""

from __future__ import annotations

from pathlib import Path

import pytest

from veedor.audit import findings as f
from veedor.cli import main
from veedor.cli.audit import summary
from veedor.errors import InputsMissingError, SourceError, VerifyError


def document() -> f.Document:
    outcome = f.OutcomeSummary(
        count="official",
        rule="most votes",
        winner="ANA",
        decided_by="votes",
        runner_up="BEA",
        sheets=1200,
        registered=None,
        cast=10,
        valid=9,
        blank=1,
        null=0,
        votes={"ANA": 5, "BEA": 4},
        shares={"ANA": 55.5, "BEA": 44.4},
        margin_points=11.111,
        slack_votes=1.0,
        break_even=None,
        fewest_sheets=1,
        statement="fragile",
        changes_under=[
            f.ChangesUnder(finding="sheets.unanimous.ANA", treatment="remove", margin_points=-1.0)
        ],
        statement_by=[
            f.Part(
                source="records",
                treatments="what-if",
                statement="fragile",
                findings=["sheets.unanimous.ANA"],
            ),
            f.Part(source="lists", treatments="what-if", statement="robust", findings=[]),
        ],
        unresolved=f.Unresolved(
            set_aside=2, unreadable=0, not_counted=0, votes=480, materiality=[]
        ),
    )
    found = [
        finding("outcome.result", "", "observed"),
        finding("outcome.slack", "", "observed"),
        finding("outcome.slack", "x", "void"),
    ]
    return f.Document(
        veedor="0",
        case=f.CaseSummary(id="t", title="Town \x1b[31m", contest="c", date="2024-01-01"),
        options=[],
        inputs=[],
        outcome=outcome,
        findings=found,
        not_run=[f.NotRun(check="a.b", title="t", status="not-applicable", why="w")],
        scope=f.Scope(),
        seed=0,
    )


def test_a_sample_whose_limits_reach_what_the_outcome_rests_on_decides_nothing():
    made = document()
    robust = made.outcome.model_copy(update={"statement": "robust", "changes_under": []})
    one = finding("sampling.examined", "s.q", "observed")
    for high, told in ((3, "not decided by the sample"), (2, "not tested")):
        sampled = one.model_copy(update={"statistic": {"frame_high": high, "fewest_sheets": 3}})
        said = made.model_copy(update={"outcome": robust, "findings": [sampled]})
        assert f"Outcome: {told}" in "\n".join(summary(said, Path("out")))


def finding(check: str, subject: str, status: str) -> f.Finding:
    return f.Finding(
        check=check,
        subject=subject,
        title="t",
        status=status,
        kind="descriptive",
        asks="a",
        rule="r",
        fact="f",
        statistic={},
    )


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the audit was asked for; it answers with a document of three findings."""
    from veedor.audit import run

    calls: list[dict] = []

    def audit(case, out, **rest):
        calls.append({"case": case, "out": out, **rest})
        rest["progress"]("reading")
        return run.Result(tmp_path, document())

    monkeypatch.setattr(run, "audit", audit)
    return calls


def test_the_arguments_arrive(asked, capsys):
    arguments = ["audit", "t", "--out", "d", "--seed", "7", "--only", "outcome", "--only", "x.y"]
    assert main(arguments) == 0
    (call,) = asked
    assert (call["case"], call["out"], call["seed"]) == ("t", Path("d"), 7)
    assert call["only"] == ("outcome", "x.y")
    assert call["command"][0] == "veedor"
    assert "reading" in capsys.readouterr().err


def test_the_summary_tells_outcome_findings_and_place(asked, capsys, tmp_path):
    (tmp_path / "index.html").write_text("")
    assert main(["audit", "t"]) == 0
    text = capsys.readouterr().out
    assert "The sheets give ANA as the winner, 11.11 points ahead of BEA" in text
    assert "Outcome: fragile." in text
    assert (
        "sheets that the records question, removed or replaced: the sheets of 1 finding would"
        in text
    )
    assert "lists that others named, removed or replaced: none changes it" in text
    assert "Not settled by the files: stations 2 set aside; at most 480 votes." in text
    assert "    2  observed\n" in text
    assert "    1  not-applicable\n" in text
    assert f"Report: {tmp_path / 'index.html'}" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("observed:outcome", 3),
        ("observed:outcome.result", 3),
        ("void:outcome.slack", 3),
        ("void:outcome.result", 0),
        ("not-determinable:outcome", 0),
    ],
)
def test_fail_on_a_status_of_a_check_or_group(asked, capsys, condition, code):
    assert main(["audit", "t", "--fail-on", condition]) == code
    assert ("--fail-on: " in capsys.readouterr().err) is (code == 3)


def test_fail_on_may_be_repeated(asked):
    conditions = ["--fail-on", "void:outcome.result", "--fail-on", "observed:outcome"]
    assert main(["audit", "t", *conditions]) == 3


@pytest.mark.parametrize("condition", ["seen:outcome", "observed:nothing", "observed", ""])
def test_a_condition_that_could_never_match_is_wrong_usage_before_the_audit(
    asked, capsys, condition
):
    assert main(["audit", "t", "--fail-on", condition]) == 2
    assert asked == []
    assert "--fail-on" in capsys.readouterr().err


def test_data_that_cannot_be_had_are_1_and_say_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VEEDOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VEEDOR_DATA", raising=False)
    text = Path(__file__).with_name("lost.toml").read_text(encoding="utf-8")
    (tmp_path / "case.toml").write_text(text, encoding="utf-8")
    assert main(["audit", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    text = capsys.readouterr().err
    assert "lost.csv" in text
    assert "VEEDOR_DATA" in text
    assert not (tmp_path / "out").exists()


class TestVerify:
    def test_says_what_agrees(self, tmp_path, capsys, monkeypatch):
        from veedor.audit import verify

        calls = []

        def agree(directory, *, recompute, case=None):
            calls.append((directory, recompute, case))
            return ["hashes of 3 files"]

        monkeypatch.setattr(verify, "verify", agree)
        assert main(["verify", str(tmp_path)]) == 0
        assert main(["verify", str(tmp_path), "--hashes"]) == 0
        assert main(["verify", str(tmp_path), "--case", "mine"]) == 0
        assert calls == [(tmp_path, True, None), (tmp_path, False, None), (tmp_path, True, "mine")]
        assert capsys.readouterr().out.count("ok  hashes of 3 files\n") == 3

    def test_says_what_could_not_be_checked(self, tmp_path, capsys, monkeypatch):
        from veedor.audit import verify

        def without_inputs(directory, *, recompute, case=None):
            if recompute:
                raise InputsMissingError("the audit read results.csv, and here it is not")
            return ["hashes of 3 files"]

        monkeypatch.setattr(verify, "verify", without_inputs)
        assert main(["verify", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert "ok  hashes of 3 files" in out
        assert "not checked" in out
        assert "results.csv" in out

    def test_a_disagreement_is_1(self, tmp_path, capsys, monkeypatch):
        from veedor.audit import verify

        def disagree(directory, *, recompute, case=None):
            raise VerifyError("changed", place="evidence/x.parquet")

        monkeypatch.setattr(verify, "verify", disagree)
        assert main(["verify", str(tmp_path)]) == 1
        assert "evidence/x.parquet: changed" in capsys.readouterr().err

    def test_a_folder_that_is_not_there_is_wrong_usage(self, tmp_path):
        assert main(["verify", str(tmp_path / "gone")]) == 2


def test_source_errors_have_one_parent():
    from veedor.case.catalogue import UnavailableError

    assert issubclass(UnavailableError, SourceError)
