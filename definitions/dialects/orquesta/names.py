"""Checks that the variables of expressions are set on every path, as the category `context` of Orquesta's inspection.

Names are found by Orquesta's text patterns, `ctx(x)`, `ctx('x')` and `ctx().x`. Variables in other forms are not
checked and fail when they are evaluated.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from stretto.definitions.dialects.orquesta.forms import TaskForm, TransitionForm, WorkflowForm, inline_list
from stretto.definitions.dialects.orquesta.graph import COMMANDS, Tasks
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.errors import Place
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
"""Maximum length of the part of a reference that is searched for names. No real reference is longer."""

_FROM_STACKSTORM: Final = {
    "parent": "only StackStorm sets it, in sub-workflows; pass the values that you need as inputs",
}

MAX_VISITS: Final = 20_000
"""Visits of tasks to check at most: one more path can add a visit of every task that follows."""


class Names:
    """Checks names along every path of a definition."""

    def __init__(self, reader: Reader, form: WorkflowForm, tasks: Tasks) -> None:
        self._reader = reader
        self._form = form
        self._tasks = tasks
        self._everywhere = frozenset(_published(form))

    def check(self, context: Collection[str]) -> None:
        """Report names that are not set. `context` are the names that a run gets in addition to its inputs."""
        known = frozenset(context)
        for node in (self._form.input, self._form.vars):
            known = self._listed(node, known)
        if self._form.tasks:
            known = self._along_the_paths(known)
        self._listed(self._form.output, known)

    def _along_the_paths(self, known: frozenset[str]) -> frozenset[str]:
        """Check all paths, and return the names that are set on any of them."""
        everywhere = known
        joined: dict[str, frozenset[str]] = {}
        last: dict[str, frozenset[str]] = {}
        visited: set[str] = set()
        pending: deque[tuple[str, frozenset[str]]] = deque((name, known) for name in self._tasks.starts)
        for _ in range(MAX_VISITS):
            if not pending:
                break
            name, here = pending.popleft()
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
                        pending.append((target.name, frozenset()))
                    elif last.get(target.name) != after:
                        pending.append((target.name, after))
                        last[target.name] = after
        else:
            message = f"variables are not checked beyond {MAX_VISITS:,} visits of tasks"
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
        """Check a list whose members may read names that earlier ones set. Return the names set after it."""
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
                    "private_variable", f"the variable {name!r} is private to the engine", place,
                    found=_shortened(text),
                )  # fmt: skip
            if name not in known:
                self._unknown(name, text, place, known)

    def _unknown(self, name: str, text: str, place: Place, known: AbstractSet[str]) -> None:
        if name.startswith("__"):
            message, hint = f"nothing sets the variable {name!r}", ""
        elif name in self._everywhere:
            message = f"nothing sets the variable {name!r} on the way here"
            hint = f"it is set on another path, or later; give {name} an initial value in vars"
        else:
            message = f"nothing sets the variable {name!r}"
            hint = (
                _FROM_STACKSTORM.get(name)
                or self._reader.nearest(name, known)
                or "declare it in input, or set it in vars"
            )
        self._reader.error("unknown_variable", message, place, found=_shortened(text), hint=hint)


def _members(node: Node | None) -> list[Node]:
    """Return the values that inspection checks separately: the members of a list, else the value itself."""
    if node is None:
        return []
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        # Orquesta reads a comparison such as `x=1` as an inline parameter, and then checks nothing else.
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
    """Return the first place of each (language, text, name) that a value refers to."""
    found: dict[tuple[str, str, str], Place] = {}
    pending: list[Node] = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, ScalarNode):
            if isinstance(each.value, str):
                for language, name, offset in _references_in(each.value):
                    found.setdefault((language, each.value, name), each.locate(offset))
        elif isinstance(each, ListNode):
            pending += reversed(each.members)
        else:
            for key in each.members:
                for language, name, _ in _references_in(key):
                    found.setdefault((language, key, name), each.keys[key])
            pending += reversed(each.members.values())
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
