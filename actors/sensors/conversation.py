"""The lines that a sensor writes to its standard output, and the answers to them.

{"event": TYPE, "payload": DATA, "key": TEXT, "id": ID} -> accepted, durable -> {"id": ID, "event": EVENT}
{"request": "get_value", "name": NAME, "id": ID} -> {"id": ID, "result": VALUE}

An event may also have the `parameters` of its trigger. A line without an `id` gets no answer. The request may also be
another one of `AnswerRequest`.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from stretto.actors.dispatch import Deferred, awaitable
from stretto.actors.events import EventIntake
from stretto.actors.journal import Accepted, new_event_id
from stretto.actors.sensors.log import SensorLog
from stretto.actors.sensors.program import SensorProgram
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict, encode_json, freeze
from stretto.definitions.errors import NotData, StrettoError
from stretto.definitions.rules import Event, is_engine_event
from stretto.metrics import get_logger

MAX_IN_FLIGHT: Final = 64
"""The events and requests of a sensor that are not answered yet. Its next line is read when one of them is."""
MAX_TYPE_LENGTH: Final = 256
MAX_KEY_LENGTH: Final = 256
KEY_SECONDS: Final = 7 * 86_400.0
"""How long a key identifies a repeated event."""
UNREADABLE: Final = "a line must be an object of JSON, without NaN, infinities and halves of surrogate pairs"
UNREAD: Final = "an answer was left out"
_ASKS: Final = re.compile(rb'\{"id": (\d{1,18}),')
"""The begin of a line that wants an answer, even if the rest of it cannot be read."""

_log = get_logger("stretto.sensors")


class AnswerRequest(Protocol):
    """Answers requests about the key-value store."""

    def __call__(self, data: bytes, action: str, run_id: str, reply: Callable[[bytes], object]) -> None:
        """Answer a request, now or later and on any thread.

        Args:
            data: The request, as JSON.
            action: Who asks.
            run_id: The id of a run, "" here.
            reply: Receives {result} or {error}, as JSON.
        """


class InvalidSensorEvent(StrettoError):
    """A sensor has sent something that is not an event."""

    code = "invalid_sensor_event"


@dataclass(slots=True)
class SensorCounts:
    """The events of a sensor since the engine's start.

    Attributes:
        accepted: Events that are durable.
        duplicates: Events whose key an earlier one had.
        invalid: Lines and events that were refused.
        last_event: The id of the last event, or None.
        last_event_at: When it was accepted, in seconds since the epoch.
    """

    accepted: int = 0
    duplicates: int = 0
    invalid: int = 0
    last_event: str | None = None
    last_event_at: float | None = None


class Acceptance:
    """Accepts the events of one sensor.

    Args:
        program: The sensor.
        intake: Where events are accepted.
        now: Returns seconds since the epoch.
        counts: Counts them.
    """

    def __init__(
        self, program: SensorProgram, intake: EventIntake, now: Callable[[], float], counts: SensorCounts
    ) -> None:
        self._program = program
        self._intake = intake
        self._now = now
        self._counts = counts

    async def accept(self, event_type: str, payload: Any, key: str | None, parameters: Any = EMPTY_OBJECT) -> Accepted:
        """Accept an event.

        Args:
            event_type: Its type, "" for that of the definition.
            payload: Its payload.
            key: Identifies it among repeated ones, or None.
            parameters: The parameters of its trigger, which rules may ask for.

        Returns:
            Its id, once it is durable, or that of the first one with its key.

        Raises:
            InvalidSensorEvent: It has no type, one that only the engine sends, or no data as its payload.
            StrettoError: It cannot be recorded, or the engine is being stopped.
        """
        try:
            begun = self._begin(event_type or self._program.default_event, payload, key, parameters)
            accepted: Accepted = await awaitable(begun)
        except StrettoError:
            self._counts.invalid += 1
            raise
        if accepted.duplicate:
            self._counts.duplicates += 1
        else:
            self._counts.accepted += 1
            self._counts.last_event, self._counts.last_event_at = accepted.event, self._now()
        return accepted

    def _begin(self, event_type: str, payload: Any, key: str | None, parameters: Any) -> Deferred:
        if not event_type:
            raise InvalidSensorEvent("an event must have a type: `event` in the line or in the definition")
        if is_engine_event(event_type):
            raise InvalidSensorEvent(f"only the engine sends events of the type {event_type[:100]!r}")
        for name, text, most in (("type", event_type, MAX_TYPE_LENGTH), ("key", key or "", MAX_KEY_LENGTH)):
            if len(text) > most or "\0" in text:
                raise InvalidSensorEvent(f"the {name} of an event must have at most {most} characters and no NUL")
        try:
            frozen, asked = freeze(payload, "the payload"), freeze(parameters, "the parameters")
        except NotData as error:
            raise InvalidSensorEvent(str(error)) from None
        if not isinstance(asked, FrozenDict):
            raise InvalidSensorEvent(f"`parameters` must be an object, got {type(asked).__name__}")
        now, source = self._now(), f"sensor:{self._program.ref}"
        return self._intake.accept(Event(
            id=new_event_id(), type=event_type, payload=frozen, at=now, source=source, parameters=asked,
            key=None if key is None else f"{source}:{event_type}:{key}",
            key_until=None if key is None else now + KEY_SECONDS,
        ))  # fmt: skip


class Conversation:
    """Handles the lines of one process of a sensor, in their order.

    Args:
        program: The sensor.
        acceptance: Accepts its events.
        answer: Answers its requests.
        reply: Writes a line to its standard input. Returns False if it does not read.
        log: Its log.
        now: Returns seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it works with
        self,
        program: SensorProgram,
        acceptance: Acceptance,
        answer: AnswerRequest,
        reply: Callable[[bytes], bool],
        log: SensorLog,
        now: Callable[[], float],
    ) -> None:
        self._program = program
        self._acceptance = acceptance
        self._answer = answer
        self._write = reply
        self._log = log
        self._now = now
        self._room = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    async def take(self, line: bytes) -> None:
        """Handle a line. Returns when the next one may be read."""
        said = _read(line)
        if said is None or not (said.keys() & {"event", "payload", "request"}):
            # Programs print: what is no event is their log.
            self._log.add(self._now(), "stdout", line.decode("utf-8", "replace"))
            if said is None and (asks := _ASKS.match(line)):
                self._reply({"id": int(asks[1])}, {"error": UNREADABLE, "code": InvalidSensorEvent.code})
            return
        await self._room.acquire()
        # A task begins in the order of its making, up to its first wait: events are recorded in the order of lines.
        task = asyncio.create_task(self._request(line, said) if "request" in said else self._event(said))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finish(self, seconds: float) -> None:
        """Wait for the answers to all lines, for a bounded time: nothing is answered while the store is away."""
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=seconds)
            for task in pending:
                task.cancel()

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _event(self, said: dict[str, Any]) -> None:
        event_type, key = said.get("event", ""), said.get("key")
        try:
            if not isinstance(event_type, str) or not isinstance(key, str | None):
                raise InvalidSensorEvent("`event` and `key` must be texts")  # noqa: TRY301 - answered as all refusals
            parameters = said.get("parameters", EMPTY_OBJECT)
            accepted = await self._acceptance.accept(event_type, said.get("payload"), key, parameters)
        except StrettoError as error:
            self._log.add(self._now(), "stretto", f"an event was refused: {error}")
            self._reply(said, {"error": str(error), "code": error.code})
        except Exception as error:  # noqa: BLE001 - the sensor waits for an answer to whatever it has sent
            _log.exception("sensor_event_failed", sensor=self._program.ref)
            self._reply(said, {"error": f"{type(error).__name__}: {error}", "code": "internal_error"})
        else:
            duplicate = {"duplicate": True} if accepted.duplicate else {}
            self._reply(said, {"event": accepted.event, **duplicate})

    async def _request(self, line: bytes, said: dict[str, Any]) -> None:
        answered: asyncio.Future[bytes] = self._loop.create_future()

        def settle(data: bytes) -> None:
            if not answered.done():
                answered.set_result(data)

        def take(data: bytes) -> None:
            with suppress(RuntimeError):  # the loop is closed: the engine was stopped before the answer came
                self._loop.call_soon_threadsafe(settle, data)

        self._answer(line, self._program.ref, "", take)
        self._reply(said, msgspec.json.decode(await answered))

    def _reply(self, said: dict[str, Any], answer: dict[str, Any]) -> None:
        if said.get("id") is None or self._write(encode_json({"id": said["id"], **answer})):
            return
        reason = "the sensor does not read its standard input, or the answer is too large"
        self._log.add(self._now(), "stretto", f"{UNREAD}: {reason}")
        # There may be room for this: an answer can be too large by itself.
        self._write(encode_json({"id": said["id"], "error": UNREAD}))


def _read(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line, or None if it is none."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
