"""A run has the same errors and states of items at every engine. Texts of errors are not in news."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from stretto.actors.engine import named_errors, relay
from stretto.actors.engine.named_errors import MAX_NEWS_GROUPS, KnownErrors, NamedErrors, groups_from_json
from stretto.actors.engine.run_states import ErrorCount, News, decode_news, encode_news
from stretto.actors.journal import MAX_NEWS_BYTES, PeerNews, RunsLooked, WatchedRun
from stretto.actors.journal.sql.peers import SqlPeers
from stretto.actors.journal.sql.watches import Watches
from stretto.actors.runs import ErrorGroup, RunChanges
from tests.support.engines import Bench
from tests.support.run_followers import Follower
from tests.support.waiting import PATIENCE, NewInbox

WORKFLOW = """
parameters: {kinds: {type: array}}
cancellation_policy: cancel_running
tasks:
  - {name: first, action: core.sleep, input: {seconds: 1000}, next: [{do: work}]}
  - name: work
    action: test.fail_as
    with_items: "{{ parameters.kinds }}"
    concurrency: 2
    max_failures: 100%
    input: {kind: "{{ item }}"}
    next: [{do: held}]
  - {name: held, action: core.sleep, input: {seconds: 1000}}
"""
ACTIONS = """
from stretto.actors import action

@action("test.fail_as")
async def fail_as(kind: str) -> int:
    if kind:
        raise ValueError(f"it is {kind}")
    return 1
"""
KINDS = ["red", "", "blue", "red", "", "green 7", "red", "green 8"]
ERRORS = {("it is red", 3), ("it is blue", 1), ("it is green 7", 2)}


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return one file for all tests: a process has each action once."""
    path = tmp_path_factory.mktemp("actions") / "failing_actions.py"
    path.write_text(ACTIONS)
    return str(path)


@pytest.fixture
def pair(start_bench: Callable[..., Bench], postgres_url: str, actions: str) -> tuple[Bench, Bench]:
    """Return two engines of a store that renew nothing during a test."""
    first, second = (start_bench(store=postgres_url, store_lease=600, actions=actions) for _ in range(2))
    return first, second


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[Any]]]:
    """Return what engines ask each other: the methods with their arguments."""
    kinds: list[tuple[str, list[Any]]] = []
    ask = SqlPeers.ask

    def note(self: SqlPeers, kind: str, body: bytes, **keywords: Any) -> Any:
        kinds.append((kind, json.loads(body)["arguments"]))
        return ask(self, kind, body, **keywords)

    monkeypatch.setattr(SqlPeers, "ask", note)
    return kinds


def get(answer: Any) -> Any:
    return answer.get(timeout=PATIENCE)


def seen(follower: Follower) -> set[tuple[str, int]]:
    """Return the errors that a client sees."""
    return {(each.message.removeprefix("ValueError: "), each.count) for each in follower.model.errors()}


def errors_of(follower: Follower) -> list[tuple[object, ...]]:
    """Return the same in full."""
    return sorted((each.key, each.visit, each.count, each.first) for each in follower.model.errors())


def held(follower: Follower) -> None:
    """Follow a run until its last task runs."""
    follower.until(lambda state: state.tasks["held"]["status"] == "running")


def test_errors_are_the_same_at_another_engine(pair: tuple[Bench, Bench], new_inbox: NewInbox) -> None:
    """While the run is in progress, and at its end."""
    first, second = pair
    run = first.submit(WORKFLOW, {"kinds": KINDS})
    here, there = Follower(first, run.id, new_inbox()), Follower(second, run.id, new_inbox())
    assert seen(there) == set()
    get(first.proxy.skip_item(run.id, "first", 0))
    for each in (here, there):
        held(each)
        assert seen(each) == ERRORS
    assert errors_of(here) == errors_of(there)
    get(second.proxy.cancel(run.id))
    here.to_the_end()
    there.to_the_end()
    assert errors_of(here) == errors_of(there)
    assert here.model.items == there.model.items
    assert seen(there) == ERRORS | {("it was cancelled", 1)}


