"""A run's inputs as the command line gives them."""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


def inputs_of(types: "Mapping[str, str]", source: str | None, assignments: tuple[str, ...]) -> dict[str, Any]:
    """Return a run's inputs, those of the command line read by their parameters' types. `click.UsageError` if wrong."""
    values = _read_inputs(source) if source is not None else {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{assignment!r} is no KEY=VALUE")
        values[name] = _typed(types.get(name, "any"), name, text)
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
    except (msgspec.DecodeError, RecursionError) as error:
        raise click.UsageError(f"the inputs {source!r} are no JSON: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"the inputs {source!r} are no object")
    return values


def _read_yaml(text: str, source: str) -> Any:
    from stretto.definitions.errors import Finding
    from stretto.definitions.source import compose, to_data

    findings: list[Finding] = []
    node = compose(text, source, findings.append)
    if findings or node is None:
        raise click.UsageError("\n".join(map(str, findings)))
    return to_data(node)


def _typed(kind: str, name: str, text: str) -> Any:
    """Read a value from the command line by its parameter's type."""
    import msgspec

    # What is of any type is a text, "7" and "true" too; a list or an object could not be given otherwise.
    if kind == "string" or (kind == "any" and text[:1] not in {"[", "{"}):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if kind == "any":
            return text
        expected = {"array": "a JSON list", "object": "a JSON object", "boolean": "true or false"}.get(kind, "a number")
        # What was given is not quoted: it may be a secret.
        raise click.UsageError(f"the parameter {name!r} takes {expected}, which the text given is not") from None
