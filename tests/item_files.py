"""Tasks with files of items and of results, for tests: a definition, what its action has done, and the files."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE

from stretto.actors import ActionFailed, action


class Ledger:
    """What was done, and what is held up until the gate opens."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.held: list[Any] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()


LEDGER = Ledger()


@pytest.fixture(autouse=True)
def ledger() -> Iterator[Ledger]:
    """Give what the actions hold on to, as it is before they do anything."""
    LEDGER.__init__()  # type: ignore[misc]  # they hold on to this one
    yield LEDGER
    LEDGER.gate.set()


@action("files.work")
def work(value: Any, fails: bool = False) -> Any:
    """Note a value; wait at the gate if it is to be held."""
    LEDGER.done.append(value)
    if value in LEDGER.held:
        LEDGER.begun.release()
        LEDGER.gate.wait(PATIENCE)
    if fails:
        raise ActionFailed(f"{value} is bad")
    return value


FAN = """
ref: files.fan
parameters: {source: {type: string}, results: {type: string}, bad: {type: array, default: []}}
tasks:
  - name: fan
    action: files.work
    with_items: {KIND: "{{ parameters.source }}"}
    concurrency: 3
    MORE
    input: {value: "{{ item }}", fails: "{{ item in parameters.bad }}"}
    next: [{do: [last], when: "{{ succeeded() }}"}, {do: [worst], when: "{{ failed() }}"}]
  - {name: last, action: files.work, input: {value: last}}
  - {name: worst, action: files.work, input: {value: worst}}
output_map: {result: "{{ task.fan.result }}", errors: "{{ task.fan.errors }}"}
"""
TO_A_FILE = 'results: {jsonl: "{{ parameters.results }}"}'


def fan(kind: str = "lines", *more: str) -> str:
    """Return the definition, with further fields of the task."""
    return FAN.replace("KIND", kind).replace("    MORE\n", "".join(f"    {each}\n" for each in more))


def given(folder: Path, content: str, **more: Any) -> dict[str, Any]:
    """Write a file of items and return a run's inputs."""
    (folder / "items").write_text(content)
    return {"source": str(folder / "items"), "results": str(folder / "results"), **more}


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """Return what is in the file of results."""
    return [json.loads(line) for line in (folder / "results").read_text().splitlines()]