def test_the_first_state_has_the_states_of_items_and_errors(pair: tuple[Bench, Bench], new_inbox: NewInbox) -> None:
    """As at the run's own engine."""
    first, second = pair
    run = first.submit(WORKFLOW, {"kinds": KINDS})
    get(first.proxy.skip_item(run.id, "first", 0))
    here = Follower(first, run.id, new_inbox())
    held(here)
    there = Follower(second, run.id, new_inbox())
    assert Counter(there.model.items["work"].states or b"") == {3: 2, 4: 6}
    assert there.model.items == here.model.items
    assert seen(there) == ERRORS
    get(first.proxy.cancel(run.id))


def test_the_text_of_an_error_is_asked_for_once(
    pair: tuple[Bench, Bench], new_inbox: NewInbox, asked: list[tuple[str, list[Any]]]
) -> None:
    """However many items fail with it, and however many follow the run."""
    first, second = pair
    run = first.submit(WORKFLOW, {"kinds": ["red", "blue"] * 2000})
    followers = [Follower(second, run.id, new_inbox()) for _ in range(5)]
    get(first.proxy.skip_item(run.id, "first", 0))
    for each in followers:
        held(each)
        assert seen(each) == {("it is red", 2000), ("it is blue", 2000)}
    names = [name for kind, arguments in asked if kind == "error_groups" for name in arguments[0]]
    assert 1 <= len(names) == len(set(names)) <= 2
    get(first.proxy.cancel(run.id))


def test_an_error_of_the_last_moment_is_read_from_the_store(
    pair: tuple[Bench, Bench], new_inbox: NewInbox, asked: list[tuple[str, list[Any]]]
) -> None:
    """Its engine does not have the text any more. The states of the items are those of the news."""
    first, second = pair
    run = first.submit(WORKFLOW.split("    next: [{do: held}]", maxsplit=1)[0], {"kinds": KINDS})
    here, there = Follower(first, run.id, new_inbox()), Follower(second, run.id, new_inbox())
    get(first.proxy.skip_item(run.id, "first", 0))
    here.to_the_end()
    there.to_the_end()
    assert seen(there) == ERRORS
    assert errors_of(here) == errors_of(there)
    assert here.model.items == there.model.items


