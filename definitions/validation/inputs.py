"""Checks the inputs of tasks against their actions, which the caller supplies as `KnownActions`."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from stretto.definitions.data import FrozenDict
from stretto.definitions.dialects import ACTION, LITERAL_INPUTS
from stretto.definitions.errors import Finding, Place
from stretto.definitions.expressions import Constant, ListTemplate, ObjectTemplate, Statements, Template, Text
from stretto.definitions.model import CoreActions, Resources, Task, Workflow
from stretto.definitions.source import ListNode, MapNode, Node
from stretto.definitions.validation.collecting import Findings

LITERAL_HINT: Final = 'pass the value in `env` and write "$NAME" in the command, or use argv'
RENDERED_HINT: Final = f"{LITERAL_HINT}; the setting `core_local.rendered_cmd: allow` permits such commands"
"""The hint for Orquesta definitions, which the setting applies to."""
CALL_HINT: Final = (
    "call it from an Orquesta definition; the setting `core_local.rendered_cmd: allow` permits such calls"
)


@dataclass(frozen=True, slots=True)
class KnownInput:
    """One input of an action, or one parameter of a workflow that is called as an action."""

    name: str
    type: str = "any"
    required: bool = False
    nullable: bool = True
    enum: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownAction:
    """The inputs of an action.

    Attributes:
        inputs: The known inputs by name.
        takes_anything: Whether the action accepts other inputs.
        literal: The inputs that cannot contain expressions.
        doubtful: The inputs in which an expression lets data run as code.
        renders_code: Whether the action is refused because it turns its input into code.
        is_workflow: Whether the ref is a workflow's.
    """

    inputs: Mapping[str, KnownInput]
    takes_anything: bool = False
    literal: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    renders_code: bool = False
    is_workflow: bool = False


class KnownActions(Protocol):
    """The actions that validation knows."""

    def parameters_of(self, ref: str, core: CoreActions) -> KnownAction | None:
        """Return the inputs of an action, or None if there is no such action."""

    def suggestion_for(self, ref: str, core: CoreActions) -> str:
        """Return why there is no such action, and what to write instead; "" if nothing is known of it."""

    def refs(self, core: CoreActions) -> tuple[str, ...]:
        """Return all refs, to suggest the nearest one."""

    @property
    def pools(self) -> Mapping[str, Resources | None] | None:
        """The pools in which tasks can run, each with what a worker has if that counts. None if they are not known."""


class KeyPlaces:
    """The places of a document's keys and values, which constant objects do not store."""

    def __init__(self, root: Node | None) -> None:
        self._objects: dict[tuple[int, int], MapNode] = {}
        pending = [root] if root is not None else []
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, MapNode):
                self._objects[node.place.line, node.place.column] = node
                pending += node.members.values()
            elif isinstance(node, ListNode):
                pending += node.members

    def key(self, place: Place, name: str) -> Place:
        """Return the place of a key of the object at `place`."""
        node = self._objects.get((place.line, place.column))
        return node.keys.get(name, place) if node is not None else place

    def value(self, place: Place, name: str) -> Place:
        """Return the place of a value of the object at `place`."""
        node = self._objects.get((place.line, place.column))
        return node.members[name].place if node is not None and name in node.members else place


_WAITING = frozenset({"core.ask", "core.wait_for"})
"""Actions that wait for people or events."""
_ITSELF = "the task calls its own workflow; if it means an action, give that another ref"
_WHERE_FROM = "actions come from --packs and --actions, and workflows from --definitions"


