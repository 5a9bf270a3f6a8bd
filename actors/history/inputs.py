"""The input of an item, rendered again: a run does not record it.

A replay comes to the start of the attempt, which has the snapshot and the time that the input was rendered with. Its
expressions return the same again.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from stretto.actors.history.bounded_replay import accepted_to_replay, replay_up_to
from stretto.actors.history.masks import SEALED, mask_of, unless_sealed
from stretto.actors.history.replay import Replay, conductor_of
from stretto.actors.history.reports import UnknownItem
from stretto.actors.journal import Reader
from stretto.definitions.conductor import Command, Conductor, StartItem, UnknownTask
from stretto.definitions.context import NO_SECRECY, Secrecy
from stretto.definitions.errors import names_there, nearest
from stretto.definitions.expressions import Moment
from stretto.definitions.model import Workflow

SecrecyOf = Callable[[Workflow], Secrecy]
"""Returns the values that a workflow passes to secret parameters."""
_NO_SECRECY_KNOWN: Final[SecrecyOf] = lambda _workflow: NO_SECRECY  # noqa: E731 - a default


@dataclass(frozen=True, slots=True)
class ItemInput:
    """An attempt of an item. Without a visit it is of the newest one, without an attempt it is the last one."""

    task: str
    index: int = 0
    visit: int | None = None
    attempt: int | None = None

    def has(self, start: StartItem) -> bool:
        """Return whether a start is one of this attempt."""
        return (
            (start.task, start.index) == (self.task, self.index)
            and self.visit in {None, start.visit}
            and self.attempt in {None, start.attempt}
        )


def item_input(
    reader: Reader,
    run_id: str,
    item: ItemInput,
    secrecy_of: SecrecyOf = _NO_SECRECY_KNOWN,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    """Return the input of an item's attempt, rendered again from the snapshot that it was started with.

    Args:
        reader: Reads the store.
        run_id: The run.
        item: The attempt.
        secrecy_of: Returns what a workflow passes to secret parameters. It is masked, as is all that the run knows to
            be secret.
        clock: Returns seconds.

    Raises:
        UnknownRun, UnknownTask: There is no such run, or no such task.
        UnknownItem: No such attempt has started.
        ExpressionError: The input cannot be rendered, as when the attempt started.
        IllegalTransition: The run is quarantined: its replay could crash this process as well.
        LimitExceeded: The replay is too long.
        StoreUnavailable: The store cannot be read now.
    """

    def read() -> tuple[Any]:
        accepted = accepted_to_replay(reader, run_id)
        task = accepted.workflow.tasks.get(item.task)
        if task is None:
            hint = nearest(item.task, accepted.workflow.tasks) or names_there(accepted.workflow.tasks)
            raise UnknownTask(f"there is no task {item.task!r} in {accepted.workflow.ref}; {hint}")
        conductor = conductor_of(accepted, mask_of(reader, accepted), secrecy_of(accepted.workflow))
        starts = _Starts(conductor, accepted.accepted_at, item)
        replay_up_to(reader, run_id, starts, reader.last_entry(run_id), clock, starts.is_enough)
        if starts.last is None:
            raise UnknownItem(_not_started(run_id, item))
        return (_rendered(conductor, starts.last, run_id),)

    found = unless_sealed(read)
    return SEALED if found is None else found[0]


def _rendered(conductor: Conductor, start: StartItem, run_id: str) -> Any:
    """Return the input of a start as its item renders it, secrets masked."""
    facts = start.scope.facts
    if start.prepared is not None:
        rendered: Any = start.prepared.input
    else:
        moment = Moment(start.at, run_id, start.task, start.visit, start.index, limits=facts.limits)
        rendered = conductor.workflow.tasks[start.task].input.evaluate(start.scope, moment)
    facts.see_input(start.task, rendered)
    return facts.mask.data(rendered)


def _not_started(run_id: str, item: ItemInput) -> str:
    attempt = "no attempt" if item.attempt is None else f"no attempt {item.attempt}"
    of_visit = "" if item.visit is None else f" (visit {item.visit})"
    return f"{attempt} of item {item.index} of the task {item.task!r}{of_visit} has started in the run {run_id}"


class _Starts(Replay):
    """A replay that keeps the last start of an item."""

    def __init__(self, conductor: Conductor, accepted_at: float, item: ItemInput) -> None:
        super().__init__(conductor, accepted_at)
        self.last: StartItem | None = None
        self._item = item

    def is_enough(self) -> bool:
        """Return whether no later start can be meant."""
        return self.last is not None and None not in {self._item.visit, self._item.attempt}

    def _note(self, commands: Iterable[Command]) -> None:
        commands = list(commands)
        for command in commands:
            if type(command) is StartItem and self._item.has(command):
                self.last = command
        super()._note(commands)
