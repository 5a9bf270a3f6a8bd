"""The streams over a real listener: uvicorn's protocol without its loop, Starlette's routes, and a real engine."""

import asyncio
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from stretto.actors.gateway.guests import Guest
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.connections import Connection
from stretto.actors.gateway.http.open_connections import Connections
from stretto.actors.gateway.http.outlets import StreamSockets
from stretto.actors.gateway.live import subscription as subscriptions
from stretto.actors.gateway.live.endpoints import HAND_OVER, EngineStream, RunStream
from stretto.actors.gateway.live.hub import MAX_SESSION_STREAMS, LiveHub
from stretto.actors.gateway.live.source import EngineSource
from stretto.definitions.errors import StrettoError
from tests.support.engines import Bench
from tests.support.streaming import Client
from tests.support.waiting import PATIENCE

HELD = """
ref: test.held
cancellation_policy: cancel_running
tasks:
  - {name: first, action: core.noop, next: [{do: [second]}]}
  - {name: second, action: core.sleep, with_items: [1, 2, 3], concurrency: 3, input: {seconds: 1000}}
"""
SECRET = "sesame-sesame-open-9174"
FAILING = """
ref: test.secret
parameters: {key: {type: string, secret: true}}
tasks:
  - name: fails
    action: core.noop
    with_items: [1, 2]
    max_failures: 2
    input: {nothing: "{{ parameters.key }}", more: "{{ parameters.key | int }}"}
  - {name: waits, action: core.sleep, input: {seconds: 1000}}
cancellation_policy: cancel_running
output_map: {key: "{{ parameters.key }}"}
"""


async def refused(_request: Request, error: Exception) -> PlainTextResponse:
    """Answer an error as an application does."""
    return PlainTextResponse(f"{getattr(error, 'code', '')}: {error}", 409)


class Listener:
    """A listener on loopback, and a hub of an engine."""

    def __init__(self, bench: Bench, max_session_streams: int = MAX_SESSION_STREAMS) -> None:
        self.hub = LiveHub(EngineSource(bench.proxy.actor_ref), max_session_streams=max_session_streams)

    async def start(self) -> None:
        """Start to listen."""

        def session_of(_scope: Any) -> str:
            return "a browser"

        def workflows_of(_scope: Any) -> tuple[str, ...]:
            return ("test.held", "test.other")

        routes = [
            Route("/runs/{run}/stream", RunStream(self.hub, session_of)),
            Route("/stream", EngineStream(self.hub, session_of, workflows_of)),
        ]
        starlette = Starlette(routes=routes, exception_handlers={StrettoError: refused})

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"] = {HAND_OVER: scope["state"]["hand_over"]}
            await starlette(scope, receive, send)

        config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        self.sockets = StreamSockets(Connections())
        self._config = config
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0)
        self.port = self._listening.getsockname()[1]
        self._accepting = asyncio.ensure_future(self._accept())
        await self.hub.start()

    async def _accept(self) -> None:
        while True:
            raw, _ = await asyncio.get_running_loop().sock_accept(self._listening)
            place = Guest(raw.fileno(), "127.0.0.1", None)
            await Connection(self._config, self.sockets, Peer("127.0.0.1", None), place, lambda: None).open(
                raw, None, b""
            )

    async def stop(self) -> None:
        """Stop to listen. Every stream ends at once."""
        await self.hub.stop()
        self._accepting.cancel()
        self._listening.close()
        self.sockets.connections.abort()
        self.sockets.close()

    @asynccontextmanager
    async def get(
        self, path: str, last_id: str = "", *, receive_buffer: int | None = None
    ) -> AsyncIterator["Response"]:
        """Ask for a stream."""
        raw = socket.socket()
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=raw)
        last = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n".encode())
        try:
            yield Response(reader)
        finally:
            writer.transport.abort()


