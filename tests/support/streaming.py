"""Streams of a run that is driven by hand: the engine's side, timers that a test fires, and a client."""

import heapq
import itertools
import json
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stretto.actors.engine import TriggerCounts
from stretto.actors.gateway.live.hub import LiveHub
from stretto.actors.gateway.live.source import FollowedItem
from stretto.actors.journal import NoStore
from stretto.actors.journal.records import SecretsLearned
from stretto.actors.outcome import Outcome, UnknownRun
from stretto.actors.runs import (
    ChangeTracker,
    LastChanges,
    RunChanged,
    RunChanges,
    RunEnded,
    apply_ranges,
    states_of,
)
from stretto.definitions.conductor import IllegalTransition
from tests.support.replaying import Driver

if TYPE_CHECKING:
    from stretto.actors.gateway.live.subscription import Subscription

RUN = "run"


class Timers:
    """Calls that are due later, on a clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._cancelled: set[int] = set()
        self._numbers = itertools.count()

    def call_later(self, seconds: float, function: Callable[[], object]) -> "Due":
        """Call a function after so many seconds."""
        number = next(self._numbers)
        heapq.heappush(self._due, (self.now + seconds, number, function))
        return Due(self, number)

    def cancel(self, number: int) -> None:
        """Drop a call."""
        self._cancelled.add(number)

    @property
    def count(self) -> int:
        """The number of calls that are due."""
        return sum(number not in self._cancelled for _, number, _ in self._due)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, number, function = heapq.heappop(self._due)
            if number not in self._cancelled:
                function()
        self.now = until


class Due:
    """A call that is due."""

    def __init__(self, timers: Timers, number: int) -> None:
        self._timers = timers
        self._number = number

    def cancel(self) -> None:
        self._timers.cancel(self._number)


class DrivenSource:
    """The engine's side of one run: its messages and answers wait, in their order, until they are delivered."""

    def __init__(self, driver: Driver, *, durable: bool) -> None:
        self.driver = driver
        self.durable = durable
        self.asked = 0
        self.outbox: deque[Callable[[], object]] = deque()
        self._take: Callable[[Any], object] = lambda _message: None
        self._following = False
        self._tracker: ChangeTracker | None = None
        self._notified = False

    # ---- the hub's side

    async def start(self, take: Callable[[Any], object]) -> None:
        self._take = take

    async def stop(self) -> None:
        self._take = lambda _message: None
        self.outbox.clear()

    def ask(
        self,
        _run_id: str,
        since: int | None,
        then: Callable[[RunChanges], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self.asked += 1
        if self.driver.finish is not None:
            self.outbox.append(lambda: failed(IllegalTransition("it has ended")))
            return
        self._following, self._notified = True, False
        self._tracker = self._tracker or ChangeTracker(RUN)
        answer = self._tracker.report(self.driver.conductor, self.driver.conductor.status, self.number, since)
        self.outbox.append(lambda: then(answer))

    def unfollow(self, _run_id: str) -> None:
        self._following, self._tracker = False, None

    async def entries(self, _run_id: str, first: int, most: int) -> list[Any]:
        if not self.durable:
            raise NoStore("there is no store")
        entries = self.driver.recording.entries[first : first + most]
        return [SecretsLearned(each) if isinstance(each, tuple) else each for each in entries]

    async def output(self, item: FollowedItem, _key: str) -> dict[str, Any]:
        """Know of no output."""
        raise UnknownRun(item[0])

    def ask_output(
        self,
        item: FollowedItem,
        _key: str,
        _then: Callable[[dict[str, Any]], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Know of no output."""
        failed(UnknownRun(item[0]))

    async def ended(self, _run_id: str) -> dict[str, Any]:
        finish = self.driver.finish
        assert finish is not None
        return {"workflow": "w", "status": finish.status, "tasks": self.driver.conductor.tasks(), "errors": []}

    async def listen(self) -> int:
        return 0

    def unlisten(self) -> None:
        pass

    def watch_triggers(self, _then: Callable[[TriggerCounts], object], _failed: Callable[[Exception], object]) -> None:
        """Answer never: these streams are of no page."""

    async def runs_in_progress(self, _workflows: tuple[str, ...] | None) -> int:
        return 1

    # ---- the test's side

    @property
    def number(self) -> int:
        """The number of the run's last entry."""
        return len(self.driver.recording.entries) - 1 if self.durable else self.driver.conductor.event_count - 1

    def step(self) -> None:
        """Let one thing happen in the run, and notify the follower of it as a supervisor does."""
        driver = self.driver
        driver.clock += 0.25
        driver.feed(driver.choose())
        if driver.finish is None:
            if self._following and not self._notified and self._tracker is not None:
                self._notified = True
                self._put(RunChanged(RUN))
            return
        if self._tracker is not None:
            self._put(
                LastChanges(
                    self._tracker.report(driver.conductor, driver.conductor.status, self.number, self._tracker.number)
                )
            )
        outcome = Outcome(driver.finish.status, driver.finish.output, driver.finish.errors)
        self._put(RunEnded(RUN, outcome, driver.conductor.tasks()))

    def _put(self, message: Any) -> None:
        self.outbox.append(lambda: self._take(message))

    def deliver(self) -> None:
        """Deliver the oldest message or answer."""
        if self.outbox:
            self.outbox.popleft()()


class Client:
    """Puts together what it reads from a stream, over any number of connections."""

    def __init__(self, fetch: Callable[[str], tuple[int, int, bytes | None] | None]) -> None:
        """Take a function that fetches the last entry, the visit and the states of all items of a task."""
        self._fetch = fetch
        self.last_id = ""
        self.tasks: dict[str, Any] = {}
        self.items: dict[str, tuple[int, bytes | None]] = {}
        self.fetched: dict[str, int] = {}
        self.status = ""
        self.ended: dict[str, Any] | None = None
        self.over = False
        self.seen: list[str] = []
        self.longest = 0

    def read(self, frame: bytes) -> None:
        """Take a frame."""
        self.longest = max(self.longest, len(frame))
        fields: dict[str, str] = {}
        for line in frame.decode().splitlines():
            name, _, value = line.partition(": ")
            fields[name] = value
        if "event" in fields:
            self.seen.append(fields["event"])
            self._take(fields["event"], json.loads(fields["data"]))
        self.last_id = fields.get("id", self.last_id)

    def _take(self, event: str, data: dict[str, Any]) -> None:
        if event == "hello":
            self.tasks, self.items, self.fetched = {}, {}, {}
        if event in {"hello", "changes"}:
            self.status = data["status"]
            for name, task in data.get("tasks", {}).items():
                if self.items.get(name, (0, b""))[0] != task["visits"] and not self._is_old(name, data):
                    self.items.pop(name, None)
                self.tasks[name] = task
            for name, items in data.get("items", {}).items():
                if items == "many" or not self._is_old(name, data):
                    self._take_items(name, items)
        elif event == "ended":
            self.ended = data
        self.over = self.over or event in {"ended", "bye", "lagging"}

    def _take_items(self, name: str, items: Any) -> None:
        if items == "many":
            fetched = self._fetch(name)
            if fetched is not None:
                self.fetched[name], visit, states = fetched
                self.items[name] = visit, states
            return
        visit, states = self.items.get(name, (self.tasks[name]["visits"], b""))
        if states is not None:
            known = bytearray(states)
            apply_ranges(known, items)
            self.items[name] = visit, bytes(known)

    def _is_old(self, name: str, data: dict[str, Any]) -> bool:
        """Return whether a frame is older than the states that were fetched."""
        return data["entry"] is not None and data["entry"] <= self.fetched.get(name, -2)

    def state(self) -> Any:
        """Return what is known."""
        return self.tasks, {name: each for name, (visit, states) in self.items.items() if
                            (each := (visit, None if states is None else states.rstrip(b"\0")))[1] != b""}  # fmt: skip


def state_of(driver: Driver) -> Any:
    """Return what a client has to know of a run."""
    conductor, items = driver.conductor, {}
    for name in conductor.workflow.tasks:
        visit = conductor.last_visit(name)
        if visit is not None and visit.task.with_items is not None:
            states = states_of(visit)
            each = visit.visit, None if states is None else states.rstrip(b"\0")
            if each[1] != b"":
                items[name] = each
    return conductor.tasks(), items


class Taken:
    """A connection as a stream writes to it. It keeps what was written; a test says whether it is full."""

    def __init__(self) -> None:
        self.is_full = False
        self.written: list[bytes] = []
        self.last: bytes | None = None
        self.hurried: list[float] = []

    def write(self, frames: bytes) -> None:
        """Keep a part."""
        assert not self.is_full
        self.written.append(frames)

    def end(self, frames: bytes) -> None:
        """Keep the last part."""
        assert not self.is_full
        assert self.last is None
        self.last = frames

    def hurry(self, seconds: float) -> None:
        """Note how long the client may take."""
        self.hurried.append(seconds)


class Connection:
    """A client's connection to a hub: a stream that is open until it is cut."""

    def __init__(self, hub: LiveHub, client: Client, session: str = "") -> None:
        self._hub = hub
        self._session = session
        self.client = client
        self.subscription: Subscription | None = None
        client.over = False

    async def open(self) -> None:
        """Open the stream: this waits for the engine's answer."""
        self.subscription = await self._hub.follow_run(RUN, self.client.last_id, self._session)

    async def read(self, most: int = 1_000_000) -> None:
        """Read frames that wait, as a client that may be cut off in the middle of a report."""
        subscription = self.subscription
        while subscription is not None and most and (subscription._first or subscription._frames):
            first, *others = subscription._first or subscription._frames
            frame, end, rest = first.partition(b"\n\n")
            left = (rest, *others) if rest else tuple(others)
            if subscription._first:
                subscription._first = left
            else:
                subscription._frames = left
            self.client.read(frame + end)
            most -= 1

    async def cut(self) -> None:
        """Close the connection."""
        if self.subscription is not None:
            self.subscription.close()
            self.subscription = None
