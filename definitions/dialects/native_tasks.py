"""Reads the tasks of the native dialect: actions, items, retries and transitions."""

import re
from dataclasses import replace
from fractions import Fraction
from typing import Literal, cast, get_args

from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.dialects.deadlines import read_deadlines
from stretto.definitions.dialects.event_waits import WAIT_ACTION, read_inquiry, read_timeout, read_wait
from stretto.definitions.dialects.item_files import SOURCES, read_results, read_source
from stretto.definitions.dialects.key_limits import read_key_limit
from stretto.definitions.dialects.legacy import read_legacy
from stretto.definitions.dialects.parallel import enter_at_the_fork, expand
from stretto.definitions.dialects.pools import read_pool
from stretto.definitions.dialects.rate_limits import read_rate
from stretto.definitions.dialects.reading import NAME, NAME_RULE, Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant, ObjectTemplate, Site, Template
from stretto.definitions.model import (
    Assignment,
    Backoff,
    Delivery,
    OnBadLine,
    Retry,
    Share,
    SourceKind,
    Task,
    Transition,
    WithItems,
)
from stretto.definitions.source import MapNode, Node, ScalarNode

ACTION = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\Z")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%\Z")

KEPT_FIELDS = frozenset({"metadata", "output", "output_schema", "__chart_meta__", "description"})
IGNORED_FIELDS = re.compile(r"permission_set_refs|worker_.*|trace_tag_template")
_REFUSED = {
    "iterate_cache": "cached iteration is not supported; use with_items over a list",
}
TASK_KINDS = ("action", "workflow", "parallel")
_ITEM_FILES = f"an object with a file of items ({', '.join(f'{kind}: PATH' for kind in SOURCES)})"
LITERAL_INPUTS = {"core.local": "cmd"}
"""Inputs that cannot contain expressions: shell text built from data is an injection."""


def _explain_task_field(name: str) -> tuple[str, str, str] | None:
    if name in KEPT_FIELDS:
        return "", "", ""
    if IGNORED_FIELDS.match(name):
        return "warning", "ignored_field", f"{name!r} is known, but has no effect in Stretto"
    if name in _REFUSED:
        return "error", "unsupported_field", _REFUSED[name]
    return None


def read_tasks(reader: Reader, fields: Fields) -> dict[str, Task]:
    """Return the tasks of a workflow by name, with parallel tasks expanded."""
    node = fields.require("tasks")
    if node is None:
        return {}
    found = [task for group in _task_groups(reader, node, "'tasks' of the workflow") for task in group]
    parallels = {task.name for task in found if task.gathers}
    tasks: dict[str, Task] = {}
    for task in enter_at_the_fork(found, parallels) if parallels else found:
        if task.name in tasks:
            reader.error(
                "duplicate_task", f"duplicate task name {task.name!r}", task.place,
                hint=f"the first is on line {tasks[task.name].place.line}",
            )  # fmt: skip
        else:
            tasks[task.name] = task
    if any(task.inquiry is not None for task in tasks.values()):
        return {name: replace(task, may_ask=True) for name, task in tasks.items()}
    return tasks


def _task_groups(reader: Reader, node: Node, what: str) -> list[list[Task]]:
    """Read a list of tasks, or an object of tasks by name. A parallel task gives a group that its join ends."""
    if isinstance(node, MapNode):
        named = [(name, node.keys[name], member) for name, member in node.members.items()]
    else:
        named = [("", member.place, member) for member in reader.sequence(node, what)]
    if not named and not isinstance(node, ScalarNode):
        reader.error("no_tasks", f"{what} must have at least one task", node.place)
    groups: list[list[Task]] = []
    for given_name, place, member in named:
        if given_name and not NAME.match(given_name):
            reader.error("bad_name", "the name of a task is invalid", place, found=repr(given_name), expected=NAME_RULE)
        mapping = reader.mapping(member, "a task")
        group = _task(reader, mapping, given_name, place) if mapping is not None else []
        groups += [group] if group else []
    return groups


