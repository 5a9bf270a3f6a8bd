"""Encodes a run's entries as rows of `entries`, and decodes them. A row is all that its event is restored from.

Fields that queries need have columns. The body has the other fields, as readable JSON. For an item that did not fail
the body is just its result, and a null result has no body.
"""

from collections.abc import Callable
from types import NoneType
from typing import Any, Final, NamedTuple

import msgspec

from stretto.actors.journal.records import (
    Entry,
    ItemStarted,
    KeysRead,
    ResultsWritten,
    SecretsLearned,
    UnreadableRecord,
)
from stretto.actors.journal.sql.damage import DAMAGE, is_duration, is_time
from stretto.definitions.conductor import (
    CancelRequested,
    ConcurrencyRequested,
    DelayElapsed,
    EvaluationStopped,
    Failure,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsRead,
    ItemsWithdrawn,
    PauseRequested,
    ResultsClosed,
    ResultsOpened,
    ResumeRequested,
    RetryDue,
    RetryRequested,
    RunTimedOut,
    SkipRequested,
    StreamFailed,
    events,
)
from stretto.definitions.data import Data, decode_json, encode_json, freeze
from stretto.definitions.errors import Frame, NotData, Place

KINDS: Final[dict[str, type[Any]]] = {
    "item_started": ItemStarted,
    "items_withdrawn": ItemsWithdrawn,
    "items_held": events.ItemsHeld,
    "item_paused": ItemPaused,
    "item_resumed": ItemResumed,
    "retry_due": RetryDue,
    "delay_elapsed": DelayElapsed,
    "pause_requested": PauseRequested,
    "resume_requested": ResumeRequested,
    "cancel_requested": CancelRequested,
    "run_timed_out": RunTimedOut,
    "run_late": events.RunLate,
    "task_pause_requested": events.TaskPauseRequested,
    "task_resume_requested": events.TaskResumeRequested,
    "task_cancel_requested": events.TaskCancelRequested,
    "task_timed_out": events.TaskTimedOut,
    "extension_requested": events.ExtensionRequested,
    "concurrency_requested": ConcurrencyRequested,
    "max_failures_requested": events.MaxFailuresRequested,
    "skip_requested": SkipRequested,
    "retry_requested": RetryRequested,
    "secrets_learned": SecretsLearned,
    "keys_read": KeysRead,
    "items_read": ItemsRead,
    "results_opened": ResultsOpened,
    "results_written": ResultsWritten,
    "results_closed": ResultsClosed,
    "stream_failed": StreamFailed,
    "evaluation_stopped": EvaluationStopped,
    "inquiry_made": events.InquiryMade,
    "inquiry_settled": events.InquirySettled,
}
"""The stored word of each type of entry. A word never changes once it is written, whatever the class is named."""
COMPLETED: Final = "item_completed"
SHARED: Final = "item_completed_shared"
FAILED: Final = "item_failed"
"""The kinds of ItemCompleted: without a failure, the same with the digest of a large result, and with a failure."""
LEARNED: Final = "secrets_learned"
EXTENDED: Final = "extension_requested"
_ATTEMPTS: Final = frozenset({COMPLETED, SHARED, FAILED})
_TEXT: Final = (str, NoneType)
_NUMBER: Final = (int, NoneType)
ALWAYS_SECRET: Final = frozenset({LEARNED})

COLUMN_OF: Final = {"at": "at", "task": "task", "visit": "visit", "index": "item", "attempt": "attempt"}
"""The column of each field that has one; all other fields are members of the body."""


class Columns(NamedTuple):
    """The columns of `entries` in their order, after the run and the entry's number."""

    kind: str
    at: float | None = None
    task: str | None = None
    visit: int | None = None
    item: int | None = None
    attempt: int | None = None
    outcome: str | None = None
    began_at: float | None = None
    seconds: float | None = None
    body: bytes | None = None


