"""Deadlines of runs and tasks: their events, their policies, and restarts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stretto.actors.journal import EventCame
from stretto.actors.runs.deadlines import DEADLINE_MISSED, DEADLINE_NEAR
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

SOON = 0.01
WAITS = "wait_for: {event: never}"


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


class Listener:
    """Hears of deadlines."""

    def __init__(self, bench: Bench) -> None:
        self._inbox = Inbox.start()
        self._told = messages_of(self._inbox)
        for name in (DEADLINE_NEAR, DEADLINE_MISSED):
            get(bench.proxy.host.services()).events.listen(name, self._inbox)

    def next(self) -> tuple[str, dict[str, Any]]:
        """Wait for the next event, and return its type and its payload."""
        message = self._told.get(timeout=PATIENCE)
        assert isinstance(message, EventCame)
        return message.event.type, dict(message.event.payload)

    def stop(self) -> None:
        """Listen no more."""
        self._inbox.stop()


@pytest.fixture(params=["memory", "sqlite"])
def heard(request: pytest.FixtureRequest, start_bench: Callable[..., Bench]) -> Iterator[tuple[Bench, Listener]]:
    """An engine without and with a store, and its events."""
    bench = start_bench(store=None if request.param == "memory" else request.getfixturevalue("sqlite_url"))
    listener = Listener(bench)
    yield bench, listener
    listener.stop()


@pytest.mark.parametrize(("policy", "status"), [("fail", "failed"), ("cancel", "cancelled")])
def test_a_late_run_ends_by_its_policy(heard: tuple[Bench, Listener], policy: str, status: str) -> None:
    """An event says so."""
    bench, listener = heard
    text = f"""
ref: test.late
deadline: {{seconds: {SOON}, policy: {policy}}}
cancellation_policy: cancel_running
tasks: [{{name: a, {WAITS}}}]
"""
    outcome = bench.run(text)
    assert outcome.status == status
    name, facts = listener.next()
    assert name == DEADLINE_MISSED
    assert (facts["workflow"], facts["task"], facts["seconds"], facts["policy"]) == ("test.late", None, SOON, policy)
    error = next(each for each in outcome.errors if each["code"] == "run_timed_out")
    cancelled = ", and was cancelled" if policy == "cancel" else ""
    assert error["message"] == f"the run took longer than its deadline of {SOON:g} s{cancelled}"


def test_a_run_is_warned_of_and_goes_on(heard: tuple[Bench, Listener]) -> None:
    """Both events come in their order, and the run waits on."""
    bench, listener = heard
    text = f"""
ref: test.slow
warn_after: {SOON / 2}
deadline: {{seconds: {SOON}, policy: warn}}
tasks: [{{name: a, wait_for: {{event: {DEADLINE_MISSED}, match: {{payload.task: null}}}}}}]
output_map: {{seconds: "{{{{ task.a.payload.seconds }}}}"}}
"""
    assert bench.run(text).output == {"seconds": SOON}
    assert [listener.next()[0] for _ in range(2)] == [DEADLINE_NEAR, DEADLINE_MISSED]


@pytest.mark.parametrize(("policy", "outcome"), [("fail", "timed_out"), ("cancel", "cancelled")])
@pytest.mark.parametrize("items", ["", "with_items: [1, 2, 3], concurrency: 2, ", "delay: 1000, "])
def test_a_late_task_ends_by_its_policy(
    start_bench: Callable[..., Bench], policy: str, outcome: str, items: str
) -> None:
    """The run goes on with the transition of the outcome. Nothing is tried again."""
    bench = start_bench()
    text = f"""
ref: test.late
tasks:
  - {{name: a, {WAITS}, {items}retry: {{count: 5}}, deadline: {{seconds: {SOON}, policy: {policy}}},
     next: [{{when: "{{{{ {outcome}() }}}}", do: [b]}}]}}
  - {{name: b, action: core.noop}}
output_map: {{a: "{{{{ task.a.outcome }}}}", b: "{{{{ task.b.outcome }}}}"}}
"""
    ended = bench.run(text)
    assert ended.output == {"a": outcome, "b": "succeeded"}
    assert ended.status == "succeeded"


@pytest.mark.parametrize("items", ["", "with_items: [1, 2], ", "delay: 1000, "])
def test_errors_say_which_deadline_has_cancelled_a_task(start_bench: Callable[..., Bench], items: str) -> None:
    """Also if none of its items had started."""
    text = f"""
