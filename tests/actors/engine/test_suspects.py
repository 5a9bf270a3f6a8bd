"""Which crashes count against a run: a simulated engine is killed at any instant of its recovery, again and again.

The simulation has the real notes, queue, store and trace. Its time goes by as steps cost: a commit and a read take
milliseconds, an entry some microseconds; restarted items are in flight for milliseconds, or without end. A kill drops
everything but the store and the file of the trace.
"""

import contextlib
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from stretto.actors.dispatch import handlers_of
from stretto.actors.engine.crashes import LONE_CRASHES
from stretto.actors.engine.recovery_queue import RecoveryQueue
from stretto.actors.engine.suspects import PAUSE_SECONDS, Suspects
from stretto.actors.engine.trials import TRIAL_SECONDS
from stretto.actors.journal.inquiries import Inquiry
from stretto.actors.journal.link import Answers, Notifications
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import RunAccepted, Write
from stretto.actors.journal.replay_trace import BEGINNING, FIRST_ENTRY, ReplayTrace
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Child, Reader
from stretto.actors.runs.recovery_messages import RecoveryNoted, RunSettled
from tests.support.recording import acceptance, new_id
from tests.support.stores import KEYRING, unfinished

RUNS: Final = 50
ENTRIES: Final = 50
COMMIT_SECONDS: Final = 3e-3
READ_SECONDS: Final = 1e-3
BEGIN_SECONDS: Final = 2e-4
ENTRY_SECONDS: Final = 5e-5
ITEM_SECONDS: Final = 5e-3
RECOVERY_SECONDS: Final = 0.6
"""The recovery of all runs, one by one, without a pause."""
SHORT_LIVES: Final = (RECOVERY_SECONDS, RECOVERY_SECONDS, RECOVERY_SECONDS + PAUSE_SECONDS)
"""The longest lives of engines that are killed in turn."""
LIVES: Final = (RECOVERY_SECONDS, RECOVERY_SECONDS + PAUSE_SECONDS, PAUSE_SECONDS + TRIAL_SECONDS, 60.0)


class Killed(Exception):
    """The simulated process has died."""


@contextmanager
def surviving(trace: ReplayTrace, place: int) -> Iterator[None]:
    """Mark a place as `ReplayTrace.at` does. A process that is killed leaves its mark."""
    with trace.at(place):
        try:
            yield
        except Killed:
            killed = True
        else:
            killed = False
    if killed:
        trace.mark(place)
        raise Killed


class Acceptances:
    """A reader of runs that were just accepted: a real one takes longer than all the rest of the simulation."""

    def accepted(self, run_id: str) -> RunAccepted:
        return acceptance(run_id)

    def children(self, _run_id: str) -> list[Child]:
        return []

    @property
    def inquiries(self) -> "Unasked":
        return Unasked()


class Unasked:
    """The inquiries of runs that have asked nothing."""

    def pending_of(self, _run_id: str) -> list[Inquiry]:
        return []


