"""The keys of stores that the command line opens. It never creates one."""

from pathlib import Path
from typing import TYPE_CHECKING

from stretto.actors.journal import InFile, locate
from stretto.actors.locating import exists

if TYPE_CHECKING:
    from stretto.actors.journal import Keyring


def keyring_of(url: str, key_file: str | None) -> "Keyring | None":
    """Return the keys of the file, or of the one beside an SQLite store; None if there is neither.

    Raises `CannotOpenStore`.
    """
    from stretto.actors.journal import read_key_file

    if key_file is not None:
        return read_key_file(key_file)
    location = locate(url)
    if not isinstance(location, InFile):
        return None
    beside = Path(f"{location.path}.key")
    return read_key_file(beside) if exists(beside) else None
