"""A run is watched at one daemon while others run it: they are killed, and the server of the store is restarted."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from stretto.actors import Engine
from stretto.actors.operations.answers import Accepted
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
"""
WORKFLOW = """
version: "1.0.0"
ref: held.work
cancellation_policy: cancel_running
tasks:
  - {name: a, action: held.wait, next: [{do: b}]}
  - {name: b, action: core.noop}
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
    (folder / "held_actions.py").write_text(ACTIONS)
    actions = str(folder / "held_actions.py")
    return stack.enter_context(
        serving(folder, "--store", url, "--actions", actions, STRETTO__ENGINE__STORE_LEASE=LEASE)
    )


def submit(daemon: Served) -> str:
    accepted = daemon.client.ask(Submit("held.work"))
    assert isinstance(accepted, Accepted)
    return accepted.run


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