class Simulated:
    """An engine's recovery as one loop, which dies at an instant, or of a poison.

    It stands in for the engine, its journal's link, its clock and its readers.
    """

    durable = True
    pending = 0
    unavailable: str | None = None

    def __init__(self, campaign: "Campaign", started_at: float, dies_at: float, poison: str | None) -> None:
        self.now = 0.0
        self.loaded_alone: list[str] = []
        self._campaign = campaign
        self._store = campaign.store
        self._reader: Any = Acceptances()
        self._dies_at = dies_at
        self._poison = poison
        self._messages: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        me: Any = self
        self._trace = ReplayTrace(campaign.trace)
        self.suspects = Suspects(me, me, self._trace, lambda: started_at + self.now, self._remind_after)
        self.queue = RecoveryQueue(me, me, self.suspects)
        self._handlers = handlers_of(self.queue)

    def recover(self) -> set[str]:
        """Recover all runs, and wait until nothing is due any more. Return the quarantined ones. Raises `Killed`."""
        left = unfinished(self._store.reader)
        judged = self.suspects.review(self._store.reader.suspects(), [each.run_id for each in left])
        quarantined = {each.run_id for each in judged}
        self.queue.enqueue_unfinished(each for each in left if each.run_id not in quarantined)
        while self._messages or self._timers:
            if self._messages:
                self._messages.popleft()()
            else:
                due, _, act = heapq.heappop(self._timers)
                self._spend(max(due - self.now, 0.0))
                act()
        return quarantined

    def _spend(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._dies_at:
            raise Killed

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), act))

    def _remind_after(self, seconds: float, _engine: Any, message: Any) -> None:
        self._after(seconds, lambda: self._handlers[type(message)](message))

    # ---- the link, the engine's reference, and the readers

    def record(self, write: Write | None, notifications: Notifications = (), _answers: Answers = ()) -> None:
        def commit() -> None:
            self._spend(COMMIT_SECONDS / 2)
            assert write is not None
            self._store.writer.write([write])
            self._spend(COMMIT_SECONDS / 2)
            for _, message in notifications:
                assert isinstance(message, RecoveryNoted)
                self.queue.noted(message)

        self._messages.append(commit)

    def tell(self, _engine: Any, read: Callable[[Reader], Any], _failed: Any) -> None:
        def load() -> None:
            run_id: str = read(self._reader).accepted.run_id
            trace = self.suspects.trace_of(run_id)
            if trace is not None:
                self.loaded_alone.append(run_id)
            self._spend(READ_SECONDS)
            self._replay(run_id, trace or ReplayTrace(None))
            if trace is not None:
                trace.mark_restart("item 0 of 'only'")
            self.queue.restarted(run_id)
            if run_id in self._campaign.killers:
                self._after(self._campaign.killers[run_id](), self._die)
            elif run_id not in self._campaign.lasting:
                self._after(ITEM_SECONDS, lambda: self.queue.settled(RunSettled(run_id)))

        self._messages.append(load)

    def _die(self) -> None:
        raise Killed

    def _replay(self, run_id: str, trace: ReplayTrace) -> None:
        with surviving(trace, BEGINNING):
            self._spend(BEGIN_SECONDS)
            if run_id == self._poison:
                raise Killed
        for number in range(ENTRIES):
            with surviving(trace, FIRST_ENTRY + number):
                self._spend(ENTRY_SECONDS)


class Campaign:
    """A store with runs, and engines that are killed one after another while they recover them.

    Attributes:
        lasting: Runs whose restarted items are in flight without end.
        killers: Runs whose restarted items end the process, after the seconds that the function returns.
        hits: Kills that hit a run that was alone.
    """

    def __init__(self, store: Store, trace: Path, seed: int, runs: int = RUNS, lasting: int = 0) -> None:
        self.ids = [new_id() for _ in range(runs)]
        self.lasting = frozenset(self.ids[:lasting])
        self.killers: dict[str, Callable[[], float]] = {}
        self.hits = 0
        self.store = store
        self.trace = trace
        self.random = random.Random(seed)  # noqa: S311 - instants of kills
        self._time = 0.0
        store.writer.write([acceptance(run_id) for run_id in self.ids])

    def start(self, dies_at: float, poison: str | None = None) -> Simulated:
        self._time += 1000.0
        return Simulated(self, self._time, dies_at, poison)

    def kill_at_random(self, times: int, lives: tuple[float, ...]) -> None:
        """Kill engines at any instant of their recovery, or while items are in flight after it."""
        for number in range(times):
            with contextlib.suppress(Killed):
                self.start(self.random.uniform(0.0, lives[number % len(lives)])).recover()
            trace = ReplayTrace(self.trace)
            self.hits += any(each.alone and trace.place_of(each) is not None for each in self.store.reader.suspects())

    def crashes_until_quiet(self, most: int) -> int:
        """Start engines until one is not ended by a killer. Return how many were."""
        for crashes in range(most + 1):
            try:
                self.start(math.inf).recover()
            except Killed:
                continue
            return crashes
        raise AssertionError(f"{most + 1} engines crashed one after another")

    def quarantined(self) -> set[str]:
        """Return the quarantined runs."""
        return {each.run_id for each in self.store.reader.suspects() if each.quarantined_at is not None}


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store("sqlite://", KEYRING) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(2))
def test_a_campaign_of_kills_quarantines_no_innocent_run(store: Store, tmp_path: Path, seed: int) -> None:
    """Many kills hit the replay of a run that is alone, but none hits the same place of it again."""
    campaign = Campaign(store, tmp_path / "trace", seed)
    campaign.kill_at_random(150, SHORT_LIVES)
    assert campaign.hits >= 10
    assert campaign.start(math.inf).recover() == set()
    assert store.reader.suspects() == []


