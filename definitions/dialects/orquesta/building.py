"""Builds the model from an Orquesta form: compiles values, and applies commands and defaults."""

from pathlib import PurePath
from typing import Final, Literal

from stretto.definitions.data import EMPTY_OBJECT, freeze
from stretto.definitions.dialects.orquesta.forms import (
    ItemsForm,
    RetryForm,
    TaskForm,
    TransitionForm,
    WorkflowForm,
)
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Constant, ListTemplate, ObjectTemplate, Template
from stretto.definitions.expressions.orquesta import Given, KeyedTemplate, compile_text
from stretto.definitions.model import ORQUESTA, Assignment, Parameter, Retry, Task, Transition, WithItems, Workflow
from stretto.definitions.source import OPENING, ListNode, MapNode, Node, Report, ScalarNode, Work, to_data

RETRIES_OF_THE_COMMAND: Final = 3


class Builder:
    """Builds one workflow and reports the errors in its expressions."""

    def __init__(self, file: str, report: Report, work: Work) -> None:
        self._work = work
        self._file = file
        self._report = report
        self._templates: dict[int, tuple[Node, Template]] = {}

    def workflow(self, form: WorkflowForm) -> Workflow:
        """Return the model without invalid parts."""
        if form.input is not None:
            self.value(form.input)
        given = [each for node in _members(form.input) if (each := _name_and_value(node)) is not None]
        return Workflow(
            ref=PurePath(self._file).stem,
            parameters={
                name: Parameter(name, "any", place, default=None if value is None else freeze(to_data(value)))
                for name, value, place in given
            },
            inputs=tuple(
                Assignment(name, Given(name, None if value is None else self.value(value), place), place)
                for name, value, place in given
            ),
            variables=self._assignments(form.vars),
            tasks={name: self._task(task) for name, task in form.tasks.items()},
            output=None if form.output is None else self._assignments(form.output),
            cancellation_policy="allow_finish",
            fail_fast=ORQUESTA.fail_fast,
            file=self._file,
            semantics=ORQUESTA,
            label=form.texts["name"],
            description=form.texts["description"],
            version="1.0",
            tags=form.tags,
        )

    def value(self, node: Node) -> Template:
        """Compile a value. Aliases are compiled once."""
        known = self._templates.get(id(node))
        if known is None:
            known = self._templates[id(node)] = node, self._compiled(node)
        return known[1]

    def _compiled(self, node: Node) -> Template:
        if isinstance(node, ScalarNode):
            if isinstance(node.value, str):
                self._work.charge_text(node.value, node.place)
                return compile_text(node.value, node.locate, self._report)
            return Constant(node.value, node.place)
        if isinstance(node, ListNode):
            members = [self.value(member) for member in node.members]
            if all(isinstance(member, Constant) for member in members):
                return Constant(freeze(to_data(node)), node.place)
            return ListTemplate(members, node.place)
        values = {key: self.value(member) for key, member in node.members.items()}
        if any(OPENING.search(key) for key in values):
            keyed = [(self._key(key, node.keys[key]), value) for key, value in values.items()]
            return KeyedTemplate(keyed, node.place)
        if all(isinstance(value, Constant) for value in values.values()):
            return Constant(freeze(to_data(node)), node.place)
        return ObjectTemplate(values, node.place)

    def _key(self, key: str, place: Place) -> Template:
        self._work.charge_text(key, place)
        return compile_text(key, lambda _offset: place, self._report)

    def _assignments(self, node: Node | None) -> tuple[Assignment, ...]:
        if node is not None:
            # Compile all expressions for their errors, also those in names and in invalid members.
            self.value(node)
        return tuple(
            Assignment(name, self.value(value), place)
            for member in _members(node)
            if (named := _name_and_value(member)) is not None
            for name, value, place in [named]
            if value is not None
        )

    def _task(self, form: TaskForm) -> Task:
        action = form.action
        named = self.value(action) if action is not None else None
        retry = None if form.retry is None else self._retry(form.retry)
        transitions = []
        for each in form.transitions:
            transition = self._transition(each)
            if "retry" in transition.targets:
                retry = _retry_command(transition)
                transition = _without_retry(transition)
            if transition.targets:
                transitions.append(transition)
        return Task(
            name=form.name,
            action=action.value if isinstance(action, ScalarNode) and isinstance(action.value, str) else None,
            action_expression=None if named is None or isinstance(named, Constant) else named,
            input=Constant(EMPTY_OBJECT, form.place) if form.input is None else self.value(form.input),
            place=form.place,
            action_place=form.place if action is None else action.place,
            with_items=None if form.items is None else self._items(form.items),
            retry=retry,
            delay=None if form.delay is None else self.value(form.delay),
            join=_join(form),
            transitions=tuple(transitions),
        )

    def _items(self, form: ItemsForm) -> WithItems:
        """Return the fan-out. Orquesta cuts the text at the first ` in `, even inside the expression."""
        concurrency = Constant(None, form.place) if form.concurrency is None else self.value(form.concurrency)
        source: Template = Constant(None, form.place) if form.items is None else self.value(form.items)
        names: tuple[str, ...] = ()
        if isinstance(form.items, ScalarNode) and isinstance(form.items.value, str):
            written = form.items
            before, cut, after = form.items.value.partition(" in ")
            names = tuple(before.replace(" ", "").split(",")) if cut else ()
            start = len(before) + len(cut)
            if cut and OPENING.search(before):
                self._cut_in_an_expression(written)
            source = compile_text(
                (after if cut else before).strip(), lambda offset: written.locate(start + offset), _already_reported
            )
        return WithItems(source, concurrency, None, None, form.place, names)

    def _cut_in_an_expression(self, written: ScalarNode) -> None:
        self._report(
            Finding(
                "items_cut",
                "the items are cut at the first ' in ', which is in the expression, so the task fails when it starts",
                written.locate(0),
                hint="write x in <% ... %>, and item(x) for item()",
                severity="warning",
            )
        )

    def _retry(self, form: RetryForm) -> Retry:
        delay = Constant(0, form.place) if form.delay is None else self.value(form.delay)
        when = None if form.when is None else self.value(form.when)
        return Retry(self.value(form.count), delay, "constant", None, when, form.place)

    def _transition(self, form: TransitionForm) -> Transition:
        targets: dict[str, Place] = {}
        for target in form.targets:
            targets.setdefault(target.name, target.place)
        if form.do is not None:
            self.value(form.do)
        return Transition(
            when=None if form.when is None else self.value(form.when),
            publish=self._assignments(form.publish),
            targets=tuple(targets),
            target_places=tuple(targets.values()),
            place=form.place,
            number=form.number,
        )


