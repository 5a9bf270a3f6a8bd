"""Reads `wait_for` of a task in the native dialect: the event, or the inquiry of an action, that the task waits for.

wait_for: {inquiry: "{{ task.request.inquiry_id }}"}
wait_for: {event: payment, match: {payload.order: "{{ parameters.order }}"}, where: "payload.amount > 0", timeout: 3600}
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from stretto.definitions.data import FrozenDict
from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant, ObjectTemplate, Site, Template
from stretto.definitions.model import INQUIRIES, Assignment, Task, Workflow
from stretto.definitions.source import ListNode, MapNode, Node

WAIT_ACTION: Final = "core.wait_for"
"""The action of tasks that wait for events."""
MAX_TYPE_CHARACTERS: Final = 256
"""Characters of the type of an event that a task waits for."""
_STEP: Final = r"""(?:\.[A-Za-z_][\w-]*|\.'[^'#]*'|\."[^"#]*"|\[\s*(?:'[^'#]*'|"[^"#]*"|\d{1,9})\s*\])"""
FIELD: Final = re.compile(
    rf"(?:payload{_STEP}{{1,49}}|event\.(?:id|type|source|(?:headers|parameters){_STEP}{{1,48}}))\Z"
)
"""A field of an event: of its payload at any depth, or of what is known of it beside the payload."""
_NAME: Final = re.compile(r"[A-Za-z_]")
"""In an expression that may read something of the run. A number that is written there is of no inquiry of it."""
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
        return None
    for name in ("action", "input"):
        if task.take(name) is not None:
            message = f"{task.what} waits for an event, so it has no {name!r}"
            reader.error("two_actions", message, task.key_place(name))
    fields = Fields(reader, node, f"'wait_for' of {task.what}")
    members: dict[str, Template] = {}
    event = fields.require("event")
    if event is not None:
        members["event"] = _read_type(reader, event, site)
    for member, label in fields.given("match"):
        matched = reader.mapping(member, label)
        if matched is not None:
            _check_fields(reader, matched)
            _check_values(reader, matched)
            members["match"] = reader.template(member, site)
    where = next((reader.condition(member, label, site) for member, label in fields.given("where")), None)
    timeout = next((read_timeout(reader, member, label) for member, label in fields.given("timeout")), None)
    if timeout is not None and any(True for _ in task.given("timeout")):
        members["timeout"], timeout = timeout, None  # the shorter one of both ends the wait
    fields.finish(lambda _name: None)
    return EventWait(ObjectTemplate(members, node.place), where, timeout, node.place)


def read_inquiry(reader: Reader, task: Fields) -> Template | None:
    """Return what gives the number of the inquiry that a task waits for, or None. The reader collects the findings."""
    node = next((member for member, _what in task.given("wait_for")), None)
    if not isinstance(node, MapNode) or "inquiry" not in node.members:
        return None
    fields = Fields(reader, node, f"'wait_for' of {task.what}")
    member = fields.take("inquiry")
    fields.finish(lambda _name: None)
    if any(True for _ in task.given("with_items")):
        reader.error(
            "unsupported_field", f"{task.what} has items, so it cannot wait for an inquiry", node.keys["inquiry"],
            hint="let a task without items wait, and lead to this one",
        )  # fmt: skip
    if member is None:
        return None
    what = f"'inquiry' of {fields.what}"
    number = reader.number_template(member, what, Site(), least=1, integer=True)
    if number is None or (isinstance(number, Constant) and not isinstance(number.value, int)):
        return None
    if not any(_NAME.search(each.source) for each in number.expressions()):
        reader.wrong_type(what, member, "an expression that reads the number of the inquiry, which its action returned")
        return None
    return number


def check_names(reader: Reader, variables: Iterable[Assignment], tasks: Mapping[str, Task]) -> None:
    """Report variables that have the name of the inquiries that tasks wait for."""
    if not any(task.inquiry is not None for task in tasks.values()):
        return
    published = (each for task in tasks.values() for transition in task.transitions for each in transition.publish)
    for each in (*variables, *published):
        if each.name == INQUIRIES:
            reader.error(
                "reserved_name", f"the variable {each.name!r} holds the inquiries that tasks of this workflow wait for",
                each.place, hint="give it another name",
            )  # fmt: skip


def _check_fields(reader: Reader, node: MapNode) -> None:
    for name, place in node.keys.items():
        if not FIELD.match(name):
            reader.error(
                "bad_field", f"'match' compares fields of the event, and {name!r} is none", place,
                expected="payload.PATH, event.source, event.headers.NAME or event.parameters.NAME",
                hint=f"write payload.{name}" if _NAMES_MEMBER.match(name) else "",
            )  # fmt: skip


def _read_type(reader: Reader, node: Node, site: Site) -> Template:
    event = reader.template(node, site)
    if isinstance(event, Constant) and isinstance(event.value, str) and not 0 < len(event.value) <= MAX_TYPE_CHARACTERS:
        reader.wrong_type("the type of an event", node, f"a text of 1 to {MAX_TYPE_CHARACTERS} characters")
    return event


def _check_values(reader: Reader, node: MapNode) -> None:
    for name, member in node.members.items():
        if isinstance(member, MapNode | ListNode):
            reader.wrong_type(f"{name!r} of 'match'", member, "a text, a number, true, false or null")


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
