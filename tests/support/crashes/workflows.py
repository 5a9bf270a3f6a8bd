"""The workflows of the crash test, and what must come of a run of each: computed from its parameters alone.

In their texts, NAME stands for a parameter, WHO for what every action is told, and EDITION for a number that changes
with every daemon: a run ends as the text says that it was accepted with.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from stretto.actors.journal.records import RerunScope

Spot: TypeAlias = tuple[str, int, int]
"""A task, a visit of it, and an item's index."""

MANY: Final = 100


@dataclass(frozen=True)
class Expected:
    """What must come of a run.

    `output` is that of a run that succeeded; its `edition` is told by whoever knows when the run was accepted.
    `tries`: the items that actions perform, and how often each may be tried. `children`: those that sub-workflows
    perform. Items of `once` are never performed twice; a run with `broken` items fails, and a rerun of these, and of
    what comes `after` them, succeeds. `in_file` are the results that go into a file of the run's.
    """

    output: dict[str, Any]
    tries: dict[Spot, int]
    children: frozenset[Spot] = frozenset()
    once: bool = False
    broken: frozenset[Spot] = frozenset()
    after: frozenset[Spot] = frozenset()
    in_file: list[Any] | None = None

    def of_rerun(self, scope: RerunScope) -> "Expected":
        """Return what must come of a rerun."""
        if scope == "everything":
            return self
        again = self.broken | self.after
        if scope == "failed_tasks":
            failed = {spot[:2] for spot in self.broken}
            again |= {spot for spot in self.tries if spot[:2] in failed}
        return replace(self, tries={spot: self.tries[spot] for spot in again})


def _items(task: str, values: Iterable[Any], tries: int, visit: int = 1) -> dict[Spot, int]:
    return {(task, visit, index): tries for index, _ in enumerate(values)}


FAN_OUT: Final = """
version: "1.0.0"
ref: crash.fan_out
parameters:
  NAME
  values: {type: array, required: true}
  flaky: {type: array, default: []}
  concurrency: {type: integer, default: 3}
  delay: {type: number, default: 0.02}
  seconds: {type: number, default: 0}
tasks:
  - name: work
    action: crash.work
    with_items: "{{ parameters.values }}"
    concurrency: "{{ parameters.concurrency }}"
    retry: {count: 2, delay: "{{ parameters.delay }}", backoff: exponential}
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}",
            fails: "{{ 1 if index in parameters.flaky else 0 }}", seconds: "{{ parameters.seconds }}"}
    next: [{when: "{{ succeeded() }}", do: [total]}]
  - name: total
    delay: 0.03
    action: crash.work
    input: {of: {WHO, task: total, visit: 1, index: 0}, value: "{{ task.work.result | length }}"}
output_map: {work: "{{ task.work.result }}", total: "{{ task.total.result }}", edition: EDITION}
"""


def _fan_out(parameters: Mapping[str, Any]) -> Expected:
    work = [2 * each for each in parameters["values"]]
    tries = {**_items("work", work, 3), ("total", 1, 0): 1}
    return Expected({"work": work, "total": 2 * len(work), "edition": 0}, tries)


JOINS: Final = """
version: "1.0.0"
ref: crash.joins
parameters:
  NAME
  values: {type: array, required: true}
tasks:
  - name: left
    action: crash.work_in_thread
    with_items: "{{ parameters.values }}"
    concurrency: 2
    input: {of: {WHO, task: left, visit: 1, index: "{{ index }}"}, value: "{{ item }}"}
    next: [{when: "{{ succeeded() }}", publish: [{left: "{{ result() | sum }}"}], do: [both]}]
  - name: middle
    action: crash.work
    retry: {count: 3, delay: 0.01}
    input: {of: {WHO, task: middle, visit: 1, index: 0}, value: 7, fails: 2}
    next: [{when: "{{ succeeded() }}", publish: [{middle: "{{ result() }}"}], do: [both]}]
  - name: right
    delay: 0.04
    action: crash.work
    input: {of: {WHO, task: right, visit: 1, index: 0}, value: 11}
    next: [{when: "{{ succeeded() }}", publish: [{right: "{{ result() }}"}], do: [both]}]
  - name: both
    join: all
    action: crash.work
    input: {of: {WHO, task: both, visit: 1, index: 0}, value: "{{ workflow.left + workflow.middle + workflow.right }}"}
output_map: {both: "{{ task.both.result }}", edition: EDITION}
"""


