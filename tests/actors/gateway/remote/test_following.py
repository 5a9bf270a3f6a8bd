"""A run that is followed while its stream is cut, and its daemon goes and comes: its outcome, and its states."""

import threading
from pathlib import Path

import pykka
import pytest

from stretto.actors import ClientClosed, DaemonUnreachable, ItemNotInFlight, RunWasParked, UnknownRun, connect
from tests.support.scripted_daemons import EVENTS, HELD, LOST, answered, event, scripted
from tests.support.waiting import PATIENCE

ACCEPTED = answered(202, {"run": "r", "workflow": "w"})
CHANGES = EVENTS + event("changes", run="r", status="running", tasks={})
LINK = {"$ref": "/api/v1/runs/r/outcome", "bytes": 9000}
ENDED = EVENTS + event("ended", run="r", status="failed", output=LINK, errors=[])
OUTCOME = answered(200, {"run": "r", "status": "failed", "output": None, "errors": [{"code": "c"}], "tasks": {}})
BYE = EVENTS + event("bye", reason="the engine was stopped")


def test_it_is_waited_for_through_cuts_and_restarts(tmp_path: Path) -> None:
    """A cut stream, a daemon that stops, one that is not ready: each time it is asked again."""
    cut_in_an_event = EVENTS + b"event: cha"
    not_ready = answered(503, {"code": "engine_stopping", "detail": "later"})
    answers = (ACCEPTED, CHANGES, LOST, cut_in_an_event, BYE, not_ready, ENDED, LOST, ENDED, OUTCOME)
    with scripted(tmp_path, *answers) as daemon, connect(daemon.url) as engine:
        outcome = engine.submit("w").get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)
        daemon.next()
        asked = [daemon.next()[0].removeprefix("GET /api/v1/runs/r/") for _ in range(9)]
    assert asked == ["stream"] * 6 + ["outcome", "stream", "outcome"]
    assert (outcome.status, outcome.output, outcome.errors) == ("failed", None, [{"code": "c"}])


def test_a_timeout_ends_the_waiting_alone(tmp_path: Path) -> None:
    """The next `get` asks again, and what it finds is kept."""
    with scripted(tmp_path, ACCEPTED, HELD, ENDED, OUTCOME) as daemon, connect(daemon.url) as engine:
        run = engine.submit("w").get(timeout=PATIENCE)
        with pytest.raises(pykka.Timeout):
            run.outcome.get(timeout=0.05)
        outcome = run.outcome.get(timeout=PATIENCE)
        assert run.outcome.get() is outcome


def test_a_daemon_that_stays_away(tmp_path: Path) -> None:
    """The last reason is raised: nobody answers, or the run is parked."""
    with (
        scripted(tmp_path, ACCEPTED, LOST) as daemon,
        connect(daemon.url, away_seconds=0) as engine,
        pytest.raises(DaemonUnreachable),
    ):
        engine.submit("w").get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)


def test_a_run_that_no_daemon_can_continue(tmp_path: Path) -> None:
    """It is parked, as in process."""
    with (
        scripted(tmp_path, ACCEPTED, BYE) as daemon,
        connect(daemon.url, away_seconds=0) as engine,
        pytest.raises(RunWasParked, match="the engine was stopped; the run r continues when"),
    ):
        engine.submit("w").get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)


def test_a_run_that_is_lost(tmp_path: Path) -> None:
    """A daemon without a store knows nothing of it after a restart."""
    unknown = answered(404, {"code": "unknown_run", "detail": "there is no run r"})
    with (
        scripted(tmp_path, ACCEPTED, CHANGES, unknown) as daemon,
        connect(daemon.url) as engine,
        pytest.raises(UnknownRun, match="there is no run r"),
    ):
        engine.submit("w").get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)


def test_closing_ends_it(tmp_path: Path) -> None:
    """While it reads a stream, and before."""
    with scripted(tmp_path, ACCEPTED, HELD) as daemon, connect(daemon.url) as engine:
        run = engine.submit("w").get(timeout=PATIENCE)
        raised: list[BaseException] = []

        def wait() -> None:
            try:
                run.outcome.get(timeout=PATIENCE)
            except ClientClosed as error:
                raised.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        daemon.next()
        daemon.next()  # the stream is open
        engine.close()
        waiting.join(PATIENCE)
        assert len(raised) == 1
        with pytest.raises(ClientClosed):
            run.outcome.get(timeout=PATIENCE)


