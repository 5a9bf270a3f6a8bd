"""Which key a store's secrets are encrypted with: the operator's, or one made beside an SQLite file."""

import os
import tempfile
from os import PathLike
from pathlib import Path

from stretto.actors.journal.encryption import Keyring, new_key, read_key_file
from stretto.actors.journal.location import InFile, InMemory, locate
from stretto.actors.journal.store import CannotOpenStore
from stretto.metrics import get_logger

_log = get_logger("stretto.journal")


def keyring_for(url: str, key_file: str | PathLike[str] | None) -> Keyring | None:
    """Return the keys of a store; None: it can keep no secrets.

    Without a key's file an SQLite store has one beside it, `FILE.key`, which is made with it and belongs to its owner
    alone: so the store's own file, and every copy of it, holds no secret in clear. Raises `CannotOpenStore`.
    """
    if key_file is not None:
        return read_key_file(Path(key_file))
    location = locate(url)
    if isinstance(location, InMemory):
        return Keyring([new_key()])  # it goes with the store
    if not isinstance(location, InFile):
        return None
    path = Path(f"{location.path}.key")
    if not path.parent.is_dir():
        return None  # as above
    if not path.exists():
        _refuse_if_there(location.path, path)
        _make(path)
    return read_key_file(path)


def _refuse_if_there(store: Path, key: Path) -> None:
    """Raise `CannotOpenStore` if there is a store without its key: a new one could read none of its secrets."""
    if store.exists() and store.stat().st_size:
        raise CannotOpenStore(
            f"cannot open the store sqlite:///{store}: its key {key} is not there, and no other is named "
            "(engine.store_key); put it back, or, if the store holds no secrets or they may be lost, make another: "
            f"(umask 077; stretto store key > {key})"
        )


def _make(path: Path) -> None:
    """Make a key's file, which is there as a whole or not at all, however the process ends."""
    try:
        descriptor, new = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{new_key()}\n")
                file.flush()
                os.fsync(descriptor)
            path.hardlink_to(new)
        finally:
            Path(new).unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        return  # another process was quicker
    except OSError as error:
        raise CannotOpenStore(f"cannot make the key {path} of the store: {error.strerror}") from None
    _log.info("store_key_made", file=str(path), hint="keep a copy: without it nobody can read the store's secrets")


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file survive a power cut: secrets may be encrypted with its key in a moment."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
