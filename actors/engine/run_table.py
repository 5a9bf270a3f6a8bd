"""The runs that an engine knows: those in progress, and what is remembered of those that have ended."""

import contextlib
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.outcome import RunHandle
from stretto.actors.runs import RunInputs
from stretto.definitions.conductor import IllegalTransition

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue
    from stretto.actors.journal import Child
    from stretto.definitions.context import Mask

MAX_REMEMBERED_RUNS = 1000
"""Ended runs whose status is known without a store."""
MAX_REMEMBERED_BYTES = 64 * 1024 * 1024
"""Bytes of inputs of ended runs that are kept, to do them again without a store."""


class Question(Deferred):
    """What a user asks of a run, answered by its supervisor, or by the engine if the run ends first."""

    __slots__ = ("__weakref__", "verb")

    def __init__(self, verb: str | None) -> None:
        super().__init__()
        self.verb = verb

    def answer_after_end(self, status: dict[str, Any]) -> None:
        """Answer from the status that the run ended with, unless the supervisor has answered."""
        if self.verb is None:
            self.resolve(status)
        else:
            self.fail(has_ended(self.verb, status))


def has_ended(verb: str, status: dict[str, Any]) -> IllegalTransition:
    """Return the error of a request to a run that has ended."""
    return IllegalTransition(f"cannot {verb} the run {status['id']}: it has ended ({status['status']})")


class Run:
    """A run in progress, as the engine knows it.

    `supervisor` is None while the run waits to be rebuilt: what it is told meanwhile, it is told then. `item` is whose
    it is, if it is a sub-workflow, `parent` the run of that. `since` is seconds since the epoch. `unread` counts how
    often the store could not be read for it. `watchers` are told how the run goes on, whoever supervises it; `as_child`
    says which item it performs, if this engine started it. `scope` has the workflows beside the file that it was
    started from, if it was started from one.
    """

    __slots__ = (
        "_early", "_questions", "accepted", "as_child", "handle", "item", "mask", "parent", "paused", "restarts",
        "scope", "since", "supervisor", "unread", "watchers",
    )  # fmt: skip

    def __init__(self, handle: RunHandle, accepted: Deferred, since: float, parent: str | None = None) -> None:
        self.handle = handle
        self.accepted = accepted
        self.since = since
        self.parent = parent
        self.mask: Mask | None = None
        self.scope: Catalogue | None = None
        self.supervisor: pykka.ActorRef[Any] | None = None
        self.item: pykka.ActorRef[Any] | None = None
        self.paused = False
        self.restarts = 0
        self.unread = 0
        self.as_child: Child | None = None
        self.watchers: list[pykka.ActorRef[Any]] = []
        self._questions: weakref.WeakSet[Question] | None = None
        self._early: list[Any] = []

    def tell(self, message: Any) -> None:
        """Tell the supervisor, now or when there is one."""
        if self.supervisor is None:
            self._early.append(message)
            return
        with contextlib.suppress(pykka.ActorDeadError):  # its end is in the engine's mailbox, or on its way there
            self.supervisor.tell(message)

    def supervised(self, supervisor: pykka.ActorRef[Any]) -> None:
        """Have a supervisor, and tell it what it has missed."""
        self.supervisor = supervisor
        early, self._early = self._early, []
        for message in early:
            self.tell(message)

    def unsupervised(self) -> None:
        """Have no supervisor for the time being."""
        self.supervisor = None

    def question(self, verb: str | None) -> Question:
        """Return a question about the run; it is forgotten when nobody waits for its answer any more."""
        question = Question(verb)
        if self._questions is None:
            self._questions = weakref.WeakSet()
        self._questions.add(question)
        return question

    def questions(self) -> list[Question]:
        """Return those that somebody waits for."""
        return list(self._questions or ())

    def fail_questions(self, error: Exception) -> None:
        """Have whoever waits for an answer told that there is none."""
        for question in self.questions():
            question.fail(error)

    def tell_item(self, message: Any) -> None:
        """Tell the item that this run performs, if it performs one."""
        if self.item is not None:
            with contextlib.suppress(pykka.ActorDeadError):  # it has timed out, or its run has crashed
                self.item.tell(message)


class RunTable:
    """Runs by their ids."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._ended: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._inputs: OrderedDict[str, RunInputs] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[tuple[str, Run]]:
        return iter(list(self._runs.items()))

    def add(self, run: Run) -> None:
        """Have a run in progress."""
        self._runs[run.handle.id] = run

    def get(self, run_id: str) -> Run | None:
        """Return a run in progress."""
        return self._runs.get(run_id)

    def remove(self, run_id: str) -> Run | None:
        """Have a run no more in progress."""
        return self._runs.pop(run_id, None)

    def ids(self) -> tuple[str, ...]:
        """Return the ids of those in progress."""
        return tuple(self._runs)

    def remember(self, status: dict[str, Any], inputs: RunInputs | None) -> None:
        """Remember how a run has ended, as one of the last, and what it was of, as far as there is room."""
        self._ended[status["id"]] = status
        if len(self._ended) > MAX_REMEMBERED_RUNS:
            self._ended.popitem(last=False)
        if inputs is None:
            return
        self._inputs[status["id"]] = inputs
        self._weight += inputs.parameters.weight
        while self._weight > MAX_REMEMBERED_BYTES or len(self._inputs) > MAX_REMEMBERED_RUNS:
            self._weight -= self._inputs.popitem(last=False)[1].parameters.weight

    def inputs_of(self, run_id: str) -> RunInputs | None:
        """Return what an ended run was of, if it is remembered."""
        return self._inputs.get(run_id)

    def ended(self, run_id: str) -> dict[str, Any] | None:
        """Return the last status of a run that has ended, if it is remembered."""
        return self._ended.get(run_id)
