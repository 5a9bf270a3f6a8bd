"""Texts of others, such as names, messages and results, on a terminal: none of them can command it.

Escape sequences, other control characters and those that change the direction of text are replaced. `str.isprintable`
is false for all of them.
"""

import re
import sys
from typing import Any, Final

import click

_NOT_PRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"
_SEQUENCE: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""A control sequence, such as that of a colour, or the title of a window."""


def printable(text: str) -> str:
    """Return a line without characters that move a terminal's cursor or change its colour."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else " " if each == "\t" else _NOT_PRINTABLE for each in text)


def one_line(text: str) -> str:
    """Return a text as one line without control characters."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


def printable_lines(text: str) -> str:
    """Return lines without escape sequences and control characters. Line breaks and tabs stay."""
    if "\x1b" in text or "\r" in text:
        text = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(map(_keeping_tabs, text.split("\n")))


def _keeping_tabs(line: str) -> str:
    return line if line.isprintable() else "\t".join(map(printable, line.split("\t")))


def echo_lines(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text of others. On a terminal `printable_lines` of it; a file or a pipe gets it unchanged."""
    stream = sys.stderr if err else sys.stdout
    click.echo(printable_lines(text) if stream.isatty() else text, err=err, nl=nl, color=True)


def echo_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON. On a terminal, characters that are not printable are escaped: the value is the same."""
    import msgspec

    encoded = msgspec.json.encode(value, enc_hook=str)
    if indent is not None:
        encoded = msgspec.json.format(encoded, indent=indent)
    click.echo(json_for(sys.stdout.isatty(), encoded))


def json_for(terminal: bool, encoded: bytes) -> bytes | str:  # noqa: FBT001 - whom it is for
    """Return JSON for a terminal, or unchanged for a file or a pipe."""
    if not terminal or (encoded.isascii() and b"\x7f" not in encoded):
        return encoded
    return "\n".join(map(_escaped, encoded.decode().split("\n")))


def _escaped(line: str) -> str:
    return line if line.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in line)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
