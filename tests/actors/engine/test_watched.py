"""Runs that other engines watch: each is followed once, its news are few, and they end with the watch."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from stretto.actors.engine import elsewhere, watched
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.run_states import decode_news
from stretto.actors.engine.watched import NEWS_SECONDS
from stretto.actors.journal import Happened, PeerNews, PeerWatches, RunsLooked, WatchedRun
from stretto.actors.journal.sql.watches import Watches
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.runs import ReportChanges, RunChanged
from tests.support.counted_sql import counting
from tests.support.databases import administration
from tests.support.engines import Bench, outcome_of
from tests.support.run_followers import Follower, Taken
from tests.support.waiting import PATIENCE

LEASE = 3.0
HELD = """
cancellation_policy: cancel_running
tasks:
  - {name: a, action: core.sleep, input: {seconds: 1000}, next: [{do: b}]}
  - {name: b, action: core.noop}
"""
FAN_OUT = """
parameters: {count: {type: integer}}
tasks:
  - name: first
    action: core.sleep
    input: {seconds: 1000}
    next: [{do: work}]
  - name: work
    action: test.odd
    with_items: "{{ range(parameters.count) }}"
    concurrency: 10
    max_failures: 100%
    input: {n: "{{ item }}"}
"""
ACTIONS = """
from stretto.actors import action

@action("test.odd")
async def odd(n: int) -> int:
    if n % 7 == 0:
        raise ValueError(f"{n} is a multiple of seven")
    return n
"""


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return one file for all tests: a process has each action once."""
    path = tmp_path_factory.mktemp("actions") / "watched_actions.py"
    path.write_text(ACTIONS)
    return str(path)


@pytest.fixture
def shared(start_bench: Callable[..., Bench], postgres_url: str) -> Callable[..., Bench]:
    """Return what starts one more engine of a store."""

    def start(lease: float = 30, **settings: Any) -> Bench:
        return start_bench(store=postgres_url, store_lease=lease, **settings)

    return start


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int, str, bytes]]:
    """Return the news of all engines: when, for which engine, of which run, and what."""
    sent: list[tuple[float, int, str, bytes]] = []
    publish = Watches.publish

    def note(self: Watches, watcher: int, run_id: str, body: bytes) -> None:
        sent.append((time.monotonic(), watcher, run_id, body))
        publish(self, watcher, run_id, body)

    monkeypatch.setattr(Watches, "publish", note)
    return sent


@pytest.fixture
def watches_taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    return Taken(monkeypatch, PeerWatches)


@pytest.fixture
def looks_taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    return Taken(monkeypatch, RunsLooked)


def get(answer: Any) -> Any:
    return answer.get(timeout=PATIENCE)


def test_a_follower_at_another_engine_comes_to_the_same_state(
    shared: Callable[..., Bench], new_inbox: Callable[[], Any], actions: str
) -> None:
    """With the states of single items, which no row of the store has while they run."""
    first, second = shared(actions=actions), shared(actions=actions)
    run = first.submit(FAN_OUT, {"count": 500})
    here, there = Follower(first, run.id, new_inbox()), Follower(second, run.id, new_inbox())
    get(first.proxy.skip_item(run.id, "first", 0))
    states = here.to_the_end(), there.to_the_end()
    assert states[0].items["work"].states == states[1].items["work"].states
    assert Counter(states[1].items["work"].states or b"") == {3: 428, 4: 72}
    assert states[0].tasks == states[1].tasks
    assert here.ended is not None
    assert there.ended is not None
    assert there.ended.outcome == here.ended.outcome
    assert there.ended.tasks == here.ended.tasks


