"""A request to any engine of a store reaches the engine that has the run."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import text

from stretto.actors.engine.engine import Engine
from stretto.actors.engine.relay import CHANGES, REPORTS, RefusedByPeer
from stretto.actors.history import UnknownItem, UnknownVisit
from stretto.actors.journal import InquiryEnded, Requester
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.messages import ClaimLeft
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.sql import claims
from stretto.actors.journal.store_clock import StoreClock
from stretto.actors.operations.controls import CONTROLS
from stretto.actors.outcome import UnknownRun
from stretto.actors.runs import ItemNotInFlight, MayNotAnswer
from stretto.definitions.conductor import IllegalTransition, UnknownTask
from tests.support.counted_sql import counting
from tests.support.databases import administration
from tests.support.engines import Bench, outcome_of
from tests.support.inquiries import ASK, Asked
from tests.support.recording import acceptance
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import psycopg

SLEEP = "cancellation_policy: cancel_running\ntasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n"
SHORT_LEASE = 4.0
LONG_LEASE = 600.0
"""No engine renews it during a test."""
PORTIONS = 3
LEASE_OF_ONE_THAT_IS_GONE = 6.0
"""Longer than it takes to stop an engine and to ask another one, and shorter than a request waits for its answer."""
FAN_OUT = """
cancellation_policy: cancel_running
timeout: 1000
tasks:
  - name: a
    action: core.sleep
    with_items: "{{ [1, 2, 3] }}"
    concurrency: 1
    input: {seconds: 1000}
"""


@pytest.fixture
def pair(start_bench: Callable[..., Bench], postgres_url: str) -> tuple[Bench, Bench]:
    """Return two engines of a store."""
    first, second = (start_bench(store=postgres_url, store_lease=30) for _ in range(2))
    return first, second


def ask(bench: Bench, method: str, *arguments: Any, **keywords: Any) -> Any:
    return getattr(bench.proxy, method)(*arguments, **keywords).get(timeout=PATIENCE)


def test_every_relayed_method_is_one_of_the_engine() -> None:
    assert all(callable(getattr(Engine, method, None)) for method in CHANGES | REPORTS)


def test_every_control_is_relayed() -> None:
    """Whoever adds a control has to add it there as well."""
    assert {control.request.__struct_config__.tag for control in CONTROLS} <= CHANGES


def test_a_task_is_paused_resumed_and_cancelled_through_another_engine(pair: tuple[Bench, Bench]) -> None:
    first, second = pair
    run = first.submit(SLEEP)
    ask(second, "pause_task", run.id, "a")
    ask(second, "resume_task", run.id, "a")
    ask(second, "cancel_task", run.id, "a")
    assert outcome_of(run).status == "failed"


def test_an_inquiry_is_answered_at_the_engine_of_its_run(pair: tuple[Bench, Bench]) -> None:
    """Through another engine. The audit names who has answered there, once."""
    first, second = pair
    asked = Asked(first)
    run = first.submit(ASK)
    inquiry = asked.next()
    asked.stop()
    with pytest.raises(RefusedByPeer, match="does not match the inquiry's schema") as refused:
        ask(second, "answer_inquiry", inquiry.id, {"continue": "well"})
    assert refused.value.code == "invalid_answer"
    viewer = Requester(who="vera", via="api", source="192.0.2.1", role="viewer")
    with pytest.raises(MayNotAnswer, match="must be answered by an operator, got vera"):
        ask(second, "answer_inquiry", inquiry.id, {"continue": True}, by=viewer)
    by = Requester(who="ann", via="api", source="192.0.2.1", role="operator")
    answered = ask(second, "answer_inquiry", inquiry.id, {"continue": True}, by=by)
    assert (answered["status"], answered["answered_by"]) == ("answered", "ann")
    assert outcome_of(run).status == "succeeded"
    assert [(each["who"], each["operation"]) for each in ask(first, "audit")["entries"]] == [("ann", "answer_inquiry")]
    for bench in pair:
        with pytest.raises(InquiryEnded, match="ann"):
            ask(bench, "answer_inquiry", inquiry.id, {"continue": True})


def test_an_inquiry_is_answered_while_its_run_changes_its_engine(
    start_bench: Callable[..., Bench], postgres_url: str
) -> None:
    """The one that was asked is gone. The engine that has passed the answer on claims the run, and takes the answer."""
    first, second = (start_bench(store=postgres_url, store_lease=SHORT_LEASE) for _ in range(2))
    asked = Asked(first)
    run = first.submit(ASK)
    inquiry = asked.next()
    asked.stop()
    with share_store(postgres_url, None, Lease(LEASE_OF_ONE_THAT_IS_GONE), StoreClock()) as gone:
        with gone._ownership.transaction() as connection:
            connection.execute(text("UPDATE runs SET owner = :us WHERE id = :run"), {"us": gone.engine, "run": run.id})
        first.proxy.stop(grace=0).get(timeout=PATIENCE)  # it would claim the run as well
        by = Requester(who="ann", via="api", source="192.0.2.1", role="operator")
        answered = ask(second, "answer_inquiry", inquiry.id, {"continue": True}, by=by)
    assert (answered["status"], answered["answered_by"]) == ("answered", "ann")


def test_a_program_answers_every_inquiry_through_another_engine(pair: tuple[Bench, Bench]) -> None:
    """The answer is nobody's, as at the engine of the run."""
    first, second = pair
    asked = Asked(first)
    run = first.submit(ASK.replace("{prompt:", "{users: [mira], prompt:"))
    inquiry = asked.next()
    asked.stop()
    assert ask(second, "answer_inquiry", inquiry.id, {"continue": True})["answered_by"] is None
    assert outcome_of(run).status == "succeeded"


