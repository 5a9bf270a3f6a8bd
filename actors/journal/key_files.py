"""The key file of a store: the operator's, or one created next to an SQLite file."""

import os
import tempfile
from os import PathLike
from pathlib import Path
from typing import Final

from stretto.actors.journal.encryption import Keyring, new_key, read_key_file
from stretto.actors.journal.location import InFile, InMemory, locate
from stretto.actors.journal.store import CannotOpenStore
from stretto.actors.locating import exists, is_folder
from stretto.metrics import get_logger

_SQLITE: Final = b"SQLite format 3\0"
"""The first bytes of each SQLite database."""

_log = get_logger("stretto.journal")


def keyring_for(url: str, key_file: str | PathLike[str] | None) -> Keyring | None:
    """Return the keys of a store, or None if it cannot store secrets.

    Without `key_file`, an SQLite store uses the file `FILE.key` next to it, created together with the store and
    accessible to its owner only. So neither the store's file nor a copy of it contains a plain secret.

    Args:
        url: The store's URL.
        key_file: The operator's key file, if one is configured.

    Raises:
        CannotOpenStore: The key file is missing, invalid, or cannot be created.
    """
    if key_file is not None:
        return read_key_file(Path(key_file))
    location = locate(url)
    if isinstance(location, InMemory):
        return Keyring([new_key()])  # lost together with the store
    if not isinstance(location, InFile):
        return None
    path = Path(f"{location.path}.key")
    if not is_folder(path.parent):
        return None  # opening the store reports the missing folder
    if not exists(path):
        _refuse_if_store_exists(location.path, path)
        _create(path)
    return read_key_file(path)


def _refuse_if_store_exists(store: Path, key: Path) -> None:
    """Raise CannotOpenStore if a store exists without its key: a new key could not decrypt its secrets."""
    if exists(store) and store.stat().st_size:
        try:
            with store.open("rb") as file:
                begin = file.read(len(_SQLITE))
        except OSError as error:
            raise CannotOpenStore(f"cannot open the store sqlite:///{store}: {error.strerror}") from error
        if begin != _SQLITE:
            raise CannotOpenStore(f"cannot open the store sqlite:///{store}: the file is not an SQLite database")
        raise CannotOpenStore(
            f"cannot open the store sqlite:///{store}: its key {key} is missing, and no other is configured "
            "(engine.store_key); restore it, or, if the store has no secrets or they may be lost, create a new one: "
            f"(umask 077; stretto store key > {key})"
        )


def _create(path: Path) -> None:
    """Create a key file atomically: a crash leaves the whole file or none."""
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
        return  # another process created it first
    except OSError as error:
        raise CannotOpenStore(f"cannot create the key {path} of the store: {error.strerror}") from None
    _log.info("store_key_made", file=str(path), hint="keep a copy: the store's secrets cannot be read without it")


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable, as secrets may be encrypted with its key at once."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