class Response:
    """A response that is read frame by frame."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._text = b""

    async def status(self) -> int:
        """Read the head."""
        self.head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), PATIENCE)
        return int(self.head.split()[1])

    async def frame(self) -> bytes | None:
        """Read a frame, or None at the end."""
        while b"\n\n" not in self._text:
            size = int(await asyncio.wait_for(self._reader.readline(), PATIENCE), 16)
            self._text += (await asyncio.wait_for(self._reader.readexactly(size + 2), PATIENCE))[:size]
            if not size:
                return None
        frame, self._text = self._text.split(b"\n\n", 1)
        return frame + b"\n\n"

    async def until(self, client: Client, reached: Callable[[], bool]) -> None:
        """Read until a client knows something."""
        while not reached():
            frame = await self.frame()
            assert frame is not None
            client.read(frame)


def serve(
    bench: Bench,
    test: Callable[[Listener], Coroutine[Any, Any, None]],
    max_session_streams: int = MAX_SESSION_STREAMS,
) -> None:
    """Run a test with a listener."""

    async def main() -> None:
        listener = Listener(bench, max_session_streams)
        await listener.start()
        try:
            await test(listener)
        finally:
            await listener.stop()

    asyncio.run(main())


def follow_to_the_end(bench: Bench, run_id: str) -> None:
    """Follow a run of HELD by a stream of an engine, and cancel it there."""

    async def test(listener: Listener) -> None:
        client = Client(lambda _task: None)
        async with listener.get(f"/runs/{run_id}/stream") as response:
            assert await response.status() == 200
            assert b"content-type: text/event-stream" in response.head
            await response.until(client, lambda: client.items.get("second") == (1, b"\1\1\1"))
            bench.proxy.cancel(run_id)
            await response.until(client, lambda: client.ended is not None)
            assert await response.frame() is None
        assert client.ended is not None
        assert (client.ended["run"], client.ended["status"], client.ended["output"]) == (run_id, "cancelled", None)
        assert client.items["second"] == (1, b"\6\6\6")
        assert {name: task["status"] for name, task in client.tasks.items()} == {
            "first": "succeeded",
            "second": "cancelled",
        }

    serve(bench, test)


def test_a_run_is_followed_to_its_end(bench: Bench) -> None:
    """The stream ends behind the outcome, and the connection is as it was."""
    follow_to_the_end(bench, bench.submit(HELD).id)


def test_a_run_of_another_engine_is_followed_to_its_end(start_bench: Callable[..., Bench], postgres_url: str) -> None:
    """By the same events, with the states of single items."""
    first, second = (start_bench(store=postgres_url, store_lease=600) for _ in range(2))
    follow_to_the_end(second, first.submit(HELD).id)


def test_a_client_continues_from_its_last_id(bench: Bench) -> None:
    """It gets what came after it, and no whole state."""
    run_id = bench.submit(HELD).id

    async def test(listener: Listener) -> None:
        client = Client(lambda _task: None)
        async with listener.get(f"/runs/{run_id}/stream") as response:
            await response.status()
            await response.until(client, lambda: client.items.get("second") == (1, b"\1\1\1") and bool(client.last_id))
        client.seen.clear()
        bench.proxy.pause(run_id).get(timeout=PATIENCE)
        async with listener.get(f"/runs/{run_id}/stream", client.last_id) as response:
            await response.status()
            await response.until(client, lambda: client.status == "pausing")
        assert set(client.seen) == {"changes"}

    serve(bench, test)


def test_a_client_continues_on_the_next_daemon(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """From the entries in the store: the numbers are the same."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    client = Client(lambda _task: None)
    first = start_bench(store=store)
    run_id = first.submit(HELD).id

    async def before(listener: Listener) -> None:
        async with listener.get(f"/runs/{run_id}/stream") as response:
            await response.status()
            await response.until(client, lambda: client.items.get("second") == (1, b"\1\1\1") and bool(client.last_id))

    serve(first, before)
    first.proxy.pause(run_id).get(timeout=PATIENCE)
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    second = start_bench(store=store)
    second.proxy.host.recovered().get(timeout=PATIENCE)
    second.proxy.resume(run_id).get(timeout=PATIENCE)
    client.seen.clear()

    async def after(listener: Listener) -> None:
        async with listener.get(f"/runs/{run_id}/stream", client.last_id) as response:
            await response.status()
            await response.until(client, lambda: bool(client.seen))
            assert client.seen == ["changes"]
            second.proxy.cancel(run_id)
            await response.until(client, lambda: client.ended is not None)
        assert client.ended is not None
        assert client.ended["status"] == "cancelled"

    serve(second, after)


def test_a_stop_ends_a_response(bench: Bench) -> None:
    """With `bye`, and the end of its body."""
    run_id = bench.submit(HELD).id

    async def test(listener: Listener) -> None:
        client = Client(lambda _task: None)
        async with listener.get(f"/runs/{run_id}/stream") as response:
            await response.status()
            await response.until(client, lambda: bool(client.seen))
            await listener.hub.stop()
            await response.until(client, lambda: client.seen[-1] == "bye")
            assert await response.frame() is None
        bench.proxy.cancel(run_id).get(timeout=PATIENCE)

    serve(bench, test)


def test_a_client_that_leaves_leaves_nothing_behind(bench: Bench) -> None:
    """The stream ends with its connection."""
    run_id = bench.submit(HELD).id

    async def test(listener: Listener) -> None:
        async with listener.get(f"/runs/{run_id}/stream") as response:
            await response.status()
            assert await response.frame() is not None
            assert listener.hub.streams == 1
        while listener.hub.streams:  # noqa: ASYNC110 - it ends in the turns of this loop
            await asyncio.sleep(0)
        bench.proxy.cancel(run_id).get(timeout=PATIENCE)

    serve(bench, test)


def test_what_cannot_be_streamed_is_refused(bench: Bench) -> None:
    """Before the response begins, so that the application answers."""

    async def test(listener: Listener) -> None:
        async with listener.get("/runs/nothing/stream") as response:
            assert await response.status() == 409
        async with listener.get("/stream") as one:
            assert await one.status() == 200
            async with listener.get("/stream") as response:
                assert await response.status() == 409

    serve(bench, test, max_session_streams=1)


