"""Runs that are rebuilt by their supervisors: they stand where they stood, and take up what was left."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stretto.actors import Engine, action
from stretto.actors.history.replay import replay
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.records import ItemStarted
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import Outcome, RunWasParked
from stretto.actors.runs.recovering import RecoveringSupervisor
from stretto.definitions.conductor import (
    CancelRequested,
    Event,
    IllegalTransition,
    ItemPaused,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    TaskPauseRequested,
)
from stretto.definitions.dialects import read_workflow
from tests.support.conducted import Conducted
from tests.support.drawn_workflows import workflows, write_child
from tests.support.engines import Bench, outcome_of
from tests.support.examples import examples
from tests.support.recording import completed, happening
from tests.support.waiting import PATIENCE

DONE: list[Any] = []
GATE = threading.Semaphore(0)

FAN = """
ref: rebuilt.fan
tasks:
  - {name: fan, action: rebuilt.note, with_items: [1, 2, 3], concurrency: 2, input: {value: "{{ item }}"},
     retry: {count: 1, delay: 1000}, next: [{do: [last]}]}
  - {name: last, action: rebuilt.note, input: {value: last}}
output_map: {all: "{{ task.fan.result }}"}
"""
PARENT = """
ref: rebuilt.parent
tasks: [{name: call, action: rebuilt.child}]
output_map: {got: "{{ task.call.outcome }}"}
"""
CHILD = """
ref: rebuilt.child
tasks:
  - {name: one, action: rebuilt.note, input: {value: one}, next: [{do: [two]}]}
  - {name: two, action: rebuilt.note, input: {value: two}}
"""

FAILING = """version: 1.0
tasks:
  one: {action: rebuilt.note value="one"}
  two: {action: rebuilt.note value="two"}
"""


@action("rebuilt.note")
def note(value: Any) -> Any:
    """Note what was done."""
    DONE.append(value)
    return value


@action("rebuilt.wait")
def wait() -> None:
    """Wait until the test releases the gate."""
    assert GATE.acquire(timeout=PATIENCE)


@pytest.fixture(autouse=True)
def done() -> None:
    DONE.clear()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store to be filled as an earlier engine has; to be closed before one is started."""
    url = f"sqlite:///{tmp_path}/runs.db"
    with open_store(url, keyring_for(url, None)) as opened:
        yield opened


@pytest.fixture
def taken_up(start_bench: Callable[..., Bench], store: Store, tmp_path: Path) -> Callable[[], Bench]:
    """Start an engine with the store, and wait until it has recovered all runs."""

    def take_up() -> Bench:
        store.close()
        bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
        bench.proxy.host.recovered().get(timeout=PATIENCE)
        return bench

    return take_up


def ended(bench: Bench, run: Conducted) -> Outcome:
    return outcome_of(bench.proxy.handle(run.id).get(timeout=PATIENCE))


def status_of(bench: Bench, run: Conducted) -> dict[str, Any]:
    status: dict[str, Any] = bench.proxy.status(run.id).get(timeout=PATIENCE)
    return status


