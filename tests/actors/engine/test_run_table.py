"""The runs that an engine knows: their messages with and without a supervisor, and how much is remembered."""

import gc
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.run_table import PendingRequest, Run, RunTable, run_ended_error
from stretto.actors.outcome import RunHandle
from stretto.actors.runs.request import RunInputs
from stretto.definitions.conductor import IllegalTransition
from tests.support.recording import PROBING, data
from tests.support.waiting import PATIENCE, Inbox, messages_of

STATUS = {"id": "run", "workflow": "tests.probe", "status": "succeeded", "tasks": {}}


def a_run(run_id: str = "run", parent: str | None = None) -> Run:
    return Run(RunHandle(run_id, "tests.probe", pykka.ThreadingFuture()), Deferred(), 1000.0, parent)


def answer_of(later: Deferred) -> Any:
    """Return what a Deferred was answered with; raises what it was."""
    reply: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    later.subscribe(reply, set())
    return reply.get(timeout=0)


@pytest.fixture
def inboxes() -> Iterator[list["pykka.ActorRef[Inbox]"]]:
    started = [Inbox.start() for _ in range(2)]
    yield started
    for each in started:
        each.stop()


def received(inbox: "pykka.ActorRef[Inbox]", count: int) -> list[Any]:
    return [messages_of(inbox).get(timeout=PATIENCE) for _ in range(count)]


def test_messages_wait_for_a_runs_supervisor(inboxes: Any) -> None:
    """In its order, and once; the next supervisor hears only what comes later."""
    run = a_run()
    run.tell("one")
    run.tell("two")
    run.attach_supervisor(inboxes[0])
    run.tell("three")
    assert received(inboxes[0], 3) == ["one", "two", "three"]
    run.detach_supervisor()
    run.tell("four")
    run.attach_supervisor(inboxes[1])
    assert received(inboxes[1], 1) == ["four"]
    assert messages_of(inboxes[0]).empty()


def test_a_supervisor_that_has_ended_gets_no_message(inboxes: Any) -> None:
    """Its end is on its way to the engine."""
    run = a_run()
    run.attach_supervisor(inboxes[0])
    inboxes[0].stop()
    run.tell("too late")


def test_the_item_of_a_run_gets_messages_if_there_is_one(inboxes: Any) -> None:
    """And if it still listens."""
    run = a_run()
    run.tell_item("no-such-run")
    run.item = inboxes[0]
    run.tell_item("news")
    assert received(inboxes[0], 1) == ["news"]
    inboxes[0].stop()
    run.tell_item("too late")


def test_questions_are_answered_from_the_status_that_a_run_ended_with() -> None:
    """A question for the status itself by that; a request is refused."""
    status, request = PendingRequest(None), PendingRequest("pause")
    for question in (status, request):
        question.resolve_after_end(STATUS)
    assert answer_of(status) == STATUS
    with pytest.raises(IllegalTransition, match=r"cannot pause the run run: it has ended \(succeeded\)"):
        answer_of(request)


def test_a_question_that_its_supervisor_has_answered_stays_so() -> None:
    """Whatever the engine thinks of it later."""
    run = a_run()
    question = run.add_request("pause")
    question.resolve("done")
    question.resolve_after_end(STATUS)
    run.fail_requests(ValueError("too late"))
    assert answer_of(question) == "done"


def test_all_pending_requests_can_fail() -> None:
    """Requests without a waiting caller are forgotten."""
    run = a_run()
    questions = [run.add_request(None) for _ in range(3)]
    run.fail_requests(ValueError("none"))
    for question in questions:
        with pytest.raises(ValueError, match="none"):
            answer_of(question)
    del question, questions
    gc.collect()
    assert run.pending_requests() == []


def test_a_refusal_tells_what_was_asked_and_how_the_run_ended() -> None:
    """The caller need not ask again."""
    assert str(run_ended_error("cancel", STATUS)) == "cannot cancel the run run: it has ended (succeeded)"


def test_a_table_has_the_runs_in_progress() -> None:
    """In the order in which they came; one that is looked through may lose runs meanwhile."""
    table = RunTable()
    for run_id in "abc":
        table.add(a_run(run_id))
    for run_id, run in table:
        assert run.handle.id == run_id
        assert table.remove(run_id) is run
        assert table.remove(run_id) is None
    assert len(table) == 0
    assert table.ids() == ()
    assert table.get("a") is None


