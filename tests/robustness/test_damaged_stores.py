"""Stores with flipped bits: every command that reads them ends with a message and an exit code.

A flip is read by the check and by one other command. `STRETTO_FLIPS=32` flips as many bits of each page, and has all
commands read each flip.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.journal.encryption import new_key, read_key_file
from stretto.actors.journal.opening import open_store
from tests.support.conducted import Conducted

PAGE: Final = 4096
FLIPS: Final = os.environ.get("STRETTO_FLIPS", "")
FLIPS_A_PAGE: Final = int(FLIPS or 5)

FAN = """
ref: tests.items
parameters: {hosts: {type: array}, password: {secret: true, default: null}}
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
    concurrency: 10
output_map: {answers: "{{ task.probe.result }}"}
"""
ONE = "ref: tests.one\ntasks: [{name: only, action: core.noop}]\n"
BROKEN = 'ref: tests.broken\ntasks: [{name: only, action: core.noop, next: [{publish: {a: "{{ absent.x }}"}}]}]\n'


class Damaged:
    """A store with four runs, into which bits can be flipped."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.url = f"sqlite:///{self.path}"
        key = folder / "store.db.key"
        key.write_text(new_key())
        key.chmod(0o600)
        with open_store(self.url, read_key_file(key)) as store:
            failed = Conducted(store, FAN, {"hosts": ["a", "b", "c"], "password": "hunter2"})
            failed.succeed("probe", 0, {"up": True})
            failed.fail("probe", 2, "no answer", {"code": 7})
            failed.succeed("probe", 1)
            succeeded, running = Conducted(store, ONE), Conducted(store, FAN, {"hosts": ["a", "b"]})
            succeeded.succeed("only", result={"text": "plain result"})
            running.fail("probe", 1, "no luck")
            broken = Conducted(store, BROKEN)
            broken.succeed("only")
        self.runs = (failed.id, succeeded.id, running.id, broken.id)
        self.whole = self.path.read_bytes()

    def write(self, content: bytes) -> None:
        """Replace the file, and remove what SQLite has left beside it."""
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.path.write_bytes(content)

    def commands(self, run: str) -> Iterator[list[str]]:
        """Yield the commands that read a store."""
        yield ["store", "check", self.url]
        for words in (["list"], ["show", run, "--items", "all"], ["export", run], ["why", run]):
            yield ["runs", *words, "--store", self.url]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return Damaged(tmp_path_factory.mktemp("damaged"))


def ended(result: Result, command: list[str]) -> int:
    """Check how a command has ended, and return its exit code."""
    assert result.exception is None or isinstance(result.exception, SystemExit), (command, result.exc_info)
    # 2: the id of the run was damaged, or it does not wait any more.
    assert result.exit_code in {0, 1, 2, 3}, (command, result.output)
    assert result.exit_code == 0 or result.output.strip(), command
    assert result.exit_code != 2 or "there is no run" in result.output or "has ended" in result.output, result.output
    assert "Traceback" not in result.output
    return result.exit_code


def places(content: bytes) -> list[int]:
    """Return bytes of each page: its header, and some of what is in it."""
    found = []
    for page in range(0, len(content), PAGE):
        used = [at for at in range(page, min(page + PAGE, len(content))) if content[at]]
        some = random.Random(page).sample(used, min(len(used), FLIPS_A_PAGE - 2))  # noqa: S311 - the same each time
        found += [page, page + 3, *some]
    return found


def test_a_healthy_store_has_no_findings(store: Damaged) -> None:
    """All commands work, so that the tests below show what damage does."""
    store.write(store.whole)
    for run in store.runs:
        for command in store.commands(run):
            result = CliRunner().invoke(main, command)
            assert ended(result, command) == (2 if command[1] == "why" and "has ended" in result.output else 0)


def test_flipped_bits_are_reported_by_every_command(store: Damaged) -> None:
    """In each page, headers and content. SQLite or Stretto finds most of them; nothing ends with a traceback."""
    codes: Counter[int] = Counter()
    for number, at in enumerate(places(store.whole)):
        damaged = bytearray(store.whole)
        damaged[at] ^= 1 << number % 8
        store.write(bytes(damaged))
        check, *others = store.commands(store.runs[number % len(store.runs)])
        read = others if FLIPS else [others[number // len(store.runs) % len(others)]]
        for command in (check, *read):
            codes[ended(CliRunner().invoke(main, command), command)] += 1
    assert all(codes[code] for code in (0, 1, 3))


@pytest.mark.parametrize("text", [b"tests.items", b"no answer", b"plain result", b"item_completed", b"succeeded", b"{"])
@pytest.mark.parametrize("byte", [0x00, 0x80, 0xFF])
def test_texts_and_bodies_with_invalid_bytes_are_reported(store: Damaged, text: bytes, byte: int) -> None:
    """Names, results and definitions that are no UTF-8, and no JSON any more."""
    damaged = bytearray(store.whole)
    at = damaged.find(text)
    while at >= 0:
        damaged[at + len(text) // 2] = byte
        at = damaged.find(text, at + len(text))
    store.write(bytes(damaged))
    for run in store.runs:
        for command in store.commands(run):
            ended(CliRunner().invoke(main, command), command)


def test_a_truncated_store_is_reported(store: Damaged) -> None:
    """At each page, and in the middle of one."""
    for size in range(0, len(store.whole), PAGE * 3 // 2):
        store.write(store.whole[:size])
        for command in store.commands(store.runs[0]):
            assert ended(CliRunner().invoke(main, command), command) != 0 or command[1] != "check"
