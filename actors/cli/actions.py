"""`stretto actions`: lists the actions that workflows can call, and shows their inputs."""

from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.support.action_options import ACTIONS, PACKS, load_or_exit
from stretto.actors.cli.support.asked_daemon import AskedDaemon, with_asked_daemon
from stretto.actors.cli.support.exit_codes import USAGE, give_up
from stretto.actors.cli.support.printable import echo_json, echo_lines

if TYPE_CHECKING:
    from stretto.actors.actions import Action, ActionParameter

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def actions() -> None:
    """List the actions that workflows can call, or show one."""


@actions.command("list")
@_JSON
@ACTIONS
@PACKS
@with_asked_daemon("actions", "packs")
def list_actions(
    *, as_json: bool, actions: tuple[str, ...], packs: tuple[str, ...], daemon: AskedDaemon | None
) -> None:
    """List all actions with their descriptions: those of this machine, or of a daemon.

    With --daemon and --json: [{ref, description, pack, runner, isolation, used_by}].
    """
    if daemon is not None:
        from stretto.actors.operations import Actions, ActionsAnswer

        _show_list(daemon.ask(Actions(), ActionsAnswer).actions, as_json=as_json)
        return
    registry = load_or_exit(actions=actions, packs=packs).actions
    found = [registry.get(ref) for ref in registry.refs()]
    _show_list([_described(each) for each in found], as_json=as_json)


def _show_list(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        echo_json(found, indent=2)
        return
    width = max((len(each["ref"]) for each in found), default=0)
    for each in found:
        echo_lines(f"{each['ref'].ljust(width)}  {each['description']}".rstrip())


@actions.command("show")
@click.argument("ref")
@_JSON
@ACTIONS
@PACKS
@with_asked_daemon("actions", "packs")
def show_action(
    *, ref: str, as_json: bool, actions: tuple[str, ...], packs: tuple[str, ...], daemon: AskedDaemon | None
) -> None:
    """Show the action REF: its description, its inputs, and where it runs.

    With --daemon and --json: {ref, description, pack, runner, isolation, used_by, place, parameters, output}.
    """
    if daemon is not None:
        from stretto.actors.operations import ActionAnswer, ShowAction

        _show_described(daemon.ask(ShowAction(ref), ActionAnswer).action, as_json=as_json)
        return
    from stretto.definitions.errors import StrettoError

    registry = load_or_exit(actions=actions, packs=packs).actions
    try:
        shown = registry.get(ref)
    except StrettoError as error:
        give_up(str(error), USAGE)
    if as_json:
        echo_json(_described(shown), indent=2)
        return
    echo_lines(f"{shown.ref}\n  {shown.description}\n\nruns: {shown.runner}\ncode: {shown.place}")
    if shown.parameters or shown.takes_anything:
        click.echo("input:")
    for parameter in shown.parameters:
        echo_lines(f"  {parameter.name}: {_type(parameter)}")
        if parameter.description:
            echo_lines(f"      {parameter.description}")
    if shown.takes_anything:
        click.echo("  (anything else)" if shown.parameters else "  (anything)")


def _show_described(action: dict[str, Any], *, as_json: bool) -> None:
    """Show an action as a daemon describes it: its parameters are a JSON Schema."""
    if as_json:
        echo_json(action, indent=2)
        return
    echo_lines(f"{action['ref']}\n  {action['description']}\n\nruns: {action['runner']}")
    if action["place"] is not None:
        echo_lines(f"code: {action['place']}")
    properties = action["parameters"].get("properties", {})
    if properties:
        click.echo("input:")
    for name, schema in properties.items():
        needed = ", required" if name in action["parameters"].get("required", ()) else ""
        echo_lines(f"  {name}: {_type_of(schema)}{needed}")
        if schema.get("description"):
            echo_lines(f"      {schema['description']}")


def _type_of(schema: dict[str, Any]) -> str:
    """Return the types of a JSON Schema, "any" without one."""
    types = schema.get("type", [])
    named = [types] if isinstance(types, str) else [*types]
    named += [_type_of(each) for each in schema.get("anyOf", ())]
    return " or ".join(dict.fromkeys(named)) or "any"


def _type(parameter: "ActionParameter") -> str:
    import msgspec

    text = f"{parameter.type} or null" if parameter.nullable and parameter.type != "any" else parameter.type
    if parameter.enum:
        text += ", one of " + ", ".join(msgspec.json.encode(each).decode() for each in parameter.enum)
    if parameter.required:
        return f"{text}, required"
    return f"{text}, default {msgspec.json.encode(parameter.default, enc_hook=str).decode()}"


def _described(action: "Action") -> dict[str, Any]:
    return {
        "ref": action.ref,
        "description": action.description,
        "runner": action.runner,
        "isolation": action.isolation,
        "takes_anything": action.takes_anything,
        "parameters": {
            parameter.name: {
                "type": parameter.type,
                "required": parameter.required,
                "default": parameter.default,
                "nullable": parameter.nullable,
                "enum": parameter.enum,
                "description": parameter.description,
            }
            for parameter in action.parameters
        },
    }
