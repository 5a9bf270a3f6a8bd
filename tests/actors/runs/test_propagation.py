"""Requests to a run, and how its sub-workflows follow them, also after a crash."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors import ActionFailed, RunHandle, action
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.outcome import RunWasParked
from stretto.actors.runs.parent import CHILD_MESSAGES
from stretto.definitions.conductor import CancelRequested, PauseRequested, ResumeRequested
from stretto.definitions.conductor.propagation import PropagatedRequest, request_implied_by, was_missed
from stretto.definitions.conductor.states import RUN
from tests.support.conducted import Conducted
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

VERBS: dict[type[PropagatedRequest], str] = {
    PauseRequested: "pause",
    ResumeRequested: "resume",
    CancelRequested: "cancel",
}
STATES = sorted({state for state, _ in RUN} | set(RUN.values()))
TIMES = st.floats(0, 1e10)
REQUESTS = st.builds(lambda kind, at: kind(at), st.sampled_from(list(VERBS)), TIMES)

PARENT = """
ref: handed.parent
fail_fast: true
tasks:
  - {name: call, action: handed.child}
  - {name: other, action: handed.gate, input: {value: other}}
"""
ALONE = """
ref: handed.alone
tasks: [{name: call, action: handed.child}]
output_map: {got: "{{ task.call.outcome }}"}
"""
CHILD = """
ref: handed.child
tasks:
  - {name: one, action: handed.gate, input: {value: child}, next: [{do: [two]}]}
  - {name: two, action: core.noop}
"""

ORQUESTA = """version: 1.0
tasks:
  one: {action: handed.child}
  two: {action: handed.child}
"""
TWO = """
ref: handed.two
tasks:
  - {name: one, action: handed.child}
  - {name: two, action: handed.child}
"""


class Gates:
    """The actions that have begun, and the gate that lets them end."""

    def __init__(self) -> None:
        self.begun: dict[str, threading.Semaphore] = {}
        self.open: dict[str, threading.Semaphore] = {}
        for value in ("other", "child"):
            self.begun[value], self.open[value] = threading.Semaphore(0), threading.Semaphore(0)

    def wait_for(self, value: str) -> None:
        assert self.begun[value].acquire(timeout=PATIENCE), f"{value} has not begun"


GATES = Gates()


@action("handed.gate")
def gate(value: str) -> str:
    """Wait to be let through; all but the child's fails."""
    GATES.begun[value].release()
    assert GATES.open[value].acquire(timeout=PATIENCE)
    if value == "other":
        raise ActionFailed("it failed")
    return value


@pytest.fixture(autouse=True)
def gates() -> Iterator[None]:
    GATES.__init__()  # type: ignore[misc]  # the action keeps its reference
    yield
    for each in GATES.open.values():
        each.release(100)


@given(REQUESTS, st.sampled_from(STATES))
def test_what_changes_a_run_is_news_to_it(request: PropagatedRequest, status: str) -> None:
    """And nothing else is, as long as nothing has been requested of it."""
    after = RUN.get((status, VERBS[type(request)]))
    assert was_missed(request, status, None) == (after is not None and after != status)


@given(REQUESTS, REQUESTS, st.sampled_from(STATES))
def test_what_was_requested_of_a_run_itself_and_later_stands(
    request: PropagatedRequest, last: PropagatedRequest, status: str
) -> None:
    """Except for a cancel, which cannot be taken back."""
    news = was_missed(request, status, last)
    if isinstance(request, CancelRequested) or last.at < request.at:
        assert news == was_missed(request, status, None)
    else:
        assert not news


def test_all_that_is_handed_down_is_something_to_items() -> None:
    """Each kind of request has a message to the items that sub-workflows perform."""
    assert CHILD_MESSAGES.keys() == VERBS.keys()


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_only_a_failure_in_a_pause_has_sub_workflows_go_on(before: str, after: str) -> None:
    """The run cannot be resumed any more."""
    expected = ResumeRequested(5.0) if (before, after) == ("paused", "failing") else None
    assert request_implied_by(before, after, 5.0) == expected


@pytest.fixture(params=["in memory", "in a store"])
def bench(request: pytest.FixtureRequest, start: Callable[..., Bench], sqlite_url: str) -> Bench:
    """Return an engine without and with a store."""
    return start(store=None if request.param == "in memory" else sqlite_url)


