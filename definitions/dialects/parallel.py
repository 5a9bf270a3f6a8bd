"""`type: parallel`: tasks that run side by side, and a task that waits for them all.

    before --> NAME.fork --> one, two, three --> NAME (join: all; fails if one of them failed) --> after

The fork and the join perform no action. A dot cannot stand in a task's name, so that the fork's clashes with none.
"""

from collections.abc import Iterable
from dataclasses import replace

from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant
from stretto.definitions.model import Task, Transition


def fork_name(name: str) -> str:
    """Return the name of the task that a parallel task begins with."""
    return f"{name}.fork"


def expand(parallel: Task, members: Iterable[list[Task]]) -> list[Task]:
    """Return the tasks that a parallel task stands for: its fork, its members, its join.

    Each member is given as the tasks that it stands for itself; the last of them ends it.
    """
    members = list(members)
    place = parallel.place
    nothing = Constant(EMPTY_OBJECT, place)
    names = tuple(member[-1].name for member in members)
    fork = Task(
        name=fork_name(parallel.name),
        action=None,
        input=nothing,
        place=place,
        action_place=place,
        delay=parallel.delay,
        join=parallel.join,
        transitions=(_to(names, place),),
    )
    gathering: list[Task] = []
    for *inner, last in members:
        ended = replace(last, transitions=(*last.transitions, _to((parallel.name,), last.place)))
        gathering += [*inner, ended]
    join = replace(parallel, action=None, input=nothing, delay=None, join="all", gathers=names)
    return [fork, *gathering, join]


def enter_at_the_fork(tasks: Iterable[Task], parallels: set[str]) -> list[Task]:
    """Have whatever leads to a parallel task lead to its fork; only its own members lead to its join."""
    entered = []
    members = {member for task in tasks for member in task.gathers}
    for task in tasks:
        own = {each.name for each in tasks if task.name in each.gathers} if task.name in members else set()
        transitions = tuple(
            replace(
                transition,
                targets=tuple(
                    fork_name(target) if target in parallels and target not in own else target
                    for target in transition.targets
                ),
            )
            for transition in task.transitions
        )
        entered.append(replace(task, transitions=transitions))
    return entered


def _to(names: tuple[str, ...], place: Place) -> Transition:
    return Transition(None, (), names, tuple(place for _ in names), place)