def test_errors_are_known_at_the_end_without_any_news(
    pair: tuple[Bench, Bench], new_inbox: NewInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the end arrives: the errors are those of the store, and the states of items are not known."""
    first, second = pair
    run = first.submit(WORKFLOW, {"kinds": KINDS})
    there = Follower(second, run.id, new_inbox())
    publish = Watches.publish

    def lose(self: Watches, watcher: int, run_id: str, body: bytes) -> None:
        news = decode_news(run_id, body)
        if news is not None and news.ended:
            publish(self, watcher, run_id, encode_news(news.number, None, ended=True))

    monkeypatch.setattr(Watches, "publish", lose)
    get(first.proxy.skip_item(run.id, "first", 0))
    here = Follower(first, run.id, new_inbox())
    held(here)
    get(first.proxy.cancel(run.id))
    there.to_the_end()
    assert seen(there) == ERRORS | {("it was cancelled", 1)}
    assert there.model.items["work"].states is None


def test_last_changes_that_come_while_the_end_is_read_are_sent_once(
    pair: tuple[Bench, Bench], new_inbox: NewInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the store has found the end first. Without the changes the states of items are not known."""
    first, second = pair
    run = first.submit(WORKFLOW, {"kinds": KINDS})
    get(first.proxy.skip_item(run.id, "first", 0))
    held(Follower(first, run.id, new_inbox()))
    there = Follower(second, run.id, new_inbox())
    actor = second.proxy.actor_ref

    def deliver(_watches: Watches, _watcher: int, run_id: str, body: bytes) -> None:
        news = decode_news(run_id, body)
        if news is not None and news.ended:
            actor.tell(RunsLooked({run_id: WatchedRun(None, "succeeded", 100)}, renewed=False))
        actor.tell(PeerNews(run_id, body))

    there.until(lambda state: bool(state.errors))
    monkeypatch.setattr(Watches, "publish", deliver)
    get(first.proxy.skip_item(run.id, "held", 0))
    there.to_the_end()
    assert Counter(there.model.items["work"].states or b"") == {3: 2, 4: 6}
    assert seen(there) == ERRORS


def test_the_run_of_an_older_stretto_is_followed_by_its_status(
    pair: tuple[Bench, Bench], new_inbox: NewInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not know the question for the whole state."""
    monkeypatch.setattr(relay, "OF_WATCHES", frozenset())
    first, second = pair
    run = first.submit(WORKFLOW, {"kinds": KINDS})
    there = Follower(second, run.id, new_inbox())
    assert there.model.tasks["first"]["status"] == "running"
    get(first.proxy.skip_item(run.id, "first", 0))
    held(there)
    assert seen(there) == set()
    get(first.proxy.cancel(run.id))
    there.to_the_end()


def test_news_with_many_groups_are_several(
    pair: tuple[Bench, Bench], new_inbox: NewInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so are the questions for their texts."""
    monkeypatch.setattr(named_errors, "MAX_NEWS_GROUPS", 4)
    monkeypatch.setattr(named_errors, "MAX_ASKED_GROUPS", 3)
    first, second = pair
    kinds = [chr(ord("a") + each) for each in range(26)]
    run = first.submit(WORKFLOW, {"kinds": kinds})
    there = Follower(second, run.id, new_inbox())
    get(first.proxy.skip_item(run.id, "first", 0))
    there.until(lambda state: len(state.errors) == len(kinds))
    assert seen(there) == {(f"it is {kind}", 1) for kind in kinds}
    get(first.proxy.cancel(run.id))


# ---- as data


def group(message: str, count: int = 1, task: str = "a") -> ErrorGroup:
    return ErrorGroup(task, 1, "failed", message, None, count, 0)


def report(*groups: ErrorGroup, since: int | None = None) -> RunChanges:
    return RunChanges("r", "a.b", 5, since, "running", {}, {}, groups)


def test_an_id_says_nothing_of_its_text() -> None:
    """Another engine has another id for it. A text could be guessed from a digest without a key."""
    ours, theirs = NamedErrors(b"1" * 16), NamedErrors(b"2" * 16)
    for each in (ours, theirs):
        each.update(report(group("no route")))
    assert ours.take()[0].id != theirs.take()[0].id


def test_the_largest_news_of_errors_fit() -> None:
    """Together with the states of some items."""
    errors = NamedErrors(b"1" * 16)
    errors.update(report(*(group(str(each), 10**6 + each) for each in range(MAX_NEWS_GROUPS + 5))))
    counts = errors.take()
    assert len(counts) == MAX_NEWS_GROUPS
    assert errors.has_more
    body = encode_news(1, report(), counts, more_errors=True)
    assert len(body) < MAX_NEWS_BYTES // 2
    news = decode_news("r", body)
    assert news is not None
    assert (news.errors, news.more_errors) == (tuple(counts), True)
    assert len(errors.take()) == 5
    assert not errors.has_more


def test_groups_come_and_go() -> None:
    """A group without items is gone. One whose text no engine knows is left out."""
    owner, known = NamedErrors(b"1" * 16), KnownErrors()
    owner.update(report(group("x"), group("y", 2)))
    known.update(News(1, False, None, tuple(owner.take())), whole=True)
    names = known.missing
    assert len(names) == 2
    assert known.groups == {}
    known.answered(names, groups_from_json(owner.named([*names, "00"])))
    assert {each.message: each.count for each in known.groups.values()} == {"x": 1, "y": 2}
    owner.update(report(group("x", 0), group("y", 7), since=5))
    known.update(News(2, False, None, (*owner.take(), ErrorCount(b"other", 1, 3))), whole=False)
    assert {each.message: each.count for each in known.groups.values()} == {"x": 1, "y": 7}
    known.answered(known.missing, {})
    assert {each.message: each.count for each in known.groups.values()} == {"y": 7}
