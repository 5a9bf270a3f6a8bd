"""Reads the native dialect's older forms as transitions.

These are `on_success`, `on_failure`, `on_timeout` and `on_complete` (a name, a list of names, or a list of {when, do}),
`decision` (a list of {when, next} with one default), and a task's own `publish`, which applies to success.
"""

from collections.abc import Callable, Sequence

from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import AllOf, Constant, NoneOf, Site, Template, compile_text
from stretto.definitions.model import Assignment, Transition
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

OUTCOME_FIELDS = {
    "on_success": "succeeded()",
    "on_failure": "failed()",
    "on_timeout": "timed_out()",
    "on_complete": None,
}
FIELDS = (*OUTCOME_FIELDS, "decision", "publish")

ReadPublish = Callable[[Node, str], tuple[Assignment, ...]]


def read_legacy(reader: Reader, fields: Fields, read_publish: ReadPublish) -> list[Transition]:
    """Return the transitions of a task's legacy fields, or warn that `next` replaces them."""
    given = [(name, node) for name in FIELDS for node in [fields.take(name)] if node is not None]
    if "next" in fields.node.members:
        for name, _ in given:
            message = f"{name!r} is ignored, because the task has `next`"
            reader.warn("legacy_ignored", message, fields.key_place(name), hint="write it as a transition in next")
        return []
    transitions: list[Transition] = []
    for name, node in given:
        if name == "publish":
            publish = read_publish(node, f"'publish' of {fields.what}")
            transitions.append(Transition(_condition("succeeded()", node.place), publish, (), (), node.place))
        elif name == "decision":
            transitions += _decision(reader, node, f"'decision' of {fields.what}")
        else:
            transitions += _outcome(reader, node, f"{name!r} of {fields.what}", OUTCOME_FIELDS[name])
    return transitions


def _condition(call: str | None, place: Place) -> Template | None:
    if call is None:
        return None
    return compile_text(f"{{{{ {call} }}}}", lambda _offset: place, Site(completion=True), lambda _finding: None)


def _outcome(reader: Reader, node: Node, what: str, call: str | None) -> list[Transition]:
    condition = _condition(call, node.place)
    names = [node] if isinstance(node, ScalarNode) else reader.sequence(node, what)
    return _following(reader, names, what, (condition,) if condition is not None else (), node.place)


def _following(
    reader: Reader, members: Sequence[Node], what: str, conditions: tuple[Template, ...], place: Place
) -> list[Transition]:
    """Read names, which follow if all conditions are true, and members of {when, do}, which add a condition."""
    targets = _targets(reader, [each for each in members if not isinstance(each, MapNode)], what)
    transitions = [Transition(_all(conditions, place), (), tuple(targets), tuple(targets.values()), place)]
    for member in members:
        if isinstance(member, MapNode):
            transitions += _conditional(reader, member, what, conditions)
    return transitions if targets else transitions[1:]


def _all(conditions: tuple[Template, ...], place: Place) -> Template | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return AllOf(conditions, place)


def _targets(reader: Reader, nodes: Sequence[Node], what: str) -> dict[str, Place]:
    targets: dict[str, Place] = {}
    for node in nodes:
        name = reader.text(node, f"a target in {what}")
        if name is not None:
            targets.setdefault(name, node.place)
    return targets


def _conditional(reader: Reader, node: MapNode, what: str, conditions: tuple[Template, ...]) -> list[Transition]:
    """Read {when, do}. All enclosing conditions apply to `do`, which may contain {when, do} again."""
    fields = Fields(reader, node, f"a member of {what}")
    for member, label in fields.given("when"):
        condition = reader.condition(member, label, Site(completion=True))
        conditions += (condition,) if condition is not None else ()
    following = [
        each
        for name in ("do", "next")
        for member, label in fields.given(name)
        for each in _following(reader, _members(member), label, conditions, node.place)
    ]
    fields.finish(lambda _name: None)
    return following


def _members(node: Node) -> Sequence[Node]:
    return node.members if isinstance(node, ListNode) else [node]


def _named_targets(reader: Reader, fields: Fields, names: tuple[str, ...]) -> dict[str, Place]:
    targets: dict[str, Place] = {}
    for name in names:
        for member, label in fields.given(name):
            targets |= _targets(reader, _members(member), label)
    return targets


def _decision(reader: Reader, node: Node, what: str) -> list[Transition]:
    """Read a decision, which takes every branch that matches, or the default if none does."""
    transitions: list[Transition] = []
    default: tuple[dict[str, Place], Place] | None = None
    for member in reader.sequence(node, what):
        mapping = reader.mapping(member, f"a branch of {what}")
        if mapping is None:
            continue
        fields = Fields(reader, mapping, f"a branch of {what}")
        targets = _named_targets(reader, fields, ("next", "do"))
        when = next((reader.condition(m, label, Site(completion=True)) for m, label in fields.given("when")), None)
        for marker, label in fields.given("default"):
            if isinstance(marker, ScalarNode) and isinstance(marker.value, str):
                targets |= _targets(reader, [marker], label)
            elif not reader.boolean(marker, label):
                continue
            if default is not None:
                reader.error("two_defaults", f"{what} has two defaults", marker.place)
            default = (targets, mapping.place)
        fields.finish(lambda _name: None)
        if default is None or default[1] != mapping.place:
            transitions.append(Transition(when, (), tuple(targets), tuple(targets.values()), mapping.place))
    if default is not None:
        targets, place = default
        conditions = tuple(each.when or Constant(value=True, place=each.place) for each in transitions)
        otherwise = NoneOf(conditions, place)
        transitions.append(Transition(otherwise, (), tuple(targets), tuple(targets.values()), place))
    return transitions