@pytest.fixture
def start(start_bench: Callable[..., Bench], tmp_path: Path) -> Callable[..., Bench]:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "child.yaml").write_text(f'version: "1.0.0"\n{CHILD}')
    return lambda **settings: start_bench(definitions=tmp_path / "definitions", **settings)


def child_of(bench: Bench, parent: RunHandle) -> RunHandle:
    (child,) = children_of(bench, parent)
    return child


def children_of(bench: Bench, parent: RunHandle) -> list[RunHandle]:
    children = set(bench.proxy.run_ids().get(timeout=PATIENCE)) - {parent.id}
    return [bench.proxy.handle(each).get(timeout=PATIENCE) for each in children]


class Watch:
    """Follows a run."""

    def __init__(self, bench: Bench, run: RunHandle) -> None:
        self.inbox = Inbox.start()
        bench.proxy.watch(run.id, self.inbox).get(timeout=PATIENCE)

    def until(self, status: str) -> None:
        """Wait until the run is in that state."""
        while messages_of(self.inbox).get(timeout=PATIENCE).status != status:
            pass


@pytest.fixture
def watch() -> Iterator[Callable[[Bench, RunHandle], Watch]]:
    watches: list[Watch] = []

    def begin(bench: Bench, run: RunHandle) -> Watch:
        watches.append(Watch(bench, run))
        return watches[-1]

    yield begin
    for each in watches:
        each.inbox.stop()


def test_the_sub_workflows_of_a_paused_run_that_fails_go_on_to_their_end(
    bench: Bench, watch: Callable[[Bench, RunHandle], Watch]
) -> None:
    """The items in flight of a failing run finish as always: a resume is impossible."""
    run = bench.submit(PARENT)
    GATES.wait_for("child")
    GATES.wait_for("other")
    child = child_of(bench, run)
    followed = watch(bench, child)
    bench.proxy.pause(run.id).get(timeout=PATIENCE)
    followed.until("pausing")
    GATES.open["other"].release()
    followed.until("running")
    GATES.open["child"].release()
    assert outcome_of(child).status == "succeeded"
    assert outcome_of(run).status == "failed"