def check_inputs(
    workflow: Workflow, actions: KnownActions, places: KeyPlaces, findings: Findings, unsure: Collection[str]
) -> None:
    """Check the action and input of each task, except for the inputs of `unsure` tasks, which were only partly read."""
    for task in workflow.tasks.values():
        _check_pool(task, actions.pools, findings)
        if not task.action or task.action_expression is not None or not ACTION.match(task.action):
            continue
        core = workflow.semantics.core_actions
        action = actions.parameters_of(task.action, core)
        if action is None and task.runs_on is not None:
            continue  # the pool's workers announce their actions when they join
        if action is None:
            others = [ref for ref in actions.refs(core) if ref != workflow.ref]
            hint = actions.suggestion_for(task.action, core) or _nearest_ref(task.action, others, findings)
            findings.error("unknown_action", f"there is no action {task.action!r}", task.action_place, hint=hint)
        elif task.name not in unsure:
            if task.key_limit is not None and (action.is_workflow or task.action in _WAITING):
                what = "a sub-workflow" if action.is_workflow else "a wait"
                findings.error(
                    "key_without_effect", f"{what} takes no permits, so the limit of its key has no effect",
                    task.key_limit.place, hint="give the concurrency_key to the tasks that call actions",
                )  # fmt: skip
            if task.rate is not None and (action.is_workflow or task.action in _WAITING):
                what = "a sub-workflow" if action.is_workflow else "a wait"
                findings.error(
                    "rate_without_effect", f"{what} does not wait for a rate, so it has no effect",
                    task.rate.place, hint="give the rate to the tasks that call actions",
                )  # fmt: skip
            is_own = action.is_workflow and task.action == workflow.ref
            _check_input(task, action, places, findings, _ITSELF if is_own else "")
            _check_literal(task, action, core, findings)


def check_calls(workflow: Workflow, actions: KnownActions) -> tuple[Finding, ...]:
    """Return the findings about the actions and inputs of a workflow's tasks, and nothing else."""
    findings = Findings()
    check_inputs(workflow, actions, KeyPlaces(None), findings, ())
    return tuple(findings)


def _check_pool(task: Task, pools: Mapping[str, Resources | None] | None, findings: Findings) -> None:
    if pools is None or not isinstance(task.runs_on, Constant):
        return
    name = str(task.runs_on.value)
    if name in pools:
        there = pools[name]
        lacking = "" if there is None or task.needs is None else there.lacks(task.needs)
        if lacking:
            findings.error(
                "unmet_needs", f"no worker of the pool {name} can have {lacking}", task.runs_on.place,
                hint="the settings of the pool say what a worker has: cpus, gpus, memory, labels",
            )  # fmt: skip
        return
    findings.error(
        "unknown_pool", f"there is no pool {name!r}", task.runs_on.place,
        hint=findings.nearest(name, pools) or "pools are made in the settings, in the section `pools`",
    )  # fmt: skip


def computed_members(template: Template, names: Collection[str]) -> dict[str, Place]:
    """Return the places of the members with expressions. An input that is one expression computes all members."""
    if isinstance(template, ObjectTemplate):
        first = {name: next(template.members[name].expressions(), None) for name in names if name in template.members}
        return {name: expression.place for name, expression in first.items() if expression is not None}
    return {} if isinstance(template, Constant) else dict.fromkeys(names, template.place)


def rendered_commands(workflow: Workflow, actions: KnownActions) -> tuple[Finding, ...]:
    """Return an error for each task with an expression in an input that is code.

    Args:
        workflow: A workflow that was read without errors.
        actions: The actions, with the inputs that must be literal in the run at hand.
    """
    findings, core = Findings(), workflow.semantics.core_actions
    for task in workflow.tasks.values():
        if task.action and task.action_expression is None:
            action = actions.parameters_of(task.action, core)
            if action is not None:
                _check_literal(task, action, core, findings)
    return tuple(findings)


def _check_literal(task: Task, action: KnownAction, core: CoreActions, findings: Findings) -> None:
    if action.renders_code:
        message = f"{task.action} builds its command from its input, so data would run as code"
        findings.error("rendered_command", message, task.action_place, hint=CALL_HINT)
    if not isinstance(task.input, ObjectTemplate):
        return  # such a member is known only at run time
    if core == "stretto" and task.action in LITERAL_INPUTS:
        return  # reported by the reader
    for name, place in computed_members(task.input, action.literal).items():
        findings.error(
            "rendered_command",
            f"{name!r} of {task.action} must be literal text; an expression in it would let data run as code",
            place, hint=LITERAL_HINT if core == "stretto" else RENDERED_HINT,
        )  # fmt: skip
    for name, place in computed_members(task.input, action.doubtful).items():
        findings.warn(
            "rendered_command",
            f"{name!r} of {task.action} has an expression: who sets its value can run any program here, and runs of "
            "remote clients are refused",
            place, hint=RENDERED_HINT,
        )  # fmt: skip


