"""How a process is given its parameters: on standard input, in a file, in its environment, or as arguments."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stretto.actors.actions import ActionFailed
from stretto.actors.packs.model import PackAction

PREFIX = "ATTUNE_ACTION_"
"""What the names of parameters in the environment begin with."""

_SHELL_NAME = re.compile(r"[^A-Za-z0-9_]")


def document(action: PackAction, parameters: Mapping[str, Any]) -> bytes:
    """Return the parameters as the process reads them from standard input or a file; JSON is YAML, too."""
    if action.delivery not in {"stdin", "file"}:
        return b""
    if action.parameter_format == "dotenv":
        return "".join(f"{name}={_quoted(text)}\n" for name, text in _flat(parameters)).encode()
    return msgspec.json.encode(parameters) + b"\n"


def arguments(action: PackAction, parameters: Mapping[str, Any]) -> list[str]:
    """Return `--name=value` for each parameter that is not null, in the schema's order."""
    if action.delivery != "argv":
        return []
    return [f"--{name}={_given(name, value)}" for name, value in parameters.items() if value is not None]


def environment(action: PackAction, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that carry parameters, and those that tell the process how it gets them."""
    told = {
        "ATTUNE_ACTION": action.ref,
        "ATTUNE_PACK_REF": action.pack,
        "ATTUNE_PARAMETER_DELIVERY": action.delivery,
        "ATTUNE_PARAMETER_FORMAT": action.parameter_format,
    }
    if action.delivery == "file":
        # Standard input is a file without a name, which this opens anew: nothing of it ever reaches a disk.
        told["ATTUNE_PARAMETER_FILE"] = "/dev/stdin"
    if action.delivery == "env":
        for name, value in parameters.items():
            if value is not None:
                told[PREFIX + _SHELL_NAME.sub("_", name).upper()] = _given(name, value)
    return told


def _given(name: str, value: Any) -> str:
    text = _text(value)
    if "\0" in text:
        raise ActionFailed(f"{name} contains a null character, which no command can be given; deliver on stdin")
    return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _flat(parameters: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        elif value is not None:
            yield f"{path}{name}", _text(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
