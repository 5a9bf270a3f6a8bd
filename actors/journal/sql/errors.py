"""What a database's errors mean to those who use a store: whether another time may do, and what an operator can do.

SQLAlchemy's own texts are not for people, and hold statements with their parameters: neither is told.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from stretto.actors.journal.store import StoreUnavailable, Unrecordable

_OF_SQLITE: Final = {
    "SQLITE_FULL": "there is no room left for it: make some",
    "SQLITE_IOERR": "its file cannot be read or written: see to the disk, and to the limits of the process",
    "SQLITE_READONLY": "it cannot be written: its file, its folder or their file system is read-only",
    "SQLITE_CANTOPEN": "its file cannot be opened: see to its folder, and to the rights to both",
    "SQLITE_PERM": "its file cannot be opened: see to the rights to it",
    "SQLITE_BUSY": "another program keeps it locked: find and end that",
    "SQLITE_LOCKED": "another connection keeps it locked",
    "SQLITE_CORRUPT": "its file is damaged: stop, and restore a backup (`stretto store check` tells what is wrong)",
    "SQLITE_NOTADB": "its file is no SQLite database, or damaged: stop, and restore a backup",
}

_LIMIT_EXCEEDED: Final = "54"
"""PostgreSQL's class of errors for what is too large ever to be taken."""


def told(error: Exception, store: str) -> StoreUnavailable | Unrecordable:
    """Return what is told of a database's error; `store` is the store's URL, without its password."""
    if isinstance(error, IntegrityError | DataError | OverflowError | UnicodeError) or _is_limit(error):
        return Unrecordable(f"this can never be written into the store {store}: {reason(error)}")
    return StoreUnavailable(f"the store {store} cannot be used now: {reason(error)}")


def reason(error: Exception) -> str:
    """Return in one line what a database's error says, with the remedy where it is known."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    name = sqlite_name(origin)
    if name is None:
        primary = getattr(getattr(origin, "diag", None), "message_primary", None)
        return " ".join((primary or str(origin) or type(origin).__name__).split())
    remedy = next((text for prefix, text in _OF_SQLITE.items() if name.startswith(prefix)), None)
    return f"{remedy} ({origin}, {name})" if remedy else f"{origin} ({name})"


def sqlite_name(error: BaseException) -> str | None:
    """Return SQLite's own name of an error, such as SQLITE_FULL; None if the error is not SQLite's."""
    return getattr(error, "sqlite_errorname", None) if isinstance(error, sqlite3.Error) else None


@contextmanager
def telling(store: str) -> Iterator[None]:
    """Tell of a database's errors in the block as `told`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise told(error, store) from error


@contextmanager
def telling_what_does_not_fit(store: str) -> Iterator[None]:
    """Tell of values in the block that the database's driver cannot take: it raises Python's own errors for them."""
    try:
        yield
    except (OverflowError, UnicodeError) as error:
        raise told(error, store) from error


def _is_limit(error: Exception) -> bool:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state is not None and state.startswith(_LIMIT_EXCEEDED)
