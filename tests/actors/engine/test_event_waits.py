"""Runs that wait for events: without a thread, over restarts, with conditions and an end."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stretto.actors import RunHandle, RunWasParked
from stretto.actors.dispatch import Overran
from stretto.actors.engine import event_waits
from stretto.actors.events import EventWait, LookedBack, waits
from stretto.actors.journal.location import locate
from stretto.actors.journal.sql import encoding
from stretto.actors.journal.sql.store import read
from stretto.actors.runs import AnnounceEvents
from stretto.definitions.rules import Event
from tests.support.engines import Bench, outcome_of
from tests.support.events import answer_of, event
from tests.support.stores import everything_for
from tests.support.waiting import PATIENCE

LONG_LEASE = 600.0
"""No engine renews it during a test."""
WAIT = """
ref: test.wait
parameters: {order: {type: integer, default: 17}}
tasks:
  - name: paid
    wait_for: {event: payment, match: {payload.order: "{{ parameters.order }}"}, where: "payload.amount > 5"}
output_map: {amount: "{{ task.paid.payload.amount }}", type: "{{ task.paid.type }}"}
"""
FOLLOW = """
ref: test.follow
tasks: [{name: ended, wait_for: {event: stretto.run_ended, match: {payload.workflow: test.echo}}}]
output_map: {status: "{{ task.ended.payload.status }}"}
"""
ECHO = "ref: test.echo\ntasks: [{name: echo, action: core.echo, input: {message: 1}}]\n"


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def send(bench: Bench, payload: Any, kind: str = "payment", **given: Any) -> str:
    """Accept an event now, and return its id."""
    services = get(bench.proxy.host.services())
    accepted = answer_of(services.events.accept(event(payload, type=kind, at=services.now(), **given)))
    found: str = accepted.event
    return found


def until_waiting(bench: Bench, handle: RunHandle, count: int = 1) -> list[dict[str, Any]]:
    """Return what a run waits for, as soon as as many of its items wait for events."""
    while True:
        waits: list[dict[str, Any]] = [each for each in get(bench.proxy.why(handle.id)) if each["kind"] == "event"]
        if len(waits) >= count and all("''" not in each["text"] for each in waits):
            return waits


def noted_ends_of_looks(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[EventWait]:
    """Return a queue that gets each wait for which all events of before it were found."""
    ended: queue.SimpleQueue[EventWait] = queue.SimpleQueue()
    send_to_item = waits._send

    def noting(wait: EventWait, message: object) -> bool:
        is_there = send_to_item(wait, message)
        if isinstance(message, LookedBack):
            ended.put(wait)
        return is_there

    monkeypatch.setattr(waits, "_send", noting)
    return ended


@pytest.fixture(params=["memory", "sqlite"])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench]) -> Bench:
    """Return an engine without and with a store."""
    return start_bench(store=None if request.param == "memory" else request.getfixturevalue("sqlite_url"))


def threads() -> set[str]:
    """Return the names of the threads, but for those that read the store."""
    return {each.name for each in threading.enumerate() if not each.name.startswith("stretto-reader")}


def test_a_run_goes_on_with_the_event_that_matches(bench: Bench) -> None:
    """Not with another order's, nor with one for which `where` does not hold or has an error."""
    handle = bench.submit(WAIT)
    (wait,) = until_waiting(bench, handle)
    assert wait["text"].startswith("the task 'paid' waits since ")
    assert wait["text"].endswith(" for an event 'payment'")
    for payload in ({"order": 16, "amount": 9}, {"order": 17, "amount": 5}, {"order": 17}, {"order": "17"}, None):
        send(bench, payload)
    send(bench, {"order": 17, "amount": 9}, "refund")
    send(bench, {"order": 17, "amount": 6})
    send(bench, {"order": 17, "amount": 7})
    assert outcome_of(handle).output == {"amount": 6, "type": "payment"}


