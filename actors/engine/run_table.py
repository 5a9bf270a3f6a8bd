"""The runs an engine knows: those in progress, and the last ones that ended."""

import contextlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.dispatch import Deferred, Mailbox, forward
from stretto.actors.outcome import RunHandle
from stretto.actors.runs import RunInputs
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import NORMAL

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue
    from stretto.actors.dispatch import Lane
    from stretto.actors.journal import Child, OutputsInMemory, RequestedBy
    from stretto.definitions.context import Mask
    from stretto.definitions.model import Priority

MAX_REMEMBERED_RUNS = 1000
"""Ended runs whose status is known without a store."""
MAX_REMEMBERED_BYTES = 64 * 1024 * 1024
"""Bytes of inputs of ended runs that are kept to rerun them without a store, and likewise of printed texts."""


_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})
"""Shared: most runs have none."""


class PendingRequest(Deferred):
    """A user's request to a run. The supervisor answers it, or the engine if the run ends first.

    Attributes:
        verb: Names the request in the error after the end, or is None for one that is answered then.
    """

    __slots__ = ("__weakref__", "_answer_after_end", "verb")

    def __init__(self, verb: str | None, answer_after_end: Callable[[], Any] | None = None) -> None:
        super().__init__()
        self.verb = verb
        self._answer_after_end = answer_after_end

    def resolve_after_end(self, status: dict[str, Any]) -> None:
        """Answer from the run's last status, unless the supervisor has answered."""
        if self._answer_after_end is not None:
            try:
                forward(self._answer_after_end(), self)
            except StrettoError as error:
                self.fail(error)
        elif self.verb is None:
            self.resolve(status)
        else:
            self.fail(run_ended_error(self.verb, status))


_NO_REQUESTS: Final[list[weakref.ref[PendingRequest]]] = []
"""Shared by all runs that were never asked for anything. Nothing is added to it."""


def run_ended_error(verb: str, status: dict[str, Any]) -> IllegalTransition:
    """Return the error of a request to a run that has ended."""
    return IllegalTransition(f"cannot {verb} the run {status['id']}: it has ended ({status['status']})")


class Run:
    """A run in progress, as the engine knows it.

    Attributes:
        supervisor: The mailbox of the run's supervisor. None while the run waits for recovery; messages wait with it.
        item: The item that waits for this run, if it is a sub-workflow.
        family: The id of the run at the top: this one, or that of its outermost parent.
        lane: The place of the run's actors in the dispatcher's queue. Sub-workflows are in the lane of their parent.
        parent: The id of that item's run.
        as_child: The record of that item's child, if this engine started the run.
        scope: The workflows beside the file that the run was started from, if it was started from one.
        since: When the run was accepted, in seconds since the epoch.
        failed_reads: How often in a row the store could not be read to recover the run.
        watchers: Actors that get the run's progress from every supervisor it has.
        followers: Actors that get `RunChanged` from every supervisor it has.
        labels: Its labels.
        requested_by: Who started it, or the run at the top of its tree. None if a program did in its own process.
        event_depth: The number of runs before it in its chain of events and runs.
        priority: Its priority. Its sub-workflows have the same.
    """

    __slots__ = (
        "_requests", "_undelivered", "accepted", "as_child", "cancelling", "event_depth", "failed_reads", "family",
        "followers", "handle", "item", "labels", "lane", "mask", "parent", "paused", "priority", "requested_by",
        "restarts", "scope", "since", "supervisor", "watchers",
    )  # fmt: skip

    def __init__(self, handle: RunHandle, accepted: Deferred, since: float, parent: str | None = None) -> None:
        self.handle = handle
        self.accepted = accepted
        self.since = since
        self.parent = parent
        self.family = handle.id
        self.scope: Catalogue | None = None
        self.requested_by: RequestedBy | None = None
        self.mask: Mask | None = None
        self.lane: Lane | None = None
        self.supervisor: Mailbox[Any] | None = None
        self.item: pykka.ActorRef[Any] | None = None
        self.paused = self.cancelling = False
        self.restarts = 0
        self.failed_reads = self.event_depth = 0
        self.priority: Priority = NORMAL
        self.as_child: Child | None = None
        self.watchers: list[pykka.ActorRef[Any]] = []
        self.followers: tuple[pykka.ActorRef[Any], ...] = ()
        self.labels: Mapping[str, str] = _NO_LABELS
        # Not a WeakSet, of which 700 bytes stay with each run that was ever asked for something.
        self._requests = _NO_REQUESTS
        self._undelivered: tuple[Any, ...] = ()

    def tell(self, message: Any) -> None:
        """Send a message to the supervisor, now or as soon as there is one."""
        if self.supervisor is None:
            self._undelivered += (message,)
            return
        with contextlib.suppress(pykka.ActorDeadError):  # the engine gets its end next
            self.supervisor.tell(message)

    def attach_supervisor(self, supervisor: Mailbox[Any]) -> None:
        """Set the supervisor, and send it the messages that waited for it."""
        self.supervisor = supervisor
        undelivered, self._undelivered = self._undelivered, ()
        for message in undelivered:
            self.tell(message)

    def detach_supervisor(self) -> None:
        """Keep further messages until there is another supervisor."""
        self.supervisor = None

    def add_request(self, verb: str | None, answer_after_end: Callable[[], Any] | None = None) -> PendingRequest:
        """Create a pending request, held weakly: it disappears when its caller does.

        Args:
            verb: Names the request in the error after the run's end, or is None if its last status answers it.
            answer_after_end: Returns the answer if the run ends first, in place of both.
        """
        request = PendingRequest(verb, answer_after_end)
        known = self._requests
        if len(known) & (len(known) - 1) == 0:  # at 0 and powers of two: to look through them each time is quadratic
            self._requests = [*(each for each in known if each() is not None), weakref.ref(request)]
        else:
            known.append(weakref.ref(request))
        return request

    def pending_requests(self) -> list[PendingRequest]:
        """Return the requests whose callers still wait."""
        return [request for each in self._requests if (request := each()) is not None]

    def fail_requests(self, error: Exception) -> None:
        """Answer all pending requests with an error."""
        for request in self.pending_requests():
            request.fail(error)

    def tell_item(self, message: Any) -> None:
        """Send a message to the item that waits for this run, if there is one."""
        if self.item is not None:
            with contextlib.suppress(pykka.ActorDeadError):  # it has timed out, or its run has crashed
                self.item.tell(message)