def test_a_table_knows_the_children_of_a_run() -> None:
    """As long as they are in progress, whether or not their parent is."""
    table = RunTable()
    for run_id, parent in {"a": None, "b": "a", "c": "a", "d": "b"}.items():
        table.add(a_run(run_id, parent))
    assert table.children_of("a") == [("b", table.get("b")), ("c", table.get("c"))]
    table.remove("a")
    table.remove("b")
    assert table.children_of("a") == [("c", table.get("c"))]
    assert [child_id for child_id, _ in table.children_of("b")] == ["d"]
    for run_id in "cd":
        table.remove(run_id)
    assert table.children_of("a") == table.children_of("b") == []


class CountedRun(Run):
    """A run that counts how often somebody asks for its parent."""

    __slots__ = ("_parent",)
    reads = 0

    @property
    def parent(self) -> str | None:
        """The id of the parent's run."""
        CountedRun.reads += 1
        return self._parent

    @parent.setter
    def parent(self, parent: str | None) -> None:
        self._parent = parent


def test_the_children_of_all_runs_are_found_without_a_search_through_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovery asks for those of every run."""
    monkeypatch.setattr(CountedRun, "reads", 0)
    table, count = RunTable(), 1000
    for number in range(count):
        parent = f"{number - 1}" if number % 2 else None
        table.add(CountedRun(RunHandle(f"{number}", "tests.probe", pykka.ThreadingFuture()), Deferred(), 1.0, parent))
    found = [len(table.children_of(run_id)) for run_id in table.ids()]
    assert found == [1, 0] * (count // 2)
    assert CountedRun.reads <= 3 * count


def remembered(table: RunTable, count: int, size: int = 10) -> None:
    """End runs, one after the other, each with inputs of about that size."""
    for number in range(count):
        inputs = RunInputs(PROBING, data({"text": "x" * size}), "owner")
        table.remember({**STATUS, "id": str(number)}, inputs)


def test_only_the_last_ended_runs_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """With their last status, and what they were of."""
    monkeypatch.setattr("stretto.actors.engine.run_table.MAX_REMEMBERED_RUNS", 3)
    table = RunTable()
    remembered(table, 5)
    assert [table.ended(str(number)) is not None for number in range(5)] == [False, False, True, True, True]
    assert [table.inputs_of(str(number)) is not None for number in range(5)] == [False, False, True, True, True]


def test_inputs_are_remembered_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is small, and stays; inputs that are larger than the room are not kept at all."""
    monkeypatch.setattr("stretto.actors.engine.run_table.MAX_REMEMBERED_BYTES", 2500)
    table = RunTable()
    remembered(table, 4, size=1000)
    assert [table.inputs_of(str(number)) is not None for number in range(4)] == [False, False, True, True]
    assert all(table.ended(str(number)) for number in range(4))
    table.remember({**STATUS, "id": "large"}, RunInputs(PROBING, data({"text": "x" * 10_000}), "owner"))
    assert table.inputs_of("large") is None
    assert table.ended("large")
    remembered(table, 2, size=1000)
    assert table.inputs_of("0") is not None, "what is gone takes no room"


def test_with_a_store_no_inputs_are_remembered() -> None:
    """They are there."""
    table = RunTable()
    table.remember(STATUS, None)
    assert table.ended("run") == STATUS
    assert table.inputs_of("run") is None


def test_a_sub_workflow_is_of_the_family_of_the_run_at_the_top() -> None:
    """At any depth; also of a parent that this engine does not know."""
    table = RunTable()
    runs = [a_run("top"), a_run("child", "top"), a_run("grandchild", "child"), a_run("orphan", "unknown")]
    for run in runs:
        table.add(run)
    assert [run.family for run in runs] == ["top", "top", "top", "unknown"]


def test_the_requests_whose_callers_wait_are_pending_and_nothing_is_kept_of_the_others() -> None:
    run = a_run()
    waiting = []
    for _ in range(100):
        waiting.append(run.add_request("pause"))
        for _ in range(10):
            run.add_request(None)  # its caller has gone
    gc.collect()
    assert run.pending_requests() == waiting
    waiting.clear()
    gc.collect()
    assert run.pending_requests() == []
    sizes = set()
    for _ in range(10_000):
        run.add_request(None)
        sizes.add(len(run._requests))
    # Forgetting them starts at the next power of two.
    assert max(sizes) <= 2048
    assert len(run._requests) <= 2
    assert a_run().pending_requests() == []