def _nearest_ref(ref: str, known: list[str], findings: Findings) -> str:
    """Return a hint with the nearest ref. In a known pack, only the names without the pack are compared."""
    pack, _, name = ref.rpartition(".")
    of_pack = {each.rpartition(".")[2]: each for each in known if each.rpartition(".")[0] == pack}
    hint = findings.nearest(name, of_pack) if of_pack else findings.nearest(ref, known)
    return hint.replace("'", f"'{pack}.", 1) if of_pack and hint else hint or _WHERE_FROM


def _members(template: Template) -> Iterator[tuple[str, Template]]:
    if isinstance(template, ObjectTemplate):
        yield from template.members.items()
    elif isinstance(template, Constant) and isinstance(template.value, FrozenDict):
        for name, value in template.value.items():
            yield name, Constant(value, template.place)


def _check_input(task: Task, action: KnownAction, places: KeyPlaces, findings: Findings, likely_cause: str) -> None:
    """Check the inputs of a task. `likely_cause` replaces the hints of missing and unknown inputs, unless it is ""."""
    if not isinstance(task.input, ObjectTemplate | Constant):
        return  # the names that an expression gives are known only at run time
    place = task.input.place
    given = dict(_members(task.input))
    meant: set[str] = set()
    for name, template in given.items():
        known = action.inputs.get(name)
        if known is not None:
            _check_value(f"{name!r} of {task.action}", known, template, places.value(place, name), findings)
        elif not action.takes_anything:
            hint = findings.nearest(name, action.inputs)
            meant |= {each for each in action.inputs if repr(each) in hint}
            findings.error(
                "unknown_input", f"{task.action} has no input {name!r}", places.key(place, name),
                expected=", ".join(action.inputs) or "no input", hint=likely_cause or hint,
            )  # fmt: skip
    for name, known in action.inputs.items():
        # A misspelt one has been reported.
        if known.required and name not in given and name not in meant:
            expected = "any value" if known.type == "any" else _article(known.type)
            findings.error(
                "missing_input", f"{task.action} needs the input {name!r}", task.action_place if not given else place,
                expected=expected, hint=likely_cause or (f"add input: {{{name}: ...}}" if not given else ""),
            )  # fmt: skip


def _check_value(what: str, known: KnownInput, template: Template, place: Place, findings: Findings) -> None:
    kind = _kind_of(template)
    if not kind:
        return
    if not (known.nullable if kind == "null" else _fits(known.type, kind)):
        expected = _article(known.type) if known.type != "any" else "any value but null"
        findings.error("wrong_input_type", f"{what} has the wrong type", place, found=_article(kind), expected=expected)
    elif known.enum and isinstance(template, Constant) and kind != "null":
        value = template.value
        if not any(value == each and type(value) is type(each) for each in known.enum):
            choices = [str(each) for each in known.enum]
            findings.error(
                "bad_choice", f"{what} has an invalid value", place, found=repr(value)[:60],
                expected=", ".join(choices), hint=findings.nearest(str(value), choices),
            )  # fmt: skip


def _kind_of(template: Template) -> str:
    """Return the type of a value, or "" if it is known only at run time."""
    if isinstance(template, Constant):
        return _type_of(template.value)
    kinds = {ObjectTemplate: "object", ListTemplate: "array", Text: "string", Statements: "string"}
    return kinds.get(type(template), "")


def _fits(wanted: str, kind: str) -> bool:
    return wanted in {"any", kind} or (wanted == "number" and kind == "integer")


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = ((int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((kind for python_type, kind in kinds if isinstance(value, python_type)), "null")


def _article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
