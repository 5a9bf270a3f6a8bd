"""The native dialect (Attune's): a YAML document in, a `Workflow` out, and every finding of the file at once."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePath
from typing import Literal, cast, get_args

from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.dialects.item_files import SOURCES, read_results, read_source
from stretto.definitions.dialects.legacy import read_legacy
from stretto.definitions.dialects.parallel import enter_at_the_fork, expand
from stretto.definitions.dialects.parameters import read_parameters
from stretto.definitions.dialects.reading import NAME, NAME_RULE, Fields, Reader
from stretto.definitions.errors import Place, nearest
from stretto.definitions.expressions import Constant, ObjectTemplate, Site, Template
from stretto.definitions.model import (
    Assignment,
    Backoff,
    CancellationPolicy,
    Delivery,
    Retry,
    Share,
    SourceKind,
    Task,
    Transition,
    WithItems,
    Workflow,
    graph_of,
)
from stretto.definitions.source import MapNode, Node, ScalarNode, to_data

ACTION = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\Z")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%\Z")

KEPT_FIELDS = frozenset({"metadata", "output", "output_schema", "__chart_meta__", "description"})
NOT_ACTED_ON = re.compile(r"permission_set_refs|worker_.*|trace_tag_template")
_REFUSED = {
    "wait_for": "waiting for an inquiry is not supported: poll with a cycle, or split the workflow in two",
    "iterate_cache": "cached iteration is not supported: use with_items over a list",
}
TASK_KINDS = ("action", "workflow", "parallel")
_FILES_OF_ITEMS = f"an object that names a file of items: {', '.join(f'{kind}: PATH' for kind in SOURCES)}"
LITERAL_INPUTS = {"core.local": "cmd"}
"""Inputs that must stand in the definition as they are: a shell text built from data is an injection."""


def read_native(reader: Reader, root: Node) -> Workflow | None:
    """Return the workflow that a document defines, as far as it can be read."""
    node = reader.mapping(root, "a workflow")
    if node is None:
        return None
    fields = Fields(reader, node, "the workflow")
    texts = dict.fromkeys(("ref", "label", "description", "version"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
    if "version" not in node.members:
        reader.warn("missing_version", "the workflow has no version", node.place, hint='write version: "1.0.0"')
    parameters = {p.name: p for member, _ in fields.given("parameters") for p in read_parameters(reader, member)}
    variables = tuple(a for member, what in fields.given("vars") for a in _assignments(reader, member, what, Site()))
    tags = tuple(
        reader.text(tag, "a tag") or ""
        for member, what in fields.given("tags")
        for tag in reader.sequence(member, what)
    )
    tasks = _tasks(reader, fields)
    output = next(
        (
            tuple(_output(reader, mapping))
            for member, what in fields.given("output_map")
            if (mapping := reader.mapping(member, what)) is not None
        ),
        None,
    )
    timeout_node, timeout = next(
        ((member, _seconds(reader, member, what)) for member, what in fields.given("timeout")), (None, None)
    )
    on_cancel = next((_on_cancel(reader, member, what, tasks) for member, what in fields.given("on_cancel")), None)
    policy = "allow_finish"
    for member, what in fields.given("cancellation_policy"):
        policy = reader.choice(member, what, get_args(CancellationPolicy)) or policy
    fail_fast = any(reader.boolean(member, what) for member, what in fields.given("fail_fast"))
    metadata = {
        name: to_data(member) for name in sorted(KEPT_FIELDS - {"description"}) for member, _ in fields.given(name)
    }
    fields.finish(_explain_workflow_field)
    _check_graph(reader, tasks, on_cancel)
    return Workflow(
        ref=texts["ref"] or PurePath(reader.file).stem,
        parameters=parameters,
        variables=variables,
        tasks=tasks,
        output=output,
        cancellation_policy=cast("CancellationPolicy", policy),
        fail_fast=fail_fast,
        timeout=timeout,
        timeout_place=timeout_node.place if timeout_node is not None else None,
        on_cancel=on_cancel,
        file=reader.file,
        label=texts["label"],
        description=texts["description"],
        version=texts["version"],
        tags=tags,
        metadata=metadata,
        warnings=tuple(finding for finding in reader.findings if finding.severity == "warning"),
    )


def _seconds(reader: Reader, node: Node, what: str) -> float | None:
    seconds = reader.number(node, what)
    if seconds is not None and seconds <= 0:
        reader.wrong_type(what, node, "a number of seconds above 0")
    return seconds


def _on_cancel(reader: Reader, node: Node, what: str, tasks: dict[str, Task]) -> str | None:
    name = reader.text(node, what)
    if name is None or name in tasks:
        return name
    reader.error("unknown_task", f"{what} names {name!r}, which does not exist", node.place, hint=nearest(name, tasks))
    return None


def _explain_workflow_field(name: str) -> tuple[str, str, str] | None:
    if name == "name":
        return (
            "warning",
            "ignored_field",
            "'name' does nothing: 'ref' is what a workflow is run by, 'label' is for people",
        )
    if NOT_ACTED_ON.match(name):
        return "warning", "ignored_field", f"{name!r} is known, but Stretto does not act on it"
    return None


def _explain_task_field(name: str) -> tuple[str, str, str] | None:
    if name in KEPT_FIELDS:
        return "", "", ""
    if NOT_ACTED_ON.match(name):
        return "warning", "ignored_field", f"{name!r} is known, but Stretto does not act on it"
    if name in _REFUSED:
        return "error", "unsupported_field", _REFUSED[name]
    return None


def _tasks(reader: Reader, fields: Fields) -> dict[str, Task]:
    node = fields.require("tasks")
    if node is None:
        return {}
    found = [task for group in _task_groups(reader, node, "'tasks' of the workflow") for task in group]
    parallels = {task.name for task in found if task.gathers}
    tasks: dict[str, Task] = {}
    for task in enter_at_the_fork(found, parallels) if parallels else found:
        if task.name in tasks:
            reader.error(
                "duplicate_task", f"the name {task.name!r} stands twice", task.place,
                hint=f"the first is on line {tasks[task.name].place.line}",
            )  # fmt: skip
        else:
            tasks[task.name] = task
    return tasks


def _task_groups(reader: Reader, node: Node, what: str) -> list[list[Task]]:
    """Read tasks, a list or an object by name; each gives the tasks that it stands for, the last one of its name."""
    if isinstance(node, MapNode):
        named = [(name, node.keys[name], member) for name, member in node.members.items()]
    else:
        named = [("", member.place, member) for member in reader.sequence(node, what)]
    if not named and not isinstance(node, ScalarNode):
        reader.error("no_tasks", f"{what}: at least one task is needed", node.place)
    groups: list[list[Task]] = []
    for given_name, place, member in named:
        if given_name and not NAME.match(given_name):
            reader.error("bad_name", "a task's name is no name", place, found=repr(given_name), expected=NAME_RULE)
        mapping = reader.mapping(member, "a task")
        group = _task(reader, mapping, given_name, place) if mapping is not None else []
        groups += [group] if group else []
    return groups


def _task(reader: Reader, node: MapNode, given_name: str, place: Place) -> list[Task]:
    """Read a task that begins at `place`: none if it has no name, several if it is a parallel one."""
    fields = Fields(reader, node, f"the task {given_name!r}" if given_name else "a task")
    name: str | None = given_name
    name_node = fields.take("name") if given_name else fields.require("name")
    if name_node is not None:
        name = reader.name(name_node, "the name of a task")
        fields.what = f"the task {name!r}" if name else "a task"
    kind = next((reader.choice(member, what, TASK_KINDS) for member, what in fields.given("type")), None)
    task = replace(_plain_task(reader, fields, name or "", parallel=kind == "parallel"), place=place)
    members: list[list[Task]] = []
    if kind == "parallel":
        nested = fields.require("tasks")
        members = _task_groups(reader, nested, f"'tasks' of {fields.what}") if nested is not None else []
    fields.finish(_explain_task_field)
    if not name:
        return []
    return expand(task, members) if kind == "parallel" else [task]


def _plain_task(reader: Reader, fields: Fields, name: str, *, parallel: bool) -> Task:
    node = fields.node
    site = Site(items="with_items" in node.members)
    action: str | None = None
    action_place = node.place
    task_input: Template = Constant(EMPTY_OBJECT, node.place)
    with_items = timeout = retry = when = None
    delivery = "at_least_once"
    if not parallel:
        action, action_place = _action(reader, fields)
        # An item's input may name the item; all that is settled once for the whole task may not.
        for member, what in fields.given("input"):
            if reader.mapping(member, what) is not None:
                task_input = reader.template(member, site)
                _check_literal_input(reader, action, task_input)
        with_items = _with_items(reader, fields)
        timeout = next((_timeout(reader, member, what) for member, what in fields.given("timeout")), None)
        retry = next((_retry(reader, member, what, site) for member, what in fields.given("retry")), None)
        when = next((reader.condition(member, what, Site()) for member, what in fields.given("when")), None)
        for member, what in fields.given("delivery"):
            delivery = reader.choice(member, what, get_args(Delivery)) or delivery
    delay = None
    for member, what in fields.given("delay"):
        delay = reader.number_template(member, what, Site(), least=0, integer=False)
    join = next((_join(reader, member, what) for member, what in fields.given("join")), None)
    transitions = [
        _transition(reader, each, f"a transition of {fields.what}")
        for member, what in fields.given("next")
        for each in reader.sequence(member, what)
    ]
    transitions += read_legacy(reader, fields, lambda node, what: _published(reader, node, what))
    return Task(
        name=name,
        action=action,
        input=task_input,
        place=node.place,
        action_place=action_place,
        with_items=with_items,
        timeout=timeout,
        retry=retry,
        delay=delay,
        join=join,
        when=when,
        delivery=cast("Delivery", delivery),
        transitions=tuple(each for each in transitions if each is not None),
    )


def _timeout(reader: Reader, node: Node, what: str) -> Template | None:
    timeout = reader.number_template(node, what, Site(), least=0, integer=False)
    if isinstance(timeout, Constant) and timeout.value == 0:
        reader.wrong_type(what, node, "a number of seconds above 0")
    return timeout


def _published(reader: Reader, node: Node, what: str) -> tuple[Assignment, ...]:
    return tuple(_assignments(reader, node, what, Site(completion=True), whole_result=True))


def _action(reader: Reader, fields: Fields) -> tuple[str, Place]:
    node = fields.require("action")
    if node is None:
        return "", fields.place
    ref = reader.text(node, f"'action' of {fields.what}") or ""
    if ref and not ACTION.match(ref):
        reader.error(
            "bad_action", f"'action' of {fields.what} is no ref", node.place, found=repr(ref),
            expected="PACK.NAME, such as core.echo",
        )  # fmt: skip
    return ref, node.place


def _check_literal_input(reader: Reader, action: str, task_input: Template) -> None:
    literal = LITERAL_INPUTS.get(action)
    if literal is None or not isinstance(task_input, ObjectTemplate):
        return
    for expression in task_input.members.get(literal, Constant(None, task_input.place)).expressions():
        reader.error(
            "rendered_command",
            f"{literal!r} of {action} is a literal text; an expression in it would let data run as code",
            expression.place, hint='pass the value in `env` and write "$NAME" in the command, or use argv',
        )  # fmt: skip


_NO_ITEMS: tuple[SourceKind, Template | None] = ("list", None)


def _items(reader: Reader, node: Node, what: str) -> tuple[SourceKind, Template | None]:
    if isinstance(node, MapNode):
        return read_source(reader, node, what) or _NO_ITEMS
    source = reader.template(node, Site())
    # If there is an expression in it that could not be compiled, that has been told.
    told = isinstance(node, ScalarNode) and "{{" in node.text
    if isinstance(source, Constant) and not isinstance(source.value, list) and not told:
        reader.wrong_type(what, node, f"a list, an expression that gives one, or {_FILES_OF_ITEMS}")
    return "list", source


def _with_items(reader: Reader, fields: Fields) -> WithItems | None:
    place = fields.key_place("with_items")
    kind, source = next((_items(reader, member, what) for member, what in fields.given("with_items")), _NO_ITEMS)
    concurrency: Template = Constant(1, place)
    batch_size: int | None = None
    max_failures: int | Share | None = None
    for member, what in fields.given("concurrency"):
        concurrency = reader.number_template(member, what, Site(), least=1, integer=True) or concurrency
    for member, what in fields.given("batch_size"):
        batch_size = reader.integer(member, what, 1)
    for member, what in fields.given("max_failures"):
        max_failures = _max_failures(reader, member, what)
        if isinstance(max_failures, Share) and kind != "list":
            reader.wrong_type(what, member, "a number of items: how many there are in a file is known at its end")
    results = next((read_results(reader, member, what) for member, what in fields.given("results")), None)
    if source is not None:
        return WithItems(source, concurrency, batch_size, max_failures, place, kind=kind, results=results)
    for name in ("concurrency", "batch_size", "max_failures", "results"):
        if name in fields.node.members and "with_items" not in fields.node.members:
            reader.error("without_items", f"{name!r} means something only beside with_items", fields.key_place(name))
    return None


def _max_failures(reader: Reader, node: Node, what: str) -> int | Share | None:
    if isinstance(node, ScalarNode):
        if type(node.value) is int and node.value >= 0:
            return node.value
        percent = _PERCENT.match(node.text)
        if isinstance(node.value, str) and percent and Fraction(percent[1]) <= 100:
            return Share(Fraction(percent[1]) / 100)
    reader.wrong_type(what, node, "a number of items, or a share of them such as 2%")
    return None


def _retry(reader: Reader, node: Node, what: str, site: Site) -> Retry | None:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields = Fields(reader, mapping, "a retry")
    count: Template | None = None
    count_node = fields.require("count")
    if count_node is not None:
        count = reader.number_template(count_node, "'count' of a retry", Site(), least=0, integer=True)
    delay: Template | None = Constant(0, node.place)
    max_delay = on_error = None
    backoff = "constant"
    for member, told in fields.given("delay"):
        delay = reader.number_template(member, told, Site(), least=0, integer=False)
    for member, told in fields.given("max_delay"):
        max_delay = reader.number_template(member, told, Site(), least=0, integer=False)
    for member, told in fields.given("backoff"):
        backoff = reader.choice(member, told, get_args(Backoff)) or backoff
    for member, told in fields.given("on_error"):
        on_error = reader.condition(member, told, Site(items=site.items, completion=True))
    fields.finish(lambda _name: None)
    if count is None or delay is None:
        return None
    return Retry(count, delay, cast("Backoff", backoff), max_delay, on_error, node.place)


def _join(reader: Reader, node: Node, what: str) -> Literal["all"] | int | None:
    if isinstance(node, ScalarNode) and node.value == "all":
        return "all"
    if isinstance(node, ScalarNode) and type(node.value) is int and node.value >= 1:
        return node.value
    reader.wrong_type(what, node, "all, or the number of inbound tasks to wait for")
    return None


def _transition(reader: Reader, node: Node, what: str) -> Transition | None:
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields = Fields(reader, mapping, what)
    site = Site(completion=True)
    when: Template | None = None
    publish: tuple[Assignment, ...] = ()
    targets: dict[str, Place] = {}
    for member, told in fields.given("when"):
        when = reader.condition(member, told, site)
    for member, told in fields.given("publish"):
        publish = _published(reader, member, told)
    for member, told in fields.given("do"):
        one = isinstance(member, ScalarNode) and isinstance(member.value, str)
        for each in [member] if one else reader.sequence(member, told):
            target = reader.text(each, f"a target in {told}")
            if target is not None:
                targets.setdefault(target, each.place)
    fields.finish(lambda name: ("", "", "") if name == "__chart_meta__" else None)
    return Transition(when, publish, tuple(targets), tuple(targets.values()), node.place)


def _output(reader: Reader, node: MapNode) -> Iterator[Assignment]:
    for name, member in node.members.items():
        yield Assignment(name, reader.template(member, Site()), node.keys.get(name, member.place))


def _assignments(reader: Reader, node: Node, what: str, site: Site, *, whole_result: bool = False) -> list[Assignment]:
    """Read `vars` or `publish`: an object, or a list of objects; a bare name publishes the whole result."""
    if isinstance(node, MapNode):
        objects: list[Node] = [node]
    else:
        objects = reader.sequence(node, what)
    assignments = []
    for member in objects:
        if whole_result and isinstance(member, ScalarNode) and isinstance(member.value, str):
            name = reader.name(member, "a published variable")
            if name is not None:
                assignments.append(Assignment(name, None, member.place))
            continue
        mapping = reader.mapping(member, f"a member of {what}")
        for key, value in (mapping.members if mapping is not None else {}).items():
            if not NAME.match(key):
                place = mapping.keys[key] if mapping is not None else node.place
                reader.error("bad_name", "a variable's name is no name", place, found=repr(key), expected=NAME_RULE)
                continue
            assignments.append(Assignment(key, reader.template(value, site), value.place))
    return assignments


def _check_graph(reader: Reader, tasks: dict[str, Task], on_cancel: str | None) -> None:
    if not tasks:
        return
    _check_targets(reader, tasks)
    _check_timeouts(reader, tasks)
    graph = graph_of(tasks)
    if not graph.entries:
        first = next(iter(tasks.values()))
        reader.error(
            "no_entry", "every task waits for another one: none can start", first.place,
            hint="a run begins with the tasks that no other task leads to",
        )  # fmt: skip
        return
    reachable = graph.reachable(tasks)
    for task in tasks.values():
        inbound = graph.inbound[task.name]
        if task.name == on_cancel:
            continue
        if task.name not in reachable:
            reader.warn("unreachable_task", f"no path leads to the task {task.name!r}", task.place)
        elif isinstance(task.join, int) and task.join > len(inbound):
            reader.error(
                "impossible_join", f"the join of {task.name!r} can never be satisfied", task.place,
                found=f"join: {task.join}", expected=f"at most {len(inbound)}, its inbound tasks",
            )  # fmt: skip
        elif task.join is None and len(set(inbound) - {task.name}) > 1:
            reader.warn(
                "no_join", f"{len(inbound)} tasks lead to {task.name!r}, which starts for each of them", task.place,
                hint="write join: all to wait for all of them, or join: 1 for the first",
            )  # fmt: skip


def _check_timeouts(reader: Reader, tasks: dict[str, Task]) -> None:
    """Warn of a task that may time out where only `failed()` is provided for, which then is false.

    A task with items never times out itself: an item that does counts as failed.
    """
    for task in tasks.values():
        calls = {
            call
            for transition in task.transitions
            if transition.when is not None
            for expression in transition.when.expressions()
            for call in expression.calls
        }
        unconditional = any(transition.when is None and transition.targets for transition in task.transitions)
        timed = task.timeout is not None and task.with_items is None
        if timed and "failed" in calls and "timed_out" not in calls and not unconditional:
            message = f"if {task.name!r} times out, failed() is false, and nothing handles it"
            reader.warn("timeout_unhandled", message, task.place, hint="write failed() or timed_out()")


def _check_targets(reader: Reader, tasks: dict[str, Task]) -> None:
    for task in tasks.values():
        for transition in task.transitions:
            for target, place in zip(transition.targets, transition.target_places, strict=True):
                if target not in tasks:
                    reader.error(
                        "unknown_task", f"the task {task.name!r} leads to {target!r}, which does not exist",
                        place, hint=nearest(target, tasks),
                    )  # fmt: skip
