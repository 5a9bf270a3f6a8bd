"""Which variables an expression names, and whether something has set them on the way (inspection's `context`).

Names are found as Orquesta finds them, by patterns in the text: `ctx(x)`, `ctx('x')`, `ctx().x`. What is named in
another way is not seen, and goes wrong as it is evaluated.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from stretto.definitions.dialects.orquesta.forms import TaskForm, TransitionForm, WorkflowForm, inline_list
from stretto.definitions.dialects.orquesta.graph import COMMANDS, Tasks
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.errors import Place, nearest
from stretto.definitions.expressions.orquesta import cuts_of, languages_of
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

_REST: Final = r"[][a-zA-Z0-9_'\".()]*"
_REFERENCE: Final = re.compile(rf"\bctx\(['\"]?{_REST}['\"]?\)\.?{_REST}")
_NAME: Final = "([a-zA-Z0-9_-]+)"
_NAMES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<=\bctx\(\)\.){_NAME}\b(?!\()",
        rf"\bctx\({_NAME}\)",
        rf"\bctx\('{_NAME}'\)",
        rf'\bctx\("{_NAME}"\)',
    )
)
_MOST_OF_A_REFERENCE: Final = 1000
"""Characters of a reference in which names are looked for: a longer one is no reference that anybody writes."""

_FROM_STACKSTORM: Final = {
    "st2": "StackStorm sets it, Stretto has none: declare what is needed of it as an input",
    "parent": "StackStorm sets it for a workflow that another one starts: pass what is needed as an input",
}

MAX_VISITS: Final = 20_000
"""Visits of tasks on which names are looked at: one path more can be a visit more of all that follows."""


class Names:
    """Looks for names along every path of a definition; what it finds is reported."""

    def __init__(self, reader: Reader, form: WorkflowForm, tasks: Tasks) -> None:
        self._reader = reader
        self._form = form
        self._tasks = tasks
        self._everywhere = frozenset(_published(form))

    def check(self, context: Collection[str]) -> None:
        """Report names that nothing has set; `context` are those that a run is given beside its inputs."""
        known = frozenset(context)
        for node in (self._form.input, self._form.vars):
            known = self._listed(node, known)
        if self._form.tasks:
            known = self._along_the_paths(known)
        self._listed(self._form.output, known)

    def _along_the_paths(self, known: frozenset[str]) -> frozenset[str]:
        """Return all the names that tasks on some path know."""
        everywhere = known
        joined: dict[str, frozenset[str]] = {}
        last: dict[str, frozenset[str]] = {}
        visited: set[str] = set()
        coming: deque[tuple[str, frozenset[str]]] = deque((name, known) for name in self._tasks.starts)
        for _ in range(MAX_VISITS):
            if not coming:
                break
            name, here = coming.popleft()
            visited.add(name)
            here = here or joined.get(name, frozenset())
            everywhere |= here
            task = self._form.tasks.get(name) if name not in COMMANDS else None
            if task is None:
                continue
            self._task(task, here)
            for transition in task.transitions:
                for target in transition.targets:
                    after = self._transition(transition, here)
                    if target.name in visited or not self._tasks.defined(target.name):
                        continue
                    following = self._form.tasks.get(target.name) if target.name not in COMMANDS else None
                    if following is not None and following.join:
                        joined[target.name] = joined.get(target.name, frozenset()) | after
                        coming.append((target.name, frozenset()))
                    elif last.get(target.name) != after:
                        coming.append((target.name, after))
                        last[target.name] = after
        else:
            message = f"which variables are set is not checked further than {MAX_VISITS:,} visits of tasks"
            self._reader.warn("paths_not_checked", message, self._form.tasks_place)
        return everywhere

    def _task(self, task: TaskForm, known: frozenset[str]) -> None:
        items = task.items
        for node in (
            task.delay, items.items if items else None, items.concurrency if items else None, task.action, task.input,
        ):  # fmt: skip
            self._value(node, known)

    def _transition(self, transition: TransitionForm, known: frozenset[str]) -> frozenset[str]:
        self._value(transition.when, known)
        known = self._listed(transition.publish, known)
        self._value(transition.do, known)
        return known

    def _listed(self, node: Node | None, known: frozenset[str]) -> frozenset[str]:
        """Check a list in which each member may name what earlier ones have set; return the names known after it."""
        names = set(known)
        for member in _members(node):
            self._node(member, names)
            if isinstance(member, MapNode):
                names.update(member.members)
            elif isinstance(member, ScalarNode) and isinstance(member.value, str):
                names.add(member.value)
        return frozenset(names)

    def _value(self, node: Node | None, known: frozenset[str]) -> None:
        for member in _members(node):
            self._node(member, known)

    def _node(self, node: Node, known: AbstractSet[str]) -> None:
        for (_language, text, name), place in sorted(_references(node).items(), key=lambda each: each[0][2]):
            if name.startswith("__"):
                self._reader.error(
                    "private_variable", f"the variable {name!r} is the engine's own: no expression may name it", place,
                    found=_shortened(text),
                )  # fmt: skip
            if name not in known:
                self._unknown(name, text, place, known)

    def _unknown(self, name: str, text: str, place: Place, known: AbstractSet[str]) -> None:
        if name.startswith("__"):
            message, hint = f"nothing sets the variable {name!r}", ""
        elif name in self._everywhere:
            message = f"nothing sets the variable {name!r} on the way here"
            hint = f"it is set on another path, or later: give {name} a first value in vars"
        else:
            message = f"nothing sets the variable {name!r}"
            hint = _FROM_STACKSTORM.get(name) or nearest(name, known) or "declare it in input, or set it in vars"
        self._reader.error("unknown_variable", message, place, found=_shortened(text), hint=hint)


def _members(node: Node | None) -> list[Node]:
    """Return what inspection looks at by itself: the members of a list, else the value."""
    if node is None:
        return []
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        # Orquesta takes a comparison such as `x=1` for an inline parameter, and looks at nothing else then.
        return inline_list(node).members or [node]
    return node.members if isinstance(node, ListNode) else [node]


def _published(form: WorkflowForm) -> Iterator[str]:
    lists = [form.input, form.vars]
    lists += [transition.publish for task in form.tasks.values() for transition in task.transitions]
    for node in lists:
        for member in node.members if isinstance(node, ListNode) else ():
            if isinstance(member, MapNode):
                yield from member.members


def _references(node: Node) -> dict[tuple[str, str, str], Place]:
    """Return what a value names: language, the text that names it, and the name; each with its first place."""
    found: dict[tuple[str, str, str], Place] = {}
    coming: list[Node] = [node]
    while coming:
        each = coming.pop()
        if isinstance(each, ScalarNode):
            if isinstance(each.value, str):
                for language, name, offset in _references_in(each.value):
                    found.setdefault((language, each.value, name), each.locate(offset))
        elif isinstance(each, ListNode):
            coming += reversed(each.members)
        else:
            for key in each.members:
                for language, name, _ in _references_in(key):
                    found.setdefault((language, key, name), each.keys[key])
            coming += reversed(each.members.values())
    return found


def _references_in(text: str) -> Iterator[tuple[str, str, int]]:
    if "ctx(" not in text:
        return
    for language in languages_of(text):
        for cut in cuts_of(text, language):
            for reference in _REFERENCE.finditer(cut.source):
                for names in _NAMES:
                    named = names.search(reference[0][:_MOST_OF_A_REFERENCE])
                    if named is not None:
                        yield language, named[1], cut.start


def _shortened(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
