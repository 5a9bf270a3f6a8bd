"""A run is watched at one daemon while others run it: they are killed, and the server of the store is restarted."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine
from stretto.actors.gateway.wire import StreamEvent
from stretto.actors.operations.answers import Accepted
from stretto.actors.operations.controls import Cancel
from stretto.actors.operations.requests import Submit
from stretto.actors.runs import RunEnded, RunProgressed
from stretto.definitions.errors import StrettoError
from tests.support.daemons import Served, serving
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import PATIENCE, Inbox, messages_of

LEASE = "4"
ACTIONS = """
import asyncio
from stretto.actors import action

@action("held.wait")
async def wait() -> None:
    await asyncio.sleep(1000)

@action("held.check")
async def check(host: int) -> int:
    if host % 2:
        raise ValueError(f"no route to host {host}")
    return host
"""
WORKFLOW = """
version: "1.0.0"
ref: held.work
cancellation_policy: cancel_running
tasks:
  - {name: a, action: held.wait, next: [{do: b}]}
  - {name: b, action: core.noop}
"""

CHECKS = """
version: "1.0.0"
ref: held.checks
cancellation_policy: cancel_running
tasks:
  - name: check
    action: held.check
    with_items: "{{ range(6) }}"
    concurrency: 6
    max_failures: 100%
    input: {host: "{{ item }}"}
    next: [{do: wait}]
  - {name: wait, action: held.wait}
