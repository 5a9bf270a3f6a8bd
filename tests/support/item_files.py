"""Tasks with files of items and of results, for tests: a definition, what its action has done, and the files."""

import json
from pathlib import Path
from typing import Any

FAN = """
ref: files.fan
parameters: {source: {type: string}, results: {type: string}, bad: {type: array, default: []}}
tasks:
  - name: fan
    action: held.work
    with_items: {KIND: "{{ parameters.source }}"}
    concurrency: 3
    MORE
    input: {value: "{{ item }}", fails: "{{ item in parameters.bad }}"}
    next: [{do: [last], when: "{{ succeeded() }}"}, {do: [worst], when: "{{ failed() }}"}]
  - {name: last, action: held.work, input: {value: last}}
  - {name: worst, action: held.work, input: {value: worst}}
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
