"""One sensor: its process, which is started again for ever, each time after a longer wait."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from stretto.actors.actions import ActionFailed, ProcessUser, pack_access
from stretto.actors.events import EventIntake
from stretto.actors.sensors.api import SensorApi
from stretto.actors.sensors.conversation import Acceptance, AnswerRequest, Conversation, SensorCounts
from stretto.actors.sensors.launching import SensorProcess
from stretto.actors.sensors.lines import LineCutter
from stretto.actors.sensors.log import MAX_LOG_LINE, SensorLog
from stretto.actors.sensors.pacing import Pace
from stretto.actors.sensors.program import Prepared, SensorLimits, SensorProgram
from stretto.definitions.data import encode_json, freeze
from stretto.metrics import get_logger

SensorStatus: TypeAlias = Literal["running", "waiting", "failing", "disabled", "elsewhere", "refused", "stopped"]

ALERT_AFTER: Final = 3
"""The failures in a row after which a sensor counts as failing."""
DRAIN_SECONDS: Final = 10.0
"""How long what an ended process has written is still read."""
CHUNK_BYTES: Final = 65_536
EVENT_BYTES_PER_SECOND: Final = 8 * 1024 * 1024
"""How much of a sensor's standard output is read in a second."""
LOG_BYTES_PER_SECOND: Final = 1024 * 1024
"""How much of a sensor's standard error is read in a second."""

