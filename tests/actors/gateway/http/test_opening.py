"""Requests to a gateway whose engine has not started yet."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stretto.actors import Engine
from stretto.actors.daemon.reloading import Reloading
from stretto.actors.dispatch import call
from stretto.actors.gateway.http import opening
from stretto.actors.gateway.http.daemon_side import DaemonSide
from stretto.actors.gateway.http.open_connections import MAX_CONNECTIONS_OF_A_PEER
from stretto.actors.gateway.http.server import Gateway, open_port
from stretto.actors.gateway.paced_loop import PacedLoop
from stretto.actors.operations import API
from stretto.actors.settings import ServeSettings, Settings
from stretto.actors.settings.model import EngineSettings
from tests.support.access import token_in
from tests.support.gateways import Reply, http, post, read_reply
from tests.support.waiting import PATIENCE

RUNS = f"{API}/runs"


class Early:
    """A gateway that listens. Its engine starts when the test says so."""

    def __init__(self, store: str, serve: ServeSettings) -> None:
        self._store = store
        self._serve = serve
        self.has_stopped = False
        self._port, self.url = open_port("127.0.0.1", 0)
        self.gateway = Gateway({}, self.url, serve)
        self.gateway.listen(self._port)

    async def start(self) -> None:
        """Start the engine."""
        self._engine = await asyncio.to_thread(Engine.start, store=self._store)
        settings = Settings(engine=EngineSettings(store=self._store), serve=self._serve)
        reloading = Reloading(self._engine, settings, lambda: None)
        await self.gateway.start(self._engine, DaemonSide(settings, reloading.reload))

    @property
    def port(self) -> int:
        """The number of the port."""
        number: int = self._port.getsockname()[1]
        return number

    async def ask(self, path: str, **headers: str) -> Reply:
        """Send a request, and return the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(http("GET", path, b"", **headers))
        try:
            return read_reply(await reader.read())
        finally:
            writer.close()

    async def stop(self) -> None:
        """Stop all that has started."""
        self.has_stopped = True
        if hasattr(self, "_engine"):
            await call(self._engine, Engine.stop, 0)
        await self.gateway.stop()
        self._port.close()


def run(folder: Path, test: Callable[[Early], Awaitable[None]], serve: ServeSettings | None = None) -> None:
    """Run a test with a gateway that listens."""

    async def main() -> None:
        early = Early(f"sqlite:///{folder}/store.db", serve or ServeSettings())
        try:
            await asyncio.wait_for(test(early), PATIENCE)
        finally:
            if not early.has_stopped:
                await early.stop()

    with asyncio.Runner(loop_factory=PacedLoop) as runner:
        runner.run(main())


def test_a_token_is_checked_when_it_can_be(tmp_path: Path) -> None:
    """A request waits for the start. A right token is never refused, a wrong one is then."""
    token = token_in(f"sqlite:///{tmp_path}/store.db", "viewer")

    async def test(early: Early) -> None:
        right = asyncio.ensure_future(early.ask(RUNS, authorization=f"Bearer {token}"))
        wrong = asyncio.ensure_future(early.ask(RUNS, authorization=f"Bearer {token}x"))
        while early.gateway._opening._waiting < 2:  # noqa: ASYNC110 - they come in the turns of this loop
            await asyncio.sleep(0)
        assert (await early.ask("/healthz")).body == b"healthy: starting\n"
        await early.start()
        assert ((await right).status, (await wrong).status) == (200, 401)
        assert (await early.ask(RUNS, authorization=f"Bearer {token}")).status == 200

    run(tmp_path, test)


def test_probes_are_answered_before_the_start(tmp_path: Path) -> None:
    """At once, to those who need no token for them; with the headers of all answers."""

    async def test(early: Early) -> None:
        alive, ready = await early.ask("/healthz"), await early.ask("/readyz")
        assert (alive.status, alive.body) == (200, b"healthy: starting\n")
        assert (ready.status, ready.body) == (503, b"starting\n")
        assert ready.headers["cache-control"] == "no-store"
        assert (await early.ask("/healthz", host="evil.example")).status == 421

    run(tmp_path, test)


def test_a_request_waits_for_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is to be sent again, as are probes of those who need a token."""
    monkeypatch.setattr(opening, "START_SECONDS", 0.0)

    async def test(early: Early) -> None:
        for path in (RUNS, "/healthz"):
            refused = await early.ask(path)
            assert (refused.status, refused.json["code"]) == (503, "engine_starting")
            assert int(refused.headers["retry-after"]) > 0

    run(tmp_path, test, ServeSettings(behind_proxy=("127.0.0.1",)))


def test_a_daemon_that_cannot_start_refuses_those_who_wait(tmp_path: Path) -> None:
    """At once."""

    async def test(early: Early) -> None:
        waiting = asyncio.ensure_future(early.ask(RUNS))
        while early.gateway._opening._waiting < 1:  # noqa: ASYNC110 - they come in the turns of this loop
            await asyncio.sleep(0)
        await early.stop()
        refused = await waiting
        assert (refused.status, refused.json["code"]) == (503, "engine_stopped")

    run(tmp_path, test)


def test_a_request_that_comes_as_the_daemon_gives_up_is_refused_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task begins behind the end."""

    async def test(early: Early) -> None:
        early.gateway._opening.give_up()
        monkeypatch.setattr(early.gateway._opening, "give_up", lambda: None)  # it has, when the gateway stops
        refused = await early.ask(RUNS)
        assert (refused.status, refused.json["code"]) == (503, "engine_stopped")

    run(tmp_path, test)


def test_requests_that_wait_leave_connections_to_probes_from_the_same_address(tmp_path: Path) -> None:
    """However many come."""

    async def test(early: Early) -> None:
        waiting = [asyncio.ensure_future(early.ask(RUNS)) for _ in range(MAX_CONNECTIONS_OF_A_PEER)]
        refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert {each.result().json["code"] for each in refused} == {"engine_starting"}
        assert (await early.ask("/healthz")).status == 200
        await early.stop()
        await asyncio.wait(waiting)

    run(tmp_path, test)


def test_a_client_that_leaves_makes_room_for_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, although its request has a body that no one has read."""
    monkeypatch.setattr(opening, "MAX_EARLY_REQUESTS", 1)

    async def test(early: Early) -> None:
        _, leaving = await asyncio.open_connection("127.0.0.1", early.port)
        leaving.write(post(RUNS, {"workflow": "left"}))
        while early.gateway._opening._waiting < 1:  # noqa: ASYNC110 - they come in the turns of this loop
            await asyncio.sleep(0)
        leaving.close()
        while early.gateway._opening._waiting:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        waiting = asyncio.ensure_future(early.ask(RUNS))
        while early.gateway._opening._waiting < 1:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        await early.start()
        assert (await waiting).status == 401

    run(tmp_path, test)


def test_few_requests_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them are refused at once."""
    monkeypatch.setattr(opening, "MAX_EARLY_REQUESTS", 1)

    async def test(early: Early) -> None:
        waiting = asyncio.ensure_future(early.ask(RUNS))
        while early.gateway._opening._waiting < 1:  # noqa: ASYNC110 - they come in the turns of this loop
            await asyncio.sleep(0)
        refused = await early.ask(RUNS)
        assert (refused.status, refused.json["code"]) == (503, "engine_starting")
        assert "1 requests wait for it (MAX_EARLY_REQUESTS)" in refused.json["detail"]
        assert (await early.ask("/healthz")).status == 200
        await early.start()
        assert (await early.ask("/healthz")).status == 404  # no probe was given
        assert (await waiting).status == 401

    run(tmp_path, test)
