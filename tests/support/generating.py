"""Native workflows drawn at random: branches, joins, cycles that end, retries, delays, fan-outs."""

import json
from typing import Any

from hypothesis import strategies as st

CONDITIONS = (None, "{{ succeeded() }}", "{{ failed() }}", "failed() or timed_out()", "{{ result() is none }}")


def draw_task(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw a task without transitions."""
    task: dict[str, Any] = {"name": name, "action": "core.echo", "input": {"message": "{{ uuid() }} {{ now() }}"}}
    if draw(st.booleans()):
        task["with_items"] = draw(st.sampled_from([[], [1], [1, 2, 3], "{{ workflow.list }}"]))
        task["concurrency"] = draw(st.integers(1, 3))
        task["input"]["item"] = "{{ [item, index, workflow.n] }}"
        if draw(st.booleans()):
            task["max_failures"] = draw(st.sampled_from([0, 1, "50%"]))
    if draw(st.booleans()):
        task["retry"] = {"count": draw(st.integers(0, 2)), "delay": draw(st.sampled_from([0, 0.5, 3]))}
    if draw(st.integers(0, 3)) == 0:
        task["delay"] = draw(st.sampled_from([0, 1, 2.5, "{{ workflow.n }}"]))
    return task


def draw_transition(draw: st.DrawFn, names: list[str], number: int) -> dict[str, Any]:
    """Draw a transition; one that leads back asks the counter, so that every cycle ends."""
    published = [{"list": "{{ [workflow.n] }}"}, "last", {"id": "{{ uuid() }}"}]
    transition: dict[str, Any] = {"publish": [{"n": "{{ workflow.n + 1 }}"}, draw(st.sampled_from(published))]}
    condition = draw(st.sampled_from(CONDITIONS))
    target = draw(st.sampled_from([None, *names[1:], *names[number + 1 :]]))
    if target is not None:
        transition["do"] = [target]
        if names.index(target) <= number:
            condition = "{{ workflow.n < 4 }}"
    if condition is not None:
        transition["when"] = condition
    return transition


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """Draw a workflow of several tasks: branches, joins, cycles with a counter, publishes, retries, delays."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 5)))]
    inbound: dict[str, set[str]] = {name: set() for name in names}
    tasks: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        task = draw_task(draw, name)
        task["next"] = [draw_transition(draw, names, number) for _ in range(draw(st.integers(0, 3)))]
        for transition in task["next"]:
            for target in transition.get("do", []):
                inbound[target].add(name)
        tasks.append(task)
    for task in tasks[1:]:
        most = len(inbound[task["name"]])
        task["join"] = draw(st.sampled_from(["all", *range(1, most + 1)])) if most and draw(st.booleans()) else None
    document = {
        "version": "1",
        "vars": {"n": 0, "list": ["a", "b"], "last": None, "id": "{{ uuid() }}"},
        "tasks": tasks,
        "output_map": {"n": "{{ workflow.n }}", "last": "{{ workflow.last }}", "id": "{{ workflow.id }}"},
        "cancellation_policy": draw(st.sampled_from(["allow_finish", "cancel_running"])),
        "fail_fast": draw(st.booleans()),
    }
    return json.dumps(document)