class RunTable:
    """Runs by their ids, and sub-workflows' runs by their parents: recovery asks for the children of every run."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._children: dict[str, dict[str, Run]] = {}
        self._families: dict[str, int] = {}
        self._ended: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._inputs: OrderedDict[str, RunInputs] = OrderedDict()
        self._weight = 0
        self._outputs: OrderedDict[str, OutputsInMemory] = OrderedDict()
        self._output_bytes = 0

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[tuple[str, Run]]:
        return iter(list(self._runs.items()))

    def add(self, run: Run) -> None:
        """Add a run in progress."""
        self._runs[run.handle.id] = run
        if run.parent is not None:
            parent = self._runs.get(run.parent)
            run.family = run.parent if parent is None else parent.family
            self._children.setdefault(run.parent, {})[run.handle.id] = run
        self._families[run.family] = self._families.get(run.family, 0) + 1

    def get(self, run_id: str) -> Run | None:
        """Return a run in progress."""
        return self._runs.get(run_id)

    def remove(self, run_id: str) -> Run | None:
        """Remove a run."""
        run = self._runs.pop(run_id, None)
        if run is not None:
            left = self._families[run.family] - 1
            if left:
                self._families[run.family] = left
            else:
                del self._families[run.family]
        if run is not None and run.parent is not None:
            children = self._children[run.parent]
            del children[run_id]
            if not children:
                del self._children[run.parent]
        return run

    def has_family(self, family: str) -> bool:
        """Return whether runs of a family are in progress."""
        return family in self._families

    def ids(self) -> tuple[str, ...]:
        """Return the ids of the runs in progress."""
        return tuple(self._runs)

    def children_of(self, run_id: str) -> list[tuple[str, Run]]:
        """Return the child runs in progress of a run."""
        return list(self._children.get(run_id, {}).items())

    def remember(self, status: dict[str, Any], inputs: RunInputs | None) -> None:
        """Keep the last status of a run, and its inputs as far as there is room."""
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
        """Return the workflow and inputs of an ended run, if they are remembered."""
        return self._inputs.get(run_id)

    def remember_outputs(self, run_id: str, outputs: "OutputsInMemory") -> None:
        """Keep the texts that a run's items have printed, as far as there is room."""
        self._outputs[run_id] = outputs
        self._output_bytes += outputs.size
        while self._output_bytes > MAX_REMEMBERED_BYTES or len(self._outputs) > MAX_REMEMBERED_RUNS:
            self._output_bytes -= self._outputs.popitem(last=False)[1].size

    def outputs_of(self, run_id: str) -> "OutputsInMemory | None":
        """Return the printed texts of an ended run, if they are remembered."""
        return self._outputs.get(run_id)

    def ended_ids(self) -> tuple[str, ...]:
        """Return the ids of the ended runs that are remembered."""
        return tuple(self._ended)

    def forget_ended(self, run_id: str) -> None:
        """Forget the last status of a run."""
        self._ended.pop(run_id, None)

    def ended(self, run_id: str) -> dict[str, Any] | None:
        """Return the last status of an ended run, if it is remembered."""
        return self._ended.get(run_id)
