"""Stretto itself, with the same work in its own way: a run that loads, and then fans out.

stretto_runs.py REQUEST echo|function [sqlite|URL]     what an item's action is, and whether all is durable
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import work

from stretto.actors import Engine, action

FAN_OUT = """
version: "1.0.0"
parameters:
  results: {type: integer, required: true}
  items: {type: array, required: true}
tasks:
  - name: load
    action: peers.load
    input: {results: "{{ parameters.results }}"}
    next: [{do: [begin]}]
  - name: begin
    action: peers.begin
    next: [{do: [fan]}]
  - name: fan
    action: ACTION
    with_items: "{{ parameters.items }}"
    concurrency: 256
    input: INPUT
output_map:
  results: "{{ task.fan.result }}"
"""
GREETED = '{index: "{{ index }}", message: "{{ task.load.result.greeting }} {{ item }}"}'
ACTIONS = {"echo": ("core.echo", f"{{message: {GREETED}}}"), "function": ("peers.greet", GREETED)}
HEAD = 'version: "1.0.0"\ntasks:\n'
LINK = "  - {{name: task_{0}, action: core.noop, next: [{{do: [task_{1}]}}]}}\n"
LAST = "  - {{name: task_{0}, action: core.noop}}\n"


@action("peers.load")
def load(results: int) -> dict[str, Any]:
    """Return a greeting, and so many results of 10 KB."""
    return work.loaded(results)


@action("peers.begin")
def begin() -> None:
    """Start the stopwatch: what follows is the fan-out."""
    work.STOPWATCH.start()


@action("peers.greet")
def greet(index: int, message: str) -> dict[str, Any]:
    """Return both."""
    return work.greeted(index, message)


class Stretto:
    """Runs through the proxy that its users have; each loads what its items read."""

    def __init__(self, proxy: Any) -> None:
        self._proxy = proxy

    def load(self, results: int) -> Any:
        """The run does."""
        return results

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A run, timed from the end of its loading until its outcome is there."""
        output = self._run("fan_out", {"results": loaded, "items": list(range(items))})
        results: list[dict[str, Any]] = output["results"]
        return results

    def chain(self, tasks: int) -> None:
        """A run of as many tasks."""
        self._run(f"chain_{tasks}", {})

    def one_task(self) -> None:
        """A run of one task."""
        self._run("chain_1", {})

    def many(self, runs: int) -> None:
        """Submit all of them, then wait for their outcomes."""
        accepted = [self._proxy.submit("chain_1", {}) for _ in range(runs)]
        for each in accepted:
            if (outcome := each.get().outcome.get()).status != "succeeded":
                raise RuntimeError(f"chain_1 {outcome.status}: {outcome.errors}")

    def _run(self, workflow: str, inputs: dict[str, Any]) -> Any:
        outcome = self._proxy.submit(workflow, inputs).get().outcome.get()
        if outcome.status != "succeeded":
            raise RuntimeError(f"{workflow} {outcome.status}: {outcome.errors}")
        return outcome.output


def definitions(folder: Path, performs: str) -> None:
    """Write the workflows, the fan-out's items with that action."""
    name, given = ACTIONS[performs]
    (folder / "fan_out.yaml").write_text(FAN_OUT.replace("ACTION", name).replace("INPUT", given), encoding="utf-8")
    for tasks in (1, 100):
        links = "".join(LINK.format(number, number + 1) for number in range(tasks - 1))
        (folder / f"chain_{tasks}.yaml").write_text(HEAD + links + LAST.format(tasks - 1), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        definitions(Path(name), sys.argv[2])
        file = f"sqlite:///{Path(name) / 'stretto.db'}"
        store = next((file if each == "sqlite" else each for each in sys.argv[3:]), None)
        engine = Engine.start(definitions=name, store=store, metrics_port=0).proxy()
        measure = work.measure_many if json.loads(sys.argv[1]).get("many") else work.measure
        measure(Stretto(engine), "stretto")
        engine.stop().get()
