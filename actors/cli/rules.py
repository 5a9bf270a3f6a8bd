"""`stretto rules`: lists, shows, tests, disables and enables the rules of a daemon."""

import sys
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.events import show_matches
from stretto.actors.cli.runs.options import NOTE, UTC, print_json, with_runs
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.cli.runs.times import Clock
from stretto.actors.cli.support.exit_codes import FAILED
from stretto.actors.cli.support.printable import echo_json
from stretto.actors.operations import events

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120
_FIELDS = {"type": (str, "text"), "headers": (dict, "an object"), "parameters": (dict, "an object")}
"""The fields of an event's file beside the payload."""


@click.group()
def rules() -> None:
    """List, show, test, disable and enable the rules of a daemon: which events start which runs.

    Exit codes: 0 done, 1 the rule does not answer the event, 2 wrong usage or no such rule, 3 the daemon cannot be
    used.
    """


@rules.command("list")
@with_runs
def list_(source: "Source", *, as_json: bool) -> None:
    """List the rules.

    With --json: [{rule, event, target, enabled, disabled_by, disabled_at, dialect, description, file, line}].
    """
    found = source.ask(events.Rules(), events.RulesAnswer).rules
    if as_json:
        print_json(found)
        return
    rows = [
        (each["rule"], each["event"], each["target"], "yes" if each["enabled"] else "no", each["description"])
        for each in found
    ]
    if rows:
        show_table(
            ("RULE", "EVENT", "RUNS", "ENABLED", "DESCRIPTION"), rows, elastic=("DESCRIPTION", "RUNS"), width=_WIDTH
        )
    else:
        click.echo("no rules: a file with `on` and `run` beside the workflows is one", err=True)


@rules.command()
@click.argument("rule")
@UTC
@with_runs
def show(source: "Source", *, rule: str, utc: bool, as_json: bool) -> None:
    """Show RULE with its criteria and its last matches.

    With --json: the rule as in `list --json`, with {parameters, criteria: [{text, line}], inputs, matches: [{event,
    rule, target, run, at, started_at, error}]}.
    """
    found = source.ask(events.ShowRule(rule), events.RuleShown).rule
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['rule']}  on {found['event']}  runs {found['target']}  {found['file']}:{found['line']}")
    if found["disabled_by"] is not None:
        click.echo(f"  disabled by {found['disabled_by']} at {Clock(utc=utc).format(found['disabled_at'])}")
    elif not found["enabled"]:
        click.echo("  disabled by its file")
    for each in found["criteria"]:
        click.echo(f"  when {each['text']}")
    show_matches(found["matches"], Clock(utc=utc), "EVENT")


@rules.command()
@click.argument("rule")
@NOTE
@with_runs
def disable(source: "Source", *, rule: str, note: str | None, as_json: bool) -> None:
    """Let a rule answer no more events.

    With --json: the rule as in `show --json`.
    """
    found = source.ask(events.DisableRule(rule, note=note), events.RuleShown).rule
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['rule']} is disabled")


@rules.command()
@click.argument("rule")
@NOTE
@with_runs
def enable(source: "Source", *, rule: str, note: str | None, as_json: bool) -> None:
    """Let a rule that was disabled answer events again.

    With --json: the rule as in `show --json`.
    """
    found = source.ask(events.EnableRule(rule, note=note), events.RuleShown).rule
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['rule']} is enabled")


@rules.command("test")
@click.argument("rule")
@click.argument("event", type=click.File("rb"), metavar="EVENT.json")
@with_runs
def test_rule(source: "Source", *, rule: str, event: Any, as_json: bool) -> None:
    """Show which criteria of RULE the event in EVENT.json meets, and the inputs of the run. Nothing is started.

    The file has the payload, or {"payload": ..., "headers": {...}, "parameters": {...}, "type": ...}. With - it is
    standard input.

    With --json: {answers, criteria: [{text, line, held, problem, found}], inputs, error}.
    """
    tried = source.ask(_request(rule, event), events.RuleTried)
    if as_json:
        print_json({"answers": tried.answers, "criteria": tried.criteria, "inputs": tried.inputs, "error": tried.error})
    else:
        for each in tried.criteria:
            found = f", found {each['found']}" if each["found"] and not each["held"] else ""
            problem = f": {each['problem']}" if each["problem"] else ""
            click.echo(f"{'yes' if each['held'] else 'no '}  {each['text']}{found}{problem}")
        if tried.error is not None:
            click.echo(f"the inputs cannot be rendered: {tried.error}")
        elif tried.answers:
            echo_json(tried.inputs)
    if not tried.answers or tried.error is not None:
        sys.exit(FAILED)


def _request(rule: str, event: Any) -> events.TryRule:
    from stretto.definitions.data import decode_json

    try:
        given = decode_json(event.read())
    except ValueError as error:
        raise click.UsageError(f"the event must be JSON: {error}") from None
    whole = {"payload", "headers", "parameters", "type"}
    if not (isinstance(given, dict) and "payload" in given and given.keys() <= whole):
        return events.TryRule(rule, given)
    for name, (kind, expected) in _FIELDS.items():
        if name in given and not isinstance(given[name], kind):
            raise click.UsageError(f"{name!r} of the event must be {expected}, got {type(given[name]).__name__}")
    return events.TryRule(
        rule, given["payload"], given.get("type"), dict(given.get("headers", {})), dict(given.get("parameters", {}))
    )
