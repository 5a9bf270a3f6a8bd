"""`stretto rehearse`: run workflows with scripted results in place of actions, on virtual time."""

import sys
from pathlib import Path

import click

from stretto.actors.cli.exits import USAGE, give_up


@click.command()
@click.option("--case", "case", metavar="FILE", help="Rehearse a conformance case (JSON), and print its outcome.")
@click.option("--jsonl", is_flag=True, help="Rehearse conformance cases, one a line of standard input.")
def rehearse(case: str | None, jsonl: bool) -> None:  # noqa: FBT001 - a command line's flag
    """Run workflows with scripted results in place of actions, on virtual time."""
    if jsonl:
        _answer_lines()
    elif case is not None:
        _answer_case(case)


def _answer_lines() -> None:
    from stretto.actors.rehearsal import answer, rehearser_of_cases
    from stretto.metrics import configure_logging

    configure_logging("CRITICAL")
    rehearser = rehearser_of_cases()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer(line, rehearser) + b"\n")
        sys.stdout.buffer.flush()


def _answer_case(name: str) -> None:
    from stretto.actors.rehearsal import answer, rehearser_of_cases
    from stretto.metrics import configure_logging

    configure_logging("CRITICAL")
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        give_up(f"cannot read the case {name!r}: {error.strerror}", USAGE)
    click.echo(answer(text, rehearser_of_cases()))
