"""Reads the form of an Orquesta definition from nodes, and reports everything that is invalid.

As in Orquesta's inspection, there are two kinds of errors. `wrong_shape` prevents loading, because an object or list is
something else. `wrong_type` and others are mismatches within the form.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from stretto.definitions.dialects.orquesta.forms import (
    ItemsForm,
    RetryForm,
    Target,
    TaskForm,
    TransitionForm,
    WorkflowForm,
    inline_input,
    inline_list,
)
from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.source import OPENING, ListNode, MapNode, Node, ScalarNode, is_falsy, kind_of, to_data

TASK_NAME: Final = re.compile(r"\w+\Z")
VERSIONS: Final = ("1.0", 1.0)
_EXPRESSION: Final = r"(?:{{.*?}}|<%.*?%>)"
ITEMS: Final = re.compile(rf"\s*{_EXPRESSION}\s*$|(?:\w+,|\s)*\w+\s+in\s+{_EXPRESSION}\s*$")
"""The text of `with`: an expression, or names and an expression whose items they stand for."""


def read_form(reader: Reader, root: Node) -> WorkflowForm | None:
    """Return the form of a document without the parts that cannot be read, or None."""
    if not isinstance(root, MapNode) or not root.members:
        _wrong_shape(reader, "a workflow", root, "an object with the field 'tasks'")
        return None
    _odd_values(reader)
    fields = Fields(reader, root, "the workflow")
    texts = dict.fromkeys(("name", "description"), "")
    for name in texts:
        node = fields.take(name)
        if node is not None and _filled_text(reader, f"{name!r} of the workflow", node):
            texts[name] = _text(node)
    version = fields.take("version")
    if version is not None:
        _check_version(reader, version)
    tags = fields.take("tags")
    if tags is not None:
        _unique_list(reader, "'tags' of the workflow", tags, lambda each: _filled_text(reader, "a tag", each))
    given = fields.take("input")
    if given is not None:
        _unique_list(reader, "'input' of the workflow", given, lambda each: _input(reader, each))
    lists = {name: fields.take(name) for name in ("vars", "output")}
    for name, node in lists.items():
        if node is not None:
            _assignments(reader, f"{name!r} of the workflow", node)
    tasks = fields.require("tasks")
    forms = _tasks(reader, tasks) if tasks is not None else {}
    fields.finish(lambda _name: None)
    return WorkflowForm(
        texts=texts,
        tags=tuple(_text(each) for each in tags.members) if isinstance(tags, ListNode) else (),
        input=given,
        vars=lists["vars"],
        output=lists["output"],
        tasks=forms,
        tasks_place=root.keys.get("tasks", root.place),
    )


def _wrong_shape(reader: Reader, what: str, node: Node, expected: str) -> None:
    found = kind_of(node) if not isinstance(node, MapNode | ListNode) or node.members else f"an empty {_kind(node)}"
    reader.error("wrong_shape", f"{what} has the wrong shape, so nothing in it can be read", node.place, found=found,
                 expected=expected)  # fmt: skip


def _kind(node: MapNode | ListNode) -> str:
    return "object" if isinstance(node, MapNode) else "list"


_NAMES: Final = r"(?:(?:vars|output|input)\[\d+\]|tasks\.\w+\.input|tasks\.\w+\.next\[\d+\]\.publish\[\d+\])"
"""Paths of objects whose keys are names of variables or inputs."""
_NAMED: Final = re.compile(rf"(?:tasks|{_NAMES})\Z")
_DATA: Final = re.compile(rf"{_NAMES}\.[^.\[\]]+[.\[]")
"""Paths below a name's value, where any value is plain data."""


def _odd_values(reader: Reader) -> None:
    """Turn warnings into errors for keys that are names, and for dates that are not plain data."""
    for number, finding in enumerate(reader.findings):
        path = finding.place.path
        if finding.code == "yaml_key" and _NAMED.match(path):
            reader.findings[number] = replace(finding, severity="error")
        elif finding.code == "yaml_date" and not _DATA.match(path):
            message = "a date cannot be a name or a value"
            reader.findings[number] = replace(finding, code="wrong_type", message=message, severity="error")


