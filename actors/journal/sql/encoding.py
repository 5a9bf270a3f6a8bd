"""Entries of a run as rows of `entries`, and back: what is written of an event is all that it is rebuilt from.

Columns hold what queries ask for, the body the rest, as JSON that a person can read. The result of an item that did
not fail is the whole body, as it is; without a result (null) there is no body.
"""

from typing import Any, Final, NamedTuple

import msgspec

from stretto.actors.journal.encryption import UnreadableRecord
from stretto.actors.journal.records import Entry, ItemStarted, ResultsWritten, SecretsLearned
from stretto.definitions.conductor import (
    CancelRequested,
    ConcurrencyRequested,
    DelayElapsed,
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
)
from stretto.definitions.data import freeze
from stretto.definitions.errors import NotData, Place

KINDS: Final[dict[str, type[Any]]] = {
    "item_started": ItemStarted,
    "items_withdrawn": ItemsWithdrawn,
    "item_paused": ItemPaused,
    "item_resumed": ItemResumed,
    "retry_due": RetryDue,
    "delay_elapsed": DelayElapsed,
    "pause_requested": PauseRequested,
    "resume_requested": ResumeRequested,
    "cancel_requested": CancelRequested,
    "run_timed_out": RunTimedOut,
    "concurrency_requested": ConcurrencyRequested,
    "skip_requested": SkipRequested,
    "retry_requested": RetryRequested,
    "secrets_learned": SecretsLearned,
    "items_read": ItemsRead,
    "results_opened": ResultsOpened,
    "results_written": ResultsWritten,
    "results_closed": ResultsClosed,
    "stream_failed": StreamFailed,
}
"""The words that stores have for entries: a word that has been written once stays what it is."""
COMPLETED: Final = "item_completed"
FAILED: Final = "item_failed"
"""An item's completion without and with a failure: most entries are one, and both have bodies of their own."""
LEARNED: Final = "secrets_learned"
ALWAYS_SECRET: Final = frozenset({LEARNED})

COLUMN_OF: Final = {"at": "at", "task": "task", "visit": "visit", "index": "item", "attempt": "attempt"}
"""The fields of entries that have columns; all others are members of the body."""

encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


class Columns(NamedTuple):
    """An entry in the columns of `entries`, in their order, after the run and its own number."""

    kind: str
    at: float | None = None
    task: str | None = None
    visit: int | None = None
    item: int | None = None
    attempt: int | None = None
    outcome: str | None = None
    body: bytes | None = None


def encode_entry(entry: Entry) -> Columns:
    """Return an entry as its row holds it. Raises UnicodeEncodeError for a text with a lone surrogate."""
    if type(entry) is not ItemCompleted:
        return _SHAPE_OF[type(entry)].columns(entry)
    if entry.failure is None:
        kind, body = COMPLETED, None if entry.result is None else encode_json(entry.result)
    else:
        kind, body = FAILED, encode_json(_FailedTry(_StoredFailure.of(entry.failure), entry.result))
    return Columns(kind, entry.at, entry.task, entry.visit, entry.index, entry.attempt, entry.outcome, body)


def decode_entry(columns: Columns) -> Entry:
    """Return the entry that a row holds, its data frozen; the body is in clear. Raises `UnreadableRecord`."""
    try:
        if columns.kind == COMPLETED:
            return _completed(columns, None if columns.body is None else _decode_json(columns.body), None)
        if columns.kind == FAILED:
            failed = _FAILED_TRY.decode(columns.body or b"")
            return _completed(columns, failed.result, failed.failure.failure())
        if columns.kind in _SHAPES:
            return _SHAPES[columns.kind].entry(columns)
    except (msgspec.DecodeError, NotData) as error:
        raise UnreadableRecord(f"an entry ({columns.kind}) of the store is damaged: {error}") from None
    raise UnreadableRecord(
        f"the store holds an entry of the kind {columns.kind!r}, which this version does not know: "
        "a newer Stretto wrote it, and is needed to read it"
    )


def decode_data(body: bytes) -> Any:
    """Return the data that a JSON text holds, frozen. Raises `UnreadableRecord`."""
    try:
        return freeze(_decode_json(body))
    except (msgspec.DecodeError, NotData) as error:
        raise UnreadableRecord(f"a value of the store is damaged: {error}") from None


def _completed(columns: Columns, result: Any, failure: Failure | None) -> ItemCompleted:
    _kind, at, task, visit, item, attempt, outcome, _body = columns
    return ItemCompleted(task, visit, item, attempt, outcome, freeze(result), failure, at)  # type: ignore[arg-type]


class _StoredFailure(msgspec.Struct, omit_defaults=True):
    """A failure with data that a decoder can make."""

    kind: str
    message: str
    retryable: bool = True
    result: Any = None
    input: Any = None
    expression: str | None = None
    where: Place | None = None
    details: Any = None

    @classmethod
    def of(cls, failure: Failure) -> "_StoredFailure":
        return cls(
            failure.kind, failure.message, failure.retryable, failure.result, failure.input,
            failure.expression, failure.where, failure.details,
        )  # fmt: skip

    def failure(self) -> Failure:
        return Failure(
            self.kind, self.message, self.retryable, freeze(self.result), freeze(self.input),
            self.expression, self.where, freeze(self.details),  # type: ignore[arg-type]
        )  # fmt: skip


class _FailedTry(msgspec.Struct, omit_defaults=True):
    """The body of a completion with a failure."""

    failure: _StoredFailure
    result: Any = None


_FAILED_TRY: Final = msgspec.json.Decoder(_FailedTry)


class _Shape:
    """How the entries of a type are written: which of their fields have columns, and what the body's members are."""

    def __init__(self, kind: str, entry_type: type[Any]) -> None:
        fields = msgspec.structs.fields(entry_type)
        self._kind = kind
        self._type = entry_type
        self._in_columns = {field.name: COLUMN_OF[field.name] for field in fields if field.name in COLUMN_OF}
        members = [field for field in fields if field.name not in COLUMN_OF]
        self._members = tuple(field.name for field in members)
        body = msgspec.defstruct(f"{entry_type.__name__}Body", [(field.name, field.type) for field in members])
        # Data in an entry's fields comes back frozen.
        self._decoder = msgspec.json.Decoder(body, dec_hook=lambda _type, value: freeze(value))

    def columns(self, entry: Entry) -> Columns:
        given = {column: getattr(entry, name) for name, column in self._in_columns.items()}
        body = encode_json({name: getattr(entry, name) for name in self._members}) if self._members else None
        return Columns(self._kind, **given, body=body)

    def entry(self, columns: Columns) -> Entry:
        fields = {name: getattr(columns, column) for name, column in self._in_columns.items()}
        if self._members:
            body = self._decoder.decode(columns.body or b"")
            fields |= {name: getattr(body, name) for name in self._members}
        entry: Entry = self._type(**fields)
        return entry


_SHAPES: Final = {kind: _Shape(kind, entry_type) for kind, entry_type in KINDS.items()}
_SHAPE_OF: Final = {entry_type: _SHAPES[kind] for kind, entry_type in KINDS.items()}
