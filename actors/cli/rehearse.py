"""`stretto rehearse`: runs workflows with scripted results instead of actions, on virtual time."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from stretto.actors.cli.completion import complete_workflow
from stretto.actors.cli.findings import colour, give_up_with_findings
from stretto.actors.cli.inputs import assigned, inputs_of
from stretto.actors.cli.rehearsed_spans import TIME, rehearse_span
from stretto.actors.cli.support.action_options import (
    ACTIONS,
    DEFINITIONS,
    KEYSTORE,
    PACK_CONFIG,
    PACKS,
    expression_limits,
)
from stretto.actors.cli.support.asked_daemon import AskedDaemon, with_asked_daemon
from stretto.actors.cli.support.exit_codes import FAILED, USAGE, give_up
from stretto.actors.cli.support.printable import echo_json, echo_lines, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from stretto.actors.catalogue import Library
    from stretto.actors.rehearsal import Rehearsed, Rehearser, Scripted, Verdict


@click.command()
@click.argument("target", metavar="[WORKFLOW|PATH]", required=False, shell_complete=complete_workflow)
@click.argument("more", metavar="[KEY=VALUE|PATH]...", nargs=-1)
@click.option("--script", metavar="FILE", help="Rules for the ends of the actions of WORKFLOW (YAML or JSON).")
@click.option("--inputs", metavar="FILE|-", help="Read inputs from a JSON or YAML file, or JSON from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
@click.option("--transcript", is_flag=True, help="Print all that each rehearsal file does, too.")
@DEFINITIONS
@ACTIONS
@PACKS
@PACK_CONFIG
@KEYSTORE
@click.option(
    "--keystore-values", multiple=True, metavar="NAME=VALUE",
    help="A made-up value of keystore.NAME. It replaces that of --keystore. Repeatable.",
)  # fmt: skip
@click.option("--since", type=TIME, help="Rehearse the schedule WORKFLOW from this time on, in UTC.")
@click.option("--until", type=TIME, help="The end of that span.")
@click.option("--case", metavar="FILE", help="Rehearse a conformance case, and print its outcome.")
@click.option("--jsonl", is_flag=True, help="Rehearse conformance cases from standard input, one a line.")
@with_asked_daemon(
    "definitions",
    "actions",
    "packs",
    "pack_config",
    "keystore",
    "case",
    "jsonl",
    "transcript",
    "since",
    "until",
    named="target",
)
def rehearse(
    *,
    target: str | None,
    more: tuple[str, ...],
    script: str | None,
    inputs: str | None,
    as_json: bool,
    transcript: bool,
    definitions: tuple[str, ...],
    actions: tuple[str, ...],
    packs: tuple[str, ...],
    pack_config: str | None,
    keystore: str | None,
    keystore_values: tuple[str, ...],
    since: "datetime | None",
    until: "datetime | None",
    case: str | None,
    jsonl: bool,
    daemon: AskedDaemon | None,
) -> None:
    """Run WORKFLOW with scripted results instead of actions, on virtual time, and print all that it does.

    A PATH is a rehearsal file, or a folder of them. Each passes or fails by its expectations. With --since and --until,
    WORKFLOW is the ref of a schedule among the --definitions.

    With --daemon, WORKFLOW is a ref of the daemon, or a file whose text it is sent. It rehearses within its own bounds,
    and reads neither its configuration nor its keystore. $STRETTO_DAEMON does so for a ref.
    """
    from stretto.metrics import configure_logging

    configure_logging("WARNING")
    if case is not None or jsonl:
        if target is not None or (case is not None and jsonl):
            raise click.UsageError("--case and --jsonl exclude each other and WORKFLOW: a case has its own workflow")
        _answer_lines() if case is None else _answer_case(case)
        return
    if target is None:
        raise click.UsageError("name a workflow, or rehearsal files and folders of them")
    values = assigned(keystore_values, "a value of --keystore-values", {})
    if daemon is not None:
        from stretto.actors.cli.rehearsing_daemon import rehearse_at_daemon

        rehearse_at_daemon(daemon, target, _script(script), (inputs, more), values, as_json=as_json)
    rehearser = _rehearser(_load(definitions, actions, packs), pack_config, keystore, values)
    if since is not None or until is not None:
        rehearse_span(target, rehearser, _script(script), since=since, until=until, as_json=as_json)
    if script is None and _is_of_rehearsals(target):
        if inputs is not None:
            raise click.UsageError("a rehearsal file has its own inputs: leave --inputs out")
        if transcript and as_json:
            raise click.UsageError("--transcript prints lines and --json one object: leave one of them out")
        _judge([target, *more], rehearser, _show_all if transcript else _no_more, as_json=as_json)
    _rehearse_one(target, rehearser, _script(script), _Given(inputs, more, as_json))


# ---- cases


def _answer_lines() -> None:
    from stretto.actors.rehearsal import answer, rehearser_of_cases

    rehearser = rehearser_of_cases()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer(line, rehearser) + b"\n")
        sys.stdout.buffer.flush()


def _answer_case(name: str) -> None:
    from stretto.actors.rehearsal import answer, rehearser_of_cases
    from stretto.actors.text_files import read_bytes

    try:
        text = read_bytes(name)
    except OSError as error:
        give_up(f"cannot read the case {name!r}: {error.strerror}", USAGE)
    click.echo(answer(text, rehearser_of_cases()))


# ---- one workflow


class _Given:
    """The run's inputs and the form of the output."""

    def __init__(self, inputs: str | None, assignments: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
        self.inputs = inputs
        self.assignments = assignments
        self.as_json = as_json


def _rehearse_one(name: str, rehearser: "Rehearser", script: "Scripted", given: _Given) -> NoReturn:

    from stretto.actors.rehearsal import Rehearsal, rehearsal_object, transcript_lines, why_unused
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    try:
        scope = rehearser.catalogue.scope_of(name)
        workflow = scope.find(name)
        types = {each.name: each.type for each in workflow.parameters.values()}
        values = inputs_of(types, given.inputs, given.assignments)
        rehearsal = Rehearsal(
            workflow=workflow, inputs=values, rules=script.rules, controls=script.controls, catalogue=scope
        )
        rehearsed = rehearser.perform(rehearsal)
    except InvalidDefinition as error:
        give_up_with_findings("the definition cannot be used", error.findings, FAILED)
    except StrettoError as error:
        give_up(str(error), USAGE)
    if given.as_json:
        echo_json(rehearsal_object(workflow.ref, rehearsed))
    else:
        _show_rehearsed(transcript_lines(workflow.ref, rehearsed), rehearsed)
    for number in rehearsed.unused:
        why = why_unused(script.rules[number], workflow)
        echo_lines(f"stretto: {script.places[number]}: warning: rule {number + 1} never matched{why}", err=True)
    for reason in rehearsed.refused:
        echo_lines(f"stretto: warning: a request was refused: {reason}", err=True)
    sys.exit(0 if rehearsed.status == "succeeded" else FAILED)


def _show_rehearsed(shown: "Iterable[str]", rehearsed: "Rehearsed") -> None:

    from stretto.actors.history import error_lines

    echo_lines("\n".join(shown))
    if rehearsed.errors:
        echo_lines("\nerrors:\n" + "\n".join(f"  {line}" for line in error_lines(rehearsed.errors)))
    if rehearsed.output is not None:
        click.echo("\noutput:")
        echo_json(rehearsed.masked(rehearsed.output), indent=2)


def _script(name: str | None) -> "Scripted":
    from stretto.actors.rehearsal import Scripted, read_script
    from stretto.definitions.errors import InvalidDefinition

    if name is None:
        return Scripted([], [], [])
    try:
        return read_script(Path(name))
    except InvalidDefinition as error:
        give_up_with_findings("the script cannot be used", error.findings, USAGE)
    except OSError as error:
        give_up(f"cannot read the script {name!r}: {error.strerror}", USAGE)


# ---- rehearsal files


def _is_of_rehearsals(name: str) -> bool:
    from stretto.actors.locating import SUFFIXES, is_file, is_folder
    from stretto.actors.rehearsal import is_rehearsal

    path = Path(name)
    return is_folder(path) or (path.suffix in SUFFIXES and is_file(path) and is_rehearsal(path))


def _no_more(_verdict: "Verdict") -> None:
    """Print nothing more than the verdict."""


def _show_all(verdict: "Verdict") -> None:
    """Print all that a rehearsal does."""
    from stretto.actors.rehearsal import transcript_lines

    if verdict.rehearsed is not None:
        _show_rehearsed(transcript_lines(verdict.workflow, verdict.rehearsed), verdict.rehearsed)
        click.echo()


def _judge(
    names: "Sequence[str]", rehearser: "Rehearser", show_more: "Callable[[Verdict], None]", *, as_json: bool
) -> NoReturn:

    from stretto.actors.locating import exists
    from stretto.actors.rehearsal import judge, rehearsals_in

    paths = [Path(name) for name in names]
    for path in paths:
        if not exists(path):
            give_up(f"there is no file or folder {str(path)!r}", USAGE)
    verdicts = []
    for path in rehearsals_in(paths):
        verdicts.append(judge(path, rehearser))
        if not as_json:
            _show(verdicts[-1])
            show_more(verdicts[-1])
    if not verdicts:
        give_up(f"there is no rehearsal (*.yaml, *.yml with workflow and expect) in {', '.join(names)}", USAGE)
    failed = sum(not verdict.passed for verdict in verdicts)
    if as_json:
        objects = [_as_object(verdict) for verdict in verdicts]
        echo_json({"passed": len(verdicts) - failed, "failed": failed, "rehearsals": objects})
    else:
        counted = f"{len(verdicts):,} rehearsal{'' if len(verdicts) == 1 else 's'}"
        summary = f"{counted}: {failed:,} failed" if failed else f"{counted}: all as expected"
        click.echo(click.style(summary, fg="red" if failed else "green"), color=colour())
    sys.exit(FAILED if failed else 0)


def _show(verdict: "Verdict") -> None:
    word = click.style("pass", fg="green") if verdict.passed else click.style("FAIL", fg="red", bold=True)
    shown = [f"{word} {printable(str(verdict.path))}"]
    shown += [f"  {printable(line)}" for problem in verdict.problems for line in problem.split("\n")]
    for difference in verdict.differences:
        shown.append(f"  {printable(difference.what)}:")
        shown += [f"    {_painted(printable(line))}" for line in difference.diff()]
    click.echo("\n".join(shown), color=colour())


def _painted(line: str) -> str:
    colours = {"-": "red", "+": "green", "@": "cyan"}
    return click.style(line, fg=colours[line[0]]) if line[:1] in colours else line


def _as_object(verdict: "Verdict") -> dict[str, Any]:
    differences = [{"what": each.what, "expected": each.expected, "found": each.found} for each in verdict.differences]
    return {
        "file": str(verdict.path),
        "passed": verdict.passed,
        "problems": verdict.problems,
        "differences": differences,
    }


# ---- both


def _load(definitions: tuple[str, ...], actions: tuple[str, ...], packs: tuple[str, ...]) -> "Library":
    from stretto.actors.rehearsal import load_scripted
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    try:
        return load_scripted(definitions, actions, packs)
    except InvalidDefinition as error:
        give_up_with_findings("the packs cannot be used", error.findings, USAGE)
    except StrettoError as error:
        give_up(str(error), USAGE)


def _rehearser(
    library: "Library", pack_config: str | None, keystore: str | None, made_up: dict[str, Any]
) -> "Rehearser":
    from stretto.actors.packs import read_keystore, read_pack_configuration
    from stretto.actors.rehearsal import Rehearser
    from stretto.definitions.errors import StrettoError

    if not (library.packs or pack_config or keystore or made_up):
        return Rehearser(library.catalogue, expression_limits())
    try:
        secrets = {**read_keystore(keystore), **made_up}
        pack_configuration = read_pack_configuration(pack_config, secrets, library.packs)
    except StrettoError as error:
        give_up(str(error), USAGE)  # without source lines: those of a keystore are secret
    return Rehearser(library.catalogue, expression_limits(), pack_configuration)
