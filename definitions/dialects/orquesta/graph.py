"""What Orquesta's inspection finds in the graph of a definition (its category `semantics`)."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from stretto.definitions.dialects.orquesta.forms import Target, TaskForm, WorkflowForm
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.errors import nearest
from stretto.definitions.source import is_falsy

COMMANDS: Final = ("continue", "fail", "noop", "retry")
MAX_WAYS: Final = 100_000
"""Ways into tasks that are followed to find the splits on them: their number can grow with the edges' square."""


class Tasks:
    """The tasks of a definition as a graph; commands are tasks without an edge, and other names that are not defined,
    too."""

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
        self._on_cycles = _Circles(self.following).found

    def defined(self, name: str) -> bool:
        """Tell whether a name is a task's or a command's."""
        return name in self.tasks or name in COMMANDS

    def in_cycle(self, name: str) -> bool:
        """Tell whether a way leads from a task back to itself."""
        return name in self._on_cycles

    def splits(self, name: str) -> bool:
        """Tell whether the run goes on by itself for each edge into a task."""
        joins = name in self.tasks and self.tasks[name].join is not None
        return not joins and self._inbound.get(name, 0) > 1 and not self.in_cycle(name)


class _Circles:
    """Finds the tasks on cycles: Tarjan's strongly connected components, without recursion."""

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
        coming = [self._enter(root)]
        while coming:
            name, targets = coming[-1]
            target = next(targets, None)
            if target is None:
                coming.pop()
                if coming:
                    self._lower(coming[-1][0], self._low[name])
                if self._low[name] == self._index[name]:
                    self._close(name)
            elif target not in self._index:
                coming.append(self._enter(target))
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
    """Report what cannot run in the graph of a definition."""
    for task in form.tasks.values():
        if task.name in COMMANDS:
            reader.error(
                "reserved_name", f"{task.name!r} is a command of the engine, and no task's name", task.place,
                hint="give the task another name",
            )  # fmt: skip
        if task.items is not None and (task.action is None or is_falsy(task.action)):
            reader.error(
                "items_without_action", f"the task {task.name!r} has items, but no action to perform with them",
                task.place,
            )  # fmt: skip
    if form.tasks and not tasks.starts:
        reader.error(
            "no_entry", "every task waits for another one: none can start", form.tasks_place,
            hint="a run begins with the tasks that no task leads to; lead into the cycle from one",
        )  # fmt: skip
    _check_targets(reader, tasks)
    _check_joins(reader, tasks)


def _check_targets(reader: Reader, tasks: Tasks) -> None:
    """Report targets that do not exist, as far as a way leads to the transition."""
    coming = deque(tasks.starts)
    queued: set[str] = set()
    done: set[str] = set()
    while coming:
        name = coming.popleft()
        done.add(name)
        for target in _targets(tasks, name):
            if target.name in done:
                continue
            if not tasks.defined(target.name):
                reader.error(
                    "unknown_task", f"the task {name!r} leads to {target.name!r}, which does not exist", target.place,
                    hint=nearest(target.name, (*tasks.tasks, *COMMANDS)),
                )  # fmt: skip
            elif target.name not in COMMANDS and target.name not in queued:
                coming.append(target.name)
                queued.add(target.name)


def _targets(tasks: Tasks, name: str) -> Iterator[Target]:
    # A task that has the name of a command is the command to whoever looks for it.
    task = tasks.tasks.get(name) if name not in COMMANDS else None
    for transition in task.transitions if task is not None else ():
        yield from transition.targets


def _check_joins(reader: Reader, tasks: Tasks) -> None:
    """Report joins that wait for tasks on routes of different depth: a split of the one is none of the other's."""
    splits: dict[str, set[str]] = {}
    inbound: dict[str, dict[str, None]] = {}
    followed: dict[tuple[str, str], set[str]] = {}
    coming: deque[tuple[str | None, str, frozenset[str]]] = deque((None, name, frozenset()) for name in tasks.starts)
    ways = 0
    while coming:
        source, name, before = coming.popleft()
        if name not in tasks.tasks:
            continue
        ways += 1
        if ways > MAX_WAYS:
            place = tasks.tasks[name].place
            message = f"which joins can be satisfied is not checked: there are more than {MAX_WAYS:,} ways through it"
            reader.warn("paths_not_checked", message, place)
            return
        passed = before | {name} if tasks.splits(name) else before
        splits.setdefault(name, set()).update(passed)
        if source is not None:
            inbound.setdefault(name, {})[source] = None
        # Tasks named as commands lead nowhere.
        for target in tasks.following[name] if name not in COMMANDS else ():
            if target in splits and tasks.in_cycle(target):
                continue
            known = followed.get((name, target))
            if known is None or not passed <= known:
                coming.append((name, target, passed))
                followed.setdefault((name, target), set()).update(passed)
    for name, passed_there in splits.items():
        other = next((each for each in inbound.get(name, ()) if splits[each] != passed_there), None)
        if tasks.tasks[name].join is not None and other is not None:
            told = _difference(passed_there, splits[other])
            reader.error(
                "unreachable_join", f"the join of {name!r} is ambiguous: {other!r} leads to it on other routes than"
                " its other inbound tasks", tasks.tasks[name].place,
                hint=f"the run splits at {told}, to which several transitions lead: write join there, or split behind"
                f" {name!r}",
            )  # fmt: skip


def _difference(these: set[str], those: set[str]) -> str:
    return ", ".join(map(repr, sorted(these ^ those)[:3]))