def test_a_run_is_paused_resumed_and_cancelled_through_another_engine(pair: tuple[Bench, Bench]) -> None:
    """The answer comes after the change is durable, as at its own engine."""
    first, second = pair
    run = first.submit(SLEEP)
    ask(second, "pause", run.id)
    assert ask(first, "status", run.id)["status"] in {"pausing", "paused"}
    ask(second, "resume", run.id)
    assert ask(second, "preview_cancel", run.id)["items"] == 1
    ask(second, "cancel", run.id)
    assert outcome_of(run).status == "cancelled"


def test_a_fan_out_is_changed_through_another_engine(pair: tuple[Bench, Bench]) -> None:
    first, second = pair
    run = first.submit(FAN_OUT)
    ask(second, "set_concurrency", run.id, "a", 2)
    ask(second, "set_max_failures", run.id, "a", 3)
    ask(second, "extend", run.id, 5.0)
    ask(second, "skip_item", run.id, "a", 2)
    status = ask(first, "status", run.id)["tasks"]["a"]
    assert status["window"] == {"concurrency": 2, "max_failures": 3}
    assert status["items"] == {"total": 3, "succeeded": 1, "failed": 0, "running": 2}
    assert [each["kind"] for each in ask(second, "why", run.id)] == [each["kind"] for each in ask(first, "why", run.id)]


def test_another_engine_refuses_with_the_same_errors(pair: tuple[Bench, Bench]) -> None:
    first, _ = pair
    run = first.submit(FAN_OUT)
    for bench in pair:
        with pytest.raises(UnknownTask, match="there is no task 'b'"):
            ask(bench, "skip_item", run.id, "b", 0)
        with pytest.raises(UnknownTask, match="there is no task 'b'"):
            ask(bench, "why", run.id, "b")
        with pytest.raises(IllegalTransition, match="is not quarantined"):
            ask(bench, "recover", run.id)
        with pytest.raises(UnknownRun):
            ask(bench, "cancel", "f" * 32)
    first.proxy.cancel(run.id).get(timeout=PATIENCE)
    outcome_of(run)
    for bench in pair:
        with pytest.raises(IllegalTransition, match=r"cannot cancel the run .*: it has ended \(cancelled\)"):
            ask(bench, "cancel", run.id)


def test_the_audit_names_who_asked_another_engine(pair: tuple[Bench, Bench]) -> None:
    """It is written once, in the commit of the change. No request is left behind."""
    first, second = pair
    run = first.submit(SLEEP)
    ask(second, "cancel", run.id, by=Requester(who="ann", via="api", source="192.0.2.1", note="enough"))
    entries = ask(second, "audit")["entries"]
    assert [(each["who"], each["operation"], each["target"], each["note"]) for each in entries] == [
        ("ann", "cancel", run.id, "enough")
    ]
    outcome_of(run)
    parts = first.proxy.host.services().get(timeout=PATIENCE)
    with parts.readers._reader._engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM requests")) == 0


def test_a_key_that_one_engine_changes_is_read_by_the_others(pair: tuple[Bench, Bench]) -> None:
    """They are notified, and read all keys again. What they write at that time stays."""
    first, second = pair
    ask(first, "set_key", "a", 1)
    ask(second, "set_key", "b", 2)
    for bench in pair:
        while [each["name"] for each in ask(bench, "keys")["keys"]] != ["a", "b"]:
            pass
    ask(first, "delete_key", "b")
    while [each["name"] for each in ask(second, "keys")["keys"]] != ["a"]:
        pass


def test_the_output_of_an_item_in_flight_is_asked_of_its_engine(pair: tuple[Bench, Bench]) -> None:
    """Or the error, if no such item is in flight there. That of an ended run is in the store."""
    first, second = pair
    run = first.submit(SLEEP)
    ask(first, "pause", run.id)
    output = ask(second, "item_output", run.id, "a", 0)
    assert output == ask(first, "item_output", run.id, "a", 0)
    assert output["task"] == "a"
    for bench in pair:
        with pytest.raises(ItemNotInFlight, match="in flight of this task: 0"):
            ask(bench, "item_output", run.id, "a", 7)
    ask(second, "cancel", run.id)
    outcome_of(run)
    assert ask(second, "item_output", run.id, "a", 0)["outcome"] == "cancelled"