_log = get_logger("stretto.sensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSurroundings:
    """The surroundings of sensors.

    Attributes:
        intake: Accepts their events.
        answer: Answers their requests about the key-value store.
        now: Returns seconds since the epoch.
        limits: Their bounds.
        failing: Called when a sensor has failed `ALERT_AFTER` times in a row, with how it has ended.
        changed: Called when a sensor has another status.
    """

    intake: EventIntake
    answer: AnswerRequest
    now: Callable[[], float]
    limits: SensorLimits
    failing: Callable[[SensorProgram, int, str], object]
    changed: Callable[[], object] = lambda: None


class SupervisedSensor:
    """A sensor of this engine. Use it on the loop's thread only.

    Attributes:
        program: What runs.
        counts: What it has done.
        log: What it prints.
        status: Its status, before the time since its start is looked at.
        failures: Its ends in a row.
        restarts: How often its process was started again.
        began_at: When its process was started, in seconds since the epoch, or None.
        ended: How its process ended last, or "".
        process: Its process, or None.
    """

    def __init__(self, program: SensorProgram, surroundings: SensorSurroundings, api: SensorApi) -> None:
        self._with = surroundings
        self._api = api
        self.program = program
        self.counts = SensorCounts()
        self.log = SensorLog(surroundings.limits.max_log_bytes)
        self._status: SensorStatus = "stopped"
        self.failures = 0
        self.restarts = 0
        self.began_at: float | None = None
        self.ended = ""
        self.process: SensorProcess | None = None
        self.acceptance = Acceptance(program, surroundings.intake, surroundings.now, self.counts)
        self._loop = asyncio.get_running_loop()
        self._began = 0.0
        self._wake = asyncio.Event()
        self._known_triggers = program.triggers
        self._reason = ""
        self._is_asked = False
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def status(self) -> SensorStatus:
        """Its status. Each change of it is reported."""
        return self._status

    @status.setter
    def status(self, status: SensorStatus) -> None:
        if status != self._status:
            self._status = status
            self._with.changed()

    def start(self) -> None:
        """Run the sensor from now on."""
        if self._task is None:
            self.status = "running"
            self._task = self._loop.create_task(self._supervise())

    async def stop(self) -> None:
        """End the process, and start it no more."""
        self._is_stopping = True
        task = self._task
        if task is not None and not task.done():
            # The lines of a process are still answered meanwhile. One that cannot be killed is given up.
            if self.process is None or not await self.process.end(self._with.limits.stop_seconds):
                task.cancel()
            await asyncio.wait([task])
        self.status = "stopped"

    async def restart(self) -> None:
        """End the process and start it anew, without a wait. Its failures are forgotten."""
        self._is_asked = True
        process = self.process
        if process is not None:
            await process.end(self._with.limits.stop_seconds)
        else:
            self._wake.set()

    def use_triggers(self, program: SensorProgram) -> None:
        """Let a StackStorm sensor know the triggers of the rules that listen to it now."""
        self.program = program
        if self.process is not None:
            self._tell_triggers(self.process)

    def end_process(self, reason: str) -> None:
        """Kill the process, for a reason. It is started again."""
        if self.process is not None:
            self._reason = reason
            self.process.kill()

    @property
    def is_steady(self) -> bool:
        """Whether the process has run for so long that its earlier failures count no more."""
        return self.process is not None and self._loop.time() - self._began >= self._with.limits.steady_seconds

    def note(self, text: str) -> None:
        """Add a line of the daemon to the sensor's log."""
        self.log.add(self._with.now(), "stretto", text)

    async def _supervise(self) -> None:
        limits = self._with.limits
        while True:
            self._wake.clear()
            self.ended = await self._run_safely()
            self.began_at = None
            if self._is_stopping:
                return
            if not self._was_asked():
                self.failures += 1
                self._report_end()
                seconds = min(limits.first_wait * 2 ** min(self.failures - 1, 30), limits.longest_wait)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), seconds)
                self._was_asked()
            self.restarts += 1

    def _was_asked(self) -> bool:
        """Return whether a restart was asked for since the last call. Then earlier failures are forgotten."""
        asked, self._is_asked = self._is_asked, False
        if asked:
            self.failures = 0
        return asked

    def _report_end(self) -> None:
        ref, failures = self.program.ref, self.failures
        self.note(self.ended)
        self.status = "failing" if failures >= ALERT_AFTER else "waiting"
        (_log.error if failures == ALERT_AFTER else _log.warning)(
            "sensor_failing" if failures == ALERT_AFTER else "sensor_ended", sensor=ref, failures=failures,
            reason=self.ended,
        )  # fmt: skip
        if failures == ALERT_AFTER:
            self._with.failing(self.program, failures, self.ended)

    async def _run_safely(self) -> str:
        """Run the process once. An error of the engine's own counts as an end, too."""
        try:
            return await self._run()
        except Exception as error:  # noqa: BLE001 - a sensor is started again for ever
            _log.exception("sensor_supervision_failed", sensor=self.program.ref)
            return f"{type(error).__name__}: {error}"

    async def _run(self) -> str:
        """Run the process once. Return how it ended."""
        self._reason = ""
        access = pack_access()
        user = access.user if access is not None and self.program.pack else None
        self._known_triggers = self.program.triggers
        try:
            prepared = self.program.prepare()
        except ActionFailed as error:
            return f"cannot be started: {error}"
        async with self._api.access(self) as variables:
            prepared = replace(prepared, variables={**prepared.variables, **variables})
            return await self._run_as(prepared, user)

    async def _run_as(self, prepared: Prepared, user: ProcessUser | None) -> str:
        try:
            process = await SensorProcess.start(prepared, self.program.folder, user)
        except OSError as error:
            return f"cannot be started: {error}"
        self.process, self._began, self.began_at = process, self._loop.time(), self._with.now()
        self.status = "failing" if self.failures >= ALERT_AFTER else "running"
        _log.info("sensor_started", sensor=self.program.ref, pid=process.pid)
        try:
            ended = await self._attend(process, prepared)
            if self.is_steady:
                self.failures = 0
            return f"{self._reason}: it {ended}" if self._reason else ended
        finally:
            self.process = None
            await process.close()

    async def _attend(self, process: SensorProcess, prepared: Prepared) -> str:
        """Handle what a process writes until it has ended and all is handled. Return how it ended."""
        conversation = Conversation(
            self.program, self.acceptance, self._with.answer, process.reply, self.log, self._with.now
        )
        if prepared.first_line is not None:
            first = {**prepared.first_line, "max_line_bytes": self._with.limits.max_line_bytes}
            process.reply(encode_json(freeze(first)))
            self._tell_triggers(process)
        hurry = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            reading = [
                group.create_task(self._read_events(process.stdout, conversation, hurry)),
                group.create_task(self._read_log(process.stderr)),
            ]
            ended = await process.ended()
            hurry.set()
            # Lines from before the end are still read. A process outside of the group may keep the pipes open.
            seconds = self._with.limits.stop_seconds if self._is_stopping else DRAIN_SECONDS
            await asyncio.wait(reading, timeout=seconds)
            for task in reading:
                task.cancel()
        await conversation.finish(seconds)
        return ended

    def _tell_triggers(self, process: SensorProcess) -> None:
        """Tell a process the triggers, unless it knows them: rules may change while it is started."""
        if self._known_triggers != self.program.triggers:
            self._known_triggers = self.program.triggers
            process.reply(encode_json({"triggers": list(self._known_triggers)}))

    async def _read_events(
        self, stream: asyncio.StreamReader, conversation: Conversation, hurry: asyncio.Event
    ) -> None:
        limits = self._with.limits
        cutter, pace = LineCutter(limits.max_line_bytes), Pace(limits.max_events_per_second)
        bytes_pace = Pace(EVENT_BYTES_PER_SECOND)
        while chunk := await stream.read(CHUNK_BYTES):
            await _wait_unless(hurry, bytes_pace.wait_after(len(chunk)))
            for line in cutter.feed(chunk):
                await self._take(line, conversation)
                await _wait_unless(hurry, pace.wait_after())
        for line in cutter.end():
            await self._take(line, conversation)

    async def _take(self, line: bytes | None, conversation: Conversation) -> None:
        if line is None:
            self.counts.invalid += 1
            self.note(f"a line was left out: it has more than {self._with.limits.max_line_bytes:,} bytes "
                      "(the setting sensors.max_line_bytes)")  # fmt: skip
        elif line.strip():
            await conversation.take(line)

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        cutter, pace = LineCutter(4 * MAX_LOG_LINE), Pace(LOG_BYTES_PER_SECOND)
        while chunk := await stream.read(CHUNK_BYTES):
            for line in cutter.feed(chunk):
                self._add_to_log(line)
            await pace.take(len(chunk))
        for line in cutter.end():
            self._add_to_log(line)

    def _add_to_log(self, line: bytes | None) -> None:
        text = "(a line that is too long)" if line is None else line.decode("utf-8", "replace")
        self.log.add(self._with.now(), "stderr", text)


async def _wait_unless(hurry: asyncio.Event, seconds: float) -> None:
    """Wait for some seconds, or until `hurry` is set."""
    if seconds and not hurry.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), seconds)