def test_they_do_so_too_if_an_engine_ended_before_they_knew(start: Callable[..., Bench], sqlite_url: str) -> None:
    """The run's record tells it."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        parent = Conducted(store, PARENT)
        child = Conducted(store, CHILD, parent=parent, of_item=("call", 0))
        for run in (parent, child):
            run.pause()
        parent.fail("other")
    assert parent.conductor.status == "failing"
    GATES.open["child"].release()
    bench = start(store=sqlite_url)
    assert outcome_of(bench.proxy.handle(parent.id).get(timeout=PATIENCE)).status == "failed"
    assert bench.proxy.status(child.id).get(timeout=PATIENCE)["status"] == "succeeded"


@pytest.mark.parametrize("paused", ["parent", "child"])
def test_an_engine_that_stops_does_not_wait_for_runs_that_wait_for_each_other(
    start: Callable[..., Bench], sqlite_url: str, watch: Callable[[Bench, RunHandle], Watch], paused: str
) -> None:
    """A run whose sub-workflow is paused continues when that is resumed, which does not happen here; the next engine
    has both as they were."""
    first = start(store=sqlite_url)
    run = first.submit(ALONE)
    GATES.wait_for("child")
    child = child_of(first, run)
    followed = watch(first, child)
    first.proxy.pause({"parent": run, "child": child}[paused].id).get(timeout=PATIENCE)
    followed.until("pausing")
    stop = first.proxy.stop()
    GATES.open["child"].release()
    stop.get(timeout=PATIENCE)
    for handle in (run, child):
        with pytest.raises(RunWasParked):
            outcome_of(handle)
    second = start(store=sqlite_url)
    second.proxy.host.recovered().get(timeout=PATIENCE)
    assert [second.proxy.status(each.id).get(timeout=PATIENCE)["status"] for each in (run, child)] == ["paused"] * 2
    second.proxy.resume(run.id).get(timeout=PATIENCE)
    assert outcome_of(second.proxy.handle(run.id).get(timeout=PATIENCE)).output == {"got": "succeeded"}


def test_nor_for_a_run_that_fails_when_its_paused_sub_workflow_has_ended(
    start: Callable[..., Bench], sqlite_url: str
) -> None:
    """It waits for nothing else."""
    first = start(store=sqlite_url)
    run = first.submit(PARENT)
    GATES.wait_for("child")
    GATES.wait_for("other")
    child = child_of(first, run)
    first.proxy.pause(child.id).get(timeout=PATIENCE)
    GATES.open["other"].release()
    GATES.open["child"].release()
    first.proxy.stop().get(timeout=PATIENCE)
    with pytest.raises(RunWasParked):
        outcome_of(run)
    second = start(store=sqlite_url)
    second.proxy.host.recovered().get(timeout=PATIENCE)
    second.proxy.resume(child.id).get(timeout=PATIENCE)
    assert outcome_of(second.proxy.handle(run.id).get(timeout=PATIENCE)).status == "failed"


def test_a_cancel_reaches_sub_workflows_that_wait(bench: Bench, watch: Callable[[Bench, RunHandle], Watch]) -> None:
    """A paused one ends as well as one that goes on."""
    run = bench.submit(ALONE)
    GATES.wait_for("child")
    child = child_of(bench, run)
    followed = watch(bench, child)
    bench.proxy.pause(run.id).get(timeout=PATIENCE)
    followed.until("pausing")
    bench.proxy.cancel(run.id).get(timeout=PATIENCE)
    GATES.open["child"].release()
    assert [outcome_of(each).status for each in (run, child)] == ["cancelled", "cancelled"]


@pytest.mark.parametrize(("text", "other"), [(ORQUESTA, "cancelling"), (TWO, "running")], ids=["orquesta", "native"])
def test_a_sub_workflow_that_is_cancelled_alone_cancels_an_orquesta_run_at_once(
    bench: Bench, watch: Callable[[Bench, RunHandle], Watch], text: str, other: str
) -> None:
    """And that run's other sub-workflows. In a native run the task ends cancelled when the sub-workflow has ended."""
    run = bench.submit(text)
    for _ in range(2):
        GATES.wait_for("child")
    first, second = children_of(bench, run)
    followed = {each.id: watch(bench, each) for each in (run, second)}
    bench.proxy.cancel(first.id).get(timeout=PATIENCE)
    for each in followed.values():
        each.until(other)
    GATES.open["child"].release(2)
    ended = {"cancelling": "cancelled", "running": "succeeded"}[other]
    assert outcome_of(first).status == "cancelled"
    assert outcome_of(second).status == ended
    assert outcome_of(run).status == {"cancelled": "cancelled", "succeeded": "failed"}[ended]


def test_a_cancel_that_a_parent_has_missed_reaches_it_in_the_next_engine(
    start: Callable[..., Bench], sqlite_url: str
) -> None:
    """The child's record tells it; the parent's other sub-workflow is cancelled with it."""
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        parent = Conducted(store, ORQUESTA)
        child = Conducted(store, CHILD, parent=parent, of_item=("one", 0))
        child.on(CancelRequested(child.at + 1))
    GATES.open["child"].release()  # for the other sub-workflow, whether it begins or not
    bench = start(store=sqlite_url)
    assert outcome_of(bench.proxy.handle(parent.id).get(timeout=PATIENCE)).status == "cancelled"
    assert bench.proxy.status(child.id).get(timeout=PATIENCE)["status"] == "cancelled"


def test_a_skipped_sub_workflow_cancels_no_run(bench: Bench) -> None:
    """The item that skips it has asked for its cancel."""
    run = bench.submit(ORQUESTA)
    for _ in range(2):
        GATES.wait_for("child")
    bench.proxy.skip_item(run.id, "one", 0).get(timeout=PATIENCE)
    GATES.open["child"].release(2)
    assert outcome_of(run).status == "succeeded"


def test_what_a_stop_holds_up_is_only_what_goes_on(start: Callable[..., Bench], sqlite_url: str) -> None:
    """A paused run beside one that goes on is parked at once; the other one ends first."""
    bench = start(store=sqlite_url)
    going_on, paused = bench.submit(CHILD), bench.submit(CHILD)
    for _ in range(2):
        GATES.wait_for("child")
    bench.proxy.pause(paused.id).get(timeout=PATIENCE)
    stop: Any = bench.proxy.stop()
    GATES.open["child"].release(2)
    stop.get(timeout=PATIENCE)
    assert outcome_of(going_on).status == "succeeded"
    with pytest.raises(RunWasParked):
        outcome_of(paused)