def _text(node: Node) -> str:
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _filled_text(reader: Reader, what: str, node: Node) -> bool:
    if _text(node):
        return True
    reader.wrong_type(what, node, "text that is not empty")
    return False


def _whole_number(node: Node) -> bool:
    return isinstance(node, ScalarNode) and type(node.value) is int and node.value >= 0


def _number_or_text(reader: Reader, what: str, node: Node) -> None:
    text, expected = _text(node), "an integer of at least 0, or an expression that gives one"
    if not text and not _whole_number(node):
        reader.wrong_type(what, node, expected)
    elif text and not OPENING.search(text):  # Orquesta accepts it, and fails when it reads it
        message = f"{what} has the wrong type, so the task fails"
        reader.warn("wrong_type", message, node.place, found=kind_of(node), expected=expected)


def _check_version(reader: Reader, node: Node) -> None:
    if not isinstance(node, ScalarNode) or isinstance(node.value, bool) or node.value not in VERSIONS:
        reader.error(
            "bad_choice", "'version' of the workflow has an invalid value", node.place, found=kind_of(node),
            expected="1.0", hint="Orquesta has no other version",
        )  # fmt: skip


def _unique_list(reader: Reader, what: str, node: Node, check: Callable[[Node], object]) -> None:
    """Check that a node is a list with members and without duplicates."""
    if not isinstance(node, ListNode) or not node.members:
        reader.wrong_type(what, node, "a list with at least one member")
        return
    seen: dict[str, Place] = {}
    for member in node.members:
        check(member)
        key = json.dumps(to_data(member), sort_keys=True)
        if key in seen:
            reader.error(
                "duplicate_entry", f"{what} has the same member twice", member.place,
                hint=f"the first is on line {seen[key].line}",
            )  # fmt: skip
        seen.setdefault(key, member.place)


def _one_key(reader: Reader, what: str, node: Node) -> bool:
    if isinstance(node, MapNode) and len(node.members) == 1:
        return True
    hint = "write each name as a separate member, - name: value" if isinstance(node, MapNode) else ""
    reader.error("wrong_type", f"a member of {what} must be an object with one name", node.place, found=_counted(node),
                 expected="name: value", hint=hint)  # fmt: skip
    return False


def _counted(node: Node) -> str:
    return f"an object with {len(node.members)} names" if isinstance(node, MapNode) else kind_of(node)


def _input(reader: Reader, node: Node) -> None:
    if not _text(node):
        _one_key(reader, "'input' of the workflow", node)


def _assignments(reader: Reader, what: str, node: Node) -> None:
    if isinstance(node, MapNode):
        reader.wrong_type(what, node, "a list of objects with one name each, such as - name: value")
        return
    _unique_list(reader, what, node, lambda each: _one_key(reader, what, each))


def _tasks(reader: Reader, node: Node) -> dict[str, TaskForm]:
    if not isinstance(node, MapNode):
        if is_falsy(node):
            reader.wrong_type("'tasks' of the workflow", node, "an object of tasks by name")
        else:
            _wrong_shape(reader, "'tasks' of the workflow", node, "an object of tasks by name")
        return {}
    if not node.members:
        reader.error("no_tasks", "'tasks' of the workflow must have at least one task", node.place)
    forms = {}
    for name, member in node.members.items():
        place = node.keys[name]
        if not TASK_NAME.match(name):
            reader.error(
                "bad_name", "the name of a task is invalid", place, found=repr(name), expected="letters, digits and _",
                hint=_as_name(name),
            )  # fmt: skip
        if isinstance(member, MapNode) and member.members:
            forms[name] = _task(reader, name, place, member)
        else:
            _wrong_shape(reader, f"the task {name!r}", member, "an object with at least one field, such as action")
    return forms


def _as_name(name: str) -> str:
    written = re.sub(r"\W+", "_", name)
    return f"write {written}" if TASK_NAME.match(written) else ""


