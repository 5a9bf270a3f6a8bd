"""The limits of a pack's files, and the check of all files of a fetched pack."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stretto.actors.packs.errors import CannotInstallPack

MAX_PACK_BYTES: Final = 256 * 1024 * 1024
"""Bytes of all files of a pack."""
MAX_PACK_FILES: Final = 20_000
"""Files and folders of a pack."""


@dataclass(slots=True)
class Allowance:
    """The files and bytes that a pack may still have. Each file is charged before it is written.

    Attributes:
        max_bytes: Bytes of all files.
        max_files: Files and folders.
    """

    max_bytes: int = MAX_PACK_BYTES
    max_files: int = MAX_PACK_FILES
    _bytes: int = 0
    _files: int = 0

    def charge_entry(self) -> None:
        """Charge a file or a folder. Raises CannotInstallPack above the limit."""
        self._files += 1
        if self._files > self.max_files:
            raise CannotInstallPack(f"the pack has more than {self.max_files:,} files and folders; raise --max-files")

    def charge_bytes(self, count: int) -> None:
        """Charge bytes of a file. Raises CannotInstallPack above the limit."""
        self._bytes += count
        if self._bytes > self.max_bytes:
            raise CannotInstallPack(f"the pack has more than {self.max_bytes:,} bytes; raise --max-bytes")


def check_tree(folder: Path) -> None:
    """Check that a fetched folder has files, folders, and links between them only.

    Raises:
        CannotInstallPack: There is a device, a pipe or a socket, or a link that leads out of the folder.
    """
    root = folder.resolve()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                _check_link(path, root)
            elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise CannotInstallPack(f"{path.relative_to(folder)} must be a file or a folder")


def _check_link(path: Path, root: Path) -> None:
    target = path.readlink()
    try:
        leads_to = path.resolve()
    except (OSError, RuntimeError):  # a circle of links
        leads_to = Path("/")
    if target.is_absolute() or not leads_to.is_relative_to(root):
        raise CannotInstallPack(f"{path.relative_to(root)} is a link that leads out of the pack, to {str(target)!r}")
