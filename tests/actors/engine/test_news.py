"""Followers of a run ask for its changes, listeners get the news of all runs, and neither costs others anything."""

import queue
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import ask_method
from stretto.actors.runs import LastChanges, RunChanged, RunChanges, RunNews
from stretto.actors.runs.listeners import RunListeners
from stretto.definitions.conductor import Conductor, IllegalTransition
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

LENGTH = 300
CHAIN = "ref: test.chain\ntasks:\n" + "".join(
    f"  - {{name: t{number}, action: core.noop, next: [{{do: [t{number + 1}]}}]}}\n" for number in range(LENGTH - 1)
)
CHAIN += f"  - {{name: t{LENGTH - 1}, action: core.noop}}\n"
HELD = """
ref: test.held
cancellation_policy: cancel_running
tasks:
  - {name: first, action: core.noop, next: [{do: [second]}]}
  - {name: second, action: core.sleep, input: {seconds: 1000}}
"""
PARENT = """
ref: test.parent
tasks:
  - {name: inner, action: test.noop}
"""
NOOP = """
ref: test.noop
tasks:
  - {name: only, action: core.noop}
"""


@pytest.fixture
def inbox() -> Any:
    """An actor that keeps its messages."""
    inbox = Inbox.start()
    yield inbox
    inbox.stop()


def changes(bench: Bench, run_id: str, inbox: pykka.ActorRef[Inbox], since: int | None = None) -> RunChanges:
    """Ask for a run's changes."""
    answer: RunChanges = bench.proxy.host.changes(run_id, inbox, since).get(timeout=PATIENCE)
    return answer


def until_running(bench: Bench, run_id: str, inbox: pykka.ActorRef[Inbox]) -> RunChanges:
    """Ask whenever there is something new, until the second task runs. Return the answer."""
    got = changes(bench, run_id, inbox)
    tasks = dict(got.tasks)
    while tasks["second"]["status"] != "running":
        assert messages_of(inbox).get(timeout=PATIENCE) == RunChanged(run_id)
        got = changes(bench, run_id, inbox, got.number)
        tasks |= got.tasks
    return got


