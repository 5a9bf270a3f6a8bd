"""The events about runs are in the commit of their cause, and only for those who listen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import Bench, outcome_of
from tests.support.events import answer_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

FAN_OUT = """
ref: ops.fan_out
tasks:
  - name: check
    action: core.{action}
    with_items: "{{{{ [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }}}}"
    max_failures: 5
    concurrency: 1
    input: {{message: "{{{{ item }}}}"}}
"""


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest) -> str | None:
    """Return the URL of a store, or None."""
    url: str | None = None if request.param == "memory" else request.getfixturevalue("sqlite_url")
    return url


def listen(bench: Bench, *types: str) -> Any:
    """Listen to types of events; return the queue of the messages."""
    inbox = Inbox.start()
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    for each in types:
        services.events.listen(each, inbox)
    return inbox, messages_of(inbox)


def test_the_end_of_a_run_is_an_event(start_bench: Callable[..., Bench], store: str | None) -> None:
    """Also as StackStorm's rules know it. The store has it."""
    bench = start_bench(store=store)
    inbox, told = listen(bench, "stretto.run_ended", "core.st2.generic.actiontrigger")
    handle = bench.submit("ref: ops.a\ntasks: [{name: a, action: core.noop}]\noutput_map: {x: 5}\n")
    events = {each.type: each for each in (told.get(timeout=PATIENCE).event for _ in range(2))}
    inbox.stop()
    ended, st2 = events["stretto.run_ended"], events["core.st2.generic.actiontrigger"]
    assert (ended.cause, ended.source, ended.depth) == (handle.id, "engine", 0)
    assert ended.payload["run"] == handle.id
    assert (ended.payload["workflow"], ended.payload["status"], ended.payload["output"]) == (
        "ops.a",
        "succeeded",
        {"x": 5},
    )
    assert (st2.payload["action_name"], st2.payload["status"], st2.payload["result"]) == ("a", "succeeded", {"x": 5})
    page = bench.proxy.events().get(timeout=PATIENCE)
    assert {each["event"] for each in page["events"]} == {ended.id, st2.id}


def test_failed_items_and_a_budget_that_is_nearly_used_are_events(
    start_bench: Callable[..., Bench], store: str | None
) -> None:
    """Each failed item, and the budget once."""
    bench = start_bench(store=store)
    inbox, told = listen(bench, "stretto.item_failed", "stretto.budget_nearly_used")
    outcome_of(bench.submit(FAN_OUT.format(action="fail")))
    events = [told.get(timeout=PATIENCE).event for _ in range(7)]
    inbox.stop()
    failed = [each.payload["item"] for each in events if each.type == "stretto.item_failed"]
    assert failed == [0, 1, 2, 3, 4, 5]
    (budget,) = [each.payload for each in events if each.type == "stretto.budget_nearly_used"]
    assert (budget["task"], budget["failed"], budget["max_failures"]) == ("check", 4, 5)


def test_an_item_that_times_out_has_failed(start_bench: Callable[..., Bench], store: str | None) -> None:
    """Its failure is of this kind."""
    bench = start_bench(store=store)
    inbox, told = listen(bench, "stretto.item_failed")
    outcome_of(
        bench.submit("ref: ops.a\ntasks: [{name: a, wait_for: {event: none, timeout: 0.001}, retry: {count: 1}}]\n")
    )
    (payload,) = [told.get(timeout=PATIENCE).event.payload]
    inbox.stop()
    assert (payload["task"], payload["kind"], payload["attempt"]) == ("a", "timed_out", 2)


def test_no_event_is_made_for_nobody(start_bench: Callable[..., Bench], store: str | None) -> None:
    """Nothing is recorded."""
    bench = start_bench(store=store)
    outcome_of(bench.submit(FAN_OUT.format(action="fail")))
    assert bench.proxy.events().get(timeout=PATIENCE)["events"] == []


def test_a_chain_of_runs_ends(tmp_path: Path, start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """A rule that answers the end of its own run starts 16 runs."""
    (tmp_path / "again.yaml").write_text("on: stretto.run_ended\nrun: core.noop\n")
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    inbox, told = listen(bench, "stretto.run_ended")
    bench.submit("ref: ops.a\ntasks: [{name: a, action: core.noop}]\n")
    events = [told.get(timeout=PATIENCE).event for _ in range(17)]
    inbox.stop()
    assert [each.depth for each in events] == list(range(17))
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    rows = answer_of(services.readers.ask_deferred(lambda reader: reader.events.last_matches("again", 50)))
    assert [each.error is None for each in rows] == [False] + [True] * 16
    assert rows[0].error.startswith("limit_exceeded: ")


def test_a_chain_through_sub_workflows_ends(tmp_path: Path, start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """The run of a sub-workflow stands where its parent stands in the chain."""
    (tmp_path / "part.yaml").write_text("ref: ops.part\ntasks: [{name: a, action: core.noop}]\n")
    (tmp_path / "whole.yaml").write_text("ref: ops.whole\ntasks: [{name: a, action: ops.part}]\n")
    when = "payload.workflow == 'ops.part' or payload.workflow == 'ops.a'"
    (tmp_path / "again.yaml").write_text(f'on: {{event: stretto.run_ended, when: "{when}"}}\nrun: ops.whole\n')
    bench = start_bench(definitions=tmp_path, store=sqlite_url)
    inbox, told = listen(bench, "stretto.run_ended")
    bench.submit("ref: ops.a\ntasks: [{name: a, action: core.noop}]\n")
    events = [told.get(timeout=PATIENCE).event for _ in range(33)]
    inbox.stop()
    assert sorted(each.depth for each in events) == sorted([0, *range(1, 17), *range(1, 17)])
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    rows = answer_of(services.readers.ask_deferred(lambda reader: reader.events.last_matches("again", 50)))
    assert [each.error is None for each in rows] == [False] + [True] * 16
