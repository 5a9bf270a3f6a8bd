"""Runs of other engines are followed to their ends."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors.engine import elsewhere as module
from stretto.actors.runs import LastChanges, RunChanged, RunEnded, RunProgressed
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import LimitExceeded
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import pykka

PAUSED = """
tasks:
  - {name: a, action: core.sleep, input: {seconds: 1000}, next: [{do: b}]}
  - {name: b, action: core.noop}
"""


@pytest.fixture
def pair(start_bench: Callable[..., Bench], postgres_url: str) -> tuple[Bench, Bench]:
    """Return two engines of a store."""
    first, second = (start_bench(store=postgres_url, store_lease=30) for _ in range(2))
    return first, second


@pytest.fixture
def inbox() -> Iterator["pykka.ActorRef[Inbox]"]:
    actor = Inbox.start()
    yield actor
    actor.stop()


def get(answer: Any) -> Any:
    return answer.get(timeout=PATIENCE)


def test_a_follower_gets_the_changes_and_the_end(pair: tuple[Bench, Bench], inbox: "pykka.ActorRef[Inbox]") -> None:
    """The first answer is the whole state, the next one the tasks that have changed."""
    first, second = pair
    run = first.submit(PAUSED)
    host, messages = second.proxy.host, messages_of(inbox)
    get(host.subscribe_to_ends(inbox))
    whole = get(host.changes(run.id, inbox, None))
    assert (whole.since, whole.status, list(whole.tasks)) == (None, "running", ["a", "b"])
    get(second.proxy.pause(run.id))
    assert messages.get(timeout=PATIENCE) == RunChanged(run.id)
    get(second.proxy.resume(run.id))
    get(second.proxy.skip_item(run.id, "a", 0))
    ended = messages.get(timeout=PATIENCE)
    while isinstance(ended, RunChanged | LastChanges):
        ended = messages.get(timeout=PATIENCE)
    assert isinstance(ended, RunEnded)
    assert (ended.run_id, ended.outcome.status, ended.tasks["b"]["status"]) == (run.id, "succeeded", "succeeded")


def test_later_changes_continue_the_known_ones(pair: tuple[Bench, Bench], inbox: "pykka.ActorRef[Inbox]") -> None:
    first, second = pair
    run = first.submit(PAUSED)
    known = get(second.proxy.host.changes(run.id, inbox, None))
    get(second.proxy.pause(run.id))
    later, earlier = known, -2
    while later.status == "running":  # news may be of before the pause
        assert messages_of(inbox).get(timeout=PATIENCE) == RunChanged(run.id)
        earlier = later.number
        later = get(second.proxy.host.changes(run.id, inbox, earlier))
    assert (later.since, later.tasks) == (earlier, {})
    assert later.status in {"pausing", "paused"}
    assert get(second.proxy.host.changes(run.id, inbox, later.number + 1)).since is None  # it is not the last answer
    get(second.proxy.host.unfollow(run.id, inbox))


def test_a_handle_has_the_outcome_of_another_engines_run(pair: tuple[Bench, Bench]) -> None:
    first, second = pair
    run = first.submit(PAUSED)
    handle = get(second.proxy.handle(run.id))
    assert (handle.id, handle.workflow) == (run.id, run.workflow)
    get(first.proxy.skip_item(run.id, "a", 0))
    assert outcome_of(handle).status == "succeeded"


def test_a_handle_too_many_fails_and_the_engine_goes_on(
    pair: tuple[Bench, Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FOLLOWED_ELSEWHERE", 1)
    first, second = pair
    followed, other = first.submit(PAUSED), first.submit(PAUSED)
    handle = get(second.proxy.handle(followed.id))
    with pytest.raises(LimitExceeded, match="MAX_FOLLOWED_ELSEWHERE"):
        outcome_of(get(second.proxy.handle(other.id)))
    get(second.proxy.skip_item(followed.id, "a", 0))
    assert outcome_of(handle).status == "succeeded"


def test_a_watcher_gets_the_progress_of_another_engines_run(
    pair: tuple[Bench, Bench], inbox: "pykka.ActorRef[Inbox]"
) -> None:
    first, second = pair
    run = first.submit(PAUSED)
    get(second.proxy.watch(run.id, inbox))
    messages = messages_of(inbox)
    assert messages.get(timeout=PATIENCE).status == "running"
    get(first.proxy.skip_item(run.id, "a", 0))
    while (message := messages.get(timeout=PATIENCE)).status != "succeeded":
        assert isinstance(message, RunProgressed)


def skip_once_recovered(bench: Bench, run_id: str) -> None:
    """Skip the item. Between the claim of a run and its recovery the engine refuses that."""
    while True:
        try:
            get(bench.proxy.skip_item(run_id, "a", 0))
        except IllegalTransition:
            continue
        return


def test_a_run_that_is_claimed_goes_on_being_followed(
    pair: tuple[Bench, Bench], inbox: "pykka.ActorRef[Inbox]"
) -> None:
    """Its own supervisor notifies the follower from then on."""
    first, second = pair
    run = first.submit(PAUSED)
    host, messages = second.proxy.host, messages_of(inbox)
    get(host.subscribe_to_ends(inbox))
    get(host.changes(run.id, inbox, None))
    get(first.proxy.stop(grace=0))
    skip_once_recovered(second, run.id)
    while not isinstance(message := messages.get(timeout=PATIENCE), RunEnded):
        if isinstance(message, RunChanged):
            host.changes(run.id, inbox, None)
    assert message.outcome.status == "succeeded"


def test_the_status_of_an_unchanged_run_of_another_engine_reads_no_entries(
    pair: tuple[Bench, Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was replayed once, and is again when the run has changed."""
    first, second = pair
    run = first.submit(PAUSED)
    reader = get(second.proxy.host.services()).readers._reader
    read: list[int] = []
    entries = type(reader).entries

    def count(self: Any, *arguments: Any) -> Any:
        found = entries(self, *arguments)
        read.append(len(found))
        return found

    monkeypatch.setattr(type(reader), "entries", count)
    while get(second.proxy.status(run.id))["tasks"]["a"]["status"] != "running":
        pass
    read.clear()
    before = get(second.proxy.status(run.id))
    assert [get(second.proxy.status(run.id)) for _ in range(5)] == [before] * 5
    assert read == []
    get(first.proxy.pause(run.id))
    assert get(second.proxy.status(run.id))["status"] in {"pausing", "paused"}
    assert sum(read) >= 1
    get(first.proxy.cancel(run.id))
