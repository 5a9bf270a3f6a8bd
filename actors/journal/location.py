"""Locations of stores, parsed from URLs."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from stretto.actors.journal.store import CannotOpenStore

_EXPECTED: Final = (
    "expected sqlite:///FILE.db, sqlite:////FOLDER/FILE.db, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
)

_TRACE: Final = "-replay"
_SUFFIXES: Final = ("-wal", "-shm", "-journal", ".lock", ".key", _TRACE)
"""The names of a store's other files begin with that of the store."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """A store in this process's memory."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A store in an SQLite file. A relative path is relative to the working directory."""

    path: Path


@dataclass(frozen=True, slots=True)
class InPostgres:
    """A store in a PostgreSQL database. The URL is never shown, as it may contain a password."""

    url: str

    def __repr__(self) -> str:
        return "InPostgres(...)"


Location: TypeAlias = InMemory | InFile | InPostgres


def files_of(url: str) -> tuple[Path, ...]:
    """Return the files of a store on this machine, with those that may not exist at the moment.

    Args:
        url: The store's URL.

    Raises:
        CannotOpenStore: The URL is invalid.
    """
    location = locate(url)
    if not isinstance(location, InFile):
        return ()
    # SQLite puts its files beside the real file, and the key is beside the given name.
    real = location.path.resolve()
    beside = (real.with_name(real.name + suffix) for suffix in _SUFFIXES)
    return real, *beside, Path(f"{location.path}.key")


def trace_file_of(url: str) -> Path | None:
    """Return the file that traces the replay of suspects (`ReplayTrace`), or None for a store in memory.

    It is beside an SQLite file. For PostgreSQL it is in systemd's state directory of the service, else among the
    temporary files.

    Args:
        url: The store's URL.

    Raises:
        CannotOpenStore: The URL is invalid.
    """
    match locate(url):
        case InMemory():
            return None
        case InFile(path):
            real = path.resolve()
            return real.with_name(real.name + _TRACE)
        case InPostgres():
            folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0] or tempfile.gettempdir()
            # A digest, because the URL may contain a password.
            return Path(folder, f"stretto-{os.getuid()}-{hashlib.sha256(url.encode()).hexdigest()[:16]}{_TRACE}")


def locate(url: str) -> Location:
    """Return the location of a store.

    Args:
        url: `sqlite://`, `sqlite:///FILE` or `postgresql://...`.

    Raises:
        CannotOpenStore: The URL is invalid. The message shows no part that may contain a password.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "sqlite" and rest == "//":
        return InMemory()
    if scheme == "sqlite" and rest.startswith("///") and rest != "///":
        return _in_file(rest.removeprefix("///"))
    if scheme == "sqlite":
        raise CannotOpenStore(f"cannot open the store {url!r}: the path must follow three slashes; {_EXPECTED}")
    if scheme == "postgresql" and rest.startswith("//"):
        return InPostgres(url)
    if not colon or "/" in scheme:
        raise CannotOpenStore(f"cannot open the store {url!r}: this is not a URL; {_EXPECTED}")
    raise CannotOpenStore(f"cannot open the store: its URL begins with {scheme + ':'!r}; {_EXPECTED}")


def _in_file(text: str) -> InFile:
    if "?" in text:
        raise CannotOpenStore(
            f"cannot open the store 'sqlite:///{text}': the URL of a file must have no options, got a '?'"
        )
    return InFile(Path(text))
