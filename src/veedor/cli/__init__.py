"""The command line. Each command is a thin module, imported only when it is used.

Exit codes: 0 done, 1 could not be done (the reason is on stderr), 2 wrong usage; a command adds its
own above (`audit --fail-on` 3, `data get` 4).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

import veedor
from veedor.errors import VeedorError


class _Lazy(NamedTuple):
    module: str
    short: str


COMMANDS = {
    "audit": _Lazy("veedor.cli.audit", "Audit a case and write a folder with the report."),
    "verify": _Lazy("veedor.cli.verify", "Check that an audit folder is what it says it is."),
    "checks": _Lazy("veedor.cli.checks", "List the checks, or explain one of them."),
    "data": _Lazy("veedor.cli.data", "List, fetch and verify the data of public cases."),
    "case": _Lazy("veedor.cli.case", "Propose a case file for your data, or check one."),
    "simulate": _Lazy("veedor.cli.simulate", "Make an election whose truth is known."),
    "timeline": _Lazy(
        "veedor.cli.timeline", "Write the merged timeline of a case as a file for other tools."
    ),
    "sample": _Lazy(
        "veedor.cli.sample",
        "Plan a sample of sheets, draw it, and report what was found.",
    ),
    "images": _Lazy("veedor.cli.images", "Describe a form, and see what is seen of a scan of it."),
    "cache": _Lazy("veedor.cli.cache", "See and clear what was read of scans."),
    "completion": _Lazy("veedor.cli.completion", "Print a script that completes commands by TAB."),
}
"""Name -> the module whose attribute `command` it is, and its line in `veedor --help`."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name].module).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.short) for name, lazy in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, naming the commands of a similar name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx) from error


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  veedor audit bolivia-2019            audit a public case
  veedor case new results.csv          propose a case file for your own data
  veedor checks sheets.unanimous       what a check asks, and of what
""",
)
@click.version_option(veedor.__version__, prog_name="veedor")
def group() -> None:
    """An open audit of an election count.

    Every check that an expert audit would run, each finding traced to its rows. A finding is a
    fact to be explained; no check computes intent.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; what goes wrong is told in a few words."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            # A name that the terminal's encoding lacks is written as an escape, not an error.
            reconfigure(errors="backslashreplace")
    try:
        args = None if arguments is None else list(arguments)
        code = group.main(args, prog_name="veedor", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        _show_usage(error)
        return error.exit_code
    except VeedorError as error:
        _say(f"Error: {error}")
        return 1
    except (KeyboardInterrupt, click.Abort):
        _say("Interrupted.")
        return 130
    except BrokenPipeError:
        return 141
    except Exception as error:
        if isinstance(error, RuntimeError) and "interrupted" in str(error).lower():
            # The query engine's word for Ctrl-C.
            _say("Interrupted.")
            return 130
        if os.environ.get("VEEDOR_DEBUG") == "1":
            raise
        _say(_unexpected(error))
        return 1
    finally:
        _let_go()


def _let_go() -> None:
    """Where whoever read the output has gone, keep the interpreter from complaining at its exit."""
    out = sys.__stdout__
    if out is None:
        return
    with contextlib.suppress(OSError, ValueError):
        try:
            out.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _show_usage(error: click.ClickException) -> None:
    ctx: Any = getattr(error, "ctx", None)
    if ctx is not None:
        _say(ctx.get_usage())
        _say(f"Try '{ctx.command_path} --help' for help.\n")
    _say(f"Error: {error.format_message()}")


def _unexpected(error: Exception) -> str:
    return (
        "Error: something went wrong that veedor did not foresee:"
        f" {type(error).__name__}: {error}\n"
        "Please report it as CONTRIBUTING.md says: the command, the version"
        f" ({veedor.__version__}), and what the command prints with VEEDOR_DEBUG=1."
    )


def _say(text: str) -> None:
    from veedor.cli.terminal import plain

    with contextlib.suppress(BrokenPipeError):
        print(plain(text), file=sys.stderr)
