"""Pipes, devices, folders and sockets where a command expects a file: it ends with a message, and does not wait."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors import text_files
from stretto.actors.cli import main
from tests.support.daemons import serving
from tests.support.harness import write_workflow

ECHO = "ref: odd.echo\ntasks: [{name: echo, action: core.noop}]\n"
ITEMS = """
tasks:
  - {{name: items, action: core.noop, with_items: {items}}}
"""
RESULTS = """
tasks:
  - {{name: items, action: core.noop, with_items: [1, 2], results: {{jsonl: "{path}"}}}}
"""


def socket_at(path: Path) -> None:
    """Make the file of a socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": lambda path: os.mkfifo(path, 0o600),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
    "socket": socket_at,
}
COMMANDS = {
    "inputs": ("i.json", ["run", "{echo}", "--inputs", "{odd}"]),
    "inputs in YAML": ("i.yaml", ["run", "{echo}", "--inputs", "{odd}"]),
    "a definition": ("w.yaml", ["run", "{odd}"]),
    "a definition for a daemon": ("w.yaml", ["run", "{odd}", "--daemon", "unix:///nowhere"]),
    "a graph": ("w.yaml", ["graph", "{odd}"]),
    "a keystore": ("k.yaml", ["run", "{echo}", "--keystore", "{odd}"]),
    "the configuration of packs": ("p.yaml", ["run", "{echo}", "--pack-config", "{odd}"]),
    "a key": ("key", ["run", "{echo}", "--store", "sqlite:///{folder}/own.db", "--store-key", "{odd}"]),
    "a store": ("s.db", ["run", "{echo}", "--store", "sqlite:///{odd}"]),
    "a store to check": ("s.db", ["store", "check", "sqlite:///{odd}"]),
    "actions": ("a.py", ["run", "{echo}", "--actions", "{odd}"]),
    "settings": ("c.yaml", ["config", "show", "--config", "{odd}"]),
    "settings of a daemon": ("c.yaml", ["serve", "--config", "{odd}"]),
    "a script": ("s.yaml", ["rehearse", "{echo}", "--script", "{odd}"]),
    "a case": ("c.json", ["rehearse", "--case", "{odd}"]),
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "SILENCE_SECONDS", 0.02)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_with_a_message(tmp_path: Path, command: str, kind: str) -> None:
    """The exit code is that of wrong usage, of a bad definition, or of a store that cannot be opened."""
    name, words = COMMANDS[command]
    odd = tmp_path / name
    KINDS[kind](odd)
    echo = write_workflow(tmp_path, "echo", ECHO)
    given = [word.format(odd=odd, echo=echo, folder=tmp_path) for word in words]
    result = CliRunner().invoke(main, given)
    if kind == "folder" and command in {"the configuration of packs", "a keystore"}:
        assert result.exit_code == 0, "a folder with a file for each pack"
        return
    assert isinstance(result.exception, SystemExit), (result.output, result.exc_info)
    assert result.exit_code in {1, 2, 3}, result.output
    assert name in result.stderr, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [*COMMANDS, "definitions", "packs", "files to validate", "files to rehearse"])
def test_a_name_that_is_too_long_is_reported(tmp_path: Path, command: str) -> None:
    """No file system has a name of 300 characters."""
    more = {
        "definitions": ["run", "odd.echo", "--definitions", "{odd}"],
        "packs": ["run", "{echo}", "--packs", "{odd}"],
        "files to validate": ["validate", "{odd}.yaml"],
        "files to rehearse": ["rehearse", "{odd}.yaml"],
    }
    name, words = COMMANDS.get(command) or ("", more[command])
    odd = tmp_path / f"{'long' * 75}{name}"
    echo = write_workflow(tmp_path, "echo", ECHO)
    result = CliRunner().invoke(main, [word.format(odd=odd, echo=echo, folder=tmp_path) for word in words])
    assert isinstance(result.exception, SystemExit), (result.output, result.exc_info)
    assert result.exit_code in {1, 2, 3}, result.output
    assert str(odd) in result.stderr, result.output


@pytest.mark.parametrize("source", ["lines", "jsonl", "csv"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_fails_with_the_path(tmp_path: Path, kind: str, source: str) -> None:
    """Items from it, and results into it."""
    odd = tmp_path / "odd"
    KINDS[kind](odd)
    reading = write_workflow(tmp_path, "reading", ITEMS.format(items=f'{{{source}: "{odd}"}}'))
    writing = write_workflow(tmp_path, "writing", RESULTS.format(path=odd))
    result = CliRunner().invoke(main, ["run", str(reading)])
    assert result.exit_code == 1, result.output
    assert f"{odd} is not a regular file" in result.stderr or f"{odd} cannot be read: Is a directory" in result.stderr
    result = CliRunner().invoke(main, ["run", str(writing)])
    assert result.exit_code == 1, result.output
    assert f"{odd} " in result.stderr


def test_a_file_that_grows_is_read_to_an_end(tmp_path: Path) -> None:
    """Each item appends a line to its own source, and the run ends when none is read any more."""
    source = tmp_path / "growing"
    source.write_text("1\n" * 20)
    text = f"""
tasks:
  - name: grow
    action: core.local
    with_items: {{lines: "{source}"}}
    concurrency: 4
    input: {{argv: [sh, -c, 'test $(wc -l < "$0") -ge 40 || echo 2 >> "$0"', "{source}"]}}
"""
    result = CliRunner().invoke(main, ["run", str(write_workflow(tmp_path, "grow", text))])
    assert result.exit_code == 0, result.output
    assert source.read_text().count("\n") == 40


def test_definitions_beside_odd_files_are_served(tmp_path: Path) -> None:
    """A folder of definitions may have a pipe, a device or a socket with a definition's name."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    for number, make in enumerate(KINDS.values()):
        make(definitions / f"odd{number}.yaml")
    with serving(tmp_path) as daemon:
        assert daemon.run("test.echo", "n=5").returncode == 0


def test_a_pipe_of_the_shell_is_read(tmp_path: Path) -> None:
    """`<(command)` is a pipe, whose name is in /dev/fd."""
    echo = write_workflow(tmp_path, "echo", "parameters: {n: {type: integer}}\n" + ECHO)
    reader, writer = os.pipe()
    os.write(writer, b'{"n": 5}')
    os.close(writer)
    result = CliRunner().invoke(main, ["run", str(echo), "--inputs", f"/dev/fd/{reader}", "--json"])
    os.close(reader)
    assert result.exit_code == 0, result.output
