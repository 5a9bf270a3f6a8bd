"""Notices changes of definitions and packs through inotify, without polling.

    editor --> file --> kernel --event--> _Watch --quiet for a moment--> changed()

Editors write, rename and write again; copying a folder writes many files. One burst of changes is reported once.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stretto.metrics import get_logger

if TYPE_CHECKING:
    from asyncinotify import Event

QUIET_SECONDS: Final = 0.2
"""How long nothing must have changed before a change is reported."""
LONGEST_SECONDS: Final = 2.0
"""When a change is reported even though more changes keep coming."""

_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_PASSED_OVER: Final = frozenset({".git", ".stretto", ".venv", "__pycache__", "node_modules"})
"""Folders with many others below them, none of which contains definitions."""
_log = get_logger("stretto.daemon")


@contextlib.asynccontextmanager
async def watching(folders: Iterable[str], changed: Callable[[], None]) -> AsyncIterator[None]:
    """Call `changed` when a definition in these folders changes, during the `async with` block.

    Without inotify, one warning is logged and `changed` is never called.
    """
    try:
        watch = _Watch(folders)
    except (ImportError, OSError) as error:
        reason = "there is no inotify here" if isinstance(error, ImportError) else str(error)
        _log.warning("definitions_not_watched", reason=reason, remedy="send SIGHUP after a change")
        yield
        return
    task = asyncio.create_task(watch.report_changes(changed))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        watch.close()


class _Watch:
    """Watches folders, all folders below them, and their parents, in which they may be created again."""

    def __init__(self, folders: Iterable[str]) -> None:
        from asyncinotify import Inotify, Mask  # noqa: PLC0415 - only systems with inotify can import it

        self._changes = Mask.CLOSE_WRITE | Mask.CREATE | Mask.DELETE | Mask.MOVE | Mask.DELETE_SELF | Mask.MOVE_SELF
        self._arrivals = Mask.CREATE | Mask.MOVED_TO
        self._always = Mask.Q_OVERFLOW | Mask.UNMOUNT | Mask.DELETE_SELF | Mask.MOVE_SELF
        self._mask = Mask
        self._roots = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100 - resolve() follows links
        self._paths: dict[int, Path] = {}
        self._names: dict[int, set[str]] = {}
        self._inotify = Inotify()
        try:
            self._follow()
        except BaseException:
            self._inotify.close()
            raise

    def close(self) -> None:
        """Stop watching."""
        self._inotify.close()

    async def report_changes(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each burst of changes, until cancelled."""
        while True:
            await self._change()
            await self._until_quiet()
            # Folders first, then files: anything added to a new folder from now on is an event.
            try:
                self._follow()
            except OSError as error:
                _log.warning("definitions_not_watched", reason=str(error), remedy="send SIGHUP after a change")
            changed()

    async def _change(self) -> None:
        while not self._matters(await self._inotify.get()):
            pass

    async def _until_quiet(self) -> None:
        """Wait until nothing has changed for QUIET_SECONDS. An event lost here came before the next read."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_SECONDS
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout_at(min(loop.time() + QUIET_SECONDS, latest)):
                    await self._change()

    def _matters(self, event: "Event") -> bool:
        if event.mask & self._always:
            return True
        watch = event.watch
        if watch is None or event.name is None:
            return False
        name = str(event.name)
        if name in self._names.get(watch.wd, ()):
            return True
        folder = self._paths.get(watch.wd)
        if folder is None or name in _PASSED_OVER:
            return False
        # A link may lead to a folder. Of other files, only definitions matter, not an editor's own.
        return self._mask.ISDIR in event.mask or event.name.suffix in _SUFFIXES or (folder / name).is_symlink()

    def _follow(self) -> None:
        """Watch every existing folder. Repeat until nothing is new, to find folders created meanwhile."""
        earlier: dict[int, Path] | None = None
        while self._paths != earlier:
            earlier = self._paths
            self._names = {}
            for root in self._roots:
                number = self._add(root.parent, self._arrivals)
                if number is not None:
                    self._names.setdefault(number, set()).add(root.name)
            found = ((self._add(folder, self._changes), folder) for folder in _folders(self._roots))
            self._paths = {number: folder for number, folder in found if number is not None}
        for watch in self._inotify.watches:
            if watch.wd not in self._paths and watch.wd not in self._names:
                with contextlib.suppress(OSError):  # the folder is gone, and so is its watch
                    self._inotify.rm_watch(watch)

    def _add(self, folder: Path, mask: int) -> int | None:
        """Return the number of the folder's watch. The same folder by another name has the same number."""
        try:
            watch = self._inotify.add_watch(folder, self._mask(mask) | self._mask.ONLYDIR | self._mask.MASK_ADD)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return watch.wd


def _folders(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the folders and those below them."""
    for root in roots:
        for folder, below, _ in os.walk(root):
            below[:] = [name for name in below if name not in _PASSED_OVER]
            yield Path(folder)
