"""Conversion of a process's output to an action's result."""

from typing import TYPE_CHECKING, Any

import msgspec

from stretto.actors.actions import ActionFailed
from stretto.actors.packs.model import OutputFormat
from stretto.definitions.data import decode_json
from stretto.definitions.errors import NotData
from stretto.definitions.source import compose, to_data

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding


def result_of(output_format: OutputFormat, stdout: str, stderr: str) -> Any:
    """Return the result of a process that exited with 0.

    Empty output is null, or an empty list for jsonl.

    Raises:
        ActionFailed: The output does not have the format that the action declares.
    """
    if output_format == "text":
        return {"exit_code": 0, "stdout": stdout, "stderr": stderr}
    if output_format == "jsonl":
        lines = enumerate(stdout.split("\n"), 1)
        return [_json(line, f"line {number} of standard output") for number, line in lines if line.strip()]
    if not stdout.strip():
        return None
    return _json(stdout, "standard output") if output_format == "json" else _yaml(stdout)


def _json(text: str, what: str) -> Any:
    try:
        return decode_json(text)
    except (msgspec.DecodeError, NotData, RecursionError) as error:
        # The output is not quoted, because it may hold secrets in any form.
        raise ActionFailed(f"{what} is not JSON: {error}") from None


def _yaml(text: str) -> Any:
    findings: list[Finding] = []
    node = compose(text, "standard output", findings.append)
    if findings or node is None:
        first = findings[0]
        raise ActionFailed(f"standard output is not valid YAML, line {first.place.line}: {first.message}")
    return to_data(node)
