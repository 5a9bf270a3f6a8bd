"""Which crashes count against a run: a simulated engine is killed at any instant of its recovery, again and again.

The simulation has the real notes, queue, store and trace. Its time goes by as steps cost: a commit and a read take
milliseconds, an entry some microseconds. A kill drops everything but the store and the file of the trace.
"""

import contextlib
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from stretto.actors.engine.recovery_queue import RecoveryQueue
from stretto.actors.engine.suspects import LONE_CRASHES, PAUSE_SECONDS, Suspects
from stretto.actors.journal.link import Answers, Notifications
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import RunAccepted, Write
from stretto.actors.journal.replay_trace import BEGINNING, FIRST_ENTRY, ReplayTrace
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import Child, Reader
from stretto.actors.runs.messages import PauseElapsed, RecoveryNoted
from tests.support.recording import acceptance, new_id
from tests.support.stores import KEYRING

RUNS: Final = 50
ENTRIES: Final = 50
COMMIT_SECONDS: Final = 3e-3
READ_SECONDS: Final = 1e-3
BEGIN_SECONDS: Final = 2e-4
ENTRY_SECONDS: Final = 5e-5
RECOVERY_SECONDS: Final = 0.4
"""The recovery of all runs, one by one, without a pause."""


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


class Simulated:
    """An engine's recovery as one loop, which dies at an instant, or when it replays the poison.

    It stands in for the engine, its journal's link and its readers.
    """

    durable = True
    pending = 0
    unavailable: str | None = None

    def __init__(self, store: Store, trace: ReplayTrace, started_at: float, dies_at: float, poison: str | None) -> None:
        self.now = 0.0
        self.loaded_alone: list[str] = []
        self.pauses = 0
        self._store = store
        self._reader: Any = Acceptances()
        self._dies_at = dies_at
        self._poison = poison
        self._messages: deque[Any] = deque()
        me: Any = self
        self.suspects = Suspects(me, me, trace, lambda: started_at + self.now, self._pause)
        self.queue = RecoveryQueue(me, me, self.suspects)

    def recover(self) -> set[str]:
        """Recover all runs; return the quarantined ones. Raises `Killed`."""
        left = list(self._store.reader.unfinished())
        judged = self.suspects.review(self._store.reader.suspects(), [each.run_id for each in left])
        quarantined = {each.run_id for each in judged}
        self.queue.enqueue_unfinished(each for each in left if each.run_id not in quarantined)
        while self._messages:
            self._messages.popleft()()
        return quarantined

    def _spend(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._dies_at:
            raise Killed

    def _pause(self, seconds: float, _engine: Any, message: PauseElapsed) -> None:
        def elapse() -> None:
            self.pauses += 1
            self._spend(seconds)
            self.queue.pause_elapsed(message.run_id)

        self._messages.append(elapse)

    # ---- the link, the engine's reference, and the readers

    def record(self, write: Write | None, notifications: Notifications = (), _answers: Answers = ()) -> None:
        def commit() -> None:
            self._spend(COMMIT_SECONDS / 2)
            assert write is not None
            self._store.writer.write([write])
            self._spend(COMMIT_SECONDS / 2)
            for _, message in notifications:
                assert isinstance(message, RecoveryNoted)
                self.queue.noted(message.run_ids)

        self._messages.append(commit)

    def tell(self, _engine: Any, read: Callable[[Reader], Any], _failed: Any) -> None:
        def load() -> None:
            run_id: str = read(self._reader).accepted.run_id
            trace = self.suspects.trace_of(run_id)
            if trace is not None:
                self.loaded_alone.append(run_id)
            self._spend(READ_SECONDS)
            self._replay(run_id, trace or ReplayTrace(None))
            self.suspects.clear(run_id)
            self.queue.finished_one(run_id)

        self._messages.append(load)

    def _replay(self, run_id: str, trace: ReplayTrace) -> None:
        with surviving(trace, BEGINNING):
            self._spend(BEGIN_SECONDS)
            if run_id == self._poison:
                raise Killed
        for number in range(ENTRIES):
            with surviving(trace, FIRST_ENTRY + number):
                self._spend(ENTRY_SECONDS)


class Campaign:
    """A store with runs, and engines that are killed one after another while they recover them."""

    def __init__(self, store: Store, trace: Path, seed: int) -> None:
        self.ids = [new_id() for _ in range(RUNS)]
        self.hits = 0
        """Kills that hit the replay of a run that was alone."""
        self._time = 0.0
        self._store = store
        self._trace = trace
        self._random = random.Random(seed)  # noqa: S311 - instants of kills
        store.writer.write([acceptance(run_id) for run_id in self.ids])

    def start(self, dies_at: float, poison: str | None = None) -> Simulated:
        self._time += 1000.0
        return Simulated(self._store, ReplayTrace(self._trace), self._time, dies_at, poison)

    def kill_at_random(self, times: int) -> None:
        """Kill engines at any instant of their recovery, every second one also in the pause, if there is one."""
        pauses = False
        for number in range(times):
            seconds = RECOVERY_SECONDS + (PAUSE_SECONDS if pauses and number % 2 else 0.0)
            with contextlib.suppress(Killed):
                self.start(self._random.uniform(0.0, seconds)).recover()
            trace = ReplayTrace(self._trace)
            noted = self._store.reader.suspects()
            pauses = any(each.place is not None for each in noted)
            self.hits += any(each.alone and trace.place_of(each) is not None for each in noted)


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store("sqlite://", KEYRING) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(2))
def test_a_campaign_of_kills_quarantines_no_innocent_run(store: Store, tmp_path: Path, seed: int) -> None:
    """Many kills hit the replay of a run that is alone, but none hits the same place of it again."""
    campaign = Campaign(store, tmp_path / "trace", seed)
    campaign.kill_at_random(150)
    assert campaign.hits >= 10
    assert campaign.start(math.inf).recover() == set()
    assert store.reader.suspects() == []


def test_the_poison_is_quarantined_amid_a_campaign_of_kills(store: Store, tmp_path: Path) -> None:
    """It alone, and at its second lone crash if no kill comes."""
    campaign = Campaign(store, tmp_path / "trace", 1)
    campaign.kill_at_random(40)
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