def _task(reader: Reader, name: str, place: Place, node: MapNode) -> TaskForm:
    fields = Fields(reader, node, f"the task {name!r}")
    delay = fields.take("delay")
    if delay is not None:
        _number_or_text(reader, f"'delay' of {fields.what}", delay)
    action, given = _action(reader, fields)
    items = _with(reader, fields)
    retry = _retry(reader, fields)
    join = _join(reader, fields)
    transitions = tuple(_transitions(reader, fields))
    fields.finish(lambda _name: None)
    return TaskForm(
        name=name,
        place=place,
        action=action,
        input=given,
        items=items,
        retry=retry,
        delay=delay,
        join=join,
        transitions=transitions,
    )


def _action(reader: Reader, fields: Fields) -> tuple[Node | None, Node | None]:
    """Return a task's action and its input. Inline parameters in the action replace `input`."""
    action, given = fields.take("action"), fields.take("input")
    if given is not None:
        _check_input(reader, fields, given)
    if action is None or not _filled_text(reader, f"'action' of {fields.what}", action):
        return action, given
    if not isinstance(action, ScalarNode):
        return action, given
    inline = inline_input(action, f"{fields.place.path}.input")
    if inline is None:
        if "=" in action.text and not OPENING.search(action.text):
            reader.warn(
                "inline_nothing", f"'action' of {fields.what} has no valid parameters, so all of it is the name",
                action.place, hint="put quotes around text, as in name='text'",
            )  # fmt: skip
        return action, given
    ref, blank, _ = action.text.partition(" ")
    if not blank:
        reader.error(
            "bad_action", f"'action' of {fields.what} has parameters, but no space after its name", action.place,
            found=repr(action.text), expected="PACK.NAME name=value ...",
        )  # fmt: skip
    if given is not None:
        reader.warn(
            "inline_wins", f"'input' of {fields.what} is not used, because the parameters in 'action' replace it",
            fields.key_place("input"),
        )  # fmt: skip
    return ScalarNode(action.place, ref, ref, action.source), inline


def _check_input(reader: Reader, fields: Fields, node: Node) -> None:
    if not _text(node) and not (isinstance(node, MapNode) and node.members):
        what = f"'input' of {fields.what}"
        reader.wrong_type(what, node, "an object with at least one name, or an expression that gives one")


def _part(reader: Reader, fields: Fields, name: str, expected: str) -> MapNode | None:
    """Return the object in a field of a task."""
    node = fields.take(name)
    what = f"{name!r} of {fields.what}"
    if node is None or isinstance(node, MapNode):
        return node
    if is_falsy(node):
        reader.wrong_type(what, node, expected)
    else:
        _wrong_shape(reader, what, node, expected)
    return None


def _with(reader: Reader, fields: Fields) -> ItemsForm | None:
    written = fields.take("with")
    path = f"{fields.place.path}.with.items"
    if isinstance(written, ScalarNode) and isinstance(written.value, str):
        place = Place(written.place.file, written.place.line, written.place.column, path)
        items = ScalarNode(place, written.value, written.text, written.source)
        _check_items(reader, fields, items)
        return ItemsForm(fields.key_place("with"), items, None)
    node = _part(reader, fields, "with", "an expression, or an object with 'items' and 'concurrency'")
    if node is None:
        return None
    inner = Fields(reader, node, f"'with' of {fields.what}")
    found, concurrency = inner.take("items"), inner.take("concurrency")
    if found is not None:
        _check_items(reader, fields, found)
    else:
        reader.warn("no_items", f"'with' of {fields.what} has no items, so the task fails when it starts", node.place)
    if concurrency is not None:
        _number_or_text(reader, f"'concurrency' of {fields.what}", concurrency)
    inner.finish(lambda _name: None)
    return ItemsForm(fields.key_place("with"), found, concurrency)


def _check_items(reader: Reader, fields: Fields, node: Node) -> None:
    expected = "an expression that gives a list, or name[, name ...] in <expression>"
    if not ITEMS.match(_text(node)):
        reader.wrong_type(f"'items' of {fields.what}", node, expected)