def _task(reader: Reader, node: MapNode, given_name: str, place: Place) -> list[Task]:
    """Read the task at `place`: one task, several if it is parallel, or none if it has no name."""
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
    site = Site(items="with_items" in node.members or "iterate_cache" in node.members)
    action: str | None = None
    action_place = node.place
    task_input: Template = Constant(EMPTY_OBJECT, node.place)
    with_items = timeout = retry = when = runs_on = needs = where = key_limit = rate = inquiry = None
    delivery = "at_least_once"
    if not parallel:
        wait = read_wait(reader, fields, site)
        inquiry = read_inquiry(reader, fields)
        action, action_place = _action(reader, fields)
        # Only the input and the retry condition are evaluated for each item, so only they may read the item.
        for member, what in fields.given("input"):
            if reader.mapping(member, what) is not None:
                task_input = reader.template(member, site)
                _check_literal_input(reader, action, task_input)
        with_items = _with_items(reader, fields)
        timeout = next((read_timeout(reader, member, what) for member, what in fields.given("timeout")), None)
        if wait is not None:
            action, action_place, task_input, where = WAIT_ACTION, wait.place, wait.input, wait.where
            timeout = wait.timeout if wait.timeout is not None else timeout
        retry = next((_retry(reader, member, what, site) for member, what in fields.given("retry")), None)
        when = next((reader.condition(member, what, Site()) for member, what in fields.given("when")), None)
        for member, what in fields.given("runs_on"):
            runs_on, needs = read_pool(reader, member, what, site)
        key_limit = read_key_limit(reader, fields, site)
        rate = next((read_rate(reader, member, what, site) for member, what in fields.given("rate")), None)
        for member, what in fields.given("delivery"):
            delivery = reader.choice(member, what, get_args(Delivery)) or delivery
    deadlines = None if parallel else read_deadlines(reader, fields)
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
        where=where,
        inquiry=inquiry,
        deadlines=deadlines,
        with_items=with_items,
        timeout=timeout,
        retry=retry,
        delay=delay,
        join=join,
        when=when,
        delivery=cast("Delivery", delivery),
        runs_on=runs_on,
        key_limit=key_limit,
        rate=rate,
        needs=needs,
        transitions=tuple(each for each in transitions if each is not None),
    )


def _published(reader: Reader, node: Node, what: str) -> tuple[Assignment, ...]:
    return tuple(read_assignments(reader, node, what, Site(completion=True), whole_result=True))


def _action(reader: Reader, fields: Fields) -> tuple[str, Place]:
    waits = any(not (isinstance(node, MapNode) and "inquiry" in node.members) for node, _ in fields.given("wait_for"))
    node = fields.take("action") if waits else fields.require("action")
    if node is None:
        return "", fields.place
    ref = reader.text(node, f"'action' of {fields.what}") or ""
    if ref and not ACTION.match(ref):
        reader.error(
            "bad_action", f"'action' of {fields.what} is not a valid ref", node.place, found=repr(ref),
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
            f"{literal!r} of {action} must be literal text; an expression in it would let data run as code",
            expression.place, hint='pass the value in `env` and write "$NAME" in the command, or use argv',
        )  # fmt: skip


_NO_ITEMS: tuple[SourceKind, Template | None, OnBadLine] = ("list", None, "fail")


def _items(reader: Reader, node: Node, what: str) -> tuple[SourceKind, Template | None, OnBadLine]:
    if isinstance(node, MapNode):
        return read_source(reader, node, what) or _NO_ITEMS
    source = reader.template(node, Site())
    # An expression that cannot be compiled has been reported.
    reported = isinstance(node, ScalarNode) and "{{" in node.text
    if isinstance(source, Constant) and not isinstance(source.value, list) and not reported:
        reader.wrong_type(what, node, f"a list, an expression that gives one, or {_ITEM_FILES}")
    return "list", source, "fail"


