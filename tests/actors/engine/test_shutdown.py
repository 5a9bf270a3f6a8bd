"""The end of an engine: each part is stopped, whatever goes wrong with the others."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from stretto.actors.dispatch import DispatchedActor, Dispatcher
from stretto.actors.dispatch.clock import Clock, RemindAt
from stretto.actors.engine.startup import start_clock
from stretto.actors.engine.stop_stack import StopStack
from stretto.actors.journal.service import OpenJournal
from stretto.actors.runners import Runners
from stretto.metrics import MetricsServer, configure_logging
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE, Inbox, Lines, messages_of


@pytest.fixture
def log() -> Iterator[Lines]:
    lines = Lines()
    configure_logging("INFO", style="json", stream=lines)
    yield lines
    structlog.reset_defaults()


class Steps:
    """Notes in which order things are stopped; `broken` ones fail afterwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        self.broken: set[str] = set()
        for owner, name in ((Runners, "stop"), (OpenJournal, "close"), (Clock, "on_stop"), (Dispatcher, "stop"),
                            (MetricsServer, "stop")):  # fmt: skip
            self._watch(monkeypatch, owner, name)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def watched(*given: Any) -> None:
            original(*given)
            self.taken.append(owner.__name__)
            if owner.__name__ in self.broken:
                raise ZeroDivisionError(owner.__name__)

        monkeypatch.setattr(owner, name, watched)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


ORDER = ["Runners", "OpenJournal", "Clock", "Dispatcher", "MetricsServer"]


def test_everything_is_stopped_in_the_reverse_order_of_its_start(
    start_bench: Callable[..., Bench], tmp_path: Path, steps: Steps
) -> None:
    """The journal before the clock, which reminds it; the dispatcher when no actor is left; the endpoint last."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db", metrics_port=0)
    bench.proxy.stop().get(timeout=PATIENCE)
    assert steps.taken == ORDER


@pytest.mark.parametrize("part", ["Runners", "OpenJournal", "Dispatcher", "MetricsServer"])
def test_what_fails_to_stop_keeps_nothing_else_running(
    start_bench: Callable[..., Bench], tmp_path: Path, steps: Steps, log: Lines, part: str
) -> None:
    """It is logged, and the caller of stop is answered."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db", metrics_port=0)
    steps.broken = {part}
    bench.proxy.stop().get(timeout=PATIENCE)
    assert steps.taken == ORDER
    assert log.wait_for("stop_failed")["part"]


class Forgotten(DispatchedActor):
    """An actor without a stop."""


def test_actors_that_are_left_are_logged(start_bench: Callable[..., Bench], log: Lines) -> None:
    """It is a fault of the engine's."""
    bench = start_bench()
    left = Forgotten.start_on(bench.proxy.host.services().get(timeout=PATIENCE).dispatcher)
    bench.proxy.stop().get(timeout=PATIENCE)
    assert log.wait_for("actors_left")["Forgotten"] == 1
    left.stop()


def test_a_clock_is_there_when_it_has_been_started_and_gone_when_it_has_been_stopped() -> None:
    """Its thread, too."""
    stack = StopStack()
    before = set(threading.enumerate())
    clock = start_clock(stack)
    (thread,) = set(threading.enumerate()) - before
    waiter = Inbox.start()
    clock.tell(RemindAt(1, 0.0, waiter, "now"))
    assert messages_of(waiter).get(timeout=PATIENCE) == "now"
    stack.close()
    assert not clock.is_alive()
    assert not thread.is_alive()
    waiter.stop()
