"""Reads StackStorm's ActionChains as Orquesta workflows, for the same conductor.

    chain --tasks, transitions--> an Orquesta document --read_orquesta--> Workflow

Each task publishes its result under its name, as a chain's expressions read it. The output is what StackStorm tells of
a chain: its tasks in the order in which they ended, each with its state and result, and the published variables.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from stretto.definitions.dialects.chain_names import (
    ACTION_CONTEXT,
    CONFIG,
    RESULTS,
    STORED,
    action_context,
    names_in,
    with_context,
)
from stretto.definitions.dialects.orquesta import read_orquesta
from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.errors import Place
from stretto.definitions.model import ST2, Workflow
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

_NO_LETTER: Final = re.compile(r"\W")
_FIRST: Final = "start_of_chain"
"""The task that leads to the default task of a chain that comes back to it."""
_CONDITIONS: Final = {"on-success": "<% succeeded() %>", "on-failure": "<% failed() %>"}
_TASKS: Final = "tasks_of_chain"
"""The variable that has the list of the tasks that have ended."""
_PUBLISHED: Final = "published_of_chain"
"""The variable that has the object of the published variables."""


def is_chain(root: Node) -> bool:
    """Return whether a document is an ActionChain."""
    return isinstance(root, MapNode) and isinstance(root.members.get("chain"), ListNode) and "tasks" not in root.members


@dataclass(slots=True)
class _Link:
    """A task of a chain."""

    name: str
    place: Place
    action: Node
    input: Node | None
    publish: Node | None
    targets: dict[str, ScalarNode] = field(default_factory=dict)


def read_chain(reader: Reader, root: Node) -> Workflow | None:
    """Read a chain. The reader collects the findings.

    Args:
        reader: The reader of the file.
        root: The document, in YAML 1.1.

    Returns:
        The workflow without the parts that cannot be read, or None.
    """
    node = reader.mapping(root, "an ActionChain")
    if node is None:
        return None
    fields = Fields(reader, node, "the chain")
    chain = fields.require("chain")
    variables = fields.take("vars")
    default = fields.take("default")
    description = fields.take("description")
    for name in ("notify", "display_published", "name", "version"):
        fields.take(name)
    fields.finish(lambda _name: None)
    members = reader.sequence(chain, "'chain'") if chain is not None else []
    if chain is not None and not members:
        reader.error("no_tasks", "'chain' must have at least one task", chain.place)
    links = _links(reader, members)
    first = _first(reader, links, default)
    if first is None:
        return None
    reached = _reached(links, first)
    for link in links.values():
        if link.name not in reached:
            reader.warn("unreachable_task", f"no path leads to the task {link.name!r}", link.place)
    document = _document(node.place, {name: links[name] for name in links if name in reached}, first, variables)
    if description is not None:
        _put(document, "description", description)
    return read_orquesta(reader, document, (ST2,))


def _links(reader: Reader, members: Iterable[Node]) -> dict[str, _Link]:
    links: dict[str, _Link] = {}
    for member in members:
        link = _link(reader, member)
        if link is None:
            continue
        same = next((each for each in links.values() if _id(each.name) == _id(link.name)), None)
        if same is not None:
            message = f"duplicate task name {link.name!r}"
            hint = f"the first is on line {same.place.line}"
            reader.error("duplicate_task", message, link.place, hint=hint)
        else:
            links[link.name] = link
    return links


def _link(reader: Reader, member: Node) -> _Link | None:
    node = reader.mapping(member, "a task of the chain")
    if node is None:
        return None
    fields = Fields(reader, node, "a task of the chain")
    name_node, action = fields.require("name"), fields.require("ref")
    name = reader.text(name_node, "the name of a task") if name_node is not None else None
    fields.what = f"the task {name!r}" if name else fields.what
    params, parameters = fields.take("params"), fields.take("parameters")
    publish = fields.take("publish")
    targets = {}
    for field_name in _CONDITIONS:
        for target, what in fields.given(field_name):
            if reader.text(target, what) and isinstance(target, ScalarNode):
                targets[field_name] = target
    fields.take("description")
    fields.finish(_explain)
    if not name or action is None:
        return None
    given = params if params is not None else parameters
    return _Link(name, node.place, action, given, publish, targets)


def _explain(name: str) -> tuple[str, str, str] | None:
    return ("warning", "ignored_field", "'notify' is known, but has no effect in Stretto") if name == "notify" else None


def _first(reader: Reader, links: Mapping[str, _Link], default: Node | None) -> str | None:
    """Return the task that begins: the default, or else the first one that no other task names."""
    if default is not None and not (isinstance(default, ScalarNode) and not default.text):
        name = reader.text(default, "'default' of the chain")
        if name is None or name in links:
            return name
        message = f"'default' of the chain names {name!r}, which does not exist"
        reader.error("unknown_task", message, default.place, hint=reader.nearest(name, links))
        return None
    named = {target.text for link in links.values() for target in link.targets.values()}
    return next((name for name in links if name not in named), next(iter(links), None))


def _reached(links: Mapping[str, _Link], first: str) -> set[str]:
    reached, pending = set[str](), [first]
    while pending:
        name = pending.pop()
        if name not in reached and name in links:
            reached.add(name)
            pending += [target.text for target in links[name].targets.values()]
    return reached


def _document(place: Place, links: Mapping[str, _Link], first: str, variables: Node | None) -> MapNode:
    """Return the chain as an Orquesta document."""
    document, tasks = MapNode(place), MapNode(place)
    named = {target.text for link in links.values() for target in link.targets.values()}
    if first in named:
        start = MapNode(place)
        _put(start, "action", _scalar(place, "core.noop"))
        _put(start, "next", ListNode(place, [_transition(place, "<% succeeded() %>", [], _scalar(place, _id(first)))]))
        _put(tasks, _FIRST, start)
    for link in links.values():
        _put(tasks, _id(link.name), _task(link))
    published = [key for link in links.values() if isinstance(link.publish, MapNode) for key in link.publish.members]
    known = {*links, *published, *(variables.members if isinstance(variables, MapNode) else ())}
    read = [name for link in links.values() for part in (link.input, link.publish) if part is not None
            for name in names_in(part)]  # fmt: skip
    read += names_in(variables) if variables is not None else ()
    set_here = known | STORED | {ACTION_CONTEXT, CONFIG, RESULTS}
    inputs = dict.fromkeys(name for name in read if name not in set_here)
    _put(document, "version", ScalarNode(place, 1.0, "1.0"))
    if inputs:
        _put(document, "input", ListNode(place, [_scalar(place, name) for name in inputs]))
    results = [
        _pair(place, name, ScalarNode(place, None, "null"))
        for name in dict.fromkeys([*filter(_is_id, links), *published])
    ]
    results += [_pair(place, name, MapNode(place)) for name in (_PUBLISHED, RESULTS)]
    results.append(_pair(place, _TASKS, ListNode(place, [])))
    if ACTION_CONTEXT in read:
        results.append(_pair(place, ACTION_CONTEXT, action_context(place)))
    given = variables.members.items() if isinstance(variables, MapNode) else ()
    own = [_pair(value.place, name, with_context(value)) for name, value in given]
    _put(document, "vars", ListNode(place, [*results, *own]))
    output: list[Node] = [
        _pair(place, "tasks", _scalar(place, f"<% ctx({_TASKS}) %>")),
        _pair(place, "published", _scalar(place, f"<% ctx({_PUBLISHED}) %>")),
    ]
    _put(document, "output", ListNode(place, output))
    _put(document, "tasks", tasks)
    return document


def _task(link: _Link) -> MapNode:
    task = MapNode(link.place)
    _put(task, "action", with_context(link.action))
    if isinstance(link.input, MapNode) and link.input.members:
        _put(task, "input", with_context(link.input))
    name = json.dumps(link.name)
    own = [_pair(link.place, link.name, _scalar(link.place, "<% result() %>"))] if _is_id(link.name) else []
    entries: list[Node] = [
        *own,
        _pair(link.place, RESULTS, _scalar(link.place, f"<% ctx({RESULTS}) + dict({name} => result()) %>")),
        _pair(
            link.place,
            _TASKS,
            _scalar(link.place, f"<% ctx({_TASKS}) + [{_ended(name, json.dumps(_id(link.name)))}] %>"),
        ),
    ]
    if isinstance(link.publish, MapNode):
        for key, value in link.publish.members.items():
            shown = json.dumps(key)
            so_far = _scalar(value.place, f"<% ctx({_PUBLISHED}) + dict({shown} => ctx({shown})) %>")
            entries += [_pair(value.place, key, with_context(value)), _pair(value.place, _PUBLISHED, so_far)]
    transitions: list[Node] = [
        _transition(link.place, condition, entries, link.targets.get(name)) for name, condition in _CONDITIONS.items()
    ]
    _put(task, "next", ListNode(link.place, transitions))
    return task


def _is_id(name: str) -> bool:
    """Return whether a name of a chain is also one of Orquesta's. Others, such as those with spaces, are replaced."""
    return _id(name) == name