def _with_items(reader: Reader, fields: Fields) -> WithItems | None:
    place = fields.key_place("with_items")
    given = (_items(reader, member, what) for member, what in fields.given("with_items"))
    kind, source, on_bad_line = next(given, _NO_ITEMS)
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
            reader.wrong_type(
                what, member, "a number of items (a share needs the total, which a file gives only at its end)"
            )
    results = next((read_results(reader, member, what) for member, what in fields.given("results")), None)
    if source is not None:
        return WithItems(
            source, concurrency, batch_size, max_failures, place, kind=kind, results=results, on_bad_line=on_bad_line
        )
    for name in ("concurrency", "batch_size", "max_failures", "results"):
        if name in fields.node.members and fields.node.members.keys().isdisjoint({"with_items", "iterate_cache"}):
            reader.error("without_items", f"{name!r} needs with_items", fields.key_place(name))
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
    if not isinstance(node, MapNode):
        reader.wrong_type(what, node, "an object, such as {count: 3}")
        return None
    fields = Fields(reader, node, "a retry")
    count: Template | None = None
    count_node = fields.require("count")
    if count_node is not None:
        count = reader.number_template(count_node, "'count' of a retry", Site(), least=0, integer=True)
    delay: Template | None = Constant(0, node.place)
    max_delay = on_error = None
    backoff = "constant"
    after_failure = Site(items=site.items, completion=True)
    for member, label in fields.given("delay"):
        delay = reader.number_template(member, label, after_failure, least=0, integer=False)
    for member, label in fields.given("max_delay"):
        max_delay = reader.number_template(member, label, Site(), least=0, integer=False)
    for member, label in fields.given("backoff"):
        backoff = reader.choice(member, label, get_args(Backoff)) or backoff
    for member, label in fields.given("on_error"):
        on_error = reader.condition(member, label, after_failure)
    fields.finish(lambda _name: None)
    if count is None or delay is None:
        return None
    reads_failure = any(_OF_FAILURE.search(expression.source) for expression in delay.expressions())
    return Retry(count, delay, cast("Backoff", backoff), max_delay, on_error, node.place, reads_failure)


_OF_FAILURE = re.compile(r"\b(?:cancelled|error|failed|index|item|result|succeeded|timed_out)\b")
"""The names in an expression that may have a value only after a failure."""


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
    for member, label in fields.given("when"):
        when = reader.condition(member, label, site)
    for member, label in fields.given("publish"):
        publish = _published(reader, member, label)
    for member, label in fields.given("do"):
        one = isinstance(member, ScalarNode) and isinstance(member.value, str)
        for each in [member] if one else reader.sequence(member, label):
            target = reader.text(each, f"a target in {label}")
            if target is not None:
                targets.setdefault(target, each.place)
    fields.finish(lambda name: ("", "", "") if name == "__chart_meta__" else None)
    return Transition(when, publish, tuple(targets), tuple(targets.values()), node.place)


def read_assignments(
    reader: Reader, node: Node, what: str, site: Site, *, whole_result: bool = False
) -> list[Assignment]:
    """Read `vars` or `publish`, an object or a list of objects. A bare name publishes the whole result."""
    if isinstance(node, MapNode):
        objects: list[Node] = [node]
    else:
        objects = reader.sequence(node, what)
    assignments = []
    for member in objects:
        if whole_result and isinstance(member, ScalarNode) and isinstance(member.value, str):
            name = reader.name(member, "the name of a published variable")
            if name is not None:
                assignments.append(Assignment(name, None, member.place))
            continue
        mapping = reader.mapping(member, f"a member of {what}")
        for key, value in (mapping.members if mapping is not None else {}).items():
            if not NAME.match(key):
                place = mapping.keys[key] if mapping is not None else node.place
                reader.error(
                    "bad_name", "the name of a variable is invalid", place, found=repr(key), expected=NAME_RULE
                )
                continue
            assignments.append(Assignment(key, reader.template(value, site), value.place))
    return assignments
