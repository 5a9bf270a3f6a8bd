"""The messages between a pool and its workers: frozen data as msgpack, bounded in bytes, without functions or clocks.

    pool   --Welcome, Perform, Values, Stop, Drain-->          worker
    worker --Joined, Begun, Output, Logged, Ended, Beat, ValueMissing, Leaving--> pool

A call has the token (engine, run, task, visit, index, attempt, sending). The pool's number for the sending is unique in
one engine, so the worker's answers name the engine and the sending alone.
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec

MAX_FRAME_BYTES: Final = 256 * 1024 * 1024
"""The bytes of one message. A larger one is refused before it is read."""
MAX_BATCH_ITEMS: Final = 2_000
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""The bytes that are gathered for one message, unless a single part of it has more."""
MAX_LABELS: Final = 64
MAX_ACTIONS: Final = 10_000
"""The actions that a worker may announce."""

Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]


class PoolMessage(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A message. Its fields travel by position, and its class by name."""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The part that the calls of one task share.

    Attributes:
        run_id: The run.
        workflow: The workflow's ref.
        task: The task.
        with_items: Whether the task has items.
        ref: The action's ref.
        core: Whose core actions the definition calls.
        timeout: The bound on an attempt, in seconds from the begin of the action's code, or None.
    """

    run_id: str
    workflow: str
    task: str
    with_items: bool
    ref: str
    core: Literal["stretto", "stackstorm"]
    timeout: float | None


class Sending(msgspec.Struct, frozen=True, array_like=True):
    """One call of a batch.

    Attributes:
        head: The index of its head.
        number: The number of the sending.
        visit: The task's visit.
        index: The item's index.
        attempt: The item's attempt.
        input: The input as JSON text. Large shared values are null in it.
        shared: The place of each large shared value in the input, and the digest of its JSON text.
    """

    head: int
    number: int
    visit: int
    index: int
    attempt: int
    input: bytes
    shared: tuple[tuple[Path, bytes], ...] = ()


class Welcome(PoolMessage, frozen=True):
    """The pool's answer to `Joined`: the settings of the engine that hold for its calls.

    Attributes:
        engine: The engine's number. Answers to another one are dropped.
        beat: The seconds between two beats.
        deny: The networks that core.http refuses.
        allow: The exceptions from them.
        max_retry_after: The longest wait before a retry that a server can ask for.
        max_http_connections: The connections that core.http has open at a time.
        cache_bytes: The bytes of large values that the worker keeps.
    """

    engine: int
    beat: float
    deny: tuple[str, ...]
    allow: tuple[str, ...]
    max_retry_after: float
    max_http_connections: int
    cache_bytes: int


class Perform(PoolMessage, frozen=True):
    """Run a batch of calls. `values` are large values by digest that the worker does not have yet."""

    heads: tuple[Head, ...]
    sendings: tuple[Sending, ...]
    values: tuple[tuple[bytes, bytes], ...] = ()


class Values(PoolMessage, frozen=True):
    """The values that a worker has missed."""

    values: tuple[tuple[bytes, bytes], ...]


class Stop(PoolMessage, frozen=True):
    """Stop these calls. The end of each follows."""

    numbers: tuple[int, ...]


class Drain(PoolMessage, frozen=True):
    """Finish the calls at hand, and leave. No further call follows."""


class Acknowledged(PoolMessage, frozen=True):
    """The pool has got a beat. A worker without it starts nothing more and stops what it can."""


class Parameter(msgspec.Struct, frozen=True, array_like=True):
    """An input of an announced action, as `ActionParameter`."""

    name: str
    type: str
    required: bool
    default: Any
    nullable: bool
    enum: tuple[Any, ...]
    description: str


class Announced(msgspec.Struct, frozen=True, array_like=True):
    """An action that a worker can run. `digest` changes with the file of its code, or with its pack."""

    ref: str
    digest: str
    runner: Literal["thread", "async", "worker", "fresh"]
    parameters: tuple[Parameter, ...]
    takes_anything: bool
    description: str
    secret: tuple[tuple[str, ...], ...] = ()


class Joined(PoolMessage, frozen=True):
    """A worker is ready.

    Attributes:
        name: Its name, for people.
        process: Its process id.
        slots: How many calls it runs at a time.
        labels: What it says of itself, such as {zone: eu}.
        actions: The actions that it can run, beside core.http and core.local.
    """

    name: str
    process: int
    slots: int
    labels: dict[str, str]
    actions: tuple[Announced, ...]


class Begun(PoolMessage, frozen=True):
    """The code of these calls begins."""

    engine: int
    numbers: tuple[int, ...]


class End(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The end of one call, as `Finished`.

    Attributes:
        number: The number of the sending.
        status: How it ended.
        result: The result as JSON text.
        seconds: How long the code ran, by the worker's clock.
        error: The reason, for people.
        kind: The kind of the failure.
        retry_after: The least number of seconds before a retry.
        traceback: The frames of the action's code: file, line, function and text.
        printed: What the code printed and logged.
        cut: How many bytes before `printed` were dropped.
    """

    number: int
    status: Literal["succeeded", "failed", "cancelled", "timed_out"]
    result: bytes
    seconds: float
    error: str | None = None
    kind: Literal["failed", "exception", "not_data", "result_too_large", "cancelled", "timed_out"] | None = None
    retry_after: float | None = None
    traceback: tuple[tuple[str, int, str, str], ...] = ()
    printed: str = ""
    cut: int = 0


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A log record of a call: the number of its sending, the level, the logger's name, and the text."""

    number: int
    level: int
    logger: str
    text: str


class Logged(PoolMessage, frozen=True):
    """Calls have logged. Only the daemon can mask their secrets, so a worker itself never writes these records."""

    engine: int
    records: tuple[Record, ...]


class CallOutput(msgspec.Struct, frozen=True, array_like=True):
    """The newest text that a running call has written so far.

    Attributes:
        number: The number of the sending.
        printed: What the call's function has printed and logged, or None for a process.
        cut: How many bytes before `printed` were dropped.
        stdout: The standard output of the call's process.
        stderr: Its standard error.
        stdout_truncated: Whether earlier standard output was dropped.
        stderr_truncated: Whether earlier standard error was dropped.
    """

    number: int
    printed: str | None
    cut: int = 0
    stdout: str = ""
    stderr: str = ""
    stdout_truncated: bool = False
    stderr_truncated: bool = False


class Output(PoolMessage, frozen=True):
    """Running calls have written something. Only the daemon can mask the secrets in it."""

    engine: int
    outputs: tuple[CallOutput, ...]


class Ended(PoolMessage, frozen=True):
    """Calls have ended."""

    engine: int
    ends: tuple[End, ...]


class Beat(PoolMessage, frozen=True):
    """The worker is alive, and has so many calls that have not ended."""

    calls: int


class ValueMissing(PoolMessage, frozen=True):
    """The worker needs these values again: it has dropped them."""

    digests: tuple[bytes, ...]


class Leaving(PoolMessage, frozen=True):
    """The worker has nothing left to do and ends."""


ToWorker: TypeAlias = Welcome | Perform | Values | Stop | Drain | Acknowledged
ToPool: TypeAlias = Joined | Begun | Output | Logged | Ended | Beat | ValueMissing | Leaving

_encoder: Final = msgspec.msgpack.Encoder()
_to_worker: Final[msgspec.msgpack.Decoder[ToWorker]] = msgspec.msgpack.Decoder(ToWorker)
_to_pool: Final[msgspec.msgpack.Decoder[ToPool]] = msgspec.msgpack.Decoder(ToPool)


class InvalidMessage(ValueError):
    """Bytes are not a message, or are too many."""


def encode(message: ToWorker | ToPool) -> bytes:
    """Return a message as bytes.

    Raises:
        InvalidMessage: It has more than `MAX_FRAME_BYTES`.
    """
    data = _encoder.encode(message)
    if len(data) > MAX_FRAME_BYTES:
        raise InvalidMessage(f"a message must have at most {MAX_FRAME_BYTES:,} bytes, got {len(data):,}")
    return data


def decode_to_worker(data: bytes) -> ToWorker:
    """Return the message of a pool. Raises InvalidMessage."""
    try:
        return _to_worker.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidMessage(f"not a message of a pool: {error}") from None


def decode_to_pool(data: bytes) -> ToPool:
    """Return the message of a worker. Raises InvalidMessage."""
    try:
        message = _to_pool.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidMessage(f"not a message of a worker: {error}") from None
    if isinstance(message, Joined):
        _check_joined(message)
    return message


def _check_joined(joined: Joined) -> None:
    for what, found, most in (
        ("labels", len(joined.labels), MAX_LABELS), ("actions", len(joined.actions), MAX_ACTIONS),
    ):  # fmt: skip
        if found > most:
            raise InvalidMessage(f"a worker must have at most {most:,} {what}, got {found:,}")
    if joined.slots < 1:
        raise InvalidMessage(f"a worker must have at least 1 slot, got {joined.slots}")