def test_a_question_behind_the_end_of_a_run_does_not_hide_its_last_changes(
    shared: Callable[..., Bench], new_inbox: Callable[[], Any], actions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor has ended, and its end is not durable yet: nobody answers what the engine asks now."""
    write = SqlWriter.write
    ended, asked, may_end = threading.Event(), threading.Event(), threading.Event()

    def held(self: SqlWriter, writes: Any, more: Any = ()) -> Any:
        if any(isinstance(each, Happened) and each.ending is not None for each in writes):
            ended.set()
            assert may_end.wait(PATIENCE)
        return write(self, writes, more)

    def note(*arguments: Any) -> Any:
        if ended.is_set():
            asked.set()
        return ReportChanges(*arguments)

    news = Taken(monkeypatch, PeerNews)
    first, second = shared(600, actions=actions), shared(600, actions=actions)
    run = first.submit(FAN_OUT, {"count": 20})
    here, there = Follower(first, run.id, new_inbox()), Follower(second, run.id, new_inbox())
    news.wait()  # from now on they are changes
    monkeypatch.setattr(SqlWriter, "write", held)
    monkeypatch.setattr(watched, "ReportChanges", note)
    try:
        get(first.proxy.skip_item(run.id, "first", 0))
        assert ended.wait(PATIENCE)
        first.proxy.actor_ref.tell(RunChanged(run.id))
        assert asked.wait(PATIENCE)
        get(first.proxy.runs_in_progress())  # the question is sent
    finally:
        may_end.set()
    states = here.to_the_end(), there.to_the_end()
    assert Counter(states[1].items["work"].states or b"") == {3: 17, 4: 3}
    assert states[0].items["work"].states == states[1].items["work"].states


def test_a_look_that_is_faster_than_the_news_of_the_end_waits_for_them(
    shared: Callable[..., Bench], new_inbox: Callable[[], Any], actions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has no states of items."""
    publish, held = Watches.publish, queue.SimpleQueue[Callable[[], None]]()

    def hold(self: Watches, watcher: int, run_id: str, body: bytes) -> None:
        found = decode_news(run_id, body)
        if found is not None and found.ended:
            held.put(lambda: publish(self, watcher, run_id, body))
        else:
            publish(self, watcher, run_id, body)

    reads, read_end = list[str](), RunsElsewhere._read_end

    def note(self: RunsElsewhere, run_id: str, followed: Any) -> None:
        reads.append(run_id)
        read_end(self, run_id, followed)

    monkeypatch.setattr(RunsElsewhere, "_read_end", note)
    monkeypatch.setattr(elsewhere, "LAST_NEWS_SECONDS", PATIENCE)
    news = Taken(monkeypatch, PeerNews)
    first, second = shared(600, actions=actions), shared(600, actions=actions)
    run = first.submit(FAN_OUT, {"count": 20})
    there = Follower(second, run.id, new_inbox())
    news.wait()
    monkeypatch.setattr(Watches, "publish", hold)
    get(first.proxy.skip_item(run.id, "first", 0))
    send = held.get(timeout=PATIENCE)
    second.proxy.actor_ref.tell(RunsLooked({run.id: WatchedRun(None, "succeeded", 100)}, renewed=True))
    get(second.proxy.runs_in_progress())  # it has handled the look
    assert reads == []
    send()
    assert Counter(there.to_the_end().items["work"].states or b"") == {3: 17, 4: 3}


def test_many_followers_are_one_watch_and_no_read(
    shared: Callable[..., Bench],
    new_inbox: Callable[[], Any],
    published: list[tuple[float, int, str, bytes]],
    watches_taken: Taken,
) -> None:
    """The news say what has changed. Neither the store nor the owner is asked."""
    first, second = shared(600), shared(600)
    run = first.submit(HELD)
    followers = [Follower(second, run.id, new_inbox()) for _ in range(20)]
    handle = get(second.proxy.handle(run.id))
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    for each in followers:
        each.until(lambda state: state.status == "running" and bool(published))
    reader = get(second.proxy.host.services()).readers._reader
    before = len(published)
    with counting(reader._engine) as counted:
        get(first.proxy.pause(run.id))
        for each in followers:
            each.until(lambda state: state.status in {"pausing", "paused"})
        # An engine that begins looks at the store's last event, for its items that will wait for some.
        assert [each for each in counted.statements if "FROM events" not in each] == []
    assert 1 <= len(published) - before <= 2
    get(first.proxy.cancel(run.id))
    for each in followers:
        each.to_the_end()
    assert outcome_of(handle).status == "cancelled"
    assert watches_taken.left() == []


def test_the_first_look_of_an_engine_asks_once(
    shared: Callable[..., Bench],
    new_inbox: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    watches_taken: Taken,
    looks_taken: Taken,
) -> None:
    """It is a renewal, too. The whole state of a large run costs its engine much."""
    may_look, begin, watch = threading.Event(), Watches.begin_again, Watches.watch
    watched_as: list[str] = []

    def held(self: Watches) -> None:
        assert may_look.wait(PATIENCE)
        begin(self)

    def note(self: Watches, run_id: str, kind: Any) -> None:
        watched_as.append(kind)
        watch(self, run_id, kind)

    monkeypatch.setattr(Watches, "begin_again", held)
    monkeypatch.setattr(Watches, "watch", note)
    try:
        first, second = shared(600), shared(600)
        run = first.submit(HELD)
        get(second.proxy.host.follow(run.id, new_inbox()))
    finally:
        may_look.set()
    message = looks_taken.wait(lambda message: run.id in message.runs)
    assert (message.renewed, message.asked) == (True, {run.id})
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    get(second.proxy.runs_in_progress())  # it has handled the look
    assert watched_as == ["whole"]
    get(first.proxy.cancel(run.id))


def test_news_come_at_most_four_times_a_second(
    shared: Callable[..., Bench],
    new_inbox: Callable[[], Any],
    published: list[tuple[float, int, str, bytes]],
    actions: str,
) -> None:
    """However often the run changes. The end is sent at once."""
    first, second = shared(actions=actions), shared(actions=actions)
    run = first.submit(FAN_OUT, {"count": 3000})
    follower = Follower(second, run.id, new_inbox())
    get(first.proxy.skip_item(run.id, "first", 0))
    follower.to_the_end()
    times = [at for at, *_ in published]
    assert all(later - earlier >= NEWS_SECONDS * 0.99 for earlier, later in pairwise(times[:-1]))
    last = decode_news(run.id, published[-1][3])
    assert last is not None
    assert last.ended


def test_a_run_whose_end_is_awaited_sends_its_end_only(
    shared: Callable[..., Bench], published: list[tuple[float, int, str, bytes]], watches_taken: Taken
) -> None:
    first, second = shared(), shared()
    run = first.submit(HELD)
    handle = get(second.proxy.handle(run.id))
    assert watches_taken.wait().runs == {run.id: "end"}
    get(first.proxy.pause(run.id))
    get(first.proxy.resume(run.id))
    get(first.proxy.skip_item(run.id, "a", 0))
    assert outcome_of(handle).status == "succeeded"
    assert len(published) == 1


def test_a_run_that_is_not_watched_is_not_followed(
    shared: Callable[..., Bench],
    new_inbox: Callable[[], Any],
    published: list[tuple[float, int, str, bytes]],
    watches_taken: Taken,
) -> None:
    """When the last one leaves, the owner is notified at once."""
    first, second = shared(), shared()
    run = first.submit(HELD)
    inbox = new_inbox()
    Follower(second, run.id, inbox)
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    get(second.proxy.host.unfollow(run.id, inbox))
    watches_taken.wait(lambda message: message.runs == {run.id: "nothing"})
    before = len(published)
    get(first.proxy.pause(run.id))
    get(first.proxy.cancel(run.id))
    assert outcome_of(run).status == "cancelled"
    assert len(published) == before


def test_the_watches_of_an_engine_that_is_gone_end(
    shared: Callable[..., Bench], published: list[tuple[float, int, str, bytes]]
) -> None:
    """It renews them no more. The next watch of any engine finds that."""
    first = shared()
    run, other = first.submit(HELD), first.submit(HELD)
    first.proxy.actor_ref.tell(PeerWatches(1000, 0.0, {run.id: "changes", other.id: "end"}))
    first.proxy.actor_ref.tell(PeerWatches(1001, 0.0, {}))
    get(first.proxy.runs_in_progress())  # it has taken both
    before = len(published)
    for each in (run, other):
        get(first.proxy.cancel(each.id))
        assert outcome_of(each).status == "cancelled"
    assert len(published) == before


def test_an_idle_watched_run_is_not_read(
    shared: Callable[..., Bench], new_inbox: Callable[[], Any], looks_taken: Taken, watches_taken: Taken
) -> None:
    """Renewals read the rows of all watched runs by one statement of the peers' thread. No reader is asked."""
    first, second = shared(LEASE), shared(LEASE)
    run = first.submit(HELD)
    follower = Follower(second, run.id, new_inbox())
    get(second.proxy.handle(run.id))
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    follower.until(lambda state: state.status == "running")
    reader = get(second.proxy.host.services()).readers._reader
    looks_taken.wait(lambda message: message.renewed)
    with counting(reader._engine) as counted:
        for _ in range(3):
            message = looks_taken.wait(lambda message: message.renewed)
            assert list(message.runs) == [run.id]
        read = [each for each in counted.statements if "FROM runs" in each or "FROM tasks" in each]
    assert read == []
    get(first.proxy.cancel(run.id))
    follower.to_the_end()


def test_lost_news_are_repaired_at_the_renewal(
    shared: Callable[..., Bench],
    new_inbox: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    watches_taken: Taken,
    looks_taken: Taken,
) -> None:
    """The store says that the run has changed, or has ended."""
    first, second = shared(LEASE), shared(LEASE)
    run = first.submit(HELD)
    follower = Follower(second, run.id, new_inbox())
    handle = get(second.proxy.handle(run.id))
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    for _ in range(2):
        looks_taken.wait(lambda message: message.renewed)
    monkeypatch.setattr(Watches, "publish", lambda *_news: None)
    get(first.proxy.pause(run.id))
    follower.until(lambda state: state.status in {"pausing", "paused"})
    get(first.proxy.cancel(run.id))
    follower.to_the_end()
    assert outcome_of(handle).status == "cancelled"


def test_a_gap_in_the_news_is_closed_at_once(
    shared: Callable[..., Bench], new_inbox: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, watches_taken: Taken
) -> None:
    """The next news have a number that does not follow. No renewal comes in the time of this test."""
    first, second = shared(600), shared(600)
    run = first.submit(HELD)
    follower = Follower(second, run.id, new_inbox())
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    follower.until(lambda state: state.status == "running" and "a" in state.tasks)
    lost = threading.Event()

    def lose(*_news: Any, **_more: Any) -> bytes:
        lost.set()
        return b""

    with monkeypatch.context() as patch:
        patch.setattr(watched, "encode_news", lose)
        get(first.proxy.pause(run.id))
        assert lost.wait(PATIENCE)
    get(first.proxy.resume(run.id))
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    get(first.proxy.skip_item(run.id, "a", 0))
    assert follower.to_the_end().tasks["b"]["status"] == "succeeded"


def test_connections_that_are_cut_are_replaced(
    shared: Callable[..., Bench],
    new_inbox: Callable[[], Any],
    postgres_url: str,
    watches_taken: Taken,
    looks_taken: Taken,
) -> None:
    """The connections that listen end, and with them what was sent meanwhile."""
    first, second = shared(), shared()
    run = first.submit(HELD)
    follower = Follower(second, run.id, new_inbox())
    handle = get(second.proxy.handle(run.id))
    watches_taken.wait(lambda message: message.runs.get(run.id) == "whole")
    with administration(postgres_url) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        )
    get(first.proxy.pause(run.id))
    looks_taken.wait(lambda message: message.renewed)
    follower.until(lambda state: state.status in {"pausing", "paused"})
    get(first.proxy.cancel(run.id))
    follower.to_the_end()
    assert outcome_of(handle).status == "cancelled"
