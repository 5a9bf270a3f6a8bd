"""The sensors of an engine: which ones it runs, and the thread that runs them.

use(programs) --claim--> those that no other engine runs --> SupervisedSensor --lines--> EventIntake
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from stretto.actors.actions import PackAccess, use_pack_access
from stretto.actors.dispatch import Deferred, awaitable
from stretto.actors.journal import SensorLink
from stretto.actors.outcome import EngineStopping
from stretto.actors.process import ProtectedLoop
from stretto.actors.sensors.api import SensorApi
from stretto.actors.sensors.launching import processes_of
from stretto.actors.sensors.program import SensorProgram
from stretto.actors.sensors.reports import (
    figures_of,
    log_as_json,
    no_process_error,
    sensor_as_json,
    unknown_sensor_error,
)
from stretto.actors.sensors.supervisor import SensorStatus, SensorSurroundings, SupervisedSensor
from stretto.definitions.errors import StrettoError
from stretto.metrics import SensorFigures, get_logger

CLAIM_RETRY_SECONDS: Final = 5.0

_log = get_logger("stretto.sensors")


class SensorKeeper:
    """Runs sensors on an event loop of their own. Its methods may be called on any thread, and do not wait.

    Args:
        link: Claims sensors.
        surroundings: What sensors work with.
        access: The keys and the user for the sensors of packs.
    """

    def __init__(self, link: SensorLink, surroundings: SensorSurroundings, access: PackAccess | None) -> None:
        self._link = link
        self._with = surroundings
        self._programs: dict[str, SensorProgram] = {}
        self._statuses: dict[str, SensorStatus] = {}
        self._own: dict[str, SupervisedSensor] = {}
        self._changed = asyncio.Event()
        self._claimed = False
        self._gives_up = False
        self._waiting: list[Callable[[], None]] = []
        """The requests that wait for the first claim."""
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._api = SensorApi(surroundings.limits.max_events_per_second, access)
        self._lock = threading.Lock()
        self._has_ended = False
        self._loop = ProtectedLoop()
        if access is not None:
            use_pack_access(self._loop.loop, access)
        self._thread = threading.Thread(target=self._serve, name="stretto-sensors")
        self._thread.start()

    def use(self, programs: Mapping[str, SensorProgram]) -> None:
        """Run these sensors from now on, and no others."""
        self._call(lambda: self._use(dict(programs)))

    def give_up(self) -> None:
        """End all sensors, and leave them to the other engines of the store from now on."""

        def act() -> None:
            self._gives_up = True
            self._changed.set()

        self._call(act)

    def begin_stop(self) -> None:
        """End all sensors. `stop` waits for it."""
        self._call(self._stopping.set)

    def stop(self) -> None:
        """End all sensors, and wait for their end."""
        self.begin_stop()
        self._thread.join()

    def figures(self) -> SensorFigures:
        """Return the figures for the metrics."""
        own = dict(self._own)
        return figures_of([each for ref, each in tuple(self._statuses.items()) if ref not in own], own.values())

    # ---- requests

    def list(self) -> Deferred:
        """Return all sensors, by ref."""
        return self._ask(lambda: [self._report(ref) for ref in sorted(self._programs)])

    def show(self, ref: str) -> Deferred:
        """Return a sensor. Fails with `UnknownSensor`."""
        return self._ask(lambda: self._report(self._find(ref).ref))

    def logs(self, ref: str, count: int) -> Deferred:
        """Return the newest lines of a sensor's log. Fails with `UnknownSensor` and as `restart` does."""
        return self._ask(lambda: log_as_json(self._of_ours(ref), count))

    def check(self, ref: str) -> Deferred:
        """Return a sensor that this engine runs. Fails as `restart` does."""

        def look() -> dict[str, Any]:
            self._of_ours(ref)
            return self._report(ref)

        return self._ask(look)

    def restart(self, ref: str) -> Deferred:
        """End a sensor and start it anew.

        Returns:
            The sensor, as its end is begun. Fails with `UnknownSensor`, or with `SensorElsewhere` or `SensorDisabled`
            if this engine does not run it.
        """

        def begin() -> dict[str, Any]:
            sensor = self._of_ours(ref)
            self._tasks.add(task := asyncio.create_task(sensor.restart()))
            task.add_done_callback(self._tasks.discard)
            return self._report(ref)

        return self._ask(begin)

    def _report(self, ref: str) -> dict[str, Any]:
        return sensor_as_json(self._programs[ref], self._statuses[ref], self._own.get(ref))

    def _find(self, ref: str) -> SensorProgram:
        program = self._programs.get(ref)
        if program is None:
            raise unknown_sensor_error(ref, self._programs)
        return program

    def _of_ours(self, ref: str) -> SupervisedSensor:
        program = self._find(ref)
        sensor = self._own.get(ref)
        if sensor is None:
            raise no_process_error(program, self._statuses[ref])
        return sensor

    def _ask(self, act: Callable[[], Any]) -> Deferred:
        """Answer a request on the loop, once sensors were claimed for the first time."""
        answer = Deferred()

        def run() -> None:
            try:
                answer.resolve(act())
            except StrettoError as error:
                answer.fail(error)

        def enqueue() -> None:
            if self._claimed:
                run()
            else:
                self._waiting.append(run)

        if not self._call(enqueue):
            answer.fail(EngineStopping("the engine is being stopped: its sensors have ended"))
        return answer

    def _call(self, act: Callable[[], object]) -> bool:
        """Call a function on the loop. Return False if the loop takes no more calls."""
        with self._lock:
            if self._has_ended:
                return False
            self._loop.loop.call_soon_threadsafe(act)
            return True

    # ---- the loop

    def _serve(self) -> None:
        try:
            with self._loop.protected():
                self._loop.loop.run_until_complete(self._run())
                self._loop.loop.run_until_complete(self._loop.loop.shutdown_default_executor())
                self._take_no_more()
                self._loop.loop.run_until_complete(asyncio.sleep(0))  # calls from before that take their turn
        finally:
            self._take_no_more()
            self._loop.close()

    def _take_no_more(self) -> None:
        with self._lock:
            self._has_ended = True

    async def _run(self) -> None:
        working = [asyncio.create_task(self._claim_always()), asyncio.create_task(self._count_processes())]
        await self._stopping.wait()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await self._end(tuple(self._own.values()))
        self._statuses = dict.fromkeys(self._programs, "stopped")
        self._own = {}
        self._with.changed()
        self._claimed = True  # a request that comes now waits for no claim
        self._answer_waiting()

    def _use(self, programs: dict[str, SensorProgram]) -> None:
        self._programs = programs
        most = self._with.limits.max_sensors
        enabled = sorted(ref for ref, program in programs.items() if program.enabled)
        for ref in enabled[most:]:
            _log.error("sensor_refused", sensor=ref, reason=f"more than {most:,} sensors (sensors.max_sensors)")
        refused = frozenset(enabled[most:])
        self._statuses = {
            ref: "refused" if ref in refused else "elsewhere" if program.enabled else "disabled"
            for ref, program in programs.items()
        }
        self._with.changed()
        self._changed.set()

    async def _claim_always(self) -> None:
        """Claim sensors after each change of the definitions, and what other engines have left."""
        await self._changed.wait()
        while True:
            self._changed.clear()
            seconds = await self._claim_safely()
            self._claimed = True
            self._answer_waiting()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)

    async def _claim_safely(self) -> float | None:
        """Claim sensors. An error is not the end of claiming. Return when to claim again, in seconds."""
        try:
            return await self._claim()
        except StrettoError as error:
            _log.warning("sensors_not_claimed", reason=str(error))
        except Exception:  # noqa: BLE001 - the next claim may succeed
            _log.exception("sensors_not_claimed")
        return CLAIM_RETRY_SECONDS

    async def _claim(self) -> float | None:
        """Claim sensors once, and run those. Return when to claim again, in seconds."""
        able = [ref for ref, status in self._statuses.items() if status == "elsewhere"]
        wanted = [] if self._gives_up else able
        # Their processes end before another engine can claim them.
        await self._drop([each for ref, each in self._own.items() if ref not in wanted])
        claimed: frozenset[str] = await awaitable(self._link.claim_sensors(wanted))
        # The definitions may have changed again meanwhile. Then another claim follows.
        programs = {ref: self._programs[ref] for ref in claimed if ref in self._programs}
        await self._drop([each for ref, each in self._own.items() if each.program != programs.get(ref)])
        for ref, each in self._own.items():
            each.use_triggers(programs[ref])
        for ref, program in programs.items():
            if ref not in self._own:
                self._own[ref] = SupervisedSensor(program, self._with, self._api)
                self._own[ref].start()  # which is a change
        return self._link.claim_seconds

    async def _drop(self, sensors: Collection[SupervisedSensor]) -> None:
        await self._end(sensors)
        for each in sensors:
            del self._own[each.program.ref]
        if sensors:
            self._with.changed()

    async def _end(self, sensors: Iterable[SupervisedSensor]) -> None:
        await asyncio.gather(*(each.stop() for each in sensors))

    async def _count_processes(self) -> None:
        most = self._with.limits.max_processes
        while True:
            await asyncio.sleep(self._with.limits.census_seconds)
            running = {each.process.pid: each for each in self._own.values() if each.process is not None}
            for pid, number in _census(frozenset(running)).items():
                if number > most:
                    running[pid].end_process(f"it has {number:,} processes, and {most:,} are allowed "
                                             "(the setting sensors.max_processes)")  # fmt: skip

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer()


def _census(sessions: frozenset[int]) -> dict[int, int]:
    """Return the number of processes of each session. Without descriptors to count them, that is none."""
    try:
        return processes_of(sessions)
    except OSError as error:
        _log.warning("sensor_processes_not_counted", reason=str(error))
        return {}