def _joins(parameters: Mapping[str, Any]) -> Expected:
    values = parameters["values"]
    tries = {**_items("left", values, 1), ("middle", 1, 0): 4, ("right", 1, 0): 1, ("both", 1, 0): 1}
    return Expected({"both": 2 * (2 * sum(values) + 14 + 22), "edition": 0}, tries)


LEAF: Final = """
version: "1.0.0"
ref: crash.leaf
parameters:
  NAME
  values: {type: array, required: true}
tasks:
  - name: work
    action: crash.work
    with_items: "{{ parameters.values }}"
    concurrency: 2
    retry: {count: 1, delay: 0.01}
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}",
            fails: "{{ 1 if index == 0 else 0 }}", seconds: 0.005}
output_map: {total: "{{ task.work.result | sum }}"}
"""


def _leaf(parameters: Mapping[str, Any]) -> Expected:
    values = parameters["values"]
    return Expected({"total": 2 * sum(values)}, _items("work", values, 2))


MIDDLE: Final = """
version: "1.0.0"
ref: crash.middle
parameters:
  NAME
  values: {type: array, required: true}
tasks:
  - name: below
    action: crash.leaf
    with_items: "{{ parameters.values }}"
    concurrency: 2
    input: {name: "{{ parameters.name }}/{{ index }}", values: "{{ item }}"}
output_map: {totals: "{{ task.below.result }}"}
"""


def _middle(parameters: Mapping[str, Any]) -> Expected:
    totals = [{"total": 2 * sum(each)} for each in parameters["values"]]
    return Expected({"totals": totals}, {}, frozenset(_items("below", totals, 1)))


NESTED: Final = """
version: "1.0.0"
ref: crash.nested
parameters:
  NAME
  values: {type: array, required: true}
tasks:
  - name: below
    action: crash.middle
    with_items: "{{ parameters.values }}"
    concurrency: 2
    input: {name: "{{ parameters.name }}/{{ index }}", values: "{{ item }}"}
    next: [{when: "{{ succeeded() }}", do: [after]}]
  - name: after
    action: crash.work
    input: {of: {WHO, task: after, visit: 1, index: 0}, value: "{{ task.below.result | length }}"}
output_map: {below: "{{ task.below.result }}", after: "{{ task.after.result }}", edition: EDITION}
"""


def _nested(parameters: Mapping[str, Any]) -> Expected:
    below = [_middle({"values": each}).output for each in parameters["values"]]
    output = {"below": below, "after": 2 * len(below), "edition": 0}
    return Expected(output, {("after", 1, 0): 1}, frozenset(_items("below", below, 1)))


CYCLE: Final = """
version: "1.0.0"
ref: crash.cycle
parameters:
  NAME
  laps: {type: integer, required: true}
vars: {lap: 1, total: 0}
tasks:
  - name: work
    action: crash.work
    retry: {count: 2, delay: 0.01}
    input: {of: {WHO, task: work, visit: "{{ workflow.lap }}", index: 0}, value: "{{ workflow.lap }}",
            fails: "{{ 1 if workflow.lap % 3 == 0 else 0 }}"}
    next:
      - when: "{{ succeeded() and workflow.lap >= parameters.laps }}"
        publish: [{total: "{{ workflow.total + result() }}"}]
      - when: "{{ succeeded() and workflow.lap < parameters.laps }}"
        publish: [{total: "{{ workflow.total + result() }}"}, {lap: "{{ workflow.lap + 1 }}"}]
        do: [work]
output_map: {total: "{{ workflow.total }}", laps: "{{ workflow.lap }}", edition: EDITION}
"""