def test_what_was_in_flight_is_performed_and_what_was_done_is_not(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Whatever came of it is there."""
    run = Conducted(store, FAN)
    run.succeed("fan", 0, "first")
    assert ended(taken_up(), run).output == {"all": ["first", 2, 3]}
    assert sorted(DONE, key=str) == [2, 3, "last"]


def test_a_retry_is_waited_for_until_its_time(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Its deadline is one of the wall clock, and has passed while no engine ran."""
    run = Conducted(store, FAN)
    run.fail("fan", 0)
    assert ended(taken_up(), run).output == {"all": [1, 2, 3]}


def test_the_deadline_of_a_run_may_have_passed(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Then it has failed, and what was in flight is not performed for it."""
    run = Conducted(store, "timeout: 60\n" + CHILD)
    outcome = ended(taken_up(), run)
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "run_timed_out")
    assert "two" not in DONE


DELAY = "ref: rebuilt.delay\ntasks: [{name: late, delay: 100000, action: rebuilt.note, input: {value: late}}]\n"
WAITS = """
ref: rebuilt.waits
tasks:
  - {name: late, delay: 100000, action: rebuilt.note, input: {value: late}}
  - {name: one, action: rebuilt.note, input: {value: one}, retry: {count: 1, delay: 100000}}
  - {name: fan, action: rebuilt.note, with_items: [1, 2, 3], concurrency: 3, input: {value: "{{ item }}"},
     retry: {count: 1, delay: 100000}}
"""


def timed(text: str) -> str:
    """Give a definition a timeout of a minute."""
    return "timeout: 60\n" + text


def restarts(bench: Bench) -> int:
    """Return how many supervisors have crashed and were started again."""
    return int(bench.proxy.host.services().get(timeout=PATIENCE).instruments.supervisor_restarts.value)


def no_failure(_run: Conducted) -> None:
    """Leave a run as it has begun."""


def failure_of_one(run: Conducted) -> None:
    """Let a task wait for its retry."""
    run.fail("one")


def failures_of_all(run: Conducted) -> None:
    """Let each task and item that has begun wait for its retry."""
    run.fail("one")
    for index in range(3):
        run.fail("fan", index)


def failure_of_one_item(run: Conducted) -> None:
    """Let one item wait for its retry, one be in flight, and what else has begun succeed."""
    run.succeed("one")
    run.succeed("fan", 0)
    run.fail("fan", 1)


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
@pytest.mark.parametrize(
    ("text", "leave"),
    [
        (DELAY, no_failure),
        (WAITS, no_failure),
        (WAITS, failure_of_one),
        (WAITS, failure_of_one_item),
        (WAITS, failures_of_all),
    ],
    ids=["delay", "delay_and_items", "delay_and_retry", "fan_out_and_delay", "retries_and_delay"],
)
def test_the_deadline_of_a_run_that_waits_may_have_passed(
    store: Store, taken_up: Callable[[], Bench], text: str, leave: Callable[[Conducted], None], *, paused: bool
) -> None:
    """Its delays and retries end with it, and its supervisor does not crash."""
    run = Conducted(store, timed(text))
    leave(run)
    if paused:
        run.pause()
    bench = taken_up()
    outcome = ended(bench, run)
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "run_timed_out")
    assert (DONE, restarts(bench)) == ([], 0)


def test_a_paused_run_stays_paused_until_it_is_resumed(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Nothing of it starts meanwhile."""
    run = Conducted(store, FAN)
    run.pause()
    bench = taken_up()
    assert status_of(bench, run)["status"] == "paused"
    assert DONE == []
    bench.proxy.resume(run.id).get(timeout=PATIENCE)
    assert ended(bench, run).output == {"all": [1, 2, 3]}


def test_a_paused_task_stays_paused_until_it_is_resumed(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Its items in flight do not start again meanwhile, and keep their attempts."""
    run = Conducted(store, FAN)
    run.on(TaskPauseRequested("fan", 1001.0))
    bench = taken_up()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert status_of(bench, run)["tasks"]["fan"]["status"] == "paused"
    assert DONE == []
    bench.proxy.resume_task(run.id, "fan").get(timeout=PATIENCE)
    assert ended(bench, run).output == {"all": [1, 2, 3]}


def test_a_sub_workflow_follows_the_request_to_its_parents_task(store: Store, taken_up: Callable[[], Bench]) -> None:
    """The pause was written for the parent alone before the engine ended."""
    requests: list[Event] = [TaskPauseRequested("call", 1005.0)]
    parent, child = family(store, requests, [])
    bench = taken_up()
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert status_of(bench, child)["status"] == "paused"
    assert DONE == []
    bench.proxy.resume_task(parent.id, "call").get(timeout=PATIENCE)
    assert ended(bench, parent).output == {"got": "succeeded"}


def test_a_run_that_was_being_cancelled_ends_without_what_was_in_flight(
    store: Store, taken_up: Callable[[], Bench]
) -> None:
    """Nothing starts after a cancel."""
    run = Conducted(store, FAN)
    run.on(CancelRequested(1001.0))
    assert ended(taken_up(), run).status == "cancelled"
    assert DONE == []


def test_what_may_have_run_and_must_not_run_twice_has_failed(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Of two such items only the one whose start was written."""
    run = Conducted(store, FAN.replace("retry: {count: 1, delay: 1000}", "delivery: at_most_once"))
    store.writer.write([happening(run.id, ItemStarted("fan", 1, 1, 1, 1001.0))])
    assert ended(taken_up(), run).output == {"all": [1, None, 3]}
    assert 2 not in DONE


def test_what_may_have_run_is_an_event_as_other_failures_are(
    store: Store, tmp_path: Path, start_bench: Callable[..., Bench]
) -> None:
    """Notifications are rules: they must not miss it."""
    (tmp_path / "rule.yaml").write_text("on: stretto.item_failed\nrun: core.noop\n")
    run = Conducted(store, FAN.replace("retry: {count: 1, delay: 1000}", "delivery: at_most_once"))
    store.writer.write([happening(run.id, ItemStarted("fan", 1, 1, 1, 1001.0))])
    store.close()
    bench = start_bench(definitions=tmp_path, store=f"sqlite:///{tmp_path}/runs.db")
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    assert ended(bench, run).output == {"all": [1, None, 3]}
    [row] = bench.proxy.events(event_type="stretto.item_failed").get(timeout=PATIENCE)["events"]
    payload = bench.proxy.event(row["event"]).get(timeout=PATIENCE)["payload"]
    assert (payload["task"], payload["item"], payload["kind"]) == ("fan", 1, "may_have_run")


RETRIED = """
ref: rebuilt.waiting
tasks:
  - {name: paid, wait_for: {event: payment, timeout: 3600}, retry: {count: 1, delay: 5},
     next: [{when: "{{ timed_out() }}", do: [late]}]}
  - {name: late, action: rebuilt.note, input: {value: late}}
"""


def test_the_wait_of_a_retry_goes_on_from_its_begin(store: Store, taken_up: Callable[[], Bench]) -> None:
    """It would never end if each restart began it anew."""
    run = Conducted(store, RETRIED)
    run.fail("paid")
    run.on(RetryDue("paid", 1, 0, 2, 1006.0))
    assert run.started["paid", 0].began == 1006.0
    assert ended(taken_up(), run).status == "succeeded"
    assert DONE == ["late"]


def test_a_run_whose_last_entry_is_its_end_ends_at_once(store: Store, taken_up: Callable[[], Bench]) -> None:
    """Its supervisor crashed before the end was written."""
    run = Conducted(store, CHILD)
    ends = [completed(0, "one", task="one"), completed(0, "two", task="two")]
    store.writer.write([happening(run.id, *ends)])
    bench = taken_up()
    assert ended(bench, run).status == "succeeded"
    assert DONE == []
    assert bench.proxy.run(run.id).get(timeout=PATIENCE)["status"] == "succeeded"


class SlowEntries:
    """Holds up the reading of entries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.goes_on = threading.Semaphore(0)
        entries = SqlReader.entries

        def slow(reader: SqlReader, *given: Any) -> Any:
            self.begun.release()
            assert self.goes_on.acquire(timeout=PATIENCE)
            return entries(reader, *given)

        monkeypatch.setattr(SqlReader, "entries", slow)


def test_requests_to_a_run_that_is_being_rebuilt_are_answered_when_it_has_been(
    store: Store, start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, as if they had come then."""
    run = Conducted(store, FAN)
    run.succeed("fan", 0, "first")
    run.pause()
    store.close()
    slow = SlowEntries(monkeypatch)
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
    assert slow.begun.acquire(timeout=PATIENCE)
    before, resumed = bench.proxy.status(run.id), bench.proxy.resume(run.id)
    slow.goes_on.release()
    status = before.get(timeout=PATIENCE)
    assert (status["status"], status["tasks"]["fan"]["items"]["succeeded"]) == ("paused", 1)
    resumed.get(timeout=PATIENCE)
    assert ended(bench, run).output == {"all": ["first", 2, 3]}


def test_an_engine_that_ends_while_a_run_is_being_rebuilt_leaves_it_as_it_was(
    store: Store, start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is performed, and the next engine has it."""
    run = Conducted(store, CHILD)
    store.close()
    with monkeypatch.context() as patched:
        slow = SlowEntries(patched)
        first = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
        handle = first.proxy.handle(run.id).get(timeout=PATIENCE)
        assert slow.begun.acquire(timeout=PATIENCE)
        stop = first.proxy.stop(grace=0)
        with pytest.raises(RunWasParked):
            outcome_of(handle)
        slow.goes_on.release()
        stop.get(timeout=PATIENCE)
    assert DONE == []
    assert ended(start_bench(store=f"sqlite:///{tmp_path}/runs.db"), run).status == "succeeded"


def family(store: Store, of_parent: list[Event], of_child: list[Event]) -> tuple[Conducted, Conducted]:
    """Store a run and the one of its sub-workflow, each with its requests."""
    parent = Conducted(store, PARENT)
    child = Conducted(store, CHILD, parent=parent, of_item=("call", 0))
    for run, events in ((parent, of_parent), (child, of_child)):
        for event in events:
            run.on(event)
    return parent, child


def test_a_sub_workflow_pauses_if_it_has_missed_that_its_parent_did(
    store: Store, taken_up: Callable[[], Bench]
) -> None:
    """Before anything of it starts; both go on when the parent is resumed."""
    parent, child = family(store, [PauseRequested(1005.0)], [])
    bench = taken_up()
    assert [status_of(bench, run)["status"] for run in (parent, child)] == ["paused", "paused"]
    assert DONE == []
    bench.proxy.resume(parent.id).get(timeout=PATIENCE)
    assert ended(bench, parent).output == {"got": "succeeded"}
    assert DONE == ["one", "two"]


def test_a_sub_workflow_goes_on_if_it_has_missed_that_its_parent_was_resumed(
    store: Store, taken_up: Callable[[], Bench]
) -> None:
    """It had been paused with it."""
    requests: list[Event] = [PauseRequested(1005.0), ResumeRequested(1006.0)]
    parent, _ = family(store, requests, [PauseRequested(1005.1)])
    assert ended(taken_up(), parent).output == {"got": "succeeded"}


def test_what_was_requested_of_a_sub_workflow_itself_and_later_stands(
    store: Store, taken_up: Callable[[], Bench]
) -> None:
    """Its parent's pause has been undone there."""
    requests: list[Event] = [PauseRequested(1005.1), ResumeRequested(1006.0)]
    _, child = family(store, [PauseRequested(1005.0)], requests)
    assert ended(taken_up(), child).status == "succeeded"


@pytest.mark.parametrize("of_child", [[], [PauseRequested(1010.0)], [CancelRequested(1005.1)]])
def test_no_sub_workflow_goes_on_for_a_parent_that_is_cancelled(
    store: Store, taken_up: Callable[[], Bench], of_child: list[Event]
) -> None:
    """Whatever was requested of it."""
    parent, child = family(store, [CancelRequested(1005.0)], of_child)
    bench = taken_up()
    assert [ended(bench, run).status for run in (parent, child)] == ["cancelled", "cancelled"]
    assert DONE == []


ORQUESTA_RETRY = """version: 1.0
tasks:
  one: {action: rebuilt.note value="one", retry: {count: 2, delay: 100000}}
"""


@pytest.mark.parametrize("of_parent", ["cancelled", "timed_out"])
@pytest.mark.parametrize(
    ("text", "leave"),
    [(DELAY, no_failure), (WAITS, failure_of_one), (WAITS, failures_of_all), (ORQUESTA_RETRY, failure_of_one)],
    ids=["delay", "delay_and_retry", "retries_and_delay", "retry_of_a_task"],
)
def test_a_sub_workflow_that_waits_ends_with_a_parent_that_has_ended_meanwhile(
    store: Store, taken_up: Callable[[], Bench], text: str, leave: Callable[[Conducted], None], of_parent: str
) -> None:
    """It has missed the parent's cancel, or what follows from the parent's deadline: its waits end, too."""
    parent = Conducted(store, PARENT if of_parent == "cancelled" else timed(PARENT))
    child = Conducted(store, text, parent=parent, of_item=("call", 0))
    leave(child)
    if of_parent == "cancelled":
        parent.on(CancelRequested(1005.0))
    bench = taken_up()
    assert ended(bench, child).status == "cancelled"
    assert ended(bench, parent).status == ("cancelled" if of_parent == "cancelled" else "failed")
    assert (DONE, restarts(bench)) == ([], 0)


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_sub_workflow_whose_deadline_has_passed_while_it_waited_fails_the_task(
    store: Store, taken_up: Callable[[], Bench], *, paused: bool
) -> None:
    """The parent goes on with the outcome."""
    parent = Conducted(store, PARENT)
    child = Conducted(store, timed(DELAY), parent=parent, of_item=("call", 0))
    if paused:
        child.pause()
        parent.on(ItemPaused("call", 1, 0, 1005.0))
    bench = taken_up()
    outcome = ended(bench, child)
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "run_timed_out")
    assert ended(bench, parent).output == {"got": "failed"}
    assert (DONE, restarts(bench)) == ([], 0)


def test_a_cancel_is_no_news_to_a_sub_workflow_whose_end_stands(store: Store, taken_up: Callable[[], Bench]) -> None:
    """In its dialect a run that fails is not cancelled; it ends as it would have."""
    parent = Conducted(store, PARENT)
    failing = Conducted(store, FAILING, parent=parent, of_item=("call", 0))
    failing.fail("one")
    assert failing.conductor.status == "failing"
    parent.on(CancelRequested(1005.0))
    bench = taken_up()
    assert ended(bench, failing).status == "failed"
    assert bench.proxy.host.services().get(timeout=PATIENCE).instruments.supervisor_restarts.value == 0


def test_a_parent_that_waits_for_a_paused_sub_workflow_still_does(store: Store, taken_up: Callable[[], Bench]) -> None:
    """And goes on with it."""
    parent, child = family(store, [ItemPaused("call", 1, 0, 1005.0)], [PauseRequested(1004.0)])
    bench = taken_up()
    assert [status_of(bench, run)["status"] for run in (parent, child)] == ["paused", "paused"]
    bench.proxy.resume(child.id).get(timeout=PATIENCE)
    assert ended(bench, parent).output == {"got": "succeeded"}


def test_a_sub_workflow_that_has_ended_gives_its_parent_what_came_of_it(
    store: Store, taken_up: Callable[[], Bench]
) -> None:
    """It is not performed again."""
    parent, child = family(store, [], [])
    child.succeed("one")
    child.succeed("two")
    assert ended(taken_up(), parent).output == {"got": "succeeded"}
    assert DONE == []


@settings(
    deadline=None,
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    text=workflows(),
    requests=st.lists(st.sampled_from(["pause", "resume", "cancel"]), max_size=1),
    stops=st.integers(1, 2),
)
def test_a_run_that_is_left_and_taken_up_again_ends_as_its_entries_tell(
    tmp_path: Path, text: str, requests: list[str], stops: int
) -> None:
    """Whatever it was doing, and however often; no supervisor crashes over it."""
    write_child(tmp_path)
    given_to: dict[str, Any] = {"store": f"sqlite:///{tmp_path}/runs.db", "definitions": tmp_path}
    engine = Engine.start(**given_to).proxy()
    try:
        run_id = engine.submit(read_workflow(text, "law.yaml")).get(timeout=PATIENCE).id
        for _ in range(stops):
            for request in requests:
                with contextlib.suppress(IllegalTransition):  # it may have ended
                    getattr(engine, request)(run_id).get(timeout=PATIENCE)
            engine.stop(grace=0).get(timeout=PATIENCE)
            engine = Engine.start(**given_to).proxy()
        with contextlib.suppress(IllegalTransition):  # as above
            engine.resume(run_id).get(timeout=PATIENCE)
        outcome = outcome_of(engine.handle(run_id).get(timeout=PATIENCE))
        status = engine.status(run_id).get(timeout=PATIENCE)
        services = engine.host.services().get(timeout=PATIENCE)
        engine.stop().get(timeout=PATIENCE)
        assert services.instruments.supervisor_restarts.value == 0
    finally:
        if engine.actor_ref.is_alive():
            engine.stop(grace=0).get(timeout=PATIENCE)
    reader = open_reader(given_to["store"], None)
    accepted = reader.accepted(run_id)
    assert accepted is not None
    conductor, rebuilding = replay(reader, accepted)
    reader.close()
    assert rebuilding.finish is not None
    assert Outcome(rebuilding.finish.status, rebuilding.finish.output, rebuilding.finish.errors) == outcome
    assert conductor.tasks() == status["tasks"]


def test_the_metric_of_actors_keeps_its_label() -> None:
    """Dashboards name it, so a rename of the class does not change it."""
    assert RecoveringSupervisor._label == "RebuiltRunSupervisor"


WAITING = """
ref: rebuilt.waiting
tasks: [{name: wait, action: rebuilt.wait, with_items: [1, 2], concurrency: 2}]
"""


def noted(bench: Bench, paused: Conducted, tmp_path: Path) -> set[str]:
    """Return the runs that are noted in the store, once all earlier notes are written."""
    bench.proxy.resume(paused.id).get(timeout=PATIENCE)  # answered once it is durable
    url = f"sqlite:///{tmp_path}/runs.db"
    with contextlib.closing(open_reader(url, keyring_for(url, None))) as reader:
        return {each.run_id for each in reader.suspects()}


def test_a_run_is_noted_until_the_items_that_it_has_restarted_have_ended(
    store: Store, taken_up: Callable[[], Bench], tmp_path: Path
) -> None:
    """All of them. A paused run restarts none, nor does one that waits for a timer."""
    run, first, second, third = (Conducted(store, text) for text in (WAITING, FAN, FAN, FAN))
    text = "ref: rebuilt.delayed\ntasks: [{name: only, delay: 3600, action: rebuilt.note}]\n"
    delayed = Conducted(store, text, at=time.time())
    for each in (first, second, third):
        each.pause()
    bench = taken_up()
    assert noted(bench, first, tmp_path) == {run.id}
    GATE.release()
    assert bench.proxy.runs_in_progress().get(timeout=PATIENCE) >= 2
    assert noted(bench, second, tmp_path) == {run.id}
    GATE.release()
    assert ended(bench, run).status == "succeeded"
    assert noted(bench, third, tmp_path) == set()
    assert status_of(bench, delayed)["status"] == "running"