def _retry(reader: Reader, fields: Fields) -> RetryForm | None:
    node = _part(reader, fields, "retry", "an object with 'count', 'delay' and 'when'")
    if node is None:
        return None
    inner = Fields(reader, node, f"'retry' of {fields.what}")
    count, delay, when = inner.require("count"), inner.take("delay"), inner.take("when")
    for name, number in (("count", count), ("delay", delay)):
        if number is not None:
            _number_or_text(reader, f"{name!r} of {inner.what}", number)
    if when is not None:
        _filled_text(reader, f"'when' of {inner.what}", when)
    inner.finish(lambda _name: None)
    return RetryForm(node.place, count, delay, when) if count is not None else None


def _join(reader: Reader, fields: Fields) -> str | int | None:
    node = fields.take("join")
    if node is None:
        return None
    if isinstance(node, ScalarNode) and (node.value == "all" or _whole_number(node)):
        return node.value if isinstance(node.value, str | int) else None
    reader.wrong_type(f"'join' of {fields.what}", node, "all, or the number of inbound tasks to wait for")
    return None


def _transitions(reader: Reader, fields: Fields) -> Iterator[TransitionForm]:
    node = fields.take("next")
    if node is None or (isinstance(node, ListNode) and not node.members):
        return
    what = f"'next' of {fields.what}"
    if not isinstance(node, ListNode):
        if is_falsy(node) and not isinstance(node, MapNode):
            reader.wrong_type(what, node, "a list of transitions")
        else:
            _wrong_shape(reader, what, node, "a list of transitions")
        return
    for number, member in enumerate(node.members):
        if isinstance(member, MapNode) and member.members:
            yield _transition(reader, number, member, f"a transition of {fields.what}")
        else:
            expected = "an object with 'when', 'publish' and 'do'"
            _wrong_shape(reader, f"a transition of {fields.what}", member, expected)


def _transition(reader: Reader, number: int, node: MapNode, what: str) -> TransitionForm:
    fields = Fields(reader, node, what)
    when, publish, do = fields.take("when"), fields.take("publish"), fields.take("do")
    if isinstance(when, ScalarNode) and isinstance(when.value, bool):
        hint = "leave it out, or put quotes around it"
        reader.error("wrong_type", f"'when' of {what} has the wrong type", when.place, found=kind_of(when),
                     expected="an expression", hint=hint)  # fmt: skip
    elif when is not None:
        _filled_text(reader, f"'when' of {what}", when)
    if publish is not None:
        publish = _publish(reader, what, publish)
    targets: tuple[Target, ...] = (Target("continue", node.place),)
    if do is not None:
        targets = _targets(reader, what, do) or targets
    fields.finish(lambda _name: None)
    return TransitionForm(number, node.place, when, publish, do, targets)


def _publish(reader: Reader, what: str, node: Node) -> Node:
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        _assignments(reader, f"'publish' of {what}", node)
        return node
    if not _filled_text(reader, f"'publish' of {what}", node):
        return node
    inline = inline_list(node)
    if not inline.members:
        reader.warn(
            "inline_nothing", f"'publish' of {what} publishes nothing, because it has no valid parameters", node.place,
            found=kind_of(node), expected="name=value ...", hint="put quotes around text, as in name='text'",
        )  # fmt: skip
    return inline


def _targets(reader: Reader, what: str, node: Node) -> tuple[Target, ...]:
    named = f"'do' of {what}"
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        _filled_text(reader, named, node)
        written = [(name.strip(), node.place) for name in node.value.split(",")] if node.value else []
    elif isinstance(node, ListNode):
        _unique_list(reader, named, node, lambda each: _filled_text(reader, f"a target in {named}", each))
        written = [(_text(each), each.place) for each in node.members if _text(each)]
    elif is_falsy(node):
        reader.wrong_type(named, node, "names of tasks")
        written = []
    else:
        _wrong_shape(reader, named, node, "names of tasks")
        written = []
    return tuple(Target(name, place) for name, place in written)