@pytest.mark.parametrize(("runs", "lasting"), [(RUNS, 10), (3, 2), (1, 1)])
def test_kills_while_items_last_quarantine_no_innocent_run(
    store: Store, tmp_path: Path, runs: int, lasting: int
) -> None:
    """Also if it is the only run, which is alone whenever it is killed."""
    campaign = Campaign(store, tmp_path / "trace", 3, runs, lasting)
    campaign.kill_at_random(150, LIVES)
    assert campaign.hits >= 15
    assert campaign.start(math.inf).recover() == set()
    assert store.reader.suspects() == []


@pytest.mark.parametrize(
    ("runs", "lasting", "after", "most"),
    [
        (1, 0, (0.001, 0.01), 4),
        (RUNS, 0, (0.001, 0.01), 4),
        (RUNS, 20, (0.001, 0.01), 6),
        (RUNS, 20, (0.3, 0.4), 10),
        (RUNS, 20, (1.1, 1.9), 14),
        (RUNS, 20, (3.0, 9.0), 40),
    ],
)
def test_a_run_whose_items_end_the_process_is_quarantined(  # noqa: PLR0917 - a table
    store: Store, tmp_path: Path, runs: int, lasting: int, after: tuple[float, float], most: int
) -> None:
    """The sooner, the earlier. One crash makes suspects; lasting items of others make it take a few more."""
    campaign = Campaign(store, tmp_path / "trace", 5, runs, lasting)
    killer = campaign.ids[-1]
    campaign.killers[killer] = lambda: campaign.random.uniform(*after)
    assert campaign.crashes_until_quiet(most) <= most
    assert campaign.quarantined() == {killer}
    (noted,) = store.reader.suspects()
    assert noted.reason == (
        f"quarantined: the engine crashed {noted.crashes} times soon after it alone had restarted item 0 of 'only'; "
        f"`stretto runs recover {killer}` tries again"
    )


def test_several_killers_are_quarantined_one_after_another(store: Store, tmp_path: Path) -> None:
    """Each has its crashes in a row, whatever the others do."""
    campaign = Campaign(store, tmp_path / "trace", 6, lasting=5)
    killers = {campaign.ids[number]: (lambda: 0.002) for number in (10, 20, 30)}
    campaign.killers.update(killers)
    assert campaign.crashes_until_quiet(20) <= 20
    assert campaign.quarantined() == set(killers)


def test_a_killer_is_quarantined_amid_a_campaign_of_kills(store: Store, tmp_path: Path) -> None:
    """And no other run."""
    campaign = Campaign(store, tmp_path / "trace", 8, lasting=10)
    campaign.kill_at_random(40, LIVES)
    killer = campaign.ids[20]
    campaign.killers[killer] = lambda: 0.002
    campaign.kill_at_random(40, LIVES)
    assert campaign.quarantined() <= {killer}
    campaign.crashes_until_quiet(10)
    assert campaign.quarantined() == {killer}


def test_the_poison_is_quarantined_amid_a_campaign_of_kills(store: Store, tmp_path: Path) -> None:
    """It alone, and at its second lone crash if no kill comes."""
    campaign = Campaign(store, tmp_path / "trace", 1)
    campaign.kill_at_random(40, SHORT_LIVES)
    poison = campaign.ids[20]
    crashes = 0
    while True:
        engine = campaign.start(math.inf, poison)
        try:
            quarantined = engine.recover()
        except Killed:
            crashes += 1
            assert crashes <= 1 + LONE_CRASHES
            assert not engine.loaded_alone or engine.loaded_alone[-1] == poison
        else:
            break
    assert quarantined == {poison}
    (noted,) = store.reader.suspects()
    assert noted.run_id == poison
    assert noted.reason == (
        "quarantined: the engine crashed twice while it alone was being recovered; "
        f"`stretto runs recover {poison}` tries again"
    )