"""


class Watching:
    """An engine that watches a run of another one, which it cannot take: it lacks the action."""

    def __init__(self, url: str, run_id: str) -> None:
        self.engine = Engine.start(store=url, store_lease=float(LEASE)).proxy()
        self.run_id = run_id
        self._inbox = Inbox.start()
        self._messages = messages_of(self._inbox)
        self.engine.host.subscribe_to_ends(self._inbox).get(timeout=PATIENCE)
        self.engine.watch(run_id, self._inbox).get(timeout=PATIENCE)
        self.handle = self.engine.handle(run_id).get(timeout=PATIENCE)

    def until(self, *statuses: str) -> None:
        """Wait for the news that the run has one of these statuses."""
        while not isinstance(message := self._messages.get(timeout=PATIENCE), RunProgressed) or (
            message.status not in statuses
        ):
            assert not isinstance(message, RunEnded) or message.run_id != self.run_id

    def change(self, method: str, *statuses: str) -> None:
        """Change the run, as soon as an engine has recovered it, and wait for the news of that."""
        deadline = time.monotonic() + PATIENCE
        while self.engine.status(self.run_id).get(timeout=PATIENCE)["status"] not in statuses:
            assert time.monotonic() < deadline
            with suppress(StrettoError):
                getattr(self.engine, method)(self.run_id).get(timeout=PATIENCE)
        self.until(*statuses)

    def pause_and_cancel(self) -> None:
        """Wait for the news of both, and for the outcome."""
        self.change("pause", "pausing", "paused")
        self.engine.cancel(self.run_id).get(timeout=PATIENCE)
        assert self.handle.outcome.get(timeout=PATIENCE).status == "cancelled"

    def stop(self) -> None:
        self.engine.stop(grace=0).get(timeout=PATIENCE)
        self._inbox.stop()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def daemon(stack: ExitStack, folder: Path, url: str) -> Served:
    (folder / "definitions").mkdir(parents=True)
    (folder / "definitions" / "work.yaml").write_text(WORKFLOW)
    (folder / "definitions" / "checks.yaml").write_text(CHECKS)
    (folder / "held_actions.py").write_text(ACTIONS)
    actions = str(folder / "held_actions.py")
    return stack.enter_context(
        serving(folder, "--store", url, "--actions", actions, STRETTO__ENGINE__STORE_LEASE=LEASE)
    )


def submit(daemon: Served, workflow: str = "held.work") -> str:
    accepted = daemon.client.ask(Submit(workflow))
    assert isinstance(accepted, Accepted)
    return accepted.run


class Seen:
    """What a client of a stream has seen: states of items and errors, as a page shows them.

    Args:
        daemon: The daemon that the client has asked.
        run_id: The run.
        stack: Closes the stream.
    """

    def __init__(self, daemon: Served, run_id: str, stack: ExitStack) -> None:
        self._stream = stack.enter_context(daemon.client.stream(run_id))
        self.errors: dict[str, int] = {}
        self.items: dict[int, str] = {}
        self.hello: dict[str, Any] = {}
        self.statuses: dict[str, str] = {}
        self.ended: dict[str, Any] | None = None

    def until(self, accepts: Callable[["Seen"], bool]) -> None:
        """Take events until something has been seen."""
        while not accepts(self):
            events = self._stream.next_events()
            assert events is not None, "the stream has ended"
            for each in events:
                self._take(each)

    def _take(self, event: StreamEvent) -> None:
        if event.name == "hello":
            self.hello = event.data
        if event.name == "errors":
            self.errors |= {each["message"]: each["count"] for each in event.data["groups"]}
        if event.name == "ended":
            self.ended = event.data
        self.statuses |= {name: task["status"] for name, task in event.data.get("tasks", {}).items()}
        for state, ranges in event.data.get("items", {}).get("check", {}).items():
            for each in ranges:
                first, last = (each, each) if isinstance(each, int) else each
                self.items |= dict.fromkeys(range(first, last + 1), state)


def test_the_stream_of_a_run_is_the_same_at_another_daemon(tmp_path: Path, postgres_url: str, stack: ExitStack) -> None:
    """With the errors and the states of items, for a client that has been there before them, and for one behind."""
    daemons = [daemon(stack, tmp_path / name, postgres_url) for name in ("owner", "other")]
    run_id = submit(daemons[0], "held.checks")
    early = [Seen(each, run_id, stack) for each in daemons]
    for seen in early:
        seen.until(lambda seen: seen.statuses.get("wait") == "running" and [*seen.errors.values()] == [3])
    late = [Seen(each, run_id, stack) for each in daemons]
    for seen in late:
        seen.until(lambda seen: [*seen.errors.values()] == [3])
        assert seen.hello["items"] == {"check": {"succeeded": [0, 2, 4], "failed": [1, 3, 5]}}
    for seen in (*early, *late):
        assert seen.items == {index: "failed" if index % 2 else "succeeded" for index in range(6)}
        assert seen.errors == early[0].errors
    daemons[1].client.ask(Cancel(run_id))
    for seen in (*early, *late):
        seen.until(lambda seen: seen.ended is not None)
        assert {message[:12]: count for message, count in seen.errors.items()} == {"ValueError: ": 3, "it was cance": 1}


def test_a_watched_run_of_a_killed_daemon_is_watched_at_the_one_that_continues_it(
    tmp_path: Path, postgres_url: str, stack: ExitStack
) -> None:
    """Its changes and its end arrive, also for those who wait for its outcome only."""
    owner = daemon(stack, tmp_path / "owner", postgres_url)
    run_id = submit(owner)
    watching = Watching(postgres_url, run_id)
    stack.callback(watching.stop)
    watching.until("running")
    daemon(stack, tmp_path / "taker", postgres_url)
    owner.signal(signal.SIGKILL)
    watching.pause_and_cancel()


def test_a_watched_run_of_a_drained_daemon_is_watched_at_the_next_one(
    tmp_path: Path, postgres_url: str, stack: ExitStack
) -> None:
    owner = daemon(stack, tmp_path / "owner", postgres_url)
    run_id = submit(owner)
    watching = Watching(postgres_url, run_id)
    stack.callback(watching.stop)
    watching.until("running")
    daemon(stack, tmp_path / "taker", postgres_url)
    of_runs = {each["runs"]: each["daemon"] for each in watching.engine.daemons().get(timeout=PATIENCE)}
    watching.engine.drain_daemon(of_runs[1]).get(timeout=PATIENCE)
    watching.pause_and_cancel()
    assert owner.process.poll() is None


def test_a_watched_run_is_watched_after_a_restart_of_the_server(tmp_path: Path, stack: ExitStack) -> None:
    server = PostgresServer()
    stack.callback(server.remove)
    server.start()
    url = server.url()
    owner = daemon(stack, tmp_path / "owner", url)
    run_id = submit(owner)
    watching = Watching(url, run_id)
    stack.callback(watching.stop)
    watching.until("running")
    server.halt()
    server.resume()
    watching.pause_and_cancel()
