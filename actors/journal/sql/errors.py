"""Converts database errors to a store's errors: whether a retry may succeed, and what an operator can do.

SQLAlchemy's own messages contain statements and their parameters, so they are never shown.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from stretto.actors.journal.store import StoreUnavailable, Unrecordable

_OF_SQLITE: Final = {
    "SQLITE_FULL": "the disk is full: free some space",
    "SQLITE_IOERR": "its file cannot be read or written: check the disk and the limits of the process",
    "SQLITE_READONLY": "its file, its folder or their file system is read-only",
    "SQLITE_CANTOPEN": "its file cannot be opened: check its folder, and the permissions of both",
    "SQLITE_PERM": "its file cannot be opened: check its permissions",
    "SQLITE_BUSY": "another program keeps it locked: find and stop that program",
    "SQLITE_LOCKED": "another connection keeps it locked",
    "SQLITE_CORRUPT": "its file is damaged: stop, and restore a backup (`stretto store check` lists the damage)",
    "SQLITE_NOTADB": "its file is damaged or not an SQLite database: stop, and restore a backup",
}

_LIMIT_EXCEEDED: Final = "54"
"""PostgreSQL's class of errors for values that exceed a limit."""


def store_error(error: Exception, store: str) -> StoreUnavailable | Unrecordable:
    """Return the store's error for a database error; `store` is the store's URL without its password."""
    if isinstance(error, IntegrityError | DataError | OverflowError | UnicodeError) or _is_limit(error):
        return Unrecordable(f"the store {store} can never accept this: {reason(error)}")
    return StoreUnavailable(f"the store {store} cannot be used now: {reason(error)}")


def reason(error: Exception) -> str:
    """Return a database error's message in one line, with the remedy if one is known."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    name = sqlite_name(origin)
    if name is None:
        primary = getattr(getattr(origin, "diag", None), "message_primary", None)
        return " ".join((primary or str(origin) or type(origin).__name__).split())
    remedy = next((text for prefix, text in _OF_SQLITE.items() if name.startswith(prefix)), None)
    return f"{remedy} ({origin}, {name})" if remedy else f"{origin} ({name})"


def sqlite_name(error: BaseException) -> str | None:
    """Return SQLite's name of an error, such as SQLITE_FULL, or None if it is not an SQLite error."""
    return getattr(error, "sqlite_errorname", None) if isinstance(error, sqlite3.Error) else None


@contextmanager
def converting_errors(store: str) -> Iterator[None]:
    """Convert database errors of the block to StoreUnavailable or Unrecordable."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise store_error(error, store) from error


@contextmanager
def converting_value_errors(store: str) -> Iterator[None]:
    """Convert the Python errors that a database driver raises for values that it cannot encode."""
    try:
        yield
    except (OverflowError, UnicodeError) as error:
        raise store_error(error, store) from error


def _is_limit(error: Exception) -> bool:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state is not None and state.startswith(_LIMIT_EXCEEDED)