def _cycle(parameters: Mapping[str, Any]) -> Expected:
    laps = parameters["laps"]
    output = {"total": sum(2 * lap for lap in range(1, laps + 1)), "laps": laps, "edition": 0}
    return Expected(output, {("work", lap, 0): 3 for lap in range(1, laps + 1)})


ONCE: Final = """
version: "1.0.0"
ref: crash.once
parameters:
  NAME
  values: {type: array, required: true}
tasks:
  - name: work
    action: crash.work
    delivery: at_most_once
    with_items: "{{ parameters.values }}"
    concurrency: 3
    max_failures: 100%
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}", seconds: 0.005}
output_map: {work: "{{ task.work.result }}", edition: EDITION}
"""


def _once(parameters: Mapping[str, Any]) -> Expected:
    work = [2 * each for each in parameters["values"]]
    return Expected({"work": work, "edition": 0}, _items("work", work, 1), once=True)


TOLERANT: Final = """
version: "1.0.0"
ref: crash.tolerant
parameters:
  NAME
  values: {type: array, required: true}
  hopeless: {type: array, required: true}
tasks:
  - name: work
    action: crash.work_in_thread
    with_items: "{{ parameters.values }}"
    concurrency: 4
    max_failures: 100%
    retry: {count: 1, delay: 0.01}
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}",
            fails: "{{ MANY if index in parameters.hopeless else 0 }}"}
output_map: {work: "{{ task.work.result }}", failed: "{{ task.work.errors | length }}", edition: EDITION}
""".replace("MANY", str(MANY * MANY))


def _tolerant(parameters: Mapping[str, Any]) -> Expected:
    hopeless = parameters["hopeless"]
    work = [None if index in hopeless else 2 * each for index, each in enumerate(parameters["values"])]
    return Expected({"work": work, "failed": len(hopeless), "edition": 0}, _items("work", work, 2))


TIMEOUTS: Final = """
version: "1.0.0"
ref: crash.timeouts
parameters:
  NAME
  values: {type: array, required: true}
tasks:
  - name: work
    action: crash.hang_once
    with_items: "{{ parameters.values }}"
    concurrency: 10
    timeout: 0.1
    retry: {count: 100, delay: 0}
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}"}
output_map: {work: "{{ task.work.result }}", edition: EDITION}
"""


def _timeouts(parameters: Mapping[str, Any]) -> Expected:
    work = [2 * each for each in parameters["values"]]
    return Expected({"work": work, "edition": 0}, _items("work", work, MANY + 1))


GATED: Final = """
version: "1.0.0"
ref: crash.gated
parameters:
  NAME
  values: {type: array, required: true}
  gate: {type: string, required: true}
tasks:
  - name: work
    action: crash.wait
    with_items: "{{ parameters.values }}"
    concurrency: 3
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}", gate: "{{ parameters.gate }}"}
output_map: {work: "{{ task.work.result }}", edition: EDITION}
"""


def _gated(parameters: Mapping[str, Any]) -> Expected:
    work = [2 * each for each in parameters["values"]]
    return Expected({"work": work, "edition": 0}, _items("work", work, 1))


REPAIR: Final = """
version: "1.0.0"
ref: crash.repair
parameters:
  NAME
  values: {type: array, required: true}
  broken: {type: array, required: true}
  needs: {type: string, required: true}
tasks:
  - name: before
    action: crash.work
    input: {of: {WHO, task: before, visit: 1, index: 0}, value: 1}
    next: [{when: "{{ succeeded() }}", do: [work]}]
  - name: work
    action: crash.work
    with_items: "{{ parameters.values }}"
    concurrency: 3
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}",
            needs: "{{ parameters.needs if index in parameters.broken else null }}"}
    next: [{when: "{{ succeeded() }}", do: [after]}]
  - name: after
    action: crash.work
    input: {of: {WHO, task: after, visit: 1, index: 0}, value: "{{ task.work.result | sum }}"}
output_map: {work: "{{ task.work.result }}", after: "{{ task.after.result }}", edition: EDITION}
"""


