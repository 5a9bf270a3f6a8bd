"""The daemon's end of the socket: many clients on one event loop, none of which can block another."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.dispatch import call, call_then
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway.acceptor import Acceptor
from stretto.actors.gateway.connection import READ_BYTES, Connection, RequestMemory
from stretto.actors.gateway.socket_file import may_connect, origin_of
from stretto.actors.journal import NoStore
from stretto.actors.operations import OPERATIONS, Follower, Following, ProgressRelay, answers, ask, frames_of, requests
from stretto.actors.outcome import RunHandle, abandoned
from stretto.actors.process import give_back, withhold
from stretto.actors.runs import RunEnded, RunParked, RunProgressed
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import InvalidDefinition, StrettoError, UnknownWorkflow
from stretto.definitions.model import Workflow
from stretto.metrics import get_logger

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue
    from stretto.actors.runs import Services

MAX_CLIENTS: Final = 1024
WORKERS: Final = 2
"""Threads for work of milliseconds, which would block the loop: reading definitions, encoding exports."""
LAST_WORDS_SECONDS: Final = 5.0
"""How long clients may take to read their last answer when the daemon stops."""

_log = get_logger("stretto.gateway")


class Gateway:
    """Serves run requests. All of it runs in the event loop that starts it.

    `abandoned` counts the runs that ended because the engine was stopped.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine
        self._following = Following()
        self._workers = ThreadPoolExecutor(WORKERS, "stretto-gateway")
        self._clients: set[asyncio.Task[None]] = set()
        self._silent: set[asyncio.Task[None]] = set()
        # The runs whose progress the relay gets: a second client must not make it get the same twice.
        self._watched: set[str] = set()
        self.abandoned = 0
        self._memory = RequestMemory()
        self._handlers: dict[type, Callable[[Any, Connection], Awaitable[None]]] = {
            **dict.fromkeys(OPERATIONS, self._ask),
            requests.Submit: self._submit,
            requests.Describe: self._describe,
            requests.Watch: self._watch,
            requests.Export: self._export,
        }

    async def start(self, listener: socket.socket) -> None:
        """Start accepting connections. The caller closes the listener."""
        self._relay = ProgressRelay.start(asyncio.get_running_loop(), self._take)
        await call(self._engine, EngineHost.subscribe_to_ends, self._relay)
        services: Services = await call(self._engine, EngineHost.services)
        self._acceptor = Acceptor(
            listener, self._serve, limit=READ_BYTES, on_pause=services.instruments.accept_pauses.inc
        )

    async def stop(self) -> None:
        """Stop accepting, give clients LAST_WORDS_SECONDS to read, then close. Call after the engine has stopped."""
        self._acceptor.close()
        # Its stop message comes last: every outcome has reached the followers by then.
        await asyncio.to_thread(self._relay.stop)
        for client in tuple(self._silent):
            client.cancel()
        if self._clients:
            _, late = await asyncio.wait(self._clients, timeout=LAST_WORDS_SECONDS)
            for client in late:
                client.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._workers.shutdown()

    def _take(self, message: RunProgressed | RunEnded | RunParked) -> None:
        if not isinstance(message, RunProgressed):
            self._watched.discard(message.run_id)
        if isinstance(message, RunEnded):
            self.abandoned += message.outcome == abandoned()
        self._following.take(message)

    # ---- a client

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection must be served in a task of its own")
        peer = writer.get_extra_info("socket")
        connection = Connection(reader, writer, self._memory, origin_of(peer))
        self._clients.add(task)
        # A client that reads to the end would wait for a child's copy, too.
        withhold(peer)
        try:
            refused = self._refused(peer)
            if refused is not None:
                await connection.send(refused)
            else:
                await self._answer(connection, task)
            await connection.close()
        except (ConnectionError, TimeoutError) as error:
            _log.debug("client_lost", reason=f"{type(error).__name__}: {error}")
        except asyncio.CancelledError:
            # The gateway stops. asyncio of Python 3.11 would log a cancelled task as an exception in its callback.
            pass
        finally:
            give_back(peer)
            connection.cut_off()
            self._clients.discard(task)

    def _refused(self, peer: socket.socket) -> answers.Refused | None:
        if not may_connect(peer):
            _log.warning("client_refused", reason="another user's process")
            return answers.Refused("not_allowed", "this daemon serves its own user and root only")
        if len(self._clients) > MAX_CLIENTS:
            return answers.Refused("busy", f"{MAX_CLIENTS:,} clients are connected already (MAX_CLIENTS)")
        return None

    async def _answer(self, connection: Connection, task: asyncio.Task[None]) -> None:
        try:
            self._silent.add(task)
            try:
                request = await connection.request()
            finally:
                self._silent.discard(task)
            if request is not None:
                await self._handlers[type(request)](request, connection)
        except InvalidDefinition as error:
            details = list(error.findings)
            findings = [str(each) for each in details]
            await connection.send(answers.Refused(error.code, "the definition cannot be used", findings, details))
        except StrettoError as error:
            await connection.send(answers.Refused(error.code, str(error)))
        except pykka.ActorDeadError:
            await connection.send(answers.Refused("engine_stopped", "the daemon is stopping"))
        except (ConnectionError, TimeoutError):
            raise
        except Exception:  # noqa: BLE001 - one bad request harms no other client
            _log.exception("request_failed")
            await connection.send(answers.Refused("internal_error", "the request failed, see the daemon's log"))

    # ---- requests

    async def _ask(self, request: Any, connection: Connection) -> None:
        await connection.send(await ask(self._engine, request, connection.origin))

    async def _submit(self, request: requests.Submit, connection: Connection) -> None:
        workflow = await self._find(request.workflow)
        # With a key, the run may be an earlier one, in progress or ended.
        watched_from_the_start = request.follow and request.idempotency_key is None
        with self._follower() as follower:
            handle = await call_then(
                lambda handle: self._accepted(handle.id, follower) if watched_from_the_start else None,
                self._engine, Engine.submit, workflow, request.inputs,
                self._relay if watched_from_the_start else None, idempotency_key=request.idempotency_key,
                labels=request.labels, origin=connection.origin,
            )  # fmt: skip
            await connection.send(answers.Accepted(handle.id, handle.workflow))
            if watched_from_the_start:
                await self._send_news(follower, connection)
            elif request.follow:
                await self._follow(handle.id, follower, connection, handle)

    async def _watch(self, request: requests.Watch, connection: Connection) -> None:
        with self._follower() as follower:
            await self._follow(request.run, follower, connection)

    async def _follow(
        self, run_id: str, follower: Follower, connection: Connection, handle: RunHandle | None = None
    ) -> None:
        """Send a run's progress and outcome, or the outcome of an ended run."""
        # Before the call: the run may end between its answer and the next line.
        self._following.add(run_id, follower)
        if run_id not in self._watched:
            try:
                await call_then(lambda _: self._watched.add(run_id), self._engine, Engine.watch, run_id, self._relay)
            except IllegalTransition as has_ended:
                if not follower.has_ended:
                    await connection.send(await self._end_of(run_id, handle, has_ended))
                    return
        await self._send_news(follower, connection)

    async def _end_of(self, run_id: str, handle: RunHandle | None, has_ended: IllegalTransition) -> answers.Ended:
        """Return a run's outcome from its handle or the store. Raises `has_ended` if there is neither."""
        tasks = (await call(self._engine, Engine.status, run_id))["tasks"]
        if handle is not None:
            outcome = await asyncio.to_thread(handle.outcome.get)
            return answers.Ended(run_id, outcome.status, outcome.output, outcome.errors, tasks)
        try:
            run = await call(self._engine, Engine.run, run_id)
        except NoStore:
            raise has_ended from None
        return answers.Ended(run_id, run["status"], run["output"], run["errors"], tasks)

    async def _export(self, request: requests.Export, connection: Connection) -> None:
        frames = frames_of(await call(self._engine, Engine.export, request.run))
        loop = asyncio.get_running_loop()
        while (frame := await loop.run_in_executor(self._workers, next, frames, None)) is not None:
            await connection.send(frame)

    async def _describe(self, request: requests.Describe, connection: Connection) -> None:
        workflow = await self._find(request.workflow)
        types: dict[str, str] = {name: parameter.type for name, parameter in workflow.parameters.items()}
        await connection.send(answers.Described(workflow.ref, types))

    # ---- helpers

    def _accepted(self, run_id: str, follower: Follower) -> None:
        self._watched.add(run_id)
        self._following.add(run_id, follower)

    @contextlib.contextmanager
    def _follower(self) -> Iterator[Follower]:
        follower = Follower()
        try:
            yield follower
        finally:
            self._following.remove(follower)

    async def _send_news(self, follower: Follower, connection: Connection) -> None:
        """Send news until the outcome is sent or the client leaves."""
        left = asyncio.ensure_future(connection.left())
        try:
            while not left.done():
                news = asyncio.ensure_future(follower.news())
                await asyncio.wait({news, left}, return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    return
                await connection.send(news.result())
                if not isinstance(news.result(), answers.Progress):
                    return
        finally:
            left.cancel()

    async def _find(self, workflow: str | requests.Definition) -> Workflow:
        catalogue: Catalogue = await call(self._engine, EngineHost.catalogue)
        if isinstance(workflow, requests.Definition):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._workers, catalogue.read_text, workflow.text, workflow.file)
        if "/" in workflow or Path(workflow).suffix in {".yaml", ".yml"}:
            raise UnknownWorkflow(f"a daemon does not open clients' paths: send the text of {workflow!r} instead")
        return catalogue.find(workflow)
