"""`stretto rehearse --daemon`: a daemon rehearses a run of its own workflow, or of a text."""

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from stretto.actors.cli.inputs import inputs_of
from stretto.actors.cli.remote import named_or_read
from stretto.actors.cli.support.exit_codes import FAILED
from stretto.actors.cli.support.printable import echo_json, echo_lines
from stretto.actors.history import error_lines
from stretto.actors.operations import Describe, Described, RehearsalAnswer, Rehearse

if TYPE_CHECKING:
    from stretto.actors.cli.support.asked_daemon import AskedDaemon
    from stretto.actors.rehearsal import Scripted


def rehearse_at_daemon(
    daemon: "AskedDaemon",
    target: str,
    script: "Scripted",
    given: tuple[str | None, tuple[str, ...]],
    keystore: dict[str, Any],
    *,
    as_json: bool,
) -> NoReturn:
    """Rehearse a run at a daemon, print all that it does, and exit as `stretto rehearse` does.

    Args:
        daemon: The daemon.
        target: A ref, or a file.
        script: The rules and requests of the script.
        given: The file of the inputs, and KEY=VALUE.
        keystore: Made-up values of the keystore.
        as_json: Whether to print one object.
    """
    workflow = named_or_read(target)
    file, assignments = given
    types = daemon.ask(Describe(workflow), Described).parameters if assignments else {}
    rules: Any = list(script.rules)
    controls: Any = list(script.controls)  # on their way both are the types of the request
    request = Rehearse(workflow, inputs_of(types, file, assignments), rules, controls, keystore=keystore)
    answer = daemon.ask(request, RehearsalAnswer)
    if as_json:
        report = msgspec.structs.asdict(answer)
        del report["transcript"]
        echo_json(report)
    else:
        echo_lines("\n".join(answer.transcript))
        if answer.errors:
            echo_lines("\nerrors:\n" + "\n".join(f"  {line}" for line in error_lines(answer.errors)))
        if answer.output is not None:
            click.echo("\noutput:")
            echo_json(answer.output, indent=2)
    for number in answer.unused_rules:
        place = script.places[number - 1]
        echo_lines(f"stretto: {place}: warning: rule {number} never matched", err=True)
    for reason in answer.refused_requests:
        echo_lines(f"stretto: warning: a request was refused: {reason}", err=True)
    sys.exit(0 if answer.status == "succeeded" else FAILED)