def test_the_states_continue_on_the_next_connection(tmp_path: Path) -> None:
    """From the last event that was read. Each is whole, and the last one has the outcome."""
    items = {"a": {"succeeded": [[0, 2]], "running": [3]}}
    hello = EVENTS + event(
        "hello", id="g.7", run="r", workflow="w", status="running", tasks={"a": {"visits": 1}}, items=items
    )
    more = EVENTS + event(
        "changes", run="r", workflow="w", status="running", tasks={"b": {"visits": 1}}, items={"a": {"failed": [3]}}
    )
    ended = EVENTS + event("ended", run="r", status="failed", output=None, errors=[{"code": "c"}])
    with scripted(tmp_path, hello, LOST, more, ended) as daemon, connect(daemon.url) as engine:
        states = list(engine.watch("r"))
        assert [daemon.next_headers().get("last-event-id") for _ in range(4)] == [None, "g.7", "g.7", "g.7"]
    first, second, last = states
    assert first == {"run": "r", "workflow": "w", "status": "running", "tasks": {"a": {"visits": 1}}, "items": items}
    assert second["tasks"].keys() == {"a", "b"}
    assert second["items"] == {"a": {"succeeded": [[0, 2]], "failed": [3]}}
    assert last == {**second, "status": "failed", "output": None, "errors": [{"code": "c"}]}


def output(text: str, **given: object) -> bytes:
    """Return the first event of an output."""
    usual = {"task": "a", "visit": 1, "index": 3, "attempt": 2, "outcome": None, "truncated": False, "cut": 0}
    sizes = {"stdout": len(text), "stderr": 0}
    return event("output", **{**usual, "stdout": text, "stderr": None, "characters": sizes, **given})


def test_an_output_continues_on_the_next_connection(tmp_path: Path) -> None:
    """With the same attempt, and nothing twice; a daemon that is not ready is asked again."""
    not_ready = answered(503, {"code": "engine_stopping", "detail": "later"})
    cut = EVENTS + output("one\n")
    bye = EVENTS + output("one\ntwo\n") + event("bye", reason="the engine was stopped")
    last = EVENTS + output("one\ntwo\nthree\n", outcome="succeeded") + event("ended", outcome="succeeded")
    with scripted(tmp_path, cut, LOST, bye, not_ready, last) as daemon, connect(daemon.url) as engine:
        pieces = list(engine.follow_output("r", "a", 3))
        asked = [daemon.next()[0] for _ in range(5)]
    path = "GET /api/v1/runs/r/tasks/a/items/3/output?follow=1"
    assert asked == [path, *[f"{path}&attempt=2"] * 4]
    assert "".join(each["stdout"] for each in pieces) == "one\ntwo\nthree\n"
    assert [each["outcome"] for each in pieces] == [*[None] * (len(pieces) - 1), "succeeded"]


def test_an_output_that_no_one_has(tmp_path: Path) -> None:
    """It is refused as the engine does it."""
    refused = answered(409, {"code": "item_not_in_flight", "detail": "item 3 waits"})
    with (
        scripted(tmp_path, refused) as daemon,
        connect(daemon.url) as engine,
        pytest.raises(ItemNotInFlight, match="item 3 waits"),
    ):
        next(engine.follow_output("r", "a", 3))


def test_a_slow_reader_gets_the_latest_state(tmp_path: Path) -> None:
    """What has come between is left out, and not kept."""
    counts = b"".join(event("changes", run="r", status="running", tasks={"a": {"n": n}}) for n in range(100))
    with scripted(tmp_path, EVENTS + counts) as daemon, connect(daemon.url) as engine:
        assert next(engine.watch("r"))["tasks"] == {"a": {"n": 99}}


def test_items_that_are_not_known_one_by_one_are_left_out(tmp_path: Path) -> None:
    """Until the task is visited again."""
    visits = [
        event("hello", run="r", status="running", tasks={"a": {"visits": 1}}, items={"a": "many"}),
        event("changes", run="r", status="running", items={"a": {"failed": [3]}}),
        event("changes", run="r", status="running", tasks={"a": {"visits": 2}}, items={"a": {"running": [0]}}),
    ]
    ended = EVENTS + event("ended", run="r", status="failed", output=None, errors=[])
    answers = [EVENTS + each for each in visits]
    with scripted(tmp_path, *answers, ended) as daemon, connect(daemon.url) as engine:
        assert [state["items"] for state in engine.watch("r")] == [{}, {}, *[{"a": {"running": [0]}}] * 2]
