"""Where installed packs came from, kept next to them and not in them."""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

from stretto.actors.packs.environments import HIDDEN

_FOLDER: Final = "installed"


class Origin(msgspec.Struct, frozen=True):
    """Where an installed pack came from.

    Attributes:
        source: As given: a folder, an archive or a URL.
        ref: The branch, tag or commit as given, or "".
        commit: The commit of a repository, or "".
    """

    source: str
    ref: str = ""
    commit: str = ""


_read: Final = msgspec.json.Decoder(Origin).decode


def origin_of(pack: Path) -> Origin | None:
    """Return where a pack came from, or None if it was not installed by a command."""
    try:
        return _read(_path(pack).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def record(pack: Path, origin: Origin) -> None:
    """Write down where a pack came from."""
    path = _path(pack)
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(origin))
    fresh.replace(path)


def forget(pack: Path) -> None:
    """Forget where a pack came from."""
    with contextlib.suppress(FileNotFoundError):
        _path(pack).unlink()


def _path(pack: Path) -> Path:
    return pack.parent / HIDDEN / _FOLDER / f"{pack.name}.json"
