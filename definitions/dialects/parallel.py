"""Expands `type: parallel` into a fork, the member tasks, and a join that waits for all of them.

    before --> NAME.fork --> one, two, three --> NAME (join: all; fails if one of them failed) --> after

The fork and the join have no action. Task names cannot contain a dot, so the fork's name clashes with none.
"""

from collections.abc import Iterable
from dataclasses import replace

from stretto.definitions.data import EMPTY_OBJECT
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant
from stretto.definitions.model import Task, Transition


def fork_name(name: str) -> str:
    """Return the name of a parallel task's fork."""
    return f"{name}.fork"


def expand(parallel: Task, members: Iterable[list[Task]]) -> list[Task]:
    """Expand a parallel task.

    Args:
        parallel: The parallel task.
        members: The expansion of each member. Its last task ends the member.

    Returns:
        The fork, the tasks of the members, and the join.
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
    """Redirect transitions to a parallel task to its fork, except for those of its own members."""
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