def test_a_wait_times_out(bench: Bench) -> None:
    """With the outcome of its own, which has transitions."""
    text = """
ref: test.times_out
tasks:
  - name: paid
    wait_for: {event: payment, timeout: 0.001}
    next: [{when: "{{ timed_out() }}", do: [late]}]
  - {name: late, action: core.echo, input: {message: "nobody paid"}}
output_map: {said: "{{ task.late.result }}", outcome: "{{ task.paid.outcome }}"}
"""
    assert bench.run(text).output == {"said": "nobody paid", "outcome": "timed_out"}


def test_the_wait_of_a_cancelled_run_ends(bench: Bench) -> None:
    """Its events lead to nothing."""
    handle = bench.submit(WAIT + "cancellation_policy: cancel_running\n")
    until_waiting(bench, handle)
    get(bench.proxy.cancel(handle.id))
    assert outcome_of(handle).status == "cancelled"
    assert "payment" not in get(bench.proxy.host.services()).events.waits.by_type


def test_events_that_came_while_no_engine_was_there_count(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """The first one of them, also if its run is recovered much later. One from before the wait does not."""
    first = start_bench(store=durable_url)
    send(first, {"order": 17, "amount": 1000})
    handle = first.submit(WAIT)
    until_waiting(first, handle)
    get(first.proxy.stop())
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    other = start_bench(store=durable_url, max_runs=1)
    # As events that another engine has accepted: this one knows no wait yet, or looks at the same time.
    send(other, {"order": 17, "amount": 6})
    send(other, {"order": 17, "amount": 7})
    get(other.proxy.host.recovered())
    assert outcome_of(get(other.proxy.handle(handle.id))).output == {"amount": 6, "type": "payment"}


def test_a_run_waits_on_after_a_restart(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """Until the same time."""
    first = start_bench(store=durable_url)
    handle = first.submit(WAIT)
    until_waiting(first, handle)
    get(first.proxy.stop())
    second = start_bench(store=durable_url)
    get(second.proxy.host.recovered())
    until_waiting(second, get(second.proxy.handle(handle.id)))
    send(second, {"order": 17, "amount": 6})
    assert outcome_of(get(second.proxy.handle(handle.id))).output == {"amount": 6, "type": "payment"}


def test_each_item_waits_for_its_own_event(bench: Bench) -> None:
    """Without a thread and without a permit."""
    text = """
ref: test.fan
tasks:
  - name: paid
    with_items: [1, 2, 3]
    concurrency: 3
    wait_for: {event: payment, match: {payload.order: "{{ item }}", event.source: test}, where: "payload.of == item"}
output_map: {all: "{{ task.paid.result | map(attribute='payload.order') | list }}"}
"""
    handle = bench.submit(text)
    until_waiting(bench, handle, 3)
    before = threads()
    others = [bench.submit(text) for _ in range(5)]
    for each in others:
        until_waiting(bench, each, 3)
    assert threads() == before
    for number in (3, 1, 2):
        send(bench, {"order": number, "of": number})
    assert [outcome_of(each).output for each in (handle, *others)] == [{"all": [1, 2, 3]}] * 6


def test_waits_without_a_match_are_few(start_bench: Callable[..., Bench]) -> None:
    """One that is too many fails by name; those that match are not counted."""
    bench = start_bench(max_unmatched_waits=1)
    text = "ref: test.any\ntasks: [{name: any, wait_for: {event: payment}}]\n"
    first = bench.submit(text)
    until_waiting(bench, first)
    until_waiting(bench, bench.submit(WAIT))
    (error,) = bench.run(text).errors
    assert error["code"] == "limit_exceeded"
    assert "at most 1 waits for 'payment' may have no match (events.max_unmatched_waits)" in error["message"]
    send(bench, {})
    assert outcome_of(first).status == "succeeded"


def test_a_condition_that_exceeds_a_limit_does_not_hold(start_bench: Callable[..., Bench]) -> None:
    """Its payload is a stranger's."""
    bench = start_bench()
    handle = bench.submit(WAIT.replace("payload.amount > 5", "range(payload.amount) | map('string') | join"))
    until_waiting(bench, handle)
    send(bench, {"order": 17, "amount": 10**15})
    send(bench, {"order": 17, "amount": 3})
    assert outcome_of(handle).output == {"amount": 3, "type": "payment"}


class _BreaksOff:
    """A guard that breaks off the evaluation of every template."""

    def call(self, evaluate: Any, *_arguments: Any) -> Any:
        raise Overran(2.0, (evaluate.__self__, None))


def test_a_condition_that_is_broken_off_fails_its_item(start_bench: Callable[..., Bench]) -> None:
    """The next event would take as long."""
    bench = start_bench()
    handle = bench.submit(WAIT)
    until_waiting(bench, handle)
    services = get(bench.proxy.host.services())
    guard = services.guard
    services.guard = _BreaksOff()
    try:
        send(bench, {"order": 17, "amount": 3})
        assert outcome_of(handle).errors[0]["code"] == "limit_exceeded"
    finally:
        services.guard = guard


def test_a_paused_run_that_waits_is_paused(bench: Bench) -> None:
    """Nothing of it runs. The event is taken meanwhile, and the run goes on with the resume."""
    then = "    next: [{do: [then]}]\n  - {name: then, action: core.noop}\n"
    handle = bench.submit(WAIT.replace("output_map", f"{then}output_map"))
    until_waiting(bench, handle)
    get(bench.proxy.pause(handle.id))
    assert get(bench.proxy.status(handle.id))["status"] == "paused"
    send(bench, {"order": 17, "amount": 6})
    while (kinds := [each["kind"] for each in get(bench.proxy.why(handle.id))]) == ["paused", "event"]:
        pass  # its item has not heard of the event yet
    assert kinds == ["paused", "held"]
    get(bench.proxy.resume(handle.id))
    assert outcome_of(handle).output == {"amount": 6, "type": "payment"}


def test_a_run_waits_for_the_end_of_another_one(bench: Bench) -> None:
    """Stretto's own events count, although no rule listens to them."""
    handle = bench.submit(FOLLOW)
    until_waiting(bench, handle)
    bench.run(ECHO)
    assert outcome_of(handle).output == {"status": "succeeded"}


def test_a_run_waits_for_an_event_that_another_engine_accepts(
    postgres_url: str, start_bench: Callable[..., Bench]
) -> None:
    """Both have one store. Each event counts, whichever daemon a sender has reached."""
    first = start_bench(store=postgres_url, store_lease=3.0)
    second = start_bench(store=postgres_url, store_lease=3.0)
    send(second, {"order": 17, "amount": 1000})
    handle = first.submit(WAIT)
    until_waiting(first, handle)
    send(second, {"order": 17, "amount": 5})
    send(second, {"order": 17, "amount": 6})
    assert outcome_of(handle).output == {"amount": 6, "type": "payment"}


def test_an_engine_hears_at_once_of_the_events_of_another_one(
    postgres_url: str, start_bench: Callable[..., Bench]
) -> None:
    """It is notified: it renews its lease no sooner than after minutes, and does not read the store meanwhile."""
    first = start_bench(store=postgres_url, store_lease=LONG_LEASE)
    second = start_bench(store=postgres_url, store_lease=LONG_LEASE)
    for amount in (6, 7, 8):
        handle = first.submit(WAIT)
        until_waiting(first, handle)
        send(second, {"order": 17, "amount": amount})
        assert outcome_of(handle).output == {"amount": amount, "type": "payment"}


class Notified:
    """Peers of an engine, which count the notifications."""

    def __init__(self) -> None:
        self.events = 0

    def events_accepted(self) -> None:
        """Count a notification."""
        self.events += 1


class Reminders:
    """Timers at a moment that the test moves on."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.set: list[tuple[float, Any]] = []

    def monotonic(self) -> float:
        """Return the moment."""
        return self.now

    def remind_after(self, seconds: float, _to: Any, message: Any) -> None:
        """Keep a reminder."""
        self.set.append((seconds, message))


def test_events_that_come_together_are_announced_together() -> None:
    """The first one at once, those of the next moment with one notification at its end."""
    timers, peers = Reminders(), Notified()
    announcer = event_waits._Announcer(
        cast("Any", SimpleNamespace(timers=timers)), cast("Any", None), cast("Any", peers)
    )
    announcer.tell(None)
    assert (peers.events, timers.set) == (1, [])
    timers.now += event_waits.ANNOUNCE_SECONDS / 4
    for _ in range(10):
        announcer.tell(None)
    assert peers.events == 1
    ((seconds, message),) = timers.set
    assert seconds == pytest.approx(event_waits.ANNOUNCE_SECONDS * 3 / 4)
    assert message == AnnounceEvents()
    timers.now += event_waits.ANNOUNCE_SECONDS
    announcer.announce()
    assert peers.events == 2
    timers.now += event_waits.ANNOUNCE_SECONDS
    announcer.tell(None)
    assert peers.events == 3


def test_events_of_another_engine_that_come_faster_than_they_are_read_are_all_found(
    postgres_url: str, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look goes on until it has caught up."""
    monkeypatch.setattr("stretto.actors.engine.event_waits.MAX_LOOKED_AT", 2)
    first = start_bench(store=postgres_url, store_lease=3.0)
    second = start_bench(store=postgres_url, store_lease=3.0)
    handle = first.submit(WAIT)
    until_waiting(first, handle)
    services = get(second.proxy.host.services())
    payloads = [*({"order": 17, "amount": 0} for _ in range(9)), {"order": 17, "amount": 6}]
    answers = [services.events.accept(event(each, type="payment", at=services.now())) for each in payloads]
    for each in answers:
        answer_of(each)
    assert outcome_of(handle).output == {"amount": 6, "type": "payment"}


def test_an_end_that_a_workflow_waits_for_is_an_event_before_its_run_is_recovered(
    start_bench: Callable[..., Bench], sqlite_url: str, tmp_path: Path
) -> None:
    """Else the run of it would wait for ever. An end that none waits for is none."""
    (tmp_path / "follow.yaml").write_text(FOLLOW)
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    bench.run(ECHO)
    assert [each["type"] for each in get(bench.proxy.events())["events"]] == ["stretto.run_ended"]


def test_a_run_waits_for_the_end_of_one_of_another_engine(
    postgres_url: str, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Both have the definition."""
    (tmp_path / "follow.yaml").write_text(FOLLOW)
    first = start_bench(definitions=tmp_path, store=postgres_url, store_lease=3.0)
    second = start_bench(definitions=tmp_path, store=postgres_url, store_lease=3.0)
    handle = first.submit(FOLLOW)
    until_waiting(first, handle)
    second.run(ECHO)
    assert outcome_of(handle).output == {"status": "succeeded"}


def test_an_event_that_came_in_time_counts_after_a_restart_that_did_not(
    start_bench: Callable[..., Bench], sqlite_url: str
) -> None:
    """The wait is over when the run is recovered, and one of its events came before, another one after that."""
    first = start_bench(store=sqlite_url)
    handle = first.submit(WAIT.replace("event: payment", "event: payment, timeout: 3600"))
    until_waiting(first, handle)
    send(first, {"order": 18, "amount": 6})
    get(first.proxy.stop())
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as store, store:
        store.execute("UPDATE runs SET accepted_at = accepted_at - 7200")
        store.execute("UPDATE events SET accepted_at = accepted_at - 7200")
        store.execute("UPDATE events SET body = CAST(replace(CAST(body AS TEXT), '18', '17') AS BLOB)")
    second = start_bench(store=sqlite_url)
    send(second, {"order": 17, "amount": 7})
    get(second.proxy.host.recovered())
    assert outcome_of(get(second.proxy.handle(handle.id))).output == {"amount": 6, "type": "payment"}


def test_a_wait_of_a_recovered_run_is_never_one_too_many(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """It had room before: in an engine that allowed more, or in another one that has died. New waits are refused."""
    text = "ref: test.any\ntasks: [{name: any, wait_for: {event: payment}}]\n"
    first = start_bench(store=sqlite_url, max_unmatched_waits=2)
    handles = [first.submit(text) for _ in range(2)]
    for each in handles:
        until_waiting(first, each)
    get(first.proxy.stop())
    second = start_bench(store=sqlite_url, max_unmatched_waits=1)
    get(second.proxy.host.recovered())
    again = [get(second.proxy.handle(each.id)) for each in handles]
    for each in again:
        until_waiting(second, each)
    assert second.run(text).errors[0]["code"] == "limit_exceeded"
    send(second, {})
    assert [outcome_of(each).status for each in again] == ["succeeded", "succeeded"]


def test_a_secret_type_of_an_event_is_masked(bench: Bench) -> None:
    """In what the run waits for, and in the error of a wait that ends late."""
    text = """
ref: test.secret
parameters: {type: {type: string, secret: true, required: true}, timeout: {type: number, default: 1000}}
tasks:
  - {name: a, wait_for: {event: "{{ parameters.type }}", timeout: "{{ parameters.timeout }}"}}
"""
    handle = bench.submit(text, {"type": "a-secret-type"})
    (wait,) = until_waiting(bench, handle)
    assert wait["text"].endswith(" for an event '******'")
    late = bench.run(text, {"type": "a-secret-type", "timeout": 0.001})
    assert late.errors[0]["message"] == "no event '******' came within 0.001 s"


def test_an_event_that_ends_many_waits_is_one_value_for_all(
    start_bench: Callable[..., Bench], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its result is made once, however many runs and items get it, and its payload is decoded by none of them."""
    made: list[Any] = []

    def noting(event: Event) -> Any:
        result = make_result(event)
        made.append(result)
        return result

    make_result = waits._result
    monkeypatch.setattr(waits, "_result", noting)
    looked_back = noted_ends_of_looks(monkeypatch)
    decoded: list[Any] = []
    monkeypatch.setattr(encoding, "decode_json", decoded.append)
    bench = start_bench(store=sqlite_url)
    text = """
ref: test.many
tasks:
  - name: paid
    with_items: [1, 2, 3, 4, 5]
    concurrency: 5
    wait_for: {event: payment, match: {payload.order: 17}}
output_map: {seen: "{{ task.paid.result | length }}"}
"""
    handles = [bench.submit(text) for _ in range(10)]
    for _ in range(5 * len(handles)):
        looked_back.get(timeout=PATIENCE)  # one that still looked back would read the event, and decode it
    send(bench, {"order": 17, "amount": 6, "rows": ["x" * 1000] * 100})
    assert [outcome_of(each).output for each in handles] == [{"seen": 5}] * 10
    assert len(made) == 1
    assert decoded == []


FAN_OUT = """
ref: test.fan_out
parameters: {items: {type: array}}
tasks:
  - name: paid
    with_items: "{{ parameters.items }}"
    concurrency: 1000
    wait_for: {event: payment, match: {payload.order: 17}}
output_map: {count: "{{ task.paid.result | length }}"}
"""


def stored_bytes(url: str) -> int:
    """Return the size of all that a store has."""
    reader = read(locate(url), None, None)
    size = len(everything_for(reader))
    reader.close()
    return size


def test_an_event_that_ends_many_waits_is_stored_once(
    start_bench: Callable[..., Bench], durable_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the items of a run, and for other runs: a wait more costs its rows, whatever the event's size."""
    looked_back = noted_ends_of_looks(monkeypatch)
    bench = start_bench(store=durable_url)
    handles = [bench.submit(FAN_OUT, {"items": [*range(40)]}), *(bench.submit(WAIT) for _ in range(20))]
    for _ in range(60):
        looked_back.get(timeout=PATIENCE)
    before, payload = stored_bytes(durable_url), {"order": 17, "amount": 6, "text": "x" * 2**20}
    send(bench, payload)
    assert outcome_of(handles[0]).output == {"count": 40}
    assert [outcome_of(each).output for each in handles[1:]] == [{"amount": 6, "type": "payment"}] * 20
    get(bench.proxy.stop())
    # The event itself, and the result that it makes.
    assert stored_bytes(durable_url) - before < 2 * 2**20 + 60 * 2000
    later = start_bench(store=durable_url)
    (item,) = get(later.proxy.items(handles[0].id, limit=1))["items"]
    assert item["outcome"] == "succeeded"
