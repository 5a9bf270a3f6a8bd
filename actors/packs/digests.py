"""The digest of a pack's files: a worker elsewhere runs a pack's actions only if its files are the same."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stretto.actors.packs.model import Manifest
from stretto.metrics import get_logger

MAX_DIGEST_FILES: Final = 10_000
"""The files of a pack whose actions can run elsewhere."""
MAX_DIGEST_BYTES: Final = 32 * 1024 * 1024
"""Their bytes."""
_IGNORED: Final = frozenset({"__pycache__", "node_modules"})

_log = get_logger("stretto.packs")


def pack_digest(manifest: Manifest) -> str:
    """Return the digest of a pack's files as they are when it is first asked for, or "" if they are too many.

    Hidden files, compiled ones and `node_modules` do not count.
    """
    settings = manifest.settings
    if settings.digest is None:
        settings.digest = _digest_of(manifest.folder)
        if not settings.digest:
            _log.warning(
                "pack_too_large_for_pools", pack=manifest.ref, max_files=MAX_DIGEST_FILES, max_bytes=MAX_DIGEST_BYTES
            )
    return settings.digest


def _digest_of(pack: Path) -> str:
    digest = hashlib.sha256()
    files = size = 0
    for path in _files(pack):
        try:
            files, size = files + 1, size + path.stat().st_size
            if files > MAX_DIGEST_FILES or size > MAX_DIGEST_BYTES:
                return ""
            data = path.read_bytes()
        except OSError:
            continue
        digest.update(f"{path.relative_to(pack)}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return digest.hexdigest()


def _files(pack: Path) -> Iterator[Path]:
    """Yield the regular files of a pack, in an order that is the same on each machine."""
    for folder, below, names in os.walk(pack):
        below[:] = sorted(each for each in below if each not in _IGNORED and not each.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix != ".pyc" and path.is_file():
                yield path