def _repair(parameters: Mapping[str, Any]) -> Expected:
    work = [2 * each for each in parameters["values"]]
    tries = {("before", 1, 0): 1, **_items("work", work, 1), ("after", 1, 0): 1}
    broken = frozenset(("work", 1, index) for index in parameters["broken"])
    after = frozenset({("after", 1, 0)})
    return Expected({"work": work, "after": 2 * sum(work), "edition": 0}, tries, broken=broken, after=after)


LAZY: Final = """
version: "1.0.0"
ref: crash.lazy
parameters:
  NAME
  values: {type: array, required: true}
  source: {type: string, required: true}
  folder: {type: string, required: true}
tasks:
  - name: work
    action: crash.work
    with_items: {jsonl: "{{ parameters.source }}"}
    concurrency: 3
    results: {jsonl: "{{ parameters.folder }}/{{ system.run_id }}.jsonl"}
    retry: {count: 1, delay: 0.01}
    input: {of: {WHO, task: work, visit: 1, index: "{{ index }}"}, value: "{{ item }}",
            fails: "{{ 1 if index % 7 == 3 else 0 }}"}
    next: [{when: "{{ succeeded() }}", do: [after]}]
  - name: after
    action: crash.work
    input: {of: {WHO, task: after, visit: 1, index: 0}, value: "{{ task.work.succeeded }}"}
output_map: {items: "{{ task.work.items }}", after: "{{ task.after.result }}", edition: EDITION}
"""
"""Its items are the values, in the file `source`; its results go into one in `folder` that has the run's id."""


def _lazy(parameters: Mapping[str, Any]) -> Expected:
    work = [2 * each for each in parameters["values"]]
    output = {"items": len(work), "after": 2 * len(work), "edition": 0}
    return Expected(output, {**_items("work", work, 2), ("after", 1, 0): 1}, in_file=work)


_EXPECTED: Final[dict[str, Callable[[Mapping[str, Any]], Expected]]] = {
    "crash.fan_out": _fan_out,
    "crash.joins": _joins,
    "crash.leaf": _leaf,
    "crash.middle": _middle,
    "crash.nested": _nested,
    "crash.cycle": _cycle,
    "crash.once": _once,
    "crash.tolerant": _tolerant,
    "crash.timeouts": _timeouts,
    "crash.gated": _gated,
    "crash.repair": _repair,
    "crash.lazy": _lazy,
}
_SHORT: Final = {
    "NAME": "name: {type: string, required: true}",
    "WHO": 'name: "{{ parameters.name }}", run: "{{ system.run_id }}"',
}
_TEXTS: Final = (FAN_OUT, JOINS, LEAF, MIDDLE, NESTED, CYCLE, ONCE, TOLERANT, TIMEOUTS, GATED, REPAIR, LAZY)


def expected_of(workflow: str, parameters: Mapping[str, Any]) -> Expected:
    """Return what must come of a run of a workflow."""
    return _EXPECTED[workflow](parameters)


def write_workflows(folder: Path, edition: int) -> None:
    """Write all definitions into a folder, which say which edition they are. A daemon may read them meanwhile."""
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(_TEXTS):
        for short, meaning in {**_SHORT, "EDITION": str(edition)}.items():
            text = text.replace(short, meaning)  # noqa: PLW2901 - one after the other
        new = folder / f"{number}.new"
        new.write_text(text)
        new.rename(folder / f"{number}.yaml")
