"""Texts of others on a terminal."""

import io
import json
import sys

import pytest

from stretto.actors.cli.support.exit_codes import give_up
from stretto.actors.cli.support.printable import echo_json, echo_lines, json_for, one_line, printable, printable_lines

NASTY = "a\x1b[2Jb\x1b]0;title\x07c\x9b31md\u202ee\x7ff\x00g\rh"
"""Clears the screen, sets the title, changes a colour and the direction of text, and returns to the line's start."""


class Output(io.TextIOWrapper):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), "utf-8")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def text(self) -> str:
        """Return what was written."""
        self.flush()
        written = self.buffer
        assert isinstance(written, io.BytesIO)
        return written.getvalue().decode()


def test_a_text_cannot_command_a_terminal() -> None:
    """Line breaks become blanks, control characters question marks."""
    assert one_line("a\n  b\x1b[2Jc\u202ed\t\xe4") == "a b?[2Jc?d \xe4"


@pytest.mark.parametrize("clean", [printable, one_line, printable_lines])
def test_no_control_character_is_left(clean: object) -> None:
    """Neither those of ASCII, nor those above, nor those that turn text round."""
    assert callable(clean)
    shown = clean(NASTY)
    assert shown.replace("\n", "").isprintable()
    assert shown[0] == "a"


def test_lines_stay_lines() -> None:
    """With their tabs; a colour goes as a whole, and a carriage return begins a line."""
    assert printable_lines("a\tb\r\n\x1b[1;31mred\x1b[0m\n10 %\r20 %\n") == "a\tb\nred\n10 %\n20 %\n"
    assert printable_lines("\x1b[m\x1bX") == "\N{REPLACEMENT CHARACTER}X"


def test_only_a_terminal_gets_other_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or a pipe gets what was written."""
    for is_terminal, shown in ((False, "\x1b[31mred\n"), (True, "red\n")):
        stream = Output(is_terminal=is_terminal)
        monkeypatch.setattr(sys, "stdout", stream)
        echo_lines("\x1b[31mred")
        assert stream.text() == shown


def test_json_on_a_terminal_is_the_same_value_in_other_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """What JSON itself does not escape, is."""
    value = {"a": NASTY, NASTY: ["\U000e0001", "\xe4"]}
    for is_terminal in (False, True):
        stream = Output(is_terminal=is_terminal)
        monkeypatch.setattr(sys, "stdout", stream)
        echo_json(value, indent=2)
        assert json.loads(stream.text()) == value
        assert '"\xe4"' in stream.text()
        assert is_terminal == stream.text().replace("\n", "").isprintable()
    assert json_for(True, b'{"a":1}') == b'{"a":1}'


def test_a_last_message_is_clean_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a daemon's, or quote a name."""
    stream = Output(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(SystemExit):
        give_up(f"no workflow {NASTY}\n  second line", 2)
    assert stream.text().startswith("stretto: no workflow abc")
    assert stream.text().endswith("\n  second line\n")
    assert stream.text().replace("\n", "").isprintable()
