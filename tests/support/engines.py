"""Engines for tests, started and stopped around each, and definitions to run on them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import Engine, Outcome, RunHandle
from tests.support.waiting import PATIENCE


class Bench:
    """An engine, and short ways to run a definition on it."""

    def __init__(self, proxy: Any, folder: Path) -> None:
        self.proxy = proxy
        self.folder = folder
        self._number = 0

    def write(self, text: str) -> str:
        """Write a definition to a file of its own and return its path."""
        self._number += 1
        path = self.folder / f"workflow_{self._number}.yaml"
        path.write_text(text if text.startswith("version:") else f'version: "1.0.0"\n{text}')
        return str(path)

    def submit(self, text: str, inputs: dict[str, Any] | None = None, watcher: Any = None) -> RunHandle:
        """Start a run of a definition."""
        handle: RunHandle = self.proxy.submit(self.write(text), inputs, watcher).get(timeout=PATIENCE)
        return handle

    def run(self, text: str, inputs: dict[str, Any] | None = None) -> Outcome:
        """Run a definition to its end."""
        return outcome_of(self.submit(text, inputs))


def outcome_of(handle: RunHandle) -> Outcome:
    """Wait for a run's outcome."""
    outcome: Outcome = handle.outcome.get(timeout=PATIENCE)
    return outcome


@pytest.fixture
def start_bench(tmp_path: Path, databases: ExitStack) -> Iterator[Callable[..., Bench]]:
    """Start engines with settings of one's own; all are stopped, and must leave no thread and no actor."""
    threads, actors = set(threading.enumerate()), set(pykka.ActorRegistry.get_all())
    benches: list[Bench] = []
    dispatchers: list[Any] = []

    def start(**settings: Any) -> Bench:
        bench = Bench(Engine.start(**settings).proxy(), tmp_path)
        benches.append(bench)
        dispatchers.append(bench.proxy.host.services().get(timeout=PATIENCE).dispatcher)
        return bench

    yield start
    for bench in benches:
        if bench.proxy.actor_ref.is_alive():
            bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    # Only those of this test: one that fails to stop its engine must not fail all that follow.
    others = set(pykka.ActorRegistry.get_all()) - actors
    assert not [each for each in others if each.actor_class.__module__.startswith("stretto")]
    left = set(threading.enumerate()) - threads
    assert not left, f"threads are left: {left}"
    for dispatcher in dispatchers:
        assert not any(dispatcher.alive().values()), f"actors are left: {dispatcher.alive()}"


@pytest.fixture
def bench(start_bench: Callable[..., Bench]) -> Bench:
    """An engine as it starts by default."""
    return start_bench()
