"""A pool: its thread turns calls, messages and time into the decisions of its scheduler.

items --perform--> inbox --the pool's thread--> Scheduler --> carrier --> workers
'------- messages and closed connections of the carrier
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from queue import Empty
from typing import Any, Final, NoReturn, TypeAlias

from stretto.actors.actions import Action
from stretto.actors.dispatch import Recipient, TimedQueue
from stretto.actors.pools.announcing import announced_action
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.carrier import Carrier
from stretto.actors.pools.ends import Caller
from stretto.actors.pools.messages import InvalidMessage, Joined, ToPool, ToWorker, Welcome, decode_to_pool, encode
from stretto.actors.pools.notes import REASONS, PoolNotes
from stretto.actors.pools.scheduler import NO_RESOURCES, Scheduler
from stretto.actors.pools.values import Inputs
from stretto.actors.runners import Begun, Call, Running
from stretto.definitions.data import Data
from stretto.definitions.errors import StrettoError, names_there, nearest
from stretto.definitions.model import CoreActions, Resources
from stretto.metrics import PoolFigures, get_logger

LINGER_SECONDS: Final = 0.002
"""How long the first call of a batch waits for others of its turn."""
MAX_LINGER_SECONDS: Final = 0.02
"""How long it waits while others follow and all workers have calls."""
MAX_AT_ONCE: Final = 10_000
"""How many events are handled before calls are sent."""

_log = get_logger(__name__)
_Event: TypeAlias = Callable[[float], None]


def _no_values(_version: object) -> Iterable[Data]:
    return ()


class UnknownWorker(StrettoError):
    """A pool has no such worker. The message names the nearest one."""

    code = "unknown_worker"


class PoolNeedsKey(StrettoError):
    """A run with secrets must not use a pool whose carrier could store them in the clear."""

    code = "pool_needs_key"


class Pool:
    """Runs calls on the workers of a carrier. Any thread may call the methods.

    Args:
        name: The pool's name.
        carrier: Its carrier.
        welcome: The settings that hold for its calls. The engine's number is the pool's own.
        offers: What each worker has for calls with needs.
        has_packs: Whether its workers can run actions of packs.
    """

    def __init__(
        self, name: str, carrier: Carrier, welcome: Welcome, offers: Resources = NO_RESOURCES, *,
        has_packs: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        self.offers = offers
        self.has_packs = has_packs
        self.keeps_secrets = carrier.keeps_secrets
        self.notes = PoolNotes(name)
        self._carrier = carrier
        self._changed: Callable[[int], None] = lambda _capacity: None
        self._inbox: TimedQueue[_Event | None] = TimedQueue()
        # New calls, of which the thread is woken once: a call less for each item, and no fight for the interpreter.
        self._new: deque[PooledCall] = deque()
        self._woken = False
        self._scheduler = Scheduler(welcome.engine, welcome, self._send, self.notes, offers)
        self.held_up = self._scheduler.held.full  # the runs, and the actions that they should start no more here
        self._inputs = Inputs()
        self._actions: dict[str, Action] = {}
        self._capacity = 0
        self._for_permits: dict[str, int] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"stretto-pool-{name}", daemon=True)

    def start(self, changed: Callable[[int], None]) -> None:
        """Start the thread and the carrier.

        Args:
            changed: Called with the capacity when it has changed by a quarter, on the pool's thread.
        """
        self._changed = changed
        self._thread.start()
        self._carrier.start(self)

    def stop(self) -> None:
        """Cancel the calls, end the workers, and join the threads. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        self._inbox.put(None)
        self._thread.join()
        self._carrier.stop()

    # ---- calls

    def perform(  # noqa: PLR0913 - what a call consists of
        self,
        action: Action,
        call: Call,
        caller: Caller,
        inbox: Recipient,
        begun: Begun | None = None,
        *,
        core: CoreActions = "stretto",
        once: bool = False,
        needs: Resources | None = None,
        context: Callable[[Any], Iterable[Data]] = _no_values,
        version: object = None,
    ) -> Running:
        """Let a call wait for a worker.

        Args:
            action: The action with the call's ref.
            call: The call.
            caller: Who makes the call.
            inbox: Gets the end of the call in a `CallsEnded`, exactly once.
            begun: Called when the code begins on a worker, or None.
            core: Whose core actions the definition calls.
            once: Whether the call must not be sent twice.
            needs: What the call needs of its worker for itself, or None.
            context: Returns the values of the run's context, which inputs may share, given `version`.
            version: The snapshot that holds the context. Its large values are looked for once.

        Raises:
            RuntimeError: The pool has been stopped.
        """
        if self._stopped:
            raise RuntimeError(f"the pool {self.name} is stopped")
        light = self._inputs.split(call.input, context, version)
        pooled = PooledCall(action, call, core, caller, inbox, begun, light, self, once, needs)
        # Append first, look second: the thread does the opposite, so one of the two finds the call.
        self._new.append(pooled)
        if not self._woken:
            self._woken = True
            self._inbox.put(_nothing)
        return pooled

    def cancel(self, pooled: PooledCall) -> bool:
        """Cancel a call. Return True: its end follows, or is on its way to its caller behind other messages."""
        if not pooled.ended:
            self._inbox.put(lambda _now: self._do(self._scheduler.cancel, pooled))
        return True

    def withdraw(self, pooled: PooledCall) -> None:
        """Cancel a call that no worker has got."""
        self._inbox.put(lambda _now: self._do(self._scheduler.withdraw, pooled))

    def find(self, ref: str) -> Action | None:
        """Return the action that a worker has announced, or None."""
        return self._actions.get(ref)

    def note_waiting(self, run_id: str, count: int) -> None:
        """Note how many items of a run wait for a permit of the pool. They wait for its workers, too."""
        if count:
            self._for_permits[run_id] = count
        else:
            self._for_permits.pop(run_id, None)

    def refuse_secrets(self) -> NoReturn:
        """Raise PoolNeedsKey: a run has secrets, and the pool does not keep them."""
        raise PoolNeedsKey(
            f"the run has secrets, and the pool {self.name} has no key: make one with `stretto store key`, and "
            f"name its file in pools.{self.name}.key_file, here and on each node"
        )

    # ---- what the pool shows

    @property
    def capacity(self) -> int:
        """How many calls its workers can have: those that run, and the next batches. Held ones come on top."""
        return self._capacity

    @property
    def expected(self) -> int:
        """How many workers there should be."""
        return self._carrier.expected

    @property
    def connected(self) -> int:
        """How many workers there are."""
        return len(self._scheduler.workers)

    @property
    def trouble(self) -> str | None:
        """Why no worker can start, or None."""
        return self._carrier.trouble

    def waiting_of(self, run_id: str) -> dict[str, int]:
        """Return how many calls of a run wait here, by the ref of an action that no worker has, or "" if one has it."""
        return self._scheduler.waiting_of(run_id)

    def report(self) -> dict[str, Any]:
        """Return the pool for people: {pool, expected, trouble, workers, slots, waiting, in_flight}, counts."""
        scheduler = self._scheduler
        return {
            "pool": self.name,
            "expected": self._carrier.expected,
            "trouble": self._carrier.trouble,
            "workers": [each.report() for each in list(scheduler.workers.values())],
            "slots": scheduler.slots,
            "waiting": self._waiting,
            "in_flight": scheduler.in_flight,
            **self.notes.report(),
        }

    @property
    def _waiting(self) -> int:
        return len(self._new) + self._scheduler.waits + sum(list(self._for_permits.values()))

    def figures(self) -> PoolFigures:
        """Return the pool for metrics."""
        scheduler, counts = self._scheduler, self.notes.report()
        workers = {"connected": 0, "draining": 0}
        for each in list(scheduler.workers.values()):
            workers["draining" if each.draining else "connected"] += 1
        lost = {**dict.fromkeys(REASONS, 0), **self.notes.losses()}
        return PoolFigures(
            name=self.name, workers=workers, slots=scheduler.slots, in_flight=scheduler.in_flight,
            waiting=self._waiting, batches=counts["batches"], items_sent=counts["items_sent"],
            bytes_sent=counts["bytes_sent"], bytes_received=counts["bytes_received"],
            values_put=counts["values_put"], late_ends=counts["late_ends"], lost=lost,
            batch=self.notes.batch, wait=self.notes.wait,
        )  # fmt: skip

    def drain(self, worker: str | None) -> int:
        """Let a worker, or all of them, finish their calls and leave. Return how many will.

        Raises:
            UnknownWorker: The pool has no such worker.
        """
        names = {each.id for each in list(self._scheduler.workers.values())}
        if worker is not None and worker not in names:
            hint = nearest(worker, names) or names_there(sorted(names))
            raise UnknownWorker(f"the pool {self.name} has no worker {worker!r}; {hint}")
        self._inbox.put(lambda _now: self._drain(worker))
        return len(names) if worker is None else 1

    # ---- what the carrier reports

    def received(self, worker: str, data: bytes) -> None:
        """Take a message of a worker."""
        self.notes.received(len(data))
        try:
            message = decode_to_pool(data)
        except InvalidMessage as error:
            _log.error("pool_worker_invalid", pool=self.name, worker=worker, reason=str(error))
            self.closed(worker, "garbage")
            return
        self._inbox.put(lambda now: self._received(worker, message, now))

    def heard(self, worker: str) -> None:
        """Take note that a worker is alive: a portion of a long message has come."""
        self._inbox.put(lambda now: self._scheduler.heard(worker, now))

    def closed(self, worker: str, reason: str) -> None:
        """Take note that a worker's connection has ended."""
        self._inbox.put(lambda _now: self._lose(worker, reason))

    # ---- the pool's thread

    def _run(self) -> None:
        while (event := self._next_event()) is not None:
            try:
                self._handle(event)
            except Exception:  # noqa: BLE001 - the thread must survive: all other calls wait for it
                _log.exception("pool_error", pool=self.name)
        self._take_new()
        self._scheduler.cancel_all("the engine stops")

    def _next_event(self) -> _Event | None:
        """Wait for the next event, or until a worker is silent for too long."""
        silent_at = self._scheduler.silent_at
        try:
            return self._inbox.get(timeout=None if silent_at is None else max(silent_at - time.monotonic(), 0.0))
        except Empty:
            return _nothing

    def _handle(self, event: _Event) -> None:
        now = time.monotonic()
        event(now)
        self._linger(now)
        for worker in self._scheduler.silent(time.monotonic()):
            self._lose(worker, "silent")
        self._take_new()
        self._scheduler.dispatch()
        capacity, held = self._scheduler.capacity, len(self._scheduler.held)
        if abs(capacity + held - self._capacity) * 4 > min(capacity, self._capacity):
            self._capacity = capacity = capacity + held
            self._changed(capacity)

    def _linger(self, now: float) -> None:
        """Handle events until no call has come for a moment, so that calls of one turn travel together."""
        until, most, known = now + LINGER_SECONDS, now + MAX_LINGER_SECONDS, 0
        for _ in range(MAX_AT_ONCE):
            if now >= until:
                new = len(self._new)
                if new == known or now >= most or self._scheduler.is_worth_sending(new, LINGER_SECONDS):
                    return
                known, until = new, now + LINGER_SECONDS
            try:
                following = self._inbox.get(timeout=until - now)
            except Empty:
                following = _nothing
            if following is None:
                self._inbox.put(None)
                return
            now = time.monotonic()
            following(now)

    def _take_new(self) -> None:
        """Hand the new calls to the scheduler."""
        self._woken = False
        new = self._new
        self._scheduler.add([new.popleft() for _ in range(len(new))])

    def _do(self, act: Callable[[PooledCall], None], pooled: PooledCall) -> None:
        self._take_new()
        act(pooled)

    def _received(self, worker: str, message: ToPool, now: float) -> None:
        if isinstance(message, Joined):
            for each in message.actions:
                self._actions[each.ref] = announced_action(each)
            _log.info("pool_worker_joined", pool=self.name, worker=worker, slots=message.slots)
        self._scheduler.received(worker, message, now)

    def _drain(self, worker: str | None) -> None:
        self._scheduler.drain(worker)

    def _lose(self, worker: str, reason: str) -> None:
        self._carrier.discard(worker)  # first, so that a pool without a worker always says why
        self._scheduler.gone(worker, reason)

    def _send(self, worker: str, message: ToWorker) -> None:
        data = encode(message)
        self.notes.sending(len(data))
        self._carrier.send(worker, data)


def _nothing(_now: float) -> None:
    """Handle no event: it is time to look for silent workers."""


def new_engine_number() -> int:
    """Return a number for an engine's pool that no earlier one had."""
    return secrets.randbits(62)