def words_of(kind: str) -> tuple[str, ...]:
    """Return the stored words of a type of entry, given by its name in reports."""
    return (COMPLETED, SHARED, FAILED) if kind == COMPLETED else (kind,)


def encode_entry(entry: Entry, shared: "tuple[Any, bytes] | None" = None) -> Columns:
    """Return an entry's columns. Raises UnicodeEncodeError for a text with a lone surrogate.

    Args:
        entry: The entry.
        shared: A result and its text, which is not encoded again.
    """
    if type(entry) is not ItemCompleted:
        return _SHAPE_OF[type(entry)].columns(entry)
    if entry.failure is None:
        kind, result = COMPLETED, entry.result
        if shared is not None and result is shared[0]:
            body: bytes | None = shared[1]
        else:
            body = None if result is None else encode_json(result)
    else:
        kind, body = (
            FAILED,
            encode_json(_FailedAttempt(_StoredFailure.of(entry.failure), entry.result, entry.taken_over)),
        )
    return Columns(
        kind, entry.at, entry.task, entry.visit, entry.index, entry.attempt, entry.outcome, entry.began_at,
        entry.seconds, body,
    )  # fmt: skip


def decode_entry(columns: Columns, shared_value: Callable[[str], Data]) -> Entry:
    """Return the entry of a row, its data frozen. Raises UnreadableRecord.

    Args:
        columns: The row, with a decrypted body.
        shared_value: Returns the value with a digest. Its errors are raised, too.
    """
    if not _is_well_typed(columns):
        raise UnreadableRecord(f"an entry ({columns.kind!r}) in the store is damaged: a column has an invalid value")
    try:
        if columns.kind == COMPLETED:
            return _completed(columns, None if columns.body is None else decode_json(columns.body), None)
        if columns.kind == SHARED:
            return _completed(columns, shared_value((columns.body or b"").decode("ascii")), None)
        if columns.kind == FAILED:
            failed = _FAILED_ATTEMPT.decode(columns.body or b"")
            completed = _completed(columns, failed.result, failed.failure.failure())
            return msgspec.structs.replace(completed, taken_over=True) if failed.taken_over else completed
        if columns.kind in _SHAPES:
            return _SHAPES[columns.kind].entry(columns)
    except (*DAMAGE, NotData) as error:
        raise UnreadableRecord(f"an entry ({columns.kind}) in the store is damaged: {error}") from None
    raise UnreadableRecord(
        f"an entry in the store has the unknown kind {columns.kind!r}: "
        "a newer Stretto wrote it, and is needed to read it"
    )


def decode_cause(body: bytes | None) -> "Cause":
    """Return what a failed attempt's decrypted body says about its cause. Raises UnreadableRecord."""
    try:
        return _CAUSE.decode(body or b"").failure
    except DAMAGE as error:
        raise UnreadableRecord(f"an entry ({FAILED}) in the store is damaged: {error}") from None


def decode_data(body: bytes) -> Any:
    """Return the frozen data of a JSON text. Raises UnreadableRecord."""
    try:
        return decode_json(body)
    except (*DAMAGE, NotData) as error:
        raise UnreadableRecord(f"a value in the store is damaged: {error}") from None


def _is_well_typed(columns: tuple[Any, ...]) -> bool:
    """Return whether the values are of their columns' types: a flipped bit may change a value's type."""
    kind, at, task, visit, item, attempt, outcome, began_at, seconds, _body = columns
    if kind in _ATTEMPTS and None in {at, task, visit, item, attempt, outcome}:
        return False
    return (
        isinstance(kind, str)
        and is_time(at)
        and isinstance(task, _TEXT)
        and isinstance(outcome, _TEXT)
        and isinstance(visit, _NUMBER)
        and isinstance(item, _NUMBER)
        and isinstance(attempt, _NUMBER)
        and is_time(began_at)
        and is_duration(seconds)
    )


