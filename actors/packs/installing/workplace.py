"""The hidden folder next to packs: one command works in it at a time, and leftovers of killed ones are removed."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stretto.actors.packs.environments import HIDDEN
from stretto.actors.packs.errors import CannotInstallPack
from stretto.actors.process import FileLock, LockTaken


@contextlib.contextmanager
def working_in(packs: Path) -> Iterator[Path]:
    """Create a folder for files on their way, which is removed at the end of the block.

    Args:
        packs: The folder of packs. It is created if it does not exist.

    Raises:
        CannotInstallPack: Another command works there.
        OSError: The folder cannot be written.
    """
    hidden = packs / HIDDEN
    incoming = hidden / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    ignored = hidden / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="ascii")
    try:
        lock = FileLock(hidden / "lock")
    except LockTaken as taken:
        raise CannotInstallPack(f"{taken.holder} is installing packs in {packs}; try again when it has ended") from None
    try:
        for left in incoming.iterdir():
            _remove(left)
        place = Path(tempfile.mkdtemp(dir=incoming))
        try:
            yield place
        finally:
            _remove(place)
    finally:
        lock.release()


def _remove(path: Path) -> None:
    """Remove a folder, also one whose folders may not be written."""
    for folder in (path, *(each for each in path.rglob("*") if each.is_dir() and not each.is_symlink())):
        with contextlib.suppress(OSError):
            folder.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
