"""A worker of a pool: it runs the calls of batches with the runners that a daemon has, and reports their ends.

    carrier --Worker.receive(bytes)--> runners --> ends, gathered --> send(bytes) --> carrier

It has no engine, no definitions and no store. Its clock measures durations only.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_network

from stretto.actors.actions import Action, ActionRegistry, AddressPolicy, InvalidActionInput, UnknownAction
from stretto.actors.pools.announcing import announce
from stretto.actors.pools.deadlines import Deadlines
from stretto.actors.pools.gathering import Gatherer
from stretto.actors.pools.live_output import OutputReporter
from stretto.actors.pools.messages import (
    Acknowledged,
    Beat,
    CallOutput,
    Drain,
    Head,
    Joined,
    Leaving,
    Output,
    Perform,
    Record,
    Stop,
    ToPool,
    ToWorker,
    ValueMissing,
    Values,
    Welcome,
    decode_to_worker,
    encode,
)
from stretto.actors.pools.values import ValueCache
from stretto.actors.pools.work import Work, end_of
from stretto.actors.pools.workers import MISSED_BEATS
from stretto.actors.runners import Call, Finished, Runners, Running, cancelled
from stretto.definitions.data import FrozenDict
from stretto.metrics import CallIds


class Worker:
    """Runs calls for a pool. Any thread may call `receive`.

    Args:
        actions: The actions that it can run.
        send: Sends bytes to the pool.
        name: Its name, for people.
        process: Its process id.
        slots: How many calls it runs at a time.
        labels: What it says of itself.
    """

    def __init__(  # noqa: PLR0913 - what a worker says of itself
        self,
        actions: ActionRegistry,
        send: Callable[[bytes], None],
        *,
        name: str,
        process: int,
        slots: int,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._actions = actions
        self._send_bytes = send
        self._slots = slots
        announced = [announce(actions.get(ref)) for ref in actions.refs()]
        self._joined = Joined(
            name, process, slots, dict(labels or {}), tuple(each for each in announced if each is not None)
        )
        self._lock = threading.Lock()
        self._welcome: Welcome | None = None
        self._runners: Runners | None = None
        self._values = ValueCache(0)
        self._work: dict[int, Work] = {}
        self._queue: deque[Work] = deque()
        self._asked: set[bytes] = set()
        # A call's code is known by the identity of its ids, which its log records find in their context.
        self._logging: dict[int, Work] = {}
        self._gathered = Gatherer()
        self._active = 0
        self._draining = False
        self._unanswered = 0
        self._deadlines = Deadlines()
        self._outputs = OutputReporter(self._running, self._send_output)
        self._stopped = threading.Event()
        self._flusher = threading.Thread(target=self._flush, name="stretto-pool-ends", daemon=True)
        self._beater = threading.Thread(target=self._beat, name="stretto-pool-beats", daemon=True)

    def join(self) -> None:
        """Announce the worker to the pool."""
        self._send(self._joined)

    @property
    def has_stopped(self) -> bool:
        """Whether the worker has left or was stopped."""
        return self._stopped.is_set()

    def wait(self) -> None:
        """Wait until the worker has left or was stopped."""
        self._stopped.wait()

    def stop(self) -> None:
        """Stop the calls and the threads. Idempotent."""
        self._stopped.set()
        self._gathered.hurry()
        self._deadlines.stop()
        self._outputs.stop()
        runners = self._runners
        if runners is not None:
            runners.stop()

    # ---- messages

    def heard(self) -> None:
        """Take note that the pool is alive: a portion of a long message has come, behind which its answers wait."""
        self._unanswered = 0

    def receive(self, data: bytes) -> None:
        """Handle a message of the pool. Raises InvalidMessage if it is none."""
        self._handle(decode_to_worker(data))

    def _handle(self, message: ToWorker) -> None:
        if isinstance(message, Welcome):
            self._begin(message)
        elif isinstance(message, Acknowledged):
            self._unanswered = 0
        elif isinstance(message, Perform):
            self._add_values(message.values)
            with self._lock:
                for sending in message.sendings:
                    work = Work(message.heads[sending.head], sending)
                    self._work[sending.number] = work
                    self._queue.append(work)
            self._start_calls()
        elif isinstance(message, Values):
            self._add_values(message.values)
            self._start_calls()
        elif isinstance(message, Stop):
            for number in message.numbers:
                self._stop_call(number, "cancelled", "the call was cancelled")
        elif isinstance(message, Drain):
            self._draining = True
            self._gathered.hurry()  # the thread that sends ends also leaves, and so behind the last of them

    def _begin(self, welcome: Welcome) -> None:
        if self._welcome is not None:
            return
        policy = AddressPolicy(tuple(map(ip_network, welcome.deny)), tuple(map(ip_network, welcome.allow)))
        self._welcome = welcome
        self._values = ValueCache(welcome.cache_bytes)
        self._runners = Runners(
            threads=self._slots, addresses=policy, capture_output=True, max_retry_after=welcome.max_retry_after,
            max_http_connections=welcome.max_http_connections,
        )  # fmt: skip
        self._flusher.start()
        self._beater.start()
        self._outputs.start()

    def _add_values(self, values: tuple[tuple[bytes, bytes], ...]) -> None:
        with self._lock:
            for digest, text in values:
                self._asked.discard(digest)
                self._values.add(digest, text)

    # ---- calls

    def _start_calls(self) -> None:
        """Start the calls that wait, as far as slots are free and their values are here."""
        ready: list[tuple[Work, FrozenDict]] = []
        missing: tuple[bytes, ...] = ()
        with self._lock:
            lacking: list[Work] = []
            wanted: dict[bytes, None] = {}
            queue, free = self._queue, self._slots - self._active
            while free > 0 and queue:
                work = queue.popleft()
                free -= 1
                shared = work.sending.shared
                if shared:
                    digests = [digest for _, digest in shared]
                    if self._values.missing(digests):
                        wanted.update(dict.fromkeys(digests))
                        lacking.append(work)
                        continue
                self._active += 1
                self._logging[id(work.ids)] = work
                ready.append((work, self._values.join(work.sending.input, shared)))
            queue.extendleft(reversed(lacking))
            self._values.trim(wanted)
            if wanted:
                missing = tuple(each for each in self._values.missing(wanted) if each not in self._asked)
                self._asked.update(missing)
        if missing:
            self._send(ValueMissing(missing))
        for work, given in ready:
            self._start(work, given)

    def _start(self, work: Work, given: FrozenDict) -> None:
        head, sending = work.head, work.sending
        runners = self._runners
        try:
            action = self._action(head)
            if action.find_problems is not None:  # the daemon may not have the pack
                action.check(given)
        except (UnknownAction, InvalidActionInput) as error:
            self._report(work, Finished("failed", None, str(error), "failed"))
            return
        if runners is None:
            return
        call = Call(head.ref, given, work.ids, head.timeout, sending.visit, sending.index, sending.attempt)
        work.began = time.monotonic()
        try:
            running = runners.start(action, call, partial(self._ended, work), partial(self._began, work))
        except RuntimeError:  # the worker stops
            return
        with self._lock:
            work.running = running
            early, stopped = work.early, work.stopped
        if early is not None:
            self._report(work, early)
        elif stopped:
            self._cancel(work, running)

    def _action(self, head: Head) -> Action:
        return self._actions.get(head.ref, head.core)

    def _began(self, work: Work) -> None:
        work.began = time.monotonic()
        self._gathered.begun(work.sending.number, work.began)
        if work.head.timeout is not None:
            number, seconds = work.sending.number, work.head.timeout
            text = f"it took longer than {seconds:g} s"
            work.deadline = self._deadlines.add(seconds, partial(self._stop_call, number, "timed_out", text))

    def _stop_call(self, number: int, status: str, text: str) -> None:
        with self._lock:
            work = self._work.get(number)
            if work is None or work.stopped:
                return
            work.stopped = status
            waits, running = work in self._queue, work.running
            if waits:
                self._queue.remove(work)
        if waits:
            self._report(work, Finished(status, None, text, status), active=False)  # type: ignore[arg-type]
        elif running is not None:
            self._cancel(work, running)

    def _cancel(self, work: Work, running: Running) -> None:
        if not running.cancel():
            # A function on a thread runs on, and its end is dropped.
            self._report(work, cancelled())

    def _ended(self, work: Work, finished: Finished) -> None:
        """Take the end of a call. One that comes before `start` has returned waits for what the call has printed."""
        with self._lock:
            if work.running is None:
                work.early = finished
                return
        self._report(work, finished)

    def _report(self, work: Work, finished: Finished, *, active: bool = True) -> None:
        end = end_of(work, finished)
        with self._lock:
            if self._work.pop(work.sending.number, None) is None:
                return
            self._logging.pop(id(work.ids), None)
            self._active -= active
            self._gathered.ended(end, len(self._work))
        if work.deadline is not None:
            self._deadlines.forget(work.deadline)
        if self._queue:
            self._start_calls()

    def logged(self, ids: CallIds, level: int, logger: str, text: str) -> None:
        """Send a log record to the daemon: only that can mask its secrets. It is dropped if its call has ended.

        Args:
            ids: Those that the call's code has in its context.
            level: The level's number.
            logger: The logger's name.
            text: The text.
        """
        work = self._logging.get(id(ids))
        if work is not None:
            self._gathered.logged(Record(work.sending.number, level, logger, text))

    def _running(self) -> list[Work]:
        with self._lock:
            return list(self._logging.values())

    def _send_output(self, outputs: tuple[CallOutput, ...]) -> None:
        if self._welcome is not None:
            self._send(Output(self._welcome.engine, outputs))

    # ---- threads

    def _flush(self) -> None:
        """Send begins, log records and ends."""
        while not self._stopped.is_set():
            self._gathered.wait(lambda: bool(self._queue))
            if self._welcome is not None:
                for message in self._gathered.messages(self._welcome.engine, self._work.__contains__):
                    self._send(message)
            self._leave_if_done()

    def _beat(self) -> None:
        while self._welcome is not None and not self._stopped.wait(self._welcome.beat):
            self._unanswered += 1
            if self._unanswered > MISSED_BEATS:
                # The pool has given the calls to others.
                self.stop()
                return
            self._send(Beat(len(self._work)))

    def _leave_if_done(self) -> None:
        with self._lock:
            at_hand = self._work or self._gathered.has_ends
            done = self._draining and not at_hand and not self._stopped.is_set()
        if done:
            self._send(Leaving())
            self.stop()

    def _send(self, message: ToPool) -> None:
        try:
            self._send_bytes(encode(message))
        except OSError:  # the pool is gone
            self._stopped.set()
            self._gathered.hurry()
