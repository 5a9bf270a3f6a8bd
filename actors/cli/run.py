"""`stretto run`: run a workflow in a process of its own, and print its output."""

import sys
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.exits import FAILED, INTERRUPTED, USAGE, give_up

if TYPE_CHECKING:
    from stretto.actors.outcome import Outcome, RunHandle
    from stretto.definitions.model import Workflow


@click.command()
@click.argument("workflow")
@click.argument("assignments", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--inputs", metavar="FILE|-", help="Read inputs from a JSON or YAML file, or JSON from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one object: run, workflow, status, output, errors.")
@click.option("--definitions", multiple=True, metavar="DIR", help="A folder of definitions; may be repeated.")
@click.option("--actions", multiple=True, metavar="MODULE|FILE.py", help="Python code with actions; may be repeated.")
@click.option("--log-level", default="WARNING", show_default=True, help="The least that is logged (to standard error).")
def run(
    workflow: str,
    assignments: tuple[str, ...],
    inputs: str | None,
    as_json: bool,  # noqa: FBT001 - a command line's flag
    definitions: tuple[str, ...],
    actions: tuple[str, ...],
    log_level: str,
) -> None:
    """Run WORKFLOW, a ref or the path of a file, and print its output.

    A KEY=VALUE is read by the parameter's type, else as text; it wins over the same key in --inputs.
    """
    from stretto.actors.engine import Engine
    from stretto.definitions.errors import InvalidDefinition, StrettoError
    from stretto.metrics import configure_logging

    try:
        configure_logging(log_level)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        engine = Engine.start(definitions=definitions, actions=actions).proxy()
    except StrettoError as error:
        give_up(str(error), USAGE)
    try:
        definition = engine.workflow(workflow).get()
        values = _inputs(definition, inputs, assignments)
        handle, outcome = _follow(engine, workflow, values, quiet=as_json or not sys.stderr.isatty())
    except InvalidDefinition as error:
        _stop(engine)
        give_up("\n  ".join(["the definition cannot be used", *map(str, error.findings)]), FAILED)
    except (StrettoError, click.UsageError) as error:
        _stop(engine)
        give_up(error.format_message() if isinstance(error, click.UsageError) else str(error), USAGE)
    except KeyboardInterrupt:
        _stop(engine)
        give_up("interrupted", INTERRUPTED)
    _stop(engine)
    _print_outcome(handle, outcome, as_json=as_json)
    sys.exit(0 if outcome.status == "succeeded" else FAILED)


def _follow(engine: Any, workflow: str, values: dict[str, Any], *, quiet: bool) -> "tuple[RunHandle, Outcome]":
    """Start the run and wait for its outcome; Ctrl-C cancels the run by its policy, a second one stops at once."""
    from stretto.actors.cli.progress import ProgressLine

    watcher = None if quiet else ProgressLine.start(sys.stderr)
    try:
        handle = engine.submit(workflow, values, watcher).get()
        try:
            return handle, handle.outcome.get()
        except KeyboardInterrupt:
            click.echo("cancelling the run; press Ctrl-C again to stop at once", err=True)
            engine.cancel(handle.id)
            handle.outcome.get()
            raise
    finally:
        if watcher is not None:
            watcher.stop()


def _stop(engine: Any) -> None:
    engine.stop(grace=0).get()


def _inputs(workflow: "Workflow", source: str | None, assignments: tuple[str, ...]) -> dict[str, Any]:
    values = _read_inputs(source) if source is not None else {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{assignment!r} is no KEY=VALUE")
        values[name] = _typed(workflow, name, text)
    return values


def _read_inputs(source: str) -> dict[str, Any]:
    from pathlib import Path

    import msgspec

    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read the inputs {source!r}: {error}") from None
    try:
        values = _read_yaml(text, source) if source.endswith((".yaml", ".yml")) else msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"the inputs {source!r} are no JSON: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"the inputs {source!r} are no object")
    return values


def _read_yaml(text: str, source: str) -> Any:
    from stretto.definitions.errors import Finding
    from stretto.definitions.yaml_source import compose, to_data

    findings: list[Finding] = []
    node = compose(text, source, findings.append)
    if findings or node is None:
        raise click.UsageError("\n".join(map(str, findings)))
    return to_data(node)


def _typed(workflow: "Workflow", name: str, text: str) -> Any:
    """Read a value from the command line by its parameter's type."""
    import msgspec

    parameter = workflow.parameters.get(name)
    kind = parameter.type if parameter is not None else "any"
    if kind in {"string", "any"}:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        expected = {"array": "a JSON list", "object": "a JSON object", "boolean": "true or false"}.get(kind, "a number")
        raise click.UsageError(f"the parameter {name!r} takes {expected}, not {text[:50]!r}") from None


def _print_outcome(handle: "RunHandle", outcome: "Outcome", *, as_json: bool) -> None:
    import msgspec

    if as_json:
        told = {
            "run": handle.id,
            "workflow": handle.workflow,
            "status": outcome.status,
            "output": outcome.output,
            "errors": outcome.errors,
        }
        click.echo(msgspec.json.encode(told))
        return
    click.echo(f"run {handle.id} of {handle.workflow}: {outcome.status}", err=True)
    for error in outcome.errors:
        where = error.get("where")
        place = f"{where['file']}:{where['line']}:{where['column']}: " if where else ""
        item = f" (item {error['item_index']})" if error.get("item_index") is not None else ""
        handled = "handled: " if error.get("handled") else ""
        click.echo(f"  {place}{handled}{error['message']}{item} [{error['code']}]", err=True)
    if outcome.output is not None:
        click.echo(msgspec.json.format(msgspec.json.encode(outcome.output), indent=2))