ref: test.late
tasks: [{{name: a, {WAITS}, {items}deadline: {{seconds: {SOON}, policy: cancel}}}}]
"""
    first, *_ = start_bench().run(text).errors
    assert (first["code"], first["task"]) == ("cancelled", "a")
    assert f"the task took longer than its deadline of {SOON:g} s" in first["message"]


def test_a_task_that_ends_in_time_is_not_late(heard: tuple[Bench, Listener]) -> None:
    """Its timers are forgotten. Each visit has its own."""
    bench, listener = heard
    text = f"""
ref: test.twice
vars: {{n: 0}}
tasks:
  - {{name: a, action: core.noop, deadline: 1000, warn_after: 999,
     next: [{{when: "{{{{ workflow.n > 0 }}}}", do: [b]}},
            {{when: "{{{{ workflow.n < 1 }}}}", publish: [{{n: 1}}], do: [a]}}]}}
  - {{name: b, {WAITS}, deadline: {SOON}}}
"""
    (error,) = bench.run(text).errors
    assert (error["code"], error["task"]) == ("timed_out", "b")
    assert error["message"] == f"the task took longer than its deadline of {SOON:g} s"
    assert listener.next()[1]["task"] == "b"


def test_deadlines_count_over_a_restart(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """From the start of the run, and of the task. Each event comes once, whichever engine makes it."""
    text = f"""
ref: test.parked
warn_after: {SOON}
tasks:
  - {{name: a, {WAITS}, deadline: {{seconds: 0.2, policy: cancel}}}}
"""
    first = start_bench(store=sqlite_url)
    listener = Listener(first)
    handle = first.submit(text)
    assert listener.next()[0] == DEADLINE_NEAR
    get(first.proxy.stop())
    listener.stop()
    second = start_bench(store=sqlite_url)
    second_listener = Listener(second)
    get(second.proxy.host.recovered())
    assert outcome_of(get(second.proxy.handle(handle.id))).status == "failed"
    second_listener.stop()
    pages = [get(second.proxy.events(event_type=name)) for name in (DEADLINE_NEAR, DEADLINE_MISSED)]
    assert [len(page["events"]) for page in pages] == [1, 1]


@pytest.mark.parametrize("late", [WAITS, "action: core.noop, delay: 1000"])
def test_a_late_task_of_a_cleanup_times_out(start_bench: Callable[..., Bench], late: str) -> None:
    """Else a cancelled run would never end."""
    bench = start_bench()
    text = f"""
ref: test.cleanup
cancellation_policy: cancel_running
on_cancel: tidy
tasks:
  - {{name: a, {WAITS}}}
  - {{name: tidy, {late}, deadline: {SOON}}}
output_map: {{tidy: "{{{{ task.tidy.outcome }}}}"}}
"""
    handle = bench.submit(text)
    get(bench.proxy.cancel(handle.id))
    outcome = outcome_of(handle)
    assert (outcome.status, outcome.output) == ("cancelled", {"tidy": "timed_out"})


@pytest.mark.parametrize("items", ["", "with_items: [1, 2], "])
def test_a_late_task_none_of_whose_items_has_started_says_so(start_bench: Callable[..., Bench], items: str) -> None:
    """They wait for a permit of a key. Else its run would fail without an error."""
    bench = start_bench()
    task = "{name: a, action: core.sleep, input: {seconds: 100000}, concurrency_key: one, limit: 1"
    holder = bench.submit(f"ref: test.holds\ncancellation_policy: cancel_running\ntasks: [{task}}}]\n")
    while not any(each["kind"] == "item_in_flight" for each in get(bench.proxy.why(holder.id))):
        pass  # it has not got the permit yet
    text = f"""
ref: test.queues
tasks:
  - {task}, {items}deadline: {SOON}, next: [{{when: "{{{{ workflow.goes_on and timed_out() }}}}", do: [b]}}]}}
  - {{name: b, action: core.noop}}
vars: {{goes_on: GOES_ON}}
output_map: {{errors: "{{{{ task.a.errors }}}}"}}
"""
    (error,) = bench.run(text.replace("GOES_ON", "false")).errors
    message = f"the task took longer than its deadline of {SOON:g} s"
    assert (error["code"], error["task"], error["message"], error["handled"]) == ("timed_out", "a", message, False)
    handled = bench.run(text.replace("GOES_ON", "true"))
    assert handled.status == "succeeded"
    assert handled.output is not None
    assert [each["error"]["message"] for each in handled.output["errors"]] == [message]
    get(bench.proxy.cancel(holder.id))
    assert outcome_of(holder).status == "cancelled"
