"""Reads `wait_for` of a task in the native dialect: the event that the task waits for. Attune's inquiries are refused.

wait_for: {event: payment, match: {payload.order: "{{ parameters.order }}"}, where: "payload.amount > 0", timeout: 3600}
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from stretto.definitions.data import FrozenDict
from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant, ObjectTemplate, Site, Template
from stretto.definitions.model import Workflow
from stretto.definitions.source import MapNode, Node, ScalarNode

WAIT_ACTION: Final = "core.wait_for"
"""The action of tasks that wait for events."""
_STEP: Final = r"""(?:\.[A-Za-z_][\w-]*|\.'[^'#]*'|\."[^"#]*"|\[\s*(?:'[^'#]*'|"[^"#]*"|\d{1,9})\s*\])"""
FIELD: Final = re.compile(
    rf"(?:payload{_STEP}{{1,49}}|event\.(?:id|type|source|(?:headers|parameters){_STEP}{{1,48}}))\Z"
)
"""A field of an event: of its payload at any depth, or of what is known of it beside the payload."""
_MAKER: Final = re.compile(r"""\{\{\s*tasks?(?:\.([A-Za-z_]\w*)|\[\s*['"]([\w-]{1,200})['"]\s*\])""")
"""The task at the beginning of the expression that gives the id of an inquiry."""
_NAMES_MEMBER: Final = re.compile(r"(?!(?:payload|event)\b)[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*\Z")


class EventWait(NamedTuple):
    """The event that a task waits for.

    Attributes:
        input: The input of its action.
        where: A condition on the event, or None.
        timeout: The seconds after which the task times out, or None.
        place: The position of `wait_for`.
    """

    input: Template
    where: Template | None
    timeout: Template | None
    place: Place


def read_wait(reader: Reader, task: Fields, site: Site) -> EventWait | None:
    """Return the event that a task waits for, or None if it waits for none. The reader collects the findings."""
    node = next((member for member, _what in task.given("wait_for")), None)
    if node is None:
        return None
    if not isinstance(node, MapNode):
        reader.wrong_type(f"'wait_for' of {task.what}", node, "an object with an event, such as {event: NAME}")
        return None
    if "inquiry" in node.members:
        _refuse_inquiry(reader, node, task)
        return None
    for name in ("action", "input"):
        if task.take(name) is not None:
            message = f"{task.what} waits for an event, so it has no {name!r}"
            reader.error("two_actions", message, task.key_place(name))
    fields = Fields(reader, node, f"'wait_for' of {task.what}")
    members: dict[str, Template] = {}
    event = fields.require("event")
    if event is not None:
        members["event"] = reader.template(event, site)
    for member, label in fields.given("match"):
        matched = reader.mapping(member, label)
        if matched is not None:
            _check_fields(reader, matched)
            members["match"] = reader.template(member, site)
    where = next((reader.condition(member, label, site) for member, label in fields.given("where")), None)
    timeout = next((read_timeout(reader, member, label) for member, label in fields.given("timeout")), None)
    if timeout is not None and any(True for _ in task.given("timeout")):
        members["timeout"], timeout = timeout, None  # the shorter one of both ends the wait
    fields.finish(lambda _name: None)
    return EventWait(ObjectTemplate(members, node.place), where, timeout, node.place)


def _refuse_inquiry(reader: Reader, node: MapNode, task: Fields) -> None:
    """Report a wait for an inquiry that an action makes, which is Attune's, with the task that has to ask."""
    made = node.members["inquiry"]
    named = _MAKER.match(made.text) if isinstance(made, ScalarNode) else None
    maker = "NAME" if named is None else named[1] or named[2]
    asks = "a task NAME" if named is None else f"the task {maker!r}"
    answer = f"task.{maker}" if maker.isidentifier() else f"task[{maker!r}]"
    reader.error(
        "unsupported_field", f"{task.what} waits for an inquiry that an action makes, which is not supported",
        node.keys["inquiry"], expected="an object with an event",
        hint=f"let {asks} ask with core.ask and remove this wait; the answer is {answer}.result.response",
    )  # fmt: skip


def _check_fields(reader: Reader, node: MapNode) -> None:
    for name, place in node.keys.items():
        if not FIELD.match(name):
            reader.error(
                "bad_field", f"'match' compares fields of the event, and {name!r} is none", place,
                expected="payload.PATH, event.source, event.headers.NAME or event.parameters.NAME",
                hint=f"write payload.{name}" if _NAMES_MEMBER.match(name) else "",
            )  # fmt: skip


def read_timeout(reader: Reader, node: Node, what: str) -> Template | None:
    """Return the seconds of a timeout: a number above 0, or an expression that gives one."""
    timeout = reader.number_template(node, what, Site(), least=0, integer=False)
    if isinstance(timeout, Constant) and timeout.value == 0:
        reader.wrong_type(what, node, "a number of seconds above 0")
    return timeout


def awaited_events(workflows: Iterable[Workflow]) -> frozenset[str]:
    """Return the types of events that the tasks of workflows wait for, without those that expressions give."""
    waits = [task.input for each in workflows for task in each.tasks.values() if task.action == WAIT_ACTION]
    return frozenset(event for each in waits if isinstance(event := _event_of(each), str))


def _event_of(given: Template) -> object:
    if isinstance(given, ObjectTemplate):
        event = given.members.get("event")
        return event.value if isinstance(event, Constant) else None
    return given.value.get("event") if isinstance(given, Constant) and isinstance(given.value, FrozenDict) else None