def _completed(columns: Columns, result: Any, failure: Failure | None) -> ItemCompleted:
    _kind, at, task, visit, item, attempt, outcome, began_at, seconds, _body = columns
    return ItemCompleted(
        task, visit, item, attempt, outcome, freeze(result), failure, at, began_at, seconds,  # type: ignore[arg-type]
    )  # fmt: skip


class _StoredFailure(msgspec.Struct, omit_defaults=True):
    """A failure with fields that a JSON decoder can produce."""

    kind: str
    message: str
    retryable: bool = True
    result: Any = None
    input: Any = None
    expression: str | None = None
    where: Place | None = None
    details: Any = None
    traceback: tuple[Frame, ...] = ()

    @classmethod
    def of(cls, failure: Failure) -> "_StoredFailure":
        return cls(
            failure.kind, failure.message, failure.retryable, failure.result, failure.input,
            failure.expression, failure.where, failure.details, failure.traceback,
        )  # fmt: skip

    def failure(self) -> Failure:
        return Failure(
            self.kind, self.message, self.retryable, freeze(self.result), freeze(self.input),
            self.expression, self.where, freeze(self.details), self.traceback,  # type: ignore[arg-type]
        )  # fmt: skip


class _FailedAttempt(msgspec.Struct, omit_defaults=True):
    """The body of an ItemCompleted with a failure."""

    failure: _StoredFailure
    result: Any = None
    taken_over: bool = False


_FAILED_ATTEMPT: Final = msgspec.json.Decoder(_FailedAttempt)


class Cause(msgspec.Struct, gc=False):
    """The fields of a stored failure by which failures are grouped. The others, which may be large, are skipped."""

    kind: str
    message: str
    where: Place | None = None


class _AttemptWithCause(msgspec.Struct):
    failure: Cause


_CAUSE: Final = msgspec.json.Decoder(_AttemptWithCause)


class _Shape:
    """The layout of one type of entry: the fields with columns, and the members of the body."""

    def __init__(self, kind: str, entry_type: type[Any]) -> None:
        fields = msgspec.structs.fields(entry_type)
        self._kind = kind
        self._type = entry_type
        self._in_columns = {field.name: COLUMN_OF[field.name] for field in fields if field.name in COLUMN_OF}
        members = [field for field in fields if field.name not in COLUMN_OF]
        self._members = tuple(field.name for field in members)
        # A member that was added later has a default, and is written only if it differs from it.
        self._defaults = {field.name: field.default for field in members if field.default is not msgspec.NODEFAULT}
        # The rows of before have no body if none was needed then.
        self._no_body = b"{}" if len(self._defaults) == len(members) else b""
        typed = [
            (field.name, field.type, self._defaults[field.name])
            if field.name in self._defaults
            else (field.name, field.type)
            for field in members
        ]
        body = msgspec.defstruct(f"{entry_type.__name__}Body", typed)
        # The data of decoded entries is frozen.
        self._decoder = msgspec.json.Decoder(body, dec_hook=lambda _type, value: freeze(value))

    def columns(self, entry: Entry) -> Columns:
        given = {column: getattr(entry, name) for name, column in self._in_columns.items()}
        written = {name: getattr(entry, name) for name in self._members}
        for name, default in self._defaults.items():
            if written[name] == default:
                del written[name]
        body = encode_json(written) if written else None
        return Columns(self._kind, **given, body=body)

    def entry(self, columns: Columns) -> Entry:
        fields = {name: getattr(columns, column) for name, column in self._in_columns.items()}
        if self._members:
            body = self._decoder.decode(columns.body or self._no_body)
            fields |= {name: getattr(body, name) for name in self._members}
        entry: Entry = self._type(**fields)
        return entry


_SHAPES: Final = {kind: _Shape(kind, entry_type) for kind, entry_type in KINDS.items()}
_SHAPE_OF: Final = {entry_type: _SHAPES[kind] for kind, entry_type in KINDS.items()}
