"""An Orquesta definition with its shorthand expanded, before it is compiled and checked.

All parts remain YAML nodes, so later findings have a place. Inline parameters become nodes with the path that they
would have if they were written out.
"""

from dataclasses import dataclass

from stretto.definitions.dialects.orquesta.inline import Inline, inline_parameters
from stretto.definitions.errors import Place
from stretto.definitions.source import OPENING, ListNode, MapNode, Node, ScalarNode


@dataclass(frozen=True, slots=True)
class Target:
    """A name in `do` and its place."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class TransitionForm:
    """One entry of `next`. `number` is its index, and `targets` is never empty."""

    number: int
    place: Place
    when: Node | None
    publish: Node | None
    do: Node | None
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class ItemsForm:
    """The `with` of a task."""

    place: Place
    items: Node | None
    concurrency: Node | None


@dataclass(frozen=True, slots=True)
class RetryForm:
    """The `retry` of a task."""

    place: Place
    count: Node
    delay: Node | None
    when: Node | None


@dataclass(frozen=True, slots=True)
class TaskForm:
    """One task. `action` is the name without inline parameters, which replace `input`."""

    name: str
    place: Place
    action: Node | None
    input: Node | None
    items: ItemsForm | None
    retry: RetryForm | None
    delay: Node | None
    join: str | int | None
    transitions: tuple[TransitionForm, ...]


@dataclass(frozen=True, slots=True)
class WorkflowForm:
    """A whole definition. `tasks_place` is the position of `tasks`."""

    texts: dict[str, str]
    tags: tuple[str, ...]
    input: Node | None
    vars: Node | None
    output: Node | None
    tasks: dict[str, TaskForm]
    tasks_place: Place


def inline_input(action: ScalarNode, path: str) -> MapNode | None:
    """Return the inline parameters of an action as an object. The last of duplicate names wins."""
    found = {each.name: each for each in inline_parameters(action.text)}
    if not found:
        return None
    node = MapNode(Place(action.place.file, action.place.line, action.place.column, path))
    for name, each in found.items():
        node.members[name] = _value_node(action, each, f"{path}.{name}")
        node.keys[name] = node.members[name].place
    return node


def inline_list(text: ScalarNode) -> ListNode:
    """Return the inline parameters of a text as a list of objects with one member."""
    node = ListNode(text.place)
    for number, each in enumerate(inline_parameters(text.text)):
        entry = MapNode(Place(text.place.file, text.place.line, text.place.column, f"{text.place.path}[{number}]"))
        entry.members[each.name] = _value_node(text, each, f"{entry.place.path}.{each.name}")
        entry.keys[each.name] = entry.members[each.name].place
        node.members.append(entry)
    return node


def _value_node(text: ScalarNode, inline: Inline, path: str) -> Node:
    has_expression = OPENING.search(text.text, inline.start, inline.end) is not None
    place = text.locate(inline.start) if has_expression else text.place
    return _data_node(inline.value, Place(place.file, place.line, place.column, path))


def _data_node(value: object, place: Place) -> Node:
    if isinstance(value, dict):
        node = MapNode(place)
        for key, member in value.items():
            node.keys[key] = place
            node.members[key] = _data_node(member, Place(place.file, place.line, place.column, f"{place.path}.{key}"))
        return node
    if isinstance(value, list):
        return ListNode(
            place,
            [
                _data_node(member, Place(place.file, place.line, place.column, f"{place.path}[{number}]"))
                for number, member in enumerate(value)
            ],
        )
    if value is None or isinstance(value, bool | int | float):
        return ScalarNode(place, value, str(value))
    text = str(value)
    # The place is that of the first expression, so the source begins there.
    opening = OPENING.search(text)
    return ScalarNode(place, text, text, text if opening is None else text[opening.start() :])
