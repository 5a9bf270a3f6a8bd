"""`stretto completion`: completes commands, options, workflows and files in a shell."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.exit_codes import USAGE, give_up
from stretto.actors.locating import definition_files

_INSTALLING = {
    "bash": "stretto completion bash > ~/.local/share/bash-completion/completions/stretto",
    "zsh": 'stretto completion zsh > "${fpath[1]}/_stretto"',
    "fish": "stretto completion fish > ~/.config/fish/completions/stretto.fish",
}


def complete_workflow(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer files and folders, and the definitions in the folders of --definitions.

    A definition is offered by its file's name without the suffix: finding refs would mean reading every file at each
    keystroke.
    """
    named = [
        path.stem
        for folder in context.params.get("definitions") or ()
        for path in definition_files(Path(folder))
        if path.stem.startswith(incomplete)
    ]
    return [*map(CompletionItem, named), CompletionItem(incomplete, type="file")]


@click.command(epilog="\b\nTo install it:\n" + "\n".join(f"  {line}" for line in _INSTALLING.values()))
@click.argument("shell", type=Choice(list(_INSTALLING)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL."""
    kind = get_completion_class(shell)
    if kind is None:
        give_up(f"click has no completion for {shell}", USAGE)
    command = context.find_root().command
    click.echo(kind(command, {}, "stretto", "_STRETTO_COMPLETE").source())
