"""Delivery of parameters to a process: on standard input, in a file, in its environment, or as arguments."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stretto.actors.actions import ActionFailed
from stretto.actors.packs.model import PackAction
from stretto.definitions.data import encode_json

PREFIX = "ATTUNE_ACTION_"
"""The prefix of environment variables that carry parameters."""

_SHELL_NAME = re.compile(r"[^A-Za-z0-9_]")


def document(action: PackAction, parameters: Mapping[str, Any]) -> bytes:
    """Return the parameters in the form for standard input or a file. JSON serves for YAML as well."""
    if action.delivery not in {"stdin", "file"}:
        return b""
    if action.parameter_format == "dotenv":
        return "".join(f"{name}={_quoted(text)}\n" for name, text in _flat(parameters)).encode()
    return encode_json(parameters) + b"\n"


def arguments(action: PackAction, parameters: Mapping[str, Any]) -> list[str]:
    """Return `--name=value` for each parameter except nulls, in the schema's order."""
    if action.delivery != "argv":
        return []
    return [f"--{name}={_given(name, value)}" for name, value in parameters.items() if value is not None]


def environment(action: PackAction, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that carry parameters, and those that describe the delivery."""
    variables = {
        "ATTUNE_ACTION": action.ref,
        "ATTUNE_PACK_REF": action.pack,
        "ATTUNE_PARAMETER_DELIVERY": action.delivery,
        "ATTUNE_PARAMETER_FORMAT": action.parameter_format,
    }
    if action.delivery == "file":
        # Standard input is an unnamed file in memory. Opening /dev/stdin reopens it, so nothing reaches a disk.
        variables["ATTUNE_PARAMETER_FILE"] = "/dev/stdin"
    if action.delivery == "env":
        for name, value in parameters.items():
            if value is not None:
                variables[PREFIX + _SHELL_NAME.sub("_", name).upper()] = _given(name, value)
    return variables


def _given(name: str, value: Any) -> str:
    text = _text(value)
    if "\0" in text:
        raise ActionFailed(f"{name} must not contain a null character; deliver it on stdin")
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()


def _flat(parameters: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        elif value is not None:
            yield f"{path}{name}", _text(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
