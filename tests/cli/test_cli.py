"""The command line as a whole: what it says, where it says it, and what it exits with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types

import click
import pytest

import veedor
from veedor import cli
from veedor.cli import COMMANDS, group, main, terminal
from veedor.errors import CaseError


def commands() -> list[tuple[str, click.Command]]:
    """Every command and sub-command with its full name."""
    found = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", entry) for sub, entry in command.commands.items()]
    return found


@pytest.fixture
def failing(monkeypatch):
    """A command that raises what it is given."""

    def install(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        module = types.ModuleType("veedor.cli.failing")
        module.command = command
        monkeypatch.setitem(sys.modules, "veedor.cli.failing", module)
        monkeypatch.setitem(COMMANDS, "fail", cli._Lazy("veedor.cli.failing", "Fail."))

    return install


class TestHelp:
    @pytest.mark.parametrize("argument", ["--help", "-h"])
    def test_lists_every_command(self, capsys, argument):
        assert main([argument]) == 0
        text = capsys.readouterr().out
        for name, lazy in COMMANDS.items():
            assert re.search(rf"^  {name} +{re.escape(lazy.short)}$", text, re.M)

    def test_imports_nothing_heavy(self):
        program = (
            "import sys; from veedor.cli import main; main(['--help']);"
            "heavy = {'numpy', 'duckdb', 'ibis', 'pydantic', 'rich', 'altair', 'scipy'};"
            "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.stderr == ""
        assert done.returncode == 0

    def test_the_line_in_the_list_is_that_of_the_command(self):
        for name, command in commands():
            if name in COMMANDS:
                assert COMMANDS[name].short == command.get_short_help_str(limit=200), name

    @pytest.mark.parametrize("name", [name for name, _ in commands()])
    def test_every_command_has_examples(self, capsys, name):
        assert main([*name.split(), "--help"]) == 0
        text = capsys.readouterr().out
        assert f"veedor {name}" in text.split("Example")[-1] or name == "completion"

    def test_no_arguments_show_the_help_as_wrong_usage(self, capsys):
        assert main([]) == 2
        assert "Commands:" in capsys.readouterr().err

    def test_version(self, capsys):
        assert main(["--version"]) == 0
        assert veedor.__version__ in capsys.readouterr().out


class TestExitCodes:
    def test_wrong_usage_is_2_and_names_what_is_close(self, capsys):
        assert main(["adit"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Did you mean audit?" in captured.err

    def test_a_foreseen_error_is_1_and_one_message(self, capsys, failing):
        failing(CaseError("no such option", place="case.toml:7", remedy="Mend it."))
        assert main(["fail"]) == 1
        captured = capsys.readouterr()
        assert captured.err == "Error: case.toml:7: no such option\nMend it.\n"
        assert captured.out == ""

    def test_an_unforeseen_error_is_1_and_says_how_to_report(self, capsys, failing, monkeypatch):
        monkeypatch.delenv("VEEDOR_DEBUG", raising=False)
        failing(ZeroDivisionError("by zero"))
        assert main(["fail"]) == 1
        text = capsys.readouterr().err
        assert "ZeroDivisionError: by zero" in text
        assert "VEEDOR_DEBUG=1" in text
        assert veedor.__version__ in text
        assert "Traceback" not in text

    def test_debugging_shows_the_traceback(self, failing, monkeypatch):
        monkeypatch.setenv("VEEDOR_DEBUG", "1")
        failing(ZeroDivisionError("by zero"))
        with pytest.raises(ZeroDivisionError):
            main(["fail"])

    def test_an_interruption_is_130(self, capsys, failing):
        failing(KeyboardInterrupt())
        assert main(["fail"]) == 130
        assert capsys.readouterr().err.strip() == "Interrupted."

    def test_a_reader_that_leaves_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as closed:
            done = subprocess.run(
                [sys.executable, "-m", "veedor", "completion", "bash"],
                stdout=closed,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr


class TestTerminal:
    EVIL = "Mesa\x1b]0;owned\x07 \x1b[2J\u202e123\x9b31m\rover"

    def test_control_and_direction_characters_are_escaped(self):
        shown = terminal.plain(self.EVIL)
        assert shown == ("Mesa\\x1b]0;owned\\x07 \\x1b[2J\\u202e123\\x9b31m\\x0dover")
        assert terminal.plain("Potosí\n\tЧисло 西") == "Potosí\n\tЧисло 西"
        assert terminal.cell("a\nb\tc") == "a\\nb\\tc"
        assert terminal.plain("\ud800") == "\\ud800"

    def test_errors_carry_no_escape_of_the_data(self, capsys, failing):
        failing(CaseError(self.EVIL))
        main(["fail"])
        main([self.EVIL])
        main(["audit", self.EVIL])
        assert not set(capsys.readouterr().err) & set("\x1b\x07\x9b\u202e\r")

    def test_a_table_that_is_not_for_a_terminal_is_one_line_a_row(self, capsys):
        terminal.table(("a", "b"), [(1, "[red]x[/red]"), ("y\nz", "\x1b[31m")])
        assert capsys.readouterr().out == "a\tb\n1\t[red]x[/red]\ny\\nz\t\\x1b[31m\n"

    def test_a_drawn_table_reads_no_markup_in_data(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        terminal.table(("head",), [("[bold]x[/bold]",), ("\x1b[31m",)])
        text = capsys.readouterr().out
        assert "[bold]x[/bold]" in text
        assert "\\x1b[31m" in text

    @pytest.mark.parametrize("environ", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
    def test_no_colour_where_it_is_not_wanted(self, environ):
        pty = pytest.importorskip("pty")
        master, slave = pty.openpty()
        program = (
            "from veedor.cli import terminal;"
            "terminal.console().print('x', style='red');"
            "terminal.table(['a'], [['b']])"
        )
        base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        subprocess.run(
            [sys.executable, "-c", program], stdout=slave, env=base | environ, check=True
        )
        os.close(slave)
        text = os.read(master, 10_000).decode()
        os.close(master)
        assert "x" in text
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)

    def test_steps_and_transfers_are_plain_lines_off_a_terminal(self, capsys):
        with terminal.steps() as step:
            step("reading \x1b[1m")
        with terminal.transfers() as transfer:
            transfer("a.csv", 1, 2_000_000)
            transfer("a.csv", 2_000_000, 2_000_000)
        assert capsys.readouterr().err == "reading \\x1b[1m\nfetched a.csv (2.00 MB)\n"

    def test_steps_and_transfers_run_on_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setattr(terminal, "_lively", lambda: True)
        with terminal.steps() as step:
            step("reading [bold]")
        with terminal.transfers() as transfer:
            transfer("a[/].csv", 1, 2)
            transfer("a[/].csv", 2, 2)
        assert "a[/].csv" in capsys.readouterr().err

    def test_a_name_that_the_encoding_lacks_is_no_error(self):
        program = "from veedor.cli import main; import sys; sys.exit(main(['audit', 'Число']))"
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        )
        assert done.returncode == 1
        assert b"\\u0427" in done.stderr


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_prints_a_script_and_how_to_install_it(self, capsys, shell, monkeypatch):
        pytest.importorskip("click.shell_completion")
        monkeypatch.setattr(
            "click.shell_completion.BashComplete._check_version", staticmethod(lambda: None)
        )
        assert main(["completion", shell]) == 0
        captured = capsys.readouterr()
        assert f"_VEEDOR_COMPLETE={shell}_complete" in captured.out
        assert f"veedor completion {shell} >" in captured.err

    def test_the_script_s_question_is_answered(self):
        done = subprocess.run(
            [sys.executable, "-m", "veedor"],
            capture_output=True,
            text=True,
            env=os.environ
            | {"_VEEDOR_COMPLETE": "bash_complete", "COMP_WORDS": "veedor si", "COMP_CWORD": "1"},
        )
        assert done.stdout.split() == ["plain,simulate"]


class TestChecks:
    def test_lists_every_check_with_its_question(self, capsys):
        from veedor.checks.base import registry

        assert main(["checks"]) == 0
        lines = capsys.readouterr().out.splitlines()
        for check_id, check in registry().items():
            assert any(line.startswith(check_id) and check.asks in line for line in lines)

    def test_explains_each(self, capsys):
        from veedor.checks.base import registry

        for check_id, check in registry().items():
            assert main(["checks", check_id]) == 0
            text = capsys.readouterr().out
            assert check.asks in text
            for benign in check.benign:
                assert benign.text in text

    def test_a_group_lists_its_own(self, capsys):
        assert main(["checks", "outcome"]) == 0
        lines = capsys.readouterr().out.splitlines()[1:]
        assert lines
        assert all(line.startswith("outcome.") for line in lines)

    def test_an_unknown_one_names_what_is_close(self, capsys):
        assert main(["checks", "outcome.resul"]) == 2
        assert "outcome.result" in capsys.readouterr().err
