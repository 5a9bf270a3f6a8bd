"""The dispatcher: a small, fixed pool of threads runs the turns of actors that own no thread.

ActorRef.tell/ask --> Mailbox --an idle actor's first message--> Lane --> ready queue --> dispatcher thread
                         ^                                         ^                         |
                         |                                         +------more waits---------+  a turn: up to
                         +---------- what arrives meanwhile waits here ----------------------+  64 messages
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Final

from stretto.actors.dispatch.counting import Count
from stretto.actors.dispatch.lane import Lane
from stretto.actors.dispatch.right_of_way import RightOfWay
from stretto.actors.dispatch.turn_reply import forget_late_wakes, late_wakes

if TYPE_CHECKING:
    from collections.abc import Callable

    from stretto.actors.dispatch.actor import DispatchedActor

# A turn is private to an actor, because a proxy offers every public name.
# ruff: noqa: SLF001

# Handlers are foreign code: their exceptions must not end a dispatcher's thread.
# ruff: noqa: BLE001


LANE_TURNS: Final = 16
"""Turns that a lane takes in a row while others are ready. A small run then ends before the next one begins."""
LANE_SECONDS: Final = 0.002
"""The time after which a lane leaves the next turn to others that are ready, however few it has taken."""


class Dispatcher:
    """A fixed pool of daemon threads that run the turns of actors, first ready, first served.

    A turn handles at most `turn` messages, then the actor goes to the end of the queue. Idle threads sleep. The
    threads start with the first actor.
    """

    _shared: ClassVar[Dispatcher | None] = None
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, threads: int = 1, *, turn: int = 64) -> None:
        if threads < 1 or turn < 1:
            raise ValueError(f"a dispatcher needs {threads=} and {turn=} to be at least 1")
        self._size = threads
        self._turn = turn
        self._threads: list[threading.Thread] = []
        self.right_of_way = RightOfWay()
        self._ready: queue.SimpleQueue[Lane | None] = queue.SimpleQueue()
        self._counts: dict[str, tuple[Count, Count]] = {}
        # When each thread's turn began on the monotonic clock, or 0 while it takes none.
        self._turns_began = [0.0] * threads
        self._lock = threading.Lock()
        self._stopping = False
        self._stopped = False

    @classmethod
    def shared(cls) -> Dispatcher:
        """Return the dispatcher that actors start on by default. It is created at first use and after a stop."""
        with Dispatcher._shared_lock:
            if Dispatcher._shared is None or Dispatcher._shared._stopping:
                Dispatcher._shared = Dispatcher()
            return Dispatcher._shared

    def _started(self) -> bool:
        """Start the threads that do not run yet. Return False if the dispatcher was stopped."""
        with self._lock:
            if self._stopping:
                return False
            for number in range(len(self._threads), self._size):
                name = f"stretto-dispatcher-{number}"
                thread = threading.Thread(target=self._run, args=(number,), name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
            return True

    def stop(self) -> None:
        """End the threads after the turns that are queued by now, and wait for them.

        Stop the actors first. A remaining actor answers with ActorDeadError, and its on_stop is never called.
        Stopping again just waits.

        Raises:
            RuntimeError: A thread of this dispatcher called it, and would wait for itself.
        """
        with self._lock:
            if threading.current_thread() in self._threads:
                raise RuntimeError("a dispatcher cannot be stopped from one of its own threads")
            if not self._stopping:
                self._stopping = True
                for _ in self._threads:
                    self._ready.put(None)
        for thread in self._threads:
            thread.join()
        self._stopped = True
        self._abandon_ready()

    def alive(self) -> dict[str, int]:
        """Return the number of living actors by class name: started, and not yet at the end of their stop.

        A class keeps its entry, with 0, after all its actors have ended. The count falls before callers learn that
        the actor has stopped. An actor that is dropped without a stop remains in the count, so the leak shows.
        """
        # Ended before started: an actor that ends between the two reads counts as alive, never as -1.
        ended = {name: count.value() for name, (_, count) in self._counts.copy().items()}
        return {name: self._counts[name][0].value() - count for name, count in ended.items()}

    def started(self) -> dict[str, int]:
        """Return the number of actors ever started, by class name."""
        return {name: count.value() for name, (count, _) in self._counts.copy().items()}

    def lane(self) -> Lane:
        """Return a new lane, on which actors start as on the dispatcher.

        While other lanes are ready, a lane takes up to `LANE_TURNS` turns, or those that begin within `LANE_SECONDS`,
        and goes to the end of the queue. With several threads it takes one turn, as another thread serves it meanwhile.
        """
        return Lane(self)

    def lane_of_one(self) -> Lane:
        """Return a lane for one actor that starts on the dispatcher, and has the turns of a whole lane."""
        return self.lane()

    def admit(self, class_name: str) -> Callable[[], int]:
        """Count an actor in. Return the function that counts it out."""
        counts = self._counts.get(class_name)
        if counts is None:
            counts = self._counts.setdefault(class_name, (Count(), Count()))
        counts[0].up()
        return counts[1].up

    def submit(self, actor: DispatchedActor) -> bool:
        """Queue a turn of an actor whose claim the caller has. Return False if the dispatcher was stopped.

        The actor gets the turns of a whole lane.
        """
        return Lane(self).submit(actor)

    def is_busy(self) -> bool:
        """Return whether a thread takes turns now."""
        return any(self._turns_began)

    def standing_seconds(self) -> float:
        """Return for how many seconds no turn has begun although all threads are busy: 0 if a thread is free."""
        began = list(self._turns_began)
        return max(time.monotonic() - max(began), 0.0) if all(began) else 0.0

    def _run(self, number: int) -> None:
        late = late_wakes()
        for lane in iter(self._ready.get, None):
            self._serve(lane, number, late)
            self._turns_began[number] = 0.0
            # A sleeping thread must not keep its last actor alive.
            del lane
        forget_late_wakes()

    def _serve(self, lane: Lane, number: int, late: list[threading.Lock]) -> None:  # noqa: C901 - a call less for each turn
        """Run turns of the lane's actors: some if another lane is ready, else all."""
        right_of_way, ready, others, parallel = self.right_of_way, lane.ready, self._ready, self._size > 1
        turns, ends_at, clock = 0, 0.0, time.monotonic
        while True:
            if ready.empty():
                # Leave first, look second: `Lane.submit` does the opposite, so one of the two finds a new actor. If
                # both find it, the lane is queued twice, which is harmless.
                lane.queued = False
                if ready.empty():
                    return
                lane.queued = True
            over = turns and not others.empty() and (turns >= LANE_TURNS or clock() >= ends_at)
            if over and self._requeue(lane):
                return
            self._turns_began[number] = began = clock()
            if not turns:
                ends_at = began + LANE_SECONDS
            if right_of_way.taken:
                right_of_way.wait()
            try:
                actor = ready.get_nowait()
            except queue.Empty:  # another thread serves the lane, too
                continue
            # Another thread may serve the lane meanwhile.
            left = parallel and not ready.empty() and self._requeue(lane)
            try:
                if actor._take_turn(self._turn, began) and not actor.actor_inbox.submit(actor):
                    actor._abandon()
            except BaseException:
                # A turn catches the exceptions of actors. This one is of a log handler, so it cannot be logged.
                with contextlib.suppress(BaseException):
                    actor._abandon()
            del actor
            if late:
                for waiter in late:
                    waiter.release()
                late.clear()
            if left:
                return
            turns += 1

    def _requeue(self, lane: Lane) -> bool:
        """Queue a lane behind the others. Return False if the dispatcher is being stopped."""
        # With the lock, as stop() has it: behind the mark that ends the threads, the lane's turns would be lost.
        with self._lock:
            if not self._stopping:
                self._ready.put(lane)
            return not self._stopping

    def _abandon_ready(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                lane = self._ready.get_nowait()
                if lane is not None:
                    lane.abandon()
