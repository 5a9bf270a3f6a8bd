"""The daemon's life cycle: start in order, serve until a signal, drain, stop in reverse."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import pykka

from stretto.actors.access import local_caller
from stretto.actors.actions import AddressPolicy, InquiryLimits, RemoteLimits
from stretto.actors.daemon.collector import Collector
from stretto.actors.daemon.descriptors import raise_descriptor_limit
from stretto.actors.daemon.diagnostics import log_diagnostics
from stretto.actors.daemon.notify import notify
from stretto.actors.daemon.pools import pool_options
from stretto.actors.daemon.reloading import Reloading
from stretto.actors.daemon.watchdog import interval_asked_for, notify_while_answering
from stretto.actors.daemon.watching import watching
from stretto.actors.dispatch import call
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway import (
    Check,
    DaemonSide,
    Gateway,
    PacedLoop,
    SocketFile,
    certificate_of,
    check_exposure,
    default_path,
    group_of,
    open_port,
)
from stretto.actors.journal import KeyLimits
from stretto.actors.process import give_back, in_children
from stretto.actors.sensors import SensorLimits
from stretto.actors.settings import SensorSettings, Settings
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

if TYPE_CHECKING:
    from stretto.actors.runs import Services

STOPPED: Final = 0
"""Exit code: every run had ended or was parked."""
ABANDONED: Final = 1
"""Exit code: unfinished runs were abandoned, or the engine failed."""
HEALTH_SECONDS: Final = 5.0
"""How long the engine may take to answer a probe; its turns take microseconds."""
STANDING_SECONDS: Final = 5.0
"""A dispatcher that takes no turn for longer makes the daemon unready."""

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_SIGNALS: Final = (*_STOPS, signal.SIGHUP, signal.SIGUSR1)
_FILES_CHANGED: Final = "files_changed"
_Event: TypeAlias = signal.Signals | Literal["files_changed"] | None
"""A signal, a change of the watched folders, or the end."""
_RELOADS: Final[Mapping[_Event, str]] = {signal.SIGHUP: "signal", _FILES_CHANGED: "watch"}
"""The events that reload the definitions, each with how the audit names it."""
_log = get_logger("stretto.daemon")


class Daemon:
    """Serves until a signal stops it.

    Args:
        settings: The effective settings.
        config: The file that they are from, or None. Workflows must not read or write it.
        announce: Called when the daemon is ready, with a URL that logs its user in in a browser. None makes none.
    """

    def __init__(
        self, settings: Settings, config: str | None = None, announce: Callable[[str], None] | None = None
    ) -> None:
        self._settings = settings
        self._announce = announce
        own = (config, settings.serve.tokens_file, settings.serve.tls_cert, settings.serve.tls_key)
        self._protected: tuple[str, ...] = tuple(path for path in own if path is not None)
        self._state = "starting"
        self._events: asyncio.Queue[_Event] = asyncio.Queue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._engine_broke = False

    def run(self) -> int:
        """Serve in an event loop that bounds the time of clients that are not known. Returns and raises as `serve`."""
        with asyncio.Runner(loop_factory=PacedLoop) as runner:
            return runner.run(self.serve())

    async def serve(self) -> int:
        """Start, serve, drain, stop; return the exit code.

        Raises `CannotServe`, and what `Engine.start` raises; then nothing is left running.
        """
        raise_descriptor_limit()
        # The loop's handlers use signal.set_wakeup_fd: the loop wakes up whichever thread gets the signal.
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._events.put_nowait, number)
        serve = self._settings.serve
        check_exposure(serve, stored=self._settings.engine.store is not None)
        self._certificate = certificate_of(serve)
        path = Path(serve.socket) if serve.socket is not None else default_path()
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(in_children(_take_no_signals))
            socket_file = SocketFile(path, group_of(serve))
            self._protected += socket_file.files
            listener = socket_file.open()
            stack.callback(socket_file.close)
            if serve.watch:
                # Before the engine reads the definitions: later changes reload them.
                await stack.enter_async_context(self._watching_definitions())
            port, url = open_port(serve.host, serve.port, "http" if self._certificate is None else "https")
            stack.callback(_close, port)
            probes = {"/healthz": self._health, "/readyz": self._readiness}
            gateway = self._gateway = Gateway(probes, url, serve, self._certificate)
            gateway.listen(listener, port)
            _log.info("listening", url=url, socket=str(path))
            try:
                self._engine = await stack.enter_async_context(self._running_engine())
                self._services: Services = await call(self._engine, EngineHost.services)
                self._collector = Collector(lambda: self._services.dispatcher.alive().get("ItemActor", 0))
                stack.enter_context(self._collector.running())
                gc.enable()  # the command has disabled it for the start
                self._reloading = Reloading(self._engine, self._settings, self._collector.definitions_replaced)
                await gateway.start(self._engine, DaemonSide(self._settings, self._reloading.reload))
                if (interval := interval_asked_for()) is not None:
                    ask = partial(call, self._engine, Engine.runs_in_progress)
                    stack.callback(asyncio.create_task(notify_while_answering(ask, interval)).cancel)
                await self._serve_until_stopped(url, path)
            finally:
                await gateway.stop()
            _log.info("stopped", abandoned=gateway.abandoned)
            return ABANDONED if gateway.abandoned or self._engine_broke else STOPPED

    def _watching_definitions(self) -> contextlib.AbstractAsyncContextManager[None]:
        engine = self._settings.engine
        return watching((*engine.definitions, *engine.packs), lambda: self._events.put_nowait(_FILES_CHANGED))

    @contextlib.asynccontextmanager
    async def _running_engine(self) -> AsyncIterator[pykka.ActorRef[Any]]:
        http = self._settings.http
        engine, kv = self._settings.engine, self._settings.kv
        policy = AddressPolicy(tuple(map(ip_network, http.deny)), tuple(map(ip_network, http.allow)))
        reference = await asyncio.to_thread(
            Engine.start, engine.definitions, engine.store, engine.actions,
            max_items_in_flight=engine.max_items_in_flight, threads=engine.threads, dispatchers=engine.dispatchers,
            max_threads_left_behind=engine.max_threads_left_behind,
            workers=engine.workers, max_worker_bytes=engine.max_worker_bytes, pack_workers=engine.pack_workers,
            max_pack_process_bytes=engine.max_pack_process_bytes, max_pack_actions=engine.max_pack_actions,
            remote_limits=RemoteLimits(self._settings.remote.max_hosts, self._settings.remote.max_output_bytes),
            worker_calls=engine.worker_calls, worker_idle_seconds=engine.worker_idle_seconds,
            max_runs=engine.max_runs, max_result_bytes=engine.max_result_bytes, addresses=policy,
            max_retry_after=http.max_retry_after, max_http_connections=http.max_connections, packs=engine.packs,
            max_output_bytes=engine.max_output_bytes, capture_output=True,
            pack_config=engine.pack_config, keystore=engine.keystore, artifacts=engine.artifacts,
            run_packs_as=self._settings.packs.run_as,
            rendered_commands=self._settings.core_local.rendered_cmd,
            store_key=engine.store_key, store_lease=engine.store_lease,
            retain_days=engine.retain_days, retain_runs=engine.retain_runs,
            retain_audit_days=self._settings.audit.retain_days,
            retain_event_days=self._settings.events.retain_days,
            max_unmatched_waits=self._settings.events.max_unmatched_waits,
            max_match_units=self._settings.events.max_match_units,
            inquiry_limits=InquiryLimits(self._settings.inquiries.max_made, self._settings.inquiries.max_bytes),
            protected=self._protected, expression_limits=self._settings.expressions.as_limits(),
            key_limits=KeyLimits(kv.max_bytes, kv.max_keys, kv.max_value_bytes),
            files_read=self._settings.files.read, files_write=self._settings.files.write,
            files_shared=self._settings.files.shared, files_host=self._settings.files.host,
            sensors=_sensor_limits(self._settings.sensors),
            pools=pool_options(self._settings.pools, engine.actions), runs_on=engine.runs_on,
        )  # fmt: skip
        # Inspecting the actor for a proxy takes too long for a probe.
        self._proxy: Any = reference.proxy()
        try:
            yield reference
        finally:
            if reference.is_alive():
                await self._stop_engine(0)

    async def _become_ready(self, url: str, path: Path) -> None:
        """Become ready once all unfinished runs are recovered. Run requests are answered meanwhile."""
        self._state = "recovering"
        await call(self._engine, EngineHost.recovered)
        workflows = await call(self._engine, Engine.workflows)
        if self._state == "recovering":
            self._state = "ready"
            _log.info("ready", url=url, socket=str(path), workflows=len(workflows), process=os.getpid())
            notify("READY=1", f"STATUS=ready: {len(workflows)} workflows")
            if self._announce is not None:
                self._announce(await self._gateway.enter_url(local_caller(os.getuid())))

    async def _serve_until_stopped(self, url: str, path: Path) -> None:
        self._begin(self._become_ready(url, path))
        breaking = asyncio.create_task(self._end_with_the_engine())
        while (event := await self._events.get()) is not None:
            if event == signal.SIGHUP and self._certificate is not None:
                self._begin(asyncio.to_thread(self._certificate.reload))
            if event in _RELOADS:
                self._begin(self._reload(_RELOADS[event]))
            elif event == signal.SIGUSR1:
                log_diagnostics(self._services.dispatcher.alive())
            elif self._state != "draining":
                self._drain()
            else:
                self._stop_at_once()
        breaking.cancel()
        # A task may have asked an engine that has failed.
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, pykka.ActorDeadError):
                raise outcome

    # ---- the end

    async def _end_with_the_engine(self) -> None:
        """Stop when the engine fails: the service manager restarts a daemon that has exited."""
        try:
            await call(self._engine, EngineHost.broken)
        except pykka.ActorDeadError:
            if self._state == "draining":
                return  # the engine was stopped
        self._engine_broke = True
        _log.critical("engine_ended", hint="the lines above say why; the daemon stops, too")
        notify("STOPPING=1", "STATUS=the engine has failed")
        self._events.put_nowait(None)

    def _drain(self) -> None:
        self._state = "draining"
        seconds = self._settings.serve.drain_seconds
        _log.info("draining", drain_seconds=seconds)
        notify("STOPPING=1", "STATUS=draining: waiting for the runs in progress")
        self._begin(self._end_after(self._stop_engine(seconds)))

    def _stop_at_once(self) -> None:
        _log.warning("stopping_at_once")
        for number in _STOPS:
            # An action's function that never returns would keep the process: a third signal kills it.
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        self._begin(self._stop_engine(0))

    async def _end_after(self, stopped: Any) -> None:
        await stopped
        self._events.put_nowait(None)

    def _stop_engine(self, grace: float) -> "asyncio.Future[None]":
        """Stop the engine, unless it has stopped. The answer comes when all its threads have ended: a thread waits."""
        answer = self._proxy.stop(grace)

        def wait() -> None:
            with contextlib.suppress(pykka.ActorDeadError):
                answer.get()

        return asyncio.ensure_future(asyncio.to_thread(wait))

    async def _reload(self, via: str) -> None:
        """Read all definitions again. The log says what came of it.

        Args:
            via: How it was asked for, for the audit.
        """
        with contextlib.suppress(StrettoError, pykka.ActorDeadError):
            await self._reloading.reload(local_caller(os.getuid(), via).asks())

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- probes

    async def _health(self) -> Check:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                runs = await call(self._engine, Engine.runs_in_progress)
        except TimeoutError:
            return Check(well=False, reason=f"the engine has not answered for {HEALTH_SECONDS:g} seconds")
        except pykka.ActorDeadError:
            return Check(well=False, reason="the engine has stopped")
        return Check(well=True, reason=f"healthy: {runs} {'run' if runs == 1 else 'runs'} in progress")

    async def _readiness(self) -> Check:
        reason = self._services.journal.unavailable
        if reason is not None:
            return Check(well=False, reason=f"the store cannot be written: {reason}")
        if self._services.draining:
            return Check(well=False, reason="draining: it gives its runs to other daemons, and accepts no more")
        use = self._services.runners.thread_use
        if use.is_exhausted:
            reason = (
                f"no plain function can start: all {use.left_behind} threads hang in functions of ended items "
                "(engine.threads and engine.max_threads_left_behind)"
            )
            return Check(well=False, reason=reason)
        standing = self._services.dispatcher.standing_seconds()
        if standing > STANDING_SECONDS:
            reason = f"the dispatcher has taken no turn for {standing:.0f} seconds: an actor holds it"
            return Check(well=False, reason=reason)
        return Check(well=self._state == "ready", reason="; ".join((self._state, *self._lacking_pools())))

    def _lacking_pools(self) -> Iterator[str]:
        """Yield which pools have no worker. Requests are served without: only their items wait."""
        for name, pool in (self._services.pools or {}).items():
            if not pool.connected:
                yield f"the pool {name} has no worker" + (f": {pool.trouble}" if pool.trouble else "")


def _close(listener: socket.socket) -> None:
    give_back(listener)
    listener.close()


def _take_no_signals() -> None:
    """Give a forked child the default signals. It would write each of its own into the daemon's wake-up socket."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _sensor_limits(settings: SensorSettings) -> SensorLimits | None:
    """Return the bounds of the sensors, or None if the daemon runs none."""
    if not settings.run:
        return None
    return SensorLimits(
        max_sensors=settings.max_sensors, max_line_bytes=settings.max_line_bytes,
        max_events_per_second=settings.max_events_per_second, max_log_bytes=settings.max_log_bytes,
        max_processes=settings.max_processes, stop_seconds=settings.stop_seconds,
    )  # fmt: skip
