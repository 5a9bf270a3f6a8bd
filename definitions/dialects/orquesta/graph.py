"""Checks the graph of a definition, as the category `semantics` of Orquesta's inspection."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from stretto.definitions.dialects.orquesta.forms import Target, TaskForm, WorkflowForm
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.source import is_falsy

COMMANDS: Final = ("continue", "fail", "noop", "retry")
MAX_PATHS: Final = 100_000
"""Paths to follow at most in the check of joins: their number can grow with the square of the edges."""


class Tasks:
    """The graph of a definition's tasks. Commands and undefined names are tasks without edges."""

    def __init__(self, tasks: Mapping[str, TaskForm]) -> None:
        self.tasks = tasks
        self.following = {
            name: sorted(target.name for transition in task.transitions for target in transition.targets)
            for name, task in tasks.items()
        }
        self._inbound: dict[str, int] = {}
        for targets in self.following.values():
            for target in targets:
                self._inbound[target] = self._inbound.get(target, 0) + 1
        self.starts = sorted(name for name in tasks if name not in self._inbound)
        self._on_cycles = _Cycles(self.following).found

    def defined(self, name: str) -> bool:
        """Return whether a name is that of a task or a command."""
        return name in self.tasks or name in COMMANDS

    def in_cycle(self, name: str) -> bool:
        """Return whether a path leads from the task back to itself."""
        return name in self._on_cycles

    def splits(self, name: str) -> bool:
        """Return whether the run splits into a route for each edge into the task."""
        joins = name in self.tasks and self.tasks[name].join is not None
        return not joins and self._inbound.get(name, 0) > 1 and not self.in_cycle(name)


class _Cycles:
    """Finds the tasks on cycles with Tarjan's algorithm for strongly connected components, without recursion."""

    def __init__(self, following: Mapping[str, list[str]]) -> None:
        self._following = following
        self._index: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._open: dict[str, None] = {}
        self.found: set[str] = set()
        for root in following:
            if root not in self._index:
                self._follow(root)

    def _follow(self, root: str) -> None:
        entered = [self._enter(root)]
        while entered:
            name, targets = entered[-1]
            target = next(targets, None)
            if target is None:
                entered.pop()
                if entered:
                    self._lower(entered[-1][0], self._low[name])
                if self._low[name] == self._index[name]:
                    self._close(name)
            elif target not in self._index:
                entered.append(self._enter(target))
            elif target in self._open:
                self._lower(name, self._index[target])

    def _enter(self, name: str) -> tuple[str, Iterator[str]]:
        self._index[name] = self._low[name] = len(self._index)
        self._open[name] = None
        return name, iter(self._following.get(name, ()))

    def _lower(self, name: str, index: int) -> None:
        self._low[name] = min(self._low[name], index)

    def _close(self, name: str) -> None:
        members = set()
        while name not in members:
            members.add(self._open.popitem()[0])
        if len(members) > 1 or name in self._following.get(name, ()):
            self.found |= members


def check_graph(reader: Reader, form: WorkflowForm, tasks: Tasks) -> None:
    """Report errors in the graph of a definition."""
    for task in form.tasks.values():
        if task.name in COMMANDS:
            reader.error(
                "reserved_name", f"{task.name!r} is an engine command and cannot be the name of a task", task.place,
                hint="give the task another name",
            )  # fmt: skip
        if task.items is not None and (task.action is None or is_falsy(task.action)):
            reader.error(
                "items_without_action", f"the task {task.name!r} has items, but no action",
                task.place,
            )  # fmt: skip
    if form.tasks and not tasks.starts:
        reader.error(
            "no_entry", "no task can start, because every task waits for another one", form.tasks_place,
            hint="a run starts with the tasks that no other task leads to; add one that leads into the cycle",
        )  # fmt: skip
    _check_targets(reader, tasks)
    _check_joins(reader, tasks)


def _check_targets(reader: Reader, tasks: Tasks) -> None:
    """Report targets that do not exist, if a path leads to the transition."""
    pending = deque(tasks.starts)
    queued: set[str] = set()
    done: set[str] = set()
    while pending:
        name = pending.popleft()
        done.add(name)
        for target in _targets(tasks, name):
            if target.name in done:
                continue
            if not tasks.defined(target.name):
                reader.error(
                    "unknown_task", f"the task {name!r} leads to {target.name!r}, which does not exist", target.place,
                    hint=reader.nearest(target.name, (*tasks.tasks, *COMMANDS)),
                )  # fmt: skip
            elif target.name not in COMMANDS and target.name not in queued:
                pending.append(target.name)
                queued.add(target.name)


def _targets(tasks: Tasks, name: str) -> Iterator[Target]:
    # A name that is both a task's and a command's refers to the command.
    task = tasks.tasks.get(name) if name not in COMMANDS else None
    for transition in task.transitions if task is not None else ():
        yield from transition.targets


def _check_joins(reader: Reader, tasks: Tasks) -> None:
    """Report joins whose inbound tasks are on different routes, because they passed different splits."""
    splits: dict[str, set[str]] = {}
    inbound: dict[str, dict[str, None]] = {}
    followed: dict[tuple[str, str], set[str]] = {}
    pending: deque[tuple[str | None, str, frozenset[str]]] = deque((None, name, frozenset()) for name in tasks.starts)
    paths = 0
    while pending:
        source, name, before = pending.popleft()
        if name not in tasks.tasks:
            continue
        paths += 1
        if paths > MAX_PATHS:
            place = tasks.tasks[name].place
            message = f"joins are not checked, because more than {MAX_PATHS:,} paths lead through the workflow"
            reader.warn("paths_not_checked", message, place)
            return
        passed = before | {name} if tasks.splits(name) else before
        splits.setdefault(name, set()).update(passed)
        if source is not None:
            inbound.setdefault(name, {})[source] = None
        # Tasks with the name of a command have no edges.
        for target in tasks.following[name] if name not in COMMANDS else ():
            if target in splits and tasks.in_cycle(target):
                continue
            known = followed.get((name, target))
            if known is None or not passed <= known:
                pending.append((name, target, passed))
                followed.setdefault((name, target), set()).update(passed)
    for name, passed_there in splits.items():
        other = next((each for each in inbound.get(name, ()) if splits[each] != passed_there), None)
        if tasks.tasks[name].join is not None and other is not None:
            splitting = _difference(passed_there, splits[other])
            reader.error(
                "unreachable_join", f"the join of {name!r} is ambiguous: {other!r} leads to it on other routes than"
                " its other inbound tasks", tasks.tasks[name].place,
                hint=f"the run splits at {splitting}, because several transitions lead there; write join there, or"
                f" split after {name!r}",
            )  # fmt: skip


def _difference(these: set[str], those: set[str]) -> str:
    return ", ".join(map(repr, sorted(these ^ those)[:3]))