def test_an_item_in_flight_is_asked_of_its_engine(pair: tuple[Bench, Bench]) -> None:
    """With its state, as the engine of its run says it. So is one that waits, and the error for one that is none."""
    first, second = pair
    run = first.submit(FAN_OUT)
    for index, state in ((0, "running"), (1, "waiting")):
        item = ask(second, "item", run.id, "a", index)
        assert (item["index"], item["state"], item["outcome"]) == (index, state, None)
        assert item == ask(first, "item", run.id, "a", index)
    for bench in pair:
        with pytest.raises(UnknownItem, match="its items are 0 to 2"):
            ask(bench, "item", run.id, "a", 3)
        with pytest.raises(UnknownTask, match="'b'"):
            ask(bench, "item", run.id, "b", 0)
        with pytest.raises(UnknownVisit, match="no visit 2"):
            ask(bench, "item", run.id, "a", 0, 2)
        with pytest.raises(UnknownRun, match="there is no run 'other'"):
            ask(bench, "item", "other", "a", 0)
    ask(second, "cancel", run.id)
    outcome_of(run)
    assert ask(second, "item", run.id, "a", 0)["state"] == "cancelled"


def test_the_store_answers_for_an_item_that_has_succeeded(pair: tuple[Bench, Bench]) -> None:
    """Its result may be large, so it does not travel through the store. A later visit is asked for again."""
    first, second = pair
    text = """
cancellation_policy: cancel_running
tasks:
  - {name: a, action: core.echo, input: {message: ready}, next: [{do: [b]}]}
  - {name: b, action: core.sleep, input: {seconds: 1000}}
"""
    run = first.submit(text)
    while ask(second, "status", run.id)["tasks"].get("b") is None:
        pass
    with counting(SqlEngine) as counted:
        assert ask(second, "item", run.id, "a", 0)["result"] == "ready"
    assert not any("INSERT INTO requests" in each for each in counted.statements)
    with counting(SqlEngine) as counted:
        assert ask(second, "item", run.id, "b", 0)["state"] == "running"
    assert any("INSERT INTO requests" in each for each in counted.statements)
    ask(first, "cancel", run.id)
    outcome_of(run)


def test_a_claim_of_a_portion_wakes_the_other_engines(
    start_bench: Callable[..., Bench], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take their share of many runs at once, not at their next renewal. Counted: once for each full portion."""
    bench = start_bench(store=postgres_url, store_lease=LONG_LEASE)
    link: Any = bench.proxy.host.services().get(timeout=PATIENCE).journal
    with ExitStack() as stack:
        left = stack.enter_context(share_store(postgres_url, None, Lease(LONG_LEASE), StoreClock()))
        other = stack.enter_context(share_store(postgres_url, None, Lease(LONG_LEASE), StoreClock()))
        inbox, asked = Inbox.start(), Inbox.start()
        stack.callback(asked.stop)
        stack.callback(inbox.stop)
        assert other.peers is not None
        other.peers.start(asked, inbox, list)
        heard = stack.enter_context(administration(postgres_url))
        driver = cast("psycopg.Connection[Any]", heard.connection.driver_connection)
        heard.exec_driver_sql("LISTEN stretto_releases")
        # One that was cut off has left its runs, and has not notified anyone.
        runs = [acceptance() for _ in range(PORTIONS * 2)]
        left.writer.write(runs)
        with left._ownership.transaction() as connection:
            connection.execute(text("UPDATE runs SET owner = NULL"))
        monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 2)
        for _ in range(PORTIONS):
            link._journal.ask(ClaimLeft(), timeout=PATIENCE)
        notified = [each.payload for each in driver.notifies(timeout=PATIENCE, stop_after=PORTIONS)]
        assert notified == [str(link.engine)] * PORTIONS
        assert isinstance(messages_of(inbox).get(timeout=PATIENCE), ClaimLeft)
        # A portion with room for more is the last one.
        left.writer.write([last := acceptance()])
        with left._ownership.transaction() as connection:
            connection.execute(text("UPDATE runs SET owner = NULL WHERE id = :run"), {"run": last.run_id})
        link._journal.ask(ClaimLeft(), timeout=PATIENCE)
        while ask(bench, "status", last.run_id)["status"] != "succeeded":
            pass
        heard.exec_driver_sql("NOTIFY stretto_releases, 'end'")
        assert [each.payload for each in driver.notifies(timeout=PATIENCE, stop_after=1)] == ["end"]
