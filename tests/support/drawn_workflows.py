"""Small workflows of any shape, drawn for laws that hold for all runs of a real engine."""

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from stretto.actors import ActionFailed, action

TRIES: Counter[str] = Counter()
LOCK = threading.Lock()

CHILD = """
ref: law.child
version: "1.0.0"
parameters: {fails: {default: 0}, key: {}}
vars: {seen: "{{ parameters.fails }}"}
tasks:
  - name: inner
    action: law.sometimes
    input: {fails: "{{ parameters.fails }}", key: "{{ parameters.key }}"}
    retry: {count: 1, delay: 0}
output_map: {fails: "{{ workflow.seen }}", result: "{{ task.inner.result }}"}
"""


@action("law.sometimes")
def sometimes(fails: int, key: str) -> dict[str, Any]:
    """Fail so many times, then succeed; the key is an item's own, and the same in all its tries."""
    with LOCK:
        TRIES[key] += 1
        tries = TRIES[key]
    if tries <= fails:
        raise ActionFailed(f"it failed {tries} times", result={"tries": tries})
    return {"tries": tries, "fails": fails}


CONDITIONS = (None, "{{ succeeded() }}", "{{ failed() }}", "{{ result() is none }}", "{{ workflow.n < 2 }}")
PUBLISHED = ({"n": "{{ workflow.n + 1 }}"}, {"list": "{{ [workflow.n, 1] }}"}, "last")
OUTPUTS = ("{{ workflow.n }}", "{{ workflow.list }}", "{{ task.t0.result }}", "{{ task.t1.errors }}", "{{ nothing }}")


def task_of(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw a task without transitions."""
    task: dict[str, Any] = {"name": name, "action": draw(st.sampled_from(["law.sometimes"] * 4 + ["law.child"]))}
    task["input"] = {"fails": draw(st.integers(0, 2)), "key": "{{ uuid() }}"}
    if draw(st.booleans()):
        task["with_items"] = draw(st.sampled_from([[], [0], [0, 1, 0, 2, 1], "{{ workflow.list }}"]))
        task["concurrency"] = draw(st.integers(1, 3))
        task["input"]["fails"] = "{{ item }}"
        if draw(st.booleans()):
            task["max_failures"] = draw(st.sampled_from([0, 1, "50%"]))
    if draw(st.booleans()):
        task["retry"] = {"count": draw(st.integers(0, 2)), "delay": 0}
    if draw(st.integers(0, 4)) == 0:
        task["when"] = draw(st.sampled_from(["{{ workflow.n == 0 }}", "{{ workflow.nothing }}"]))
    if draw(st.integers(0, 4)) == 0:
        task["delivery"] = "at_most_once"
    return task


@st.composite
def workflows(draw: st.DrawFn) -> str:
    """Draw a workflow: fan-outs, sub-workflows, failures, retries, branches, joins, variables."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 4)))]
    inbound: Counter[str] = Counter()
    tasks = []
    for number, name in enumerate(names):
        task = task_of(draw, name)
        following = names[number + 1 :]
        transitions: list[dict[str, Any]] = []
        for _ in range(draw(st.integers(0, 2))):
            transition: dict[str, Any] = {"publish": [draw(st.sampled_from(PUBLISHED))]}
            condition = draw(st.sampled_from(CONDITIONS))
            if condition is not None:
                transition["when"] = condition
            targets = draw(st.sets(st.sampled_from(following))) if following else set()
            if targets:
                transition["do"] = sorted(targets)
                inbound.update(targets)
            transitions.append(transition)
        if inbound[name] and draw(st.booleans()):
            task["join"] = draw(st.sampled_from(["all", 1]))
        tasks.append({**task, "next": transitions})
    return json.dumps(
        {
            "ref": "law.parent",
            "version": "1",
            "vars": {"n": 0, "list": [0, 1], "last": None},
            "tasks": tasks,
            "output_map": {f"o{number}": each for number, each in enumerate(draw(st.sets(st.sampled_from(OUTPUTS))))},
            "fail_fast": draw(st.booleans()),
        }
    )


def write_child(folder: Path) -> None:
    """Write the definition of the sub-workflow that drawn ones call."""
    (folder / "child.yaml").write_text(CHILD)
