"""`veedor completion`: complete commands, cases and checks by TAB."""

from __future__ import annotations

import click

from veedor.cli import terminal

INSTALL = {
    "bash": "veedor completion bash > ~/.local/share/bash-completion/completions/veedor",
    "zsh": "veedor completion zsh > ~/.zfunc/_veedor   # a folder in fpath, before compinit",
    "fish": "veedor completion fish > ~/.config/fish/completions/veedor.fish",
}


@click.command(
    epilog="\b\nInstall for good, then open a new shell:\n"
    + "".join(f"  {line}\n" for line in INSTALL.values())
)
@click.argument("shell", type=click.Choice(sorted(INSTALL)))
def command(shell: str) -> None:
    """Print a script that completes commands by TAB.

    The script goes to standard output; how to install it is said on standard error.
    """
    from click.shell_completion import get_completion_class

    from veedor.cli import group

    found = get_completion_class(shell)
    assert found is not None
    script = found(group, {}, "veedor", "_VEEDOR_COMPLETE").source()
    terminal.out(script)
    terminal.note(f"To install it: {INSTALL[shell]}")
