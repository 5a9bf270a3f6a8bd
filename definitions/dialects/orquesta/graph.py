"""What Orquesta's inspection finds in the graph of a definition (its category `semantics`)."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from stretto.definitions.dialects.orquesta.forms import Target, TaskForm, WorkflowForm
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.errors import nearest

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
        self._circle = _circles(self.following)

    def defined(self, name: str) -> bool:
        """Tell whether a name is a task's or a command's."""
        return name in self.tasks or name in COMMANDS

    def in_cycle(self, name: str) -> bool:
        """Tell whether a way leads from a task back to itself."""
        return name in self._circle

    def splits(self, name: str) -> bool:
        """Tell whether the run goes on by itself for each edge into a task."""
        joins = name in self.tasks and self.tasks[name].join is not None
        return not joins and self._inbound.get(name, 0) > 1 and not self.in_cycle(name)


def _circles(following: Mapping[str, list[str]]) -> frozenset[str]:
    """Return the tasks on cycles (Tarjan's strongly connected components, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: dict[str, None] = {}
    found: set[str] = set()
    for root in following:
        if root in index:
            continue
        coming: list[tuple[str, Iterator[str]]] = []
        _enter(root, index, low, open_, coming, following)
        while coming:
            name, targets = coming[-1]
            target = next(targets, None)
            if target is None:
                coming.pop()
                if coming:
                    low[coming[-1][0]] = min(low[coming[-1][0]], low[name])
                if low[name] == index[name]:
                    found |= _component(name, open_, following)
            elif target not in index:
                _enter(target, index, low, open_, coming, following)
            elif target in open_:
                low[name] = min(low[name], index[target])
    return frozenset(found)


def _enter(
    name: str, index: dict[str, int], low: dict[str, int], open_: dict[str, None],
    coming: list[tuple[str, Iterator[str]]], following: Mapping[str, list[str]],
) -> None:  # fmt: skip
    index[name] = low[name] = len(index)
    open_[name] = None
    coming.append((name, iter(following.get(name, ()))))


def _component(name: str, open_: dict[str, None], following: Mapping[str, list[str]]) -> set[str]:
    members = set()
    while True:
        member, _ = open_.popitem()
        members.add(member)
        if member == name:
            break
    return members if len(members) > 1 or name in following.get(name, ()) else set()


def check_graph(reader: Reader, form: WorkflowForm, tasks: Tasks) -> None:
    """Report what cannot run in the graph of a definition."""
    for task in form.tasks.values():
        if task.name in COMMANDS:
            reader.error(
                "reserved_name", f"{task.name!r} is a command of the engine, and no task's name", task.place,
                hint="give the task another name",
            )  # fmt: skip
        if task.items is not None and task.action is None:
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
