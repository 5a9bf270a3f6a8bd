"""Writes a workflow over a shape: actions, conditions, published variables, items, retries, delays, inputs, output."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.differential.dice import Dice
from tests.support.differential.phrases import (
    broken,
    condition,
    inline_published,
    outcome_condition,
    published,
    text_value,
    value,
    variable,
)
from tests.support.differential.shapes import Branch, Shape

Definition = dict[str, Any]
_PUBLISHED = ("s", "s", "n", "flag", "m", "m", "xs", "ys")


@dataclass
class Flow:
    """A workflow definition, and the labels of the reference's quirks that a run of it may show."""

    definition: Definition
    quirks: set[str] = field(default_factory=set)


def write_flow(dice: Dice, shape: Shape) -> Flow:
    """Return the definition of a workflow that passes inspection (nearly always) and ends."""
    flow = Flow({"version": 1.0} if dice.chance(0.9) else {})
    flow.definition |= _data(dice)
    loop = _loop_guard(dice)
    tasks = {name: _Writer(dice, shape, flow, name, loop).task() for name in shape.branches}
    order = dice.sample(list(tasks), len(tasks))
    flow.definition["tasks"] = {name: tasks[name] for name in order}
    output = _output(dice, list(tasks))
    if output:
        flow.definition["output"] = output
    flow.quirks |= _shape_quirks(shape)
    return flow


def _data(dice: Dice) -> Definition:
    """Return input and vars: each variable of `phrases` is declared in one of the two."""
    defaults: dict[str, Any] = {
        "s": dice.pick(("go", "", "text with blanks", "ünï", 5)),
        "n": dice.weigh([(5, 0), (1, 1)]),
        "flag": dice.chance(0.5),
        "m": dice.pick(({"k": "v"}, {"k": 1, "deep": {"x": 1}}, {"deep": {"x": {"y": 0}}})),
        "xs": dice.weigh([(4, ["a", "b", "c"]), (2, ["a", "b"]), (2, []), (1, [None, 0, "", False]), (1, ["d"])]),
        "ys": dice.pick(([1, 2, 3], [1], [1, 2, 3, 4], [])),
        "pairs": dice.pick(([["a", 1], ["b", 2]], [["a", 1, "more"], ["b"]], [["a", 1], "scalar"], [])),
        "act": "core.echo",
    }
    inputs: list[Any] = []
    variables: list[Any] = []
    for name in dice.sample(list(defaults), len(defaults)):
        entry = {name: defaults[name]}
        if dice.chance(0.3):
            inputs.append(entry)
        else:
            variables.append(entry)
    if dice.chance(0.25):
        inputs.append("given")
    if dice.chance(0.2):
        variables.append({"derived": _derived(dice, [next(iter(entry)) for entry in variables])})
    if dice.chance(0.015):
        variables.append({"hopeless": broken(dice)})
    return {key: entries for key, entries in (("input", inputs), ("vars", variables)) if entries}


def _derived(dice: Dice, known: list[str]) -> Any:
    return dice.pick((variable(dice, dice.pick(known)), [variable(dice, dice.pick(known)), 1])) if known else "plain"


def _loop_guard(dice: Dice) -> tuple[str, Any]:
    """Return the condition of the cycle's edge, and what is published on it: it ends after at most three laps."""
    laps = dice.between(1, 3)
    if dice.chance(0.3):
        return "<% result() = again %>", None
    return dice.pick((f"<% ctx(n) < {laps} %>", f"{{{{ ctx('n') < {laps} }}}}")), [{"n": "<% ctx(n) + 1 %>"}]


def _output(dice: Dice, tasks: list[str]) -> list[Any]:
    entries: dict[str, Any] = {}
    for name in dice.sample(("s", "n", "flag", "m", "xs"), dice.between(1, 4)):
        entries[f"out_{name}"] = variable(dice, name)
    if dice.chance(0.3):
        entries["statuses"] = [f"<% task_status({name}) %>" for name in dice.sample(tasks, 2)]
    if dice.chance(0.2):
        entries["text"] = text_value(dice)
    if dice.chance(0.15):
        entries["again"] = f"<% ctx({next(iter(entries))}) %>"
    if dice.chance(0.025):
        entries["hopeless"] = broken(dice)
    return [{name: content} for name, content in entries.items()] if dice.chance(0.93) else []


