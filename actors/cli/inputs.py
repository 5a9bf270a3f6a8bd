"""Reads a run's inputs and labels from the command line."""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


def inputs_of(types: "Mapping[str, str]", source: str | None, assignments: tuple[str, ...]) -> dict[str, Any]:
    """Return a run's inputs.

    Args:
        types: The parameters' types, by name.
        source: The file of --inputs, or "-" for standard input.
        assignments: The KEY=VALUE arguments, which win over `source`.

    Raises:
        click.UsageError: An input cannot be read.
    """
    values = _read_inputs(source) if source is not None else {}
    return values | assigned(assignments, "an input", types)


def assigned(assignments: tuple[str, ...], what: str, types: "Mapping[str, str]") -> dict[str, Any]:
    """Return the values of KEY=VALUE arguments, by key. Those without a type are of any type.

    Raises:
        click.UsageError: An argument cannot be read. `what` is its name in the message.
    """
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{what} must be KEY=VALUE, got {assignment!r}")
        if not _is_text(text):
            raise click.UsageError(f"{name!r} must be text in UTF-8, got other bytes")
        values[name] = _typed(types.get(name, "any"), name, text)
    return values


def labels_of(
    _context: click.Context, _parameter: click.Parameter, assignments: tuple[str, ...]
) -> dict[str, str] | None:
    """Return the labels of KEY=VALUE assignments, or None without one: the callback of an option."""
    labels: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise click.BadParameter(f"a label must be KEY=VALUE, got {assignment!r}")
        if labels.get(key, value) != value:
            raise click.BadParameter(f"the label {key!r} must have one value, got {labels[key]!r} and {value!r}")
        labels[key] = value
    return labels or None


def _read_inputs(source: str) -> dict[str, Any]:
    import msgspec

    from stretto.actors.text_files import read_text

    try:
        text = _read_standard_input() if source == "-" else read_text(source)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read the inputs {source!r}: {getattr(error, 'strerror', error)}") from None
    if not text.strip():
        raise click.UsageError(f"the inputs {source!r} must be an object, and are empty")
    try:
        values = _read_yaml(text, source) if source.endswith((".yaml", ".yml")) else msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise click.UsageError(f"the inputs {source!r} must be JSON: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"the inputs {source!r} must be an object")
    return values


def _read_standard_input() -> str:
    from stretto.actors.text_files import MAX_BYTES

    text = sys.stdin.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise click.UsageError(f"the inputs on standard input must have at most {MAX_BYTES:,} bytes, and have more")
    return text


def _read_yaml(text: str, source: str) -> Any:
    from stretto.definitions.errors import Finding
    from stretto.definitions.source import compose, to_data

    findings: list[Finding] = []
    node = compose(text, source, findings.append)
    if findings or node is None:
        raise click.UsageError("\n".join(map(str, findings)))
    return to_data(node)


def _is_text(argument: str) -> bool:
    """Return whether an argument is text. Python gives other bytes of it as lone surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _typed(kind: str, name: str, text: str) -> Any:
    """Convert a value to its parameter's type."""
    import msgspec

    # A value of any type is text, even "7" and "true". Only lists and objects are read as JSON.
    if kind == "string" or (kind == "any" and text[:1] not in {"[", "{"}):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if kind == "any":
            return text
        expected = {"array": "a JSON list", "object": "a JSON object", "boolean": "true or false"}.get(kind, "a number")
        # The message does not quote the value: it may be a secret.
        raise click.UsageError(f"{name!r} must be {expected}, got other text") from None