def _already_reported(finding: Finding) -> None:
    """Ignore errors in part of a text whose whole was compiled before."""


def _retry_command(transition: Transition) -> Retry:
    always = Constant(True, transition.place)  # noqa: FBT003 - a value
    count = Constant(RETRIES_OF_THE_COMMAND, transition.place)
    delay = Constant(0, transition.place)
    return Retry(count, delay, "constant", None, transition.when or always, transition.place)


def _without_retry(transition: Transition) -> Transition:
    kept = {
        target: place
        for target, place in zip(transition.targets, transition.target_places, strict=True)
        if target != "retry"
    }
    return Transition(
        transition.when, transition.publish, tuple(kept), tuple(kept.values()), transition.place, transition.number
    )


def _join(form: TaskForm) -> Literal["all"] | int | None:
    return "all" if isinstance(form.join, str) else form.join


def _members(node: Node | None) -> list[Node]:
    return node.members if isinstance(node, ListNode) else []


def _name_and_value(node: Node) -> tuple[str, Node | None, Place] | None:
    """Return the name and value of a member of `input`, `vars`, `output` or `publish`, with its place."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return node.value, None, node.place
    if isinstance(node, MapNode) and len(node.members) == 1:
        name, value = next(iter(node.members.items()))
        return name, value, node.keys[name]
    return None