def _shape_quirks(shape: Shape) -> set[str]:
    quirks = set()
    for name, needed in shape.joins.items():
        sources = set(shape.sources(name))
        if needed != "all" and len(sources) > max(int(needed), 1):
            quirks.add("late-arrival-at-count-join")
        if len(sources) > 1:
            quirks.add("shared-ancestor-merge")
    if any("retry" in branch.targets for branches in shape.branches.values() for branch in branches):
        quirks.add("retry-command-on-success")
    return quirks


class _Writer:
    """Writes one task."""

    def __init__(self, dice: Dice, shape: Shape, flow: Flow, name: str, loop: tuple[str, Any]) -> None:
        self._dice = dice
        self._shape = shape
        self._flow = flow
        self._name = name
        self._loop = loop
        self._items: list[str] | None = None

    def task(self) -> Definition:
        dice = self._dice
        task: Definition = {}
        if self._name in self._shape.joins:
            task["join"] = self._shape.joins[self._name]
        if dice.chance(0.16):
            task["with"] = self._with()
        task |= self._action()
        if dice.chance(0.14):
            task["retry"] = self._retry()
        if dice.chance(0.1):
            task["delay"] = dice.weigh(
                [(3, dice.below(4)), (2, "<% ctx(n) + 1 %>"), (1, "{{ ctx('n') }}"), (0.12, "soon")]
            )
        transitions = self._transitions()
        if transitions:
            task["next"] = transitions
        return task or {"action": "core.noop"}

    def _with(self) -> Any:
        dice = self._dice
        form = dice.weigh(
            [
                (4, "bare"),
                (5, "named"),
                (2, "zipped"),
                (2, "pairs"),
                (1, "one-over-lists"),
                (0.25, "in"),
                (0.2, "wrong"),
            ]
        )
        if form == "one-over-lists":
            self._flow.quirks.add("one-name-over-lists")
        if form == "in":
            self._flow.quirks.add("in-splits-with")
        names: dict[str, list[str]] = {
            "named": ["x"],
            "zipped": ["x", "y"],
            "pairs": ["x", "y"],
            "one-over-lists": ["x"],
        }
        self._items = names.get(form, [])
        text = {
            "bare": variable(dice, "xs"),
            "named": f"x in {variable(dice, 'xs')}",
            "zipped": dice.pick(("x, y in <% zip(ctx(xs), ctx(ys)) %>", "x,y in {{ zip(ctx('xs'), ctx('ys')) }}")),
            "pairs": f"x, y in {variable(dice, 'pairs')}",
            "one-over-lists": f"x in {variable(dice, 'pairs')}",
            "in": "<% ctx(xs).where($ in [a, b]) %>",
            "wrong": dice.pick(("<% ctx(m) %>", "<% ctx(s) %>", "<% ctx(n) %>")),
        }[form]
        if dice.chance(0.4):
            return text
        concurrency = dice.weigh(
            [(3, 1), (4, 2), (1, 3), (1, 0), (1, "<% ctx(n) + 1 %>"), (1, "{{ 2 }}"), (0.12, "<% ctx(s) %>")]
        )
        return {"items": text, "concurrency": concurrency} if dice.chance(0.8) else {"items": text}

    def _action(self) -> Definition:
        dice = self._dice
        kinds = [(2, "noop"), (5, "inline"), (4, "map"), (0.5, "whole"), (0.6, "dynamic"), (0.1, "broken")]
        if self._items is None:
            kinds.append((1.2, "none"))
        kind = dice.weigh(kinds)
        if kind == "none":
            return {}
        if kind == "noop":
            return {"action": "core.noop"}
        if kind == "inline":
            message = dice.pick(("plain_word", "42", "[1, 2]")) if dice.chance(0.15) else self._value_text()
            return {"action": f"core.echo message={message}"}
        if kind == "whole":
            return {"action": "core.local", "input": variable(dice, "m")}
        if kind == "dynamic":
            return {"action": variable(dice, "act"), "input": {"message": self._value()}}
        if kind == "broken":
            return {"action": "core.echo", "input": {"message": broken(dice)}}
        entries = (
            {"cmd": self._value(), "env": {"deep": [self._value()]}} if dice.chance(0.4) else {"message": self._value()}
        )
        return {"action": dice.pick(("core.echo", "core.echo", "core.local")), "input": entries}

    def _value_text(self) -> str:
        for _ in range(9):
            written = self._value()
            if (
                isinstance(written, str)
                and written[:2] in {"<%", "{{"}
                and written.count("%>") + written.count("}}") == 1
            ):
                return written
        return variable(self._dice, "s")

    def _value(self) -> Any:
        dice = self._dice
        if self._items is None:
            if dice.chance(0.01):
                self._flow.quirks.add("item-outside-with")
                return "<% item() %>"
            return self._status_of_another() if dice.chance(0.1) else value(dice)
        if dice.chance(0.2):
            return value(dice)
        if not self._items or dice.chance(0.15):
            return dice.pick(("<% item() %>", "{{ item() }}", "the <% item() %>", {"item": "<% item() %>"}))
        name = dice.pick(self._items) if dice.chance(0.97) else "nokey"
        return dice.pick((f"<% item({name}) %>", f"{{{{ item('{name}') }}}}", f"<% item({name}) %>-<% ctx(n) %>"))

    def _status_of_another(self) -> str:
        name = self._dice.pick(list(self._shape.branches))
        return self._dice.pick((f"<% task_status({name}) %>", f"{{{{ task_status('{name}') }}}}"))

    def _retry(self) -> Definition:
        dice = self._dice
        retry: Definition = {
            "count": dice.weigh([(1, 0), (4, 1), (4, 2), (1, 3), (1, "<% ctx(n) + 1 %>"), (0.12, "<% ctx(s) %>")])
        }
        if dice.chance(0.4):
            retry["delay"] = dice.weigh([(3, dice.below(5)), (1, "<% ctx(n) + 2 %>"), (1, "{{ 3 }}")])
        if dice.chance(0.35):
            retry["when"] = dice.pick(
                (
                    "<% failed() %>",
                    "<% result() = again %>",
                    "{{ failed() }}",
                    "<% completed() %>",
                    "<% succeeded() %>",
                    "<% ctx(flag) %>",
                )
            )
        return retry

    def _transitions(self) -> list[Definition]:
        branches = self._shape.branches[self._name]
        if len(branches) == 2 and self._dice.chance(0.35) and not any(branch.loops for branch in branches):
            first, second = self._dice.sample(branches, 2)
            return [self._transition(first, "succeeded"), self._transition(second, "failed")]
        return [self._transition(branch, None) for branch in branches]

    def _transition(self, branch: Branch, outcome: str | None) -> Definition:
        dice = self._dice
        transition: Definition = {}
        when = self._when(branch, outcome)
        if when:
            transition["when"] = when
        if branch.loops and self._loop[1]:
            transition["publish"] = self._loop[1] + self._publish_entries(dice.below(2), without="n")
        elif dice.chance(0.42):
            transition["publish"] = self._publish()
        if branch.targets:
            transition["do"] = ", ".join(branch.targets) if dice.chance(0.6) else list(dict.fromkeys(branch.targets))
        return transition or {"when": "<% completed() %>"}

    def _when(self, branch: Branch, outcome: str | None) -> str | None:
        dice = self._dice
        if branch.loops:
            return self._loop[0]
        if outcome:
            return outcome_condition(dice, outcome)
        meets = any(target in self._shape.joins for target in branch.targets)
        kind = dice.weigh(
            [
                (20 if meets else 8, "none"),
                (8, "succeeded"),
                (2.5, "failed"),
                (2, "completed"),
                (4, "other"),
                (0.12, "broken"),
            ]
        )
        if "retry" in branch.targets and kind == "none" and dice.chance(0.7):
            kind = "failed"
        if kind == "none":
            return None
        if kind == "other":
            return condition(dice, list(self._shape.branches))
        return broken(dice) if kind == "broken" else outcome_condition(dice, kind)

    def _publish(self) -> Any:
        dice = self._dice
        names = list(dict.fromkeys(dice.sample(_PUBLISHED, dice.weigh([(5, 1), (3, 2), (1, 3)]))))
        if self._keeps_counter():
            names = [name for name in names if name != "n"] or ["s"]
        if dice.chance(0.3):
            return " ".join(f"{name}={inline_published(dice, name)}" for name in names)
        return self._entries(names)

    def _publish_entries(self, count: int, without: str) -> list[Any]:
        return self._entries([name for name in dict.fromkeys(self._dice.sample(_PUBLISHED, count)) if name != without])

    def _entries(self, names: list[str]) -> list[Any]:
        dice = self._dice
        entries: list[Any] = [{name: published(dice, name) if dice.chance(0.992) else broken(dice)} for name in names]
        if dice.chance(0.1):
            entries.append({f"new_{self._name}": "<% result() %>"})
        return entries

    def _keeps_counter(self) -> bool:
        """Only the cycle's edge may set the counter of a cycle, or the cycle might not end."""
        return any(branch.loops for branches in self._shape.branches.values() for branch in branches)
