"""Requests whose answers are lost, and proxies that are closed."""

import threading
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import ClientClosed, DaemonUnreachable, InvalidLabels, connect
from tests.support.scripted_daemons import HELD, LOST, answered, scripted
from tests.support.waiting import PATIENCE

ACCEPTED = answered(202, {"run": "r", "workflow": "w"})


def test_a_lost_answer_starts_no_second_run(tmp_path: Path) -> None:
    """The request is sent again with its key, which is the proxy's own or the caller's."""
    with scripted(tmp_path, LOST, LOST, ACCEPTED, LOST, ACCEPTED) as daemon, connect(daemon.url) as engine:
        handle = engine.submit("w", {"n": 1}).get(timeout=PATIENCE)
        assert handle.id == "r"
        first, second, third = (daemon.next() for _ in range(3))
        assert first == second == third
        assert first[0] == "POST /api/v1/runs"
        engine.submit("w", {"n": 1}, idempotency_key="mine").get(timeout=PATIENCE)
        keys = [daemon.next_headers()["idempotency-key"] for _ in range(5)]
    assert keys[3:] == ["mine", "mine"]
    assert len(set(keys[:3])) == 1
    assert len(keys[0]) == 32


def test_what_cannot_be_repeated(tmp_path: Path) -> None:
    """A control may have been done: its caller decides. A rerun with its key, or a question, is asked again."""
    answers = LOST, LOST, ACCEPTED, LOST, answered(200, {"definitions": [{"ref": "a", "usable": True}]})
    with scripted(tmp_path, *answers) as daemon, connect(daemon.url) as engine:
        with pytest.raises(DaemonUnreachable):
            engine.cancel("r").get(timeout=PATIENCE)
        assert engine.rerun("r").get(timeout=PATIENCE).id == "r"
        assert engine.workflows().get(timeout=PATIENCE) == ("a",)


def test_a_daemon_that_stays_away(tmp_path: Path) -> None:
    """It is waited for as long as was said, and no longer."""
    with (
        scripted(tmp_path, LOST) as daemon,
        connect(daemon.url, away_seconds=0) as engine,
        pytest.raises(DaemonUnreachable),
    ):
        engine.workflows().get(timeout=PATIENCE)


def test_what_has_not_been_sent_is_sent_when_a_daemon_is_there(tmp_path: Path) -> None:
    """Also a control, if a daemon has answered before."""
    with scripted(tmp_path, answered(200, {"definitions": []})) as first, connect(first.url) as engine:
        engine.workflows().get(timeout=PATIENCE)
        first.ended()
        paused = engine.pause("r")
        Path(first.url.removeprefix("unix://")).unlink()
        with scripted(tmp_path, answered(200, {"id": "r"})) as second:
            paused.get(timeout=PATIENCE)
            assert second.next()[0] == "POST /api/v1/runs/r/pause"


def test_an_answer_of_something_else_is_not_asked_for_again(tmp_path: Path) -> None:
    with scripted(tmp_path, answered(200, {"definitions": 7})) as daemon, connect(daemon.url) as engine:
        future = engine.workflows()
        with pytest.raises(DaemonUnreachable, match="sent an unexpected answer"):
            future.get(timeout=PATIENCE)


def test_refusals_are_not_repeated(tmp_path: Path) -> None:
    refusal = answered(422, {"code": "invalid_labels", "detail": "too many"})
    with (
        scripted(tmp_path, refusal) as daemon,
        connect(daemon.url) as engine,
        pytest.raises(InvalidLabels, match="too many"),
    ):
        engine.submit("w").get(timeout=PATIENCE)


def test_a_daemon_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    """It has begun nothing, so that a control is sent again, too."""
    starting = answered(503, {"code": "engine_starting", "detail": "in a moment"})
    answers = starting, ACCEPTED, starting, answered(200, {"id": "r"})
    with scripted(tmp_path, *answers) as daemon, connect(daemon.url) as engine:
        assert engine.submit("w").get(timeout=PATIENCE).id == "r"
        engine.pause("r").get(timeout=PATIENCE)


def test_closing_leaves_nothing(tmp_path: Path) -> None:
    """What is under way, and what waits for its turn, fails; every thread has ended. Closing twice is fine."""
    before = set(threading.enumerate())
    with scripted(tmp_path, *[HELD] * 20) as daemon:
        engine = connect(daemon.url)
        asked: list[pykka.Future[Any]] = [
            *(engine.workflows() for _ in range(20)),
            engine.pause("r"),
            engine.resume("r"),
        ]
        daemon.next()
        engine.close()
        for each in asked:
            with pytest.raises(ClientClosed, match="the daemon's runs continue"):
                each.get(timeout=PATIENCE)
        engine.close()
        with pytest.raises(ClientClosed):
            engine.workflows()
    assert set(threading.enumerate()) <= before


def test_a_proxy_that_is_not_closed_has_no_thread_before_it_is_used(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    connect(f"unix://{tmp_path}/s")
    assert set(threading.enumerate()) <= before


def test_futures_can_be_used_as_pykkas(tmp_path: Path) -> None:
    """They map, and an exception is raised by each `get`."""
    answers = [
        answered(200, {"definitions": [{"ref": "a", "usable": True}]}),
        answered(404, {"code": "unknown_run", "detail": "none"}),
    ]
    with scripted(tmp_path, *answers) as daemon, connect(daemon.url) as engine:
        assert engine.workflows().map(len).get(timeout=PATIENCE) == 1
        unknown = engine.status("r")
        assert isinstance(unknown, pykka.Future)
        for _ in range(2):
            with pytest.raises(Exception, match="none"):
                unknown.get(timeout=PATIENCE)