def test_a_reader_that_stops_is_cut_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds neither memory nor the connection: what its system does not take is dropped."""
    monkeypatch.setattr(subscriptions, "LAST_WORDS_SECONDS", 0.0)
    run_id = bench.submit(HELD).id

    async def test(listener: Listener) -> None:
        async with listener.get(f"/runs/{run_id}/stream", receive_buffer=4096) as response:
            await response.status()
            (subscription,) = listener.hub._open
            while not subscription.lagging:
                subscription.put(b": " + b"x" * 30_000 + b"\n\n")
                await asyncio.sleep(0)
            while listener.hub.streams:  # noqa: ASYNC110 - it ends in the turns of this loop
                await asyncio.sleep(0)
        assert listener.hub.dropped == 1
        bench.proxy.cancel(run_id).get(timeout=PATIENCE)

    serve(bench, test)


def test_no_frame_has_a_secret(bench: Bench) -> None:
    """Of inputs, errors and outputs."""
    run_id = bench.submit(FAILING, {"key": SECRET}).id

    async def test(listener: Listener) -> None:
        client, frames = Client(lambda _task: None), list[bytes]()
        async with listener.get(f"/runs/{run_id}/stream") as response:
            await response.status()
            while "errors" not in client.seen:
                frames.append(await response.frame() or b"")
                client.read(frames[-1])
            bench.proxy.cancel(run_id)
            while client.ended is None:
                frames.append(await response.frame() or b"")
                client.read(frames[-1])
        assert SECRET.encode() not in b"".join(frames)

    serve(bench, test)


def test_the_news_of_runs_are_streamed_and_selected(bench: Bench) -> None:
    """By workflow and status, and by what the client may see."""
    hidden = bench.write(HELD.replace("test.held", "test.hidden"))

    async def test(listener: Listener) -> None:
        async with (
            listener.get("/stream") as all_news,
            listener.get("/stream?workflow=test.held&status=cancelled") as selected,
        ):
            assert await all_news.status() == 200
            assert await selected.status() == 200
            assert b'"in_progress":0' in (await all_news.frame() or b"") + (await all_news.frame() or b"")
            bench.proxy.cancel(bench.proxy.submit(hidden).get(timeout=PATIENCE).id).get(timeout=PATIENCE)
            handle = bench.submit(HELD)
            bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
            assert {each["workflow"] for each in await runs_until_end(all_news)} == {"test.held"}
            (only,) = await runs_until_end(selected)
            assert (only["run"], only["kind"], only["status"]) == (handle.id, "ended", "cancelled")

    serve(bench, test)


def test_a_stream_takes_little_memory(bench: Bench) -> None:
    """16 KiB at most, with its connection. What it sends is shared by all streams of a run."""
    run_id = bench.submit(HELD).id
    streams = 100

    async def test(listener: Listener) -> None:
        clients: list[socket.socket] = []

        async def more(count: int) -> None:
            for _ in range(count):
                client, connection = socket.socketpair()
                clients.append(client)
                stream = await listener.hub.follow_run(run_id)
                stream.attach(listener.sockets.open(connection, Peer("127.0.0.1", None), stream))
                connection.close()

        await more(1)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            await more(streams)
            taken = (tracemalloc.get_traced_memory()[0] - before) / streams
        finally:
            tracemalloc.stop()
        assert taken <= 16 * 1024
        await listener.hub.stop()
        await listener.hub.left()
        assert not listener.sockets.connections
        for each in clients:
            each.close()
        bench.proxy.cancel(run_id).get(timeout=PATIENCE)

    serve(bench, test, max_session_streams=streams + 1)


async def runs_until_end(response: Response) -> list[dict[str, Any]]:
    """Read the news up to the end of a run."""
    news: list[dict[str, Any]] = []
    while not news or news[-1]["kind"] != "ended":
        frame = await response.frame() or b""
        if b"event: run\n" in frame:
            news += json.loads(frame.split(b"data: ", 1)[1])["runs"]
    return news


def test_who_may_see_some_workflows_learns_only_how_many_of_their_runs_are_in_progress(bench: Bench) -> None:
    """With the runs below them. Others could be counted otherwise."""
    hidden = bench.write(HELD.replace("test.held", "test.hidden"))
    runs = [bench.proxy.submit(hidden).get(timeout=PATIENCE).id, bench.submit(HELD).id]

    async def test(listener: Listener) -> None:
        async with listener.get("/stream") as response:
            assert await response.status() == 200
            while b"in_progress" not in (frame := await response.frame() or b"in_progress"):
                pass
            assert b'"in_progress":1' in frame
        async with listener.get("/stream?status=cancelled&status=canceled") as response:
            assert await response.status() == 409, "as the list refuses it"

    serve(bench, test)
    for run in runs:
        bench.proxy.cancel(run).get(timeout=PATIENCE)