def _id(name: str) -> str:
    """Return the name of a chain's task in Orquesta's words. `__results` has its result under its own name."""
    return _NO_LETTER.sub("_", name)


def _ended(name: str, own: str) -> str:
    """Return the YAQL for a task that has ended, as StackStorm lists it: its name, and its own one here, in YAQL."""
    task = f"task({own})"
    fields = {
        "id": name,
        "name": name,
        "execution_id": f"{task}.task_execution_id",
        "liveaction_id": f"{task}.task_execution_id",
        "workflow": "null",
        "created_at": f"{task}.start_timestamp",
        "updated_at": f"{task}.end_timestamp",
        "state": f"{task}.status",
        "result": "result()",
    }
    return f"dict({', '.join(f'{field} => {value}' for field, value in fields.items())})"


def _transition(place: Place, when: str, publish: list[Node], target: ScalarNode | None) -> MapNode:
    transition = MapNode(place)
    _put(transition, "when", _scalar(place, when))
    if publish:
        _put(transition, "publish", ListNode(place, publish))
    if target is not None:
        _put(transition, "do", _scalar(target.place, _id(target.text)))
    return transition


def _put(node: MapNode, name: str, member: Node) -> None:
    node.members[name] = member
    node.keys[name] = member.place


def _pair(place: Place, name: str, value: Node) -> MapNode:
    pair = MapNode(place)
    _put(pair, name, value)
    return pair


def _scalar(place: Place, text: str) -> ScalarNode:
    return ScalarNode(place, text, text, text)
