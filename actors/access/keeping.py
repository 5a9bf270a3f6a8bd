"""Where tokens, sessions and codes are kept: the protocol, and the keepers of a store."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

import msgspec
import pykka

from stretto.actors.journal import (
    AccessChange,
    AccessReader,
    AccessWriter,
    AuditEntries,
    EnterCodeRecord,
    JournalLink,
    SessionRecord,
    TokenRecord,
)

T = TypeVar("T")


class Kept(msgspec.Struct, frozen=True):
    """Everything that is kept when it is loaded."""

    tokens: tuple[TokenRecord, ...] = ()
    sessions: tuple[SessionRecord, ...] = ()
    codes: tuple[EnterCodeRecord, ...] = ()


class Keeper(Protocol):
    """Keeps tokens, sessions and codes."""

    def load(self) -> Kept:
        """Return everything that is kept. It may wait for a disk."""

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        """Keep a change together with its audit, without waiting.

        Returns:
            Whether the change was made, once that is durable. The future raises errors of the store or the file.
        """

    def changed_tokens(self) -> tuple[TokenRecord, ...] | None:
        """Return the tokens if another process has changed them since, or None."""

    def close(self) -> None:
        """End all threads; idempotent."""


class JournalKeeper:
    """Keeps everything in the store of a running engine, whose journal writes it."""

    def __init__(self, link: JournalLink, load: Callable[[], Kept]) -> None:
        self._link = link
        self._load = load

    def load(self) -> Kept:
        """Return what is in the store."""
        return self._load()

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        """Send a change to the journal."""
        kept: Future[bool] = Future()
        self._link.change_access(change, audit).subscribe(_ForwardedTo(kept), set())
        return kept

    def changed_tokens(self) -> tuple[TokenRecord, ...] | None:
        """Return None: the store has one writer."""
        return None

    def close(self) -> None:
        """Do nothing: the engine closes its store."""


class StoreKeeper:
    """Keeps everything in a store that this process has opened, without an engine."""

    def __init__(self, writer: AccessWriter, reader: AccessReader) -> None:
        self._writer = writer
        self._reader = reader

    def load(self) -> Kept:
        """Return what is in the store."""
        return kept_in(self._reader)

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        """Write a change at once."""
        return done(lambda: self._writer.apply(change, audit))

    def changed_tokens(self) -> None:
        """Return None: the store has one writer."""

    def close(self) -> None:
        """Do nothing: its opener closes the store."""


def kept_in(reader: AccessReader) -> Kept:
    """Return everything that is kept in a store."""
    return Kept(tuple(reader.tokens()), tuple(reader.sessions()), tuple(reader.enter_codes()))


def done(work: Callable[[], bool]) -> "Future[bool]":
    """Do work at once, and return its result or exception as a future."""
    finished: Future[bool] = Future()
    try:
        finished.set_result(work())
    except Exception as error:  # noqa: BLE001 - the future's caller gets it
        finished.set_exception(error)
    return finished


def then(kept: "Future[bool]", finish: Callable[[bool], T], undo: Callable[[], None] = lambda: None) -> "Future[T]":
    """Return the result of `finish`, called with a keeper's answer on the thread that has it. An error calls `undo`."""
    finished: Future[T] = Future()

    def settle(settled: "Future[bool]") -> None:
        try:
            finished.set_result(finish(settled.result()))
        except Exception as error:  # noqa: BLE001 - the future's caller gets it
            if settled.exception() is not None:
                undo()
            finished.set_exception(error)

    kept.add_done_callback(settle)
    return finished


class _ForwardedTo(pykka.Future[Any]):
    """Stands in for an actor's caller, and passes the answer to a future of the standard library."""

    def __init__(self, kept: "Future[bool]") -> None:
        super().__init__()
        self._kept = kept

    def set(self, value: Any = None) -> None:
        self._kept.set_result(value)

    def set_exception(self, exc_info: Any = None) -> None:
        self._kept.set_exception(exc_info[1])