def test_a_follower_is_notified_once_until_it_asks(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """It gets one message for all changes, and the rest at the run's end."""
    handle = bench.submit(HELD)
    known = until_running(bench, handle.id, inbox)
    bench.proxy.pause(handle.id).get(timeout=PATIENCE)
    bench.proxy.resume(handle.id).get(timeout=PATIENCE)
    bench.proxy.pause(handle.id).get(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome_of(handle)
    messages = messages_of(inbox)
    seen = [messages.get(timeout=PATIENCE)]
    while not isinstance(seen[-1], LastChanges):
        seen.append(messages.get(timeout=PATIENCE))
    assert [each for each in seen if isinstance(each, RunChanged)] == [RunChanged(handle.id)]
    last = seen[-1].changes
    assert (last.since, last.status) == (known.number, "cancelled")
    assert last.tasks["second"]["status"] == "cancelled"
    assert "first" not in last.tasks


def test_a_follower_that_never_asks_costs_one_message(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """A chain of 300 tasks makes a report of a task for none of its events, and sends one message."""
    handle = bench.submit(HELD)
    bench.proxy.host.follow(handle.id, inbox).get(timeout=PATIENCE)
    reports: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conductor, "task", lambda _self, name: reports.append(name))
        outcome_of(bench.submit(CHAIN))
        bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
        outcome_of(handle)
    ask_method(inbox, "on_receive", "the end").get(timeout=PATIENCE)
    messages = messages_of(inbox)
    seen = [messages.get(timeout=PATIENCE) for _ in range(messages.qsize())]
    assert seen.count(RunChanged(handle.id)) == len(seen) - 1 == 1
    assert reports == []


def test_a_follower_that_was_notified_costs_a_turn_nothing(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """Neither a list of those to notify, nor one of watchers that there are none of: it does not ask for them."""
    looked: list[str] = []

    def noting(name: str) -> Callable[..., None]:
        inner = getattr(RunListeners, name)

        def noted(*given: Any, **named: Any) -> None:
            looked.append(name)
            inner(*given, **named)

        return noted

    with pytest.MonkeyPatch.context() as patch:
        for name in ("end_turn", "_report_progress", "_notify_followers"):
            patch.setattr(RunListeners, name, noting(name))
        handle = bench.submit(HELD)
        bench.proxy.host.follow(handle.id, inbox).get(timeout=PATIENCE)
        for _ in range(3):
            bench.proxy.pause(handle.id).get(timeout=PATIENCE)
            bench.proxy.resume(handle.id).get(timeout=PATIENCE)
        bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
        outcome_of(handle)
    assert looked == ["end_turn", "_notify_followers"]


def test_the_end_of_a_followed_run_makes_no_report_again(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """Its last changes have the reports that the engine gets anyway."""
    handle = bench.submit(HELD)
    until_running(bench, handle.id, inbox)
    reports: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conductor, "task", lambda _self, name: reports.append(name))
        bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
        outcome_of(handle)
        messages = messages_of(inbox)
        while not isinstance(last := messages.get(timeout=PATIENCE), LastChanges):
            pass
    assert last.changes.tasks["second"]["status"] == "cancelled"
    assert reports == []


def test_questions_are_all_that_a_chain_of_300_tasks_pays_for(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """A follower that always asks at once gets a task's report twice: as it starts, and as it has ended."""
    handle = bench.submit(CHAIN)
    asked, reported, number = 0, 0, None
    messages = messages_of(inbox)
    while True:
        try:
            answer = changes(bench, handle.id, inbox, number)
        except IllegalTransition:
            break
        asked, reported, number = asked + 1, reported + len(answer.tasks), answer.number
        message = messages.get(timeout=PATIENCE)
        if isinstance(message, LastChanges):
            reported += len(message.changes.tasks)
            break
    assert reported <= LENGTH + 2 * LENGTH
    assert messages.qsize() <= 1
    assert outcome_of(handle).status == "succeeded"


def test_a_follower_that_has_left_gets_nothing(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """Also at the run's end."""
    handle = bench.submit(HELD)
    until_running(bench, handle.id, inbox)
    bench.proxy.host.unfollow(handle.id, inbox).get(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome_of(handle)
    with pytest.raises(IllegalTransition, match="cannot follow the run"):
        changes(bench, handle.id, inbox)
    ask_method(inbox, "on_receive", "the end").get(timeout=PATIENCE)
    messages = messages_of(inbox)
    seen = [messages.get(timeout=PATIENCE) for _ in range(messages.qsize())]
    assert [each for each in seen if each != RunChanged(handle.id)] == ["the end"]  # one may have come before it left


def test_changes_are_answered_when_they_are_durable(
    start_bench: Callable[..., Bench], tmp_path: Any, inbox: pykka.ActorRef[Inbox]
) -> None:
    """The number is that of an entry in the store: it stays true after a crash."""
    bench = start_bench(store=f"sqlite:///{tmp_path / 'runs.db'}")
    handle = bench.submit(HELD)
    known = until_running(bench, handle.id, inbox)
    entries = bench.proxy.host.entries(handle.id, 0, 100).get(timeout=PATIENCE)
    assert len(entries) == known.number + 1
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome_of(handle)


def news_of(messages: queue.SimpleQueue[Any], run_id: str) -> list[RunNews]:
    """Return the news of a run up to its end."""
    got: list[RunNews] = []
    while not got or got[-1].kind != "ended":
        news = messages.get(timeout=PATIENCE)
        got += [news] if news.run_id == run_id else []
    return got


def test_listeners_get_the_news_of_all_runs(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """Acceptance, start, pause, resumption and end, numbered."""
    assert bench.proxy.host.subscribe_to_news(inbox).get(timeout=PATIENCE) == 0
    path = bench.write(HELD)
    handle = bench.proxy.submit(path, labels={"env": "prod"}).get(timeout=PATIENCE)
    bench.proxy.pause(handle.id).get(timeout=PATIENCE)
    bench.proxy.resume(handle.id).get(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome_of(handle)
    got = news_of(messages_of(inbox), handle.id)
    steps = [(each.kind, each.status) for each in got]
    assert steps[:2] == [("accepted", "accepted"), ("status", "running")]
    assert steps[2] in {("status", "pausing"), ("status", "paused")}
    assert ("status", "running") in steps[3:]
    assert steps[-1] == ("ended", "cancelled")
    assert [each.number for each in got] == list(range(1, len(got) + 1))
    assert {(each.workflow, each.root, each.parent, each.labels["env"]) for each in got} == {
        ("test.held", "test.held", None, "prod")
    }
    assert got[-1].items.total == 2


def test_the_news_of_a_sub_workflow_names_the_one_at_the_top(
    start_bench: Callable[..., Bench], tmp_path: Any, inbox: pykka.ActorRef[Inbox]
) -> None:
    """A client that may see one workflow only sees its sub-workflows' runs, too."""
    for name, text in (("parent", PARENT), ("noop", NOOP)):
        (tmp_path / f"{name}.yaml").write_text('version: "1.0.0"\n' + text)
    bench = start_bench(definitions=str(tmp_path))
    bench.proxy.host.subscribe_to_news(inbox).get(timeout=PATIENCE)
    handle = bench.proxy.submit("test.parent").get(timeout=PATIENCE)
    outcome_of(handle)
    messages = messages_of(inbox)
    seen: list[RunNews] = []
    while not (seen and seen[-1].run_id == handle.id and seen[-1].kind == "ended"):
        seen.append(messages.get(timeout=PATIENCE))
    child = [each for each in seen if each.parent == handle.id]
    assert {(each.workflow, each.root) for each in child} == {("test.noop", "test.parent")}
    assert {each.kind for each in child} == {"accepted", "status", "ended"}


def test_runs_report_no_status_while_no_one_listens(bench: Bench, inbox: pykka.ActorRef[Inbox]) -> None:
    """The news are numbered from the first that someone heard."""
    bench.proxy.host.subscribe_to_news(inbox).get(timeout=PATIENCE)
    bench.proxy.host.unsubscribe_from_news(inbox).get(timeout=PATIENCE)
    assert bench.run(NOOP).status == "succeeded"
    assert bench.proxy.host.subscribe_to_news(inbox).get(timeout=PATIENCE) == 0
    assert messages_of(inbox).empty()
