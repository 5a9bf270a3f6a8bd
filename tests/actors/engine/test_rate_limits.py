"""`rate`: so many items with a key start in a time, in all runs of all engines together."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from stretto.actors import action
from stretto.actors.actions import ActionRegistry
from stretto.actors.pools import PoolOptions, pools
from stretto.actors.pools.messages import Perform
from tests.support.engines import Bench, outcome_of
from tests.support.in_process_pools import InProcessCarrier
from tests.support.waiting import PATIENCE

LEASE = 3.0
BURST = 3
RATED = """
parameters: {name: {type: string}, count: {type: integer, default: 12}}
cancellation_policy: cancel_running
tasks:
  - name: work
    action: rated.note
    with_items: "{{ range(parameters.count) }}"
    concurrency: 12
    rate: {key: "api-{{ parameters.name }}", limit: 1, per: 86400, burst: 3}
    input: {key: "{{ parameters.name }}", item: "{{ item }}"}
"""
"""Longer than any test: only the items of the burst start."""
FAST = RATED.replace("limit: 1, per: 86400, burst: 3", "limit: 10000, per: 100, burst: 10")

EVEN = RATED.replace("limit: 1, per: 86400, burst: 3", "limit: 10, per: 1, burst: 1")
IN_POOL, IN_POOL_FAST = (each.replace("tasks:", "runs_on: compute\ntasks:") for each in (RATED, FAST))


class Starts:
    """The items that have started, in their order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Begin with no item."""
        self.items: list[tuple[str, int]] = []

    def note(self, key: str, item: int) -> None:
        """Note the start of an item."""
        with self._changed:
            self.items.append((key, item))
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many items have started."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.items) >= count, PATIENCE), self.items


STARTS = Starts()


@action("rated.note")
def note(key: str, item: int) -> None:
    """Note the start of an item."""
    STARTS.note(key, item)


@pytest.fixture(autouse=True)
def starts() -> Starts:
    """Begin with no item."""
    STARTS.reset()
    return STARTS


@pytest.fixture(params=["memory", "file", "postgres", "alone in postgres"])
def rated_bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench]) -> Bench:
    """Return an engine with each kind of store, and without one."""
    if request.param == "memory":
        return start_bench(threads=1)
    if request.param == "file":
        return start_bench(threads=1, store=request.getfixturevalue("sqlite_url"))
    lease = {"store_lease": LEASE} if request.param == "postgres" else {}
    return start_bench(threads=1, store=request.getfixturevalue("postgres_url"), store_key=None, **lease)


def waits_of(bench: Bench, run_id: str) -> list[dict[str, Any]]:
    waits: list[dict[str, Any]] = bench.proxy.why(run_id).get(timeout=PATIENCE)
    return waits


def wait_of(bench: Bench, run_id: str) -> dict[str, Any]:
    """Return the wait of a run for its rate, once its time is known."""
    while True:
        for each in waits_of(bench, run_id):
            if each["kind"] == "rate" and "until" in each:
                return each
        time.sleep(0.01)


def test_as_many_items_start_as_the_rate_allows(rated_bench: Bench, starts: Starts) -> None:
    """In two runs together, and those that wait in their order. Other keys do not count. `why` names the next time."""
    first = rated_bench.submit(RATED, {"name": "a"})
    starts.wait_for(BURST)
    second = rated_bench.submit(RATED, {"name": "a", "count": 2})
    other = rated_bench.submit(RATED, {"name": "b", "count": 1})
    assert outcome_of(other).status == "succeeded"
    waits = [wait_of(rated_bench, each.id) for each in (first, second)]
    assert [(each["key"], each["count"]) for each in waits] == [("api-a", 12 - BURST), ("api-a", 2)]
    text = f"9 items wait for the rate of 'api-a' (1 in 86,400 seconds) until {waits[0]['until']}"
    assert waits[0]["text"] == text
    rates = rated_bench.proxy.host.services().get(timeout=PATIENCE).rate_limits
    assert rates.items_waiting() == 12 - BURST + 2
    for run in (first, second):
        rated_bench.proxy.cancel(run.id).get(timeout=PATIENCE)
    assert [outcome_of(each).status for each in (first, second)] == ["cancelled"] * 2
    assert sorted(starts.items) == [("a", 0), ("a", 1), ("a", 2), ("b", 0)]
    assert rates.items_waiting() == 0


def test_items_that_wait_start_in_their_order(rated_bench: Bench, starts: Starts) -> None:
    assert rated_bench.run(FAST, {"name": "a", "count": 40}).status == "succeeded"
    assert starts.items == [("a", number) for number in range(40)]


def test_a_run_that_is_paused_does_not_keep_others_waiting(rated_bench: Bench, starts: Starts) -> None:
    """Its items start when it is resumed."""
    first = rated_bench.submit(EVEN, {"name": "a", "count": 6})
    starts.wait_for(1)
    rated_bench.proxy.pause(first.id).get(timeout=PATIENCE)
    assert rated_bench.run(EVEN, {"name": "a", "count": 3}).status == "succeeded"
    rated_bench.proxy.resume(first.id).get(timeout=PATIENCE)
    assert outcome_of(first).status == "succeeded"
    assert len(starts.items) == 9


def test_runs_with_the_same_key_take_turns(rated_bench: Bench, starts: Starts) -> None:
    """The second one has fewer items, and ends first."""
    first = rated_bench.submit(EVEN, {"name": "a", "count": 600})
    second = rated_bench.submit(EVEN, {"name": "a", "count": 3})
    assert outcome_of(second).status == "succeeded"
    assert rated_bench.proxy.status(first.id).get(timeout=PATIENCE)["status"] == "running"
    rated_bench.proxy.cancel(first.id).get(timeout=PATIENCE)
    outcome_of(first)


def test_each_attempt_waits_for_the_rate(rated_bench: Bench, starts: Starts) -> None:
    text = RATED.replace("action: rated.note", "action: core.fail\n    retry: {count: 5}")
    text = text.replace('{key: "{{ parameters.name }}", item: "{{ item }}"}', "{message: no}")
    run = rated_bench.submit(text, {"name": "a", "count": 1})
    while not any("about to start (attempt 4)" in each["text"] for each in waits_of(rated_bench, run.id)):
        time.sleep(0.01)
    assert wait_of(rated_bench, run.id)["count"] == 1
    rated_bench.proxy.cancel(run.id).get(timeout=PATIENCE)
    outcome_of(run)


def test_an_item_needs_a_permit_and_its_time(start_bench: Callable[..., Bench], starts: Starts) -> None:
    """It uses its time only when it has all permits: here there are fewer than the burst."""
    bench = start_bench(max_items_in_flight=2)
    keyed = FAST.replace("    rate:", '    concurrency_key: "db-{{ item % 3 }}"\n    limit: 1\n    rate:')
    recorded = FAST.replace("concurrency: 12", "concurrency: 12\n    delivery: at_most_once")
    runs = [bench.submit(text, {"name": "a", "count": 30}) for text in (FAST, keyed, recorded)]
    assert [outcome_of(run).status for run in runs] == ["succeeded"] * 3
    assert len(starts.items) == 90


def test_an_item_whose_start_is_recorded_first_waits_too(rated_bench: Bench, starts: Starts) -> None:
    recorded = FAST.replace("concurrency: 12", "concurrency: 12\n    delivery: at_most_once")
    assert rated_bench.run(recorded, {"name": "a"}).status == "succeeded"
    assert len(starts.items) == 12


def test_an_item_whose_key_is_no_text_fails(rated_bench: Bench, starts: Starts) -> None:
    """The others run."""
    text = FAST.replace('"api-{{ parameters.name }}"', "\"{{ 7 if index == 1 else 'k' }}\"")
    text = text.replace("concurrency: 12", "concurrency: 12\n    max_failures: 1")
    assert rated_bench.run(text, {"name": "a"}).status == "succeeded"
    assert sorted(item for _, item in starts.items) == [0, *range(2, 12)]
    errors = rated_bench.run(text.replace("    max_failures: 1\n", ""), {"name": "a"}).errors
    assert [(each["code"], each["message"]) for each in errors if each["item_index"] == 1] == [
        ("invalid_key", "key of a rate must be a text of 1 to 200 characters, got int")
    ]


def test_a_key_has_no_secret(bench: Bench, starts: Starts) -> None:
    text = RATED.replace("{type: string}", "{type: string, secret: true}")
    outcome = bench.run(text, {"name": "hunter22222", "count": 1})
    assert "key of a rate must not have a secret in it" in str(outcome.errors)
    assert starts.items == []


def test_engines_share_a_rate(start_bench: Callable[..., Bench], postgres_url: str, starts: Starts) -> None:
    """What one of them has used, the other one has not. Times that are not used go to the other one."""
    first, second = (start_bench(store=postgres_url, store_lease=LEASE) for _ in range(2))
    runs = [(bench, bench.submit(RATED, {"name": "a"})) for bench in (first, second)]
    starts.wait_for(BURST)
    for bench, run in runs:
        wait_of(bench, run.id)
    assert len(starts.items) == BURST
    for bench, run in runs:
        bench.proxy.cancel(run.id).get(timeout=PATIENCE)
        outcome_of(run)
    assert first.run(FAST, {"name": "b", "count": 30}).status == "succeeded"
    assert second.run(FAST, {"name": "b", "count": 30}).status == "succeeded"
    assert len(starts.items) == BURST + 60


def test_a_rate_limits_the_items_of_a_pool(
    start_bench: Callable[..., Bench], starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items take their turns as the pool has room. No more of them reach the worker than the rate allows."""
    registered, carriers = ActionRegistry.registered("refuse"), list[InProcessCarrier]()

    def carry(_name: str, *, slots: int, **_others: Any) -> InProcessCarrier:
        carriers.append(InProcessCarrier(registered, slots))
        return carriers[-1]

    monkeypatch.setattr(pools, "ProcessCarrier", carry)
    bench = start_bench(pools={"compute": PoolOptions(workers=1, slots=2)})
    (carrier,) = carriers
    rates = bench.proxy.host.services().get(timeout=PATIENCE).rate_limits
    run = bench.submit(IN_POOL, {"name": "a"})
    while "rate" in (kinds := [each["kind"] for each in waits_of(bench, run.id)]) or "pool" not in kinds:
        time.sleep(0.01)  # its items are about to wait
    (wait,) = (each for each in waits_of(bench, run.id) if each["kind"] == "pool")
    assert wait["text"] == "12 items wait for a worker of compute: 0 of 1 connected"
    assert rates.items_waiting() == 0, "no turn is lost to an item that has no place"
    carrier.join()
    starts.wait_for(BURST)
    assert wait_of(bench, run.id)["count"] == 12 - BURST
    bench.proxy.cancel(run.id).get(timeout=PATIENCE)
    assert outcome_of(run).status == "cancelled"
    assert bench.run(IN_POOL_FAST, {"name": "b", "count": 40}).status == "succeeded"
    assert sorted(starts.items) == [*(("a", number) for number in range(BURST)), *(("b", each) for each in range(40))]
    sent = [each for message in carrier.sent if isinstance(message, Perform) for each in message.sendings]
    assert len(sent) == BURST + 40
