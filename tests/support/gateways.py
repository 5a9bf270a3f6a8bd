"""A gateway for tests: a real socket in a folder, a real port, and an engine behind it."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pykka

from stretto.actors import Engine
from stretto.actors.daemon.reloading import Reloading
from stretto.actors.dispatch.asyncio_bridge import call
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.exposure import certificate_of
from stretto.actors.gateway.http.daemon_side import DaemonSide
from stretto.actors.gateway.http.probes import Check
from stretto.actors.gateway.http.server import Gateway, open_port
from stretto.actors.gateway.paced_loop import PacedLoop
from stretto.actors.gateway.socket_file import SocketFile
from stretto.actors.gateway.socket_users import group_of
from stretto.actors.settings import ServeSettings, Settings
from stretto.actors.settings.model import EngineSettings
from tests.support.waiting import PATIENCE

DEFAULTS = ServeSettings()


def with_gateway(folder: Path, test: Callable[[Client], Awaitable[None]], **settings: Any) -> None:
    """Run a test against a gateway of an engine of its own, which is stopped after it; so is the gateway."""
    with_port(folder, lambda client, _url: test(client), **settings)


def with_port(
    folder: Path, test: Callable[[Client, str], Awaitable[None]], tokens_file: Path | None = None, *,
    patience: float = PATIENCE, serve: ServeSettings = DEFAULTS, **settings: Any,
) -> None:  # fmt: skip
    """Run a test as `with_gateway` does. It also gets the URL of the gateway's port. `patience` is in seconds."""
    serve = _with_tokens(tokens_file, serve)
    _with_engine(folder, lambda opened: test(opened.client, opened.url), serve, settings, patience)


class Opened(NamedTuple):
    """A gateway that listens: a client of its socket, the URL of its port, and its engine."""

    client: Client
    url: str
    engine: pykka.ActorRef[Engine]


@contextmanager
def opened_gateway(
    folder: Path, tokens_file: Path | None = None, *, patience: float = PATIENCE, serve: ServeSettings = DEFAULTS,
    **settings: Any,
) -> Iterator[Opened]:  # fmt: skip
    """Run a gateway and its engine in another thread, for a test that waits itself, `patience` seconds at most."""
    told: queue.SimpleQueue[tuple[Opened, asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()

    async def hold(opened: Opened) -> None:
        leave = asyncio.Event()
        told.put((opened, asyncio.get_running_loop(), leave))
        await leave.wait()

    before = set(threading.enumerate())
    thread = threading.Thread(
        target=_with_engine, args=(folder, hold, _with_tokens(tokens_file, serve), settings, patience)
    )
    thread.start()
    try:
        opened, loop, leave = told.get(timeout=PATIENCE)
        try:
            yield opened
        finally:
            loop.call_soon_threadsafe(leave.set)
    finally:
        thread.join()
        # An engine gives up its store, and says so in its log, after its last answer.
        for each in set(threading.enumerate()) - before:
            if each.name == "stretto-stop":
                each.join(PATIENCE)


def _with_engine(
    folder: Path,
    test: Callable[[Opened], Awaitable[None]],
    serve: ServeSettings,
    settings: dict[str, Any],
    patience: float = PATIENCE,
) -> None:
    async def fine() -> Check:
        return Check(well=True, reason="fine")

    async def run() -> None:
        file = SocketFile(folder / "s", group_of(serve))
        engine = Engine.start(**settings)
        certificate = certificate_of(serve)
        port, url = open_port("127.0.0.1", 0, "http" if certificate is None else "https")
        definitions = settings.get("definitions", ())
        folders = (str(definitions),) if isinstance(definitions, str | Path) else tuple(map(str, definitions))
        daemon = Settings(engine=EngineSettings(definitions=folders, store=settings.get("store")), serve=serve)
        reloading = Reloading(engine, daemon, lambda: None)
        gateway = Gateway({"/healthz": fine}, url, serve, certificate)
        gateway.listen(file.open(), port)
        await gateway.start(engine, DaemonSide(daemon, reloading.reload))
        try:
            await test(Opened(Client(f"unix://{folder}/s"), url, engine))
        finally:
            await call(engine, Engine.stop, 0)
            await gateway.stop()
            port.close()
            file.close()

    async def bounded() -> None:
        await asyncio.wait_for(run(), patience)

    folder.chmod(0o700)
    with asyncio.Runner(loop_factory=PacedLoop) as runner:
        runner.run(bounded())


def _with_tokens(tokens_file: Path | None, serve: ServeSettings = DEFAULTS) -> ServeSettings:
    return msgspec.structs.replace(serve, tokens_file=None if tokens_file is None else str(tokens_file))


class Reply(NamedTuple):
    """The first answer on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes
    """All of it, as it came."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


def http(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a request as bytes."""
    lines = {"host": "localhost", "connection": "close", **{name.replace("_", "-"): v for name, v in headers.items()}}
    if body:
        lines = {"content-type": "application/json", "content-length": str(len(body)), **lines}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def post(target: str, value: Any) -> bytes:
    """Return a POST of a value as bytes."""
    return http("POST", target, msgspec.json.encode(value))


async def exchange(client: Client, data: bytes) -> Reply:
    """Send bytes on a connection of their own, and return the answer. The server has to close the connection."""
    reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
    writer.write(data)
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()


def read_reply(data: bytes) -> Reply:
    """Return the answer that bytes are."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Reply(int(first.split()[1]), headers, body, data)
