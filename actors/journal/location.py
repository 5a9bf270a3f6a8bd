"""Where the store of a URL is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from stretto.actors.journal.store import CannotOpenStore

_EXPECTED: Final = (
    "expected sqlite:///FILE.db, sqlite:////FOLDER/FILE.db, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
)


@dataclass(frozen=True, slots=True)
class InMemory:
    """A store in this process's memory."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A store in a file of SQLite's; a relative path is one from where the process is."""

    path: Path


@dataclass(frozen=True, slots=True)
class InPostgres:
    """A store in a PostgreSQL database; the URL, which may hold a password, is never shown."""

    url: str

    def __repr__(self) -> str:
        return "InPostgres(...)"


Location: TypeAlias = InMemory | InFile | InPostgres


def locate(url: str) -> Location:
    """Return where the store of a URL is. Raises `CannotOpenStore`; what cannot be read may hold a password."""
    scheme, colon, rest = url.partition(":")
    if scheme == "sqlite" and rest == "//":
        return InMemory()
    if scheme == "sqlite" and rest.startswith("///") and rest != "///":
        return _in_file(rest.removeprefix("///"))
    if scheme == "sqlite":
        raise CannotOpenStore(f"cannot open the store {url!r}: a file's path comes after three slashes; {_EXPECTED}")
    if scheme == "postgresql" and rest.startswith("//"):
        return InPostgres(url)
    if not colon or "/" in scheme:
        raise CannotOpenStore(f"cannot open the store {url!r}: that is no URL; {_EXPECTED}")
    raise CannotOpenStore(f"cannot open the store: its URL begins with {scheme + ':'!r}; {_EXPECTED}")


def _in_file(text: str) -> InFile:
    if "?" in text:
        raise CannotOpenStore(f"cannot open the store 'sqlite:///{text}': a file's URL takes no options (found a '?')")
    return InFile(Path(text))
