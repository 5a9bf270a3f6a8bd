"""Tells when a definition or a pack changes: the kernel says so (inotify), and nothing looks.

    editor --> file --> kernel --event--> _Watch --quiet for a moment--> changed()

Editors write, rename and write again; whoever copies a folder writes many files. What comes in one go is told once.
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
"""How long nothing must have changed before it is told."""
LONGEST_SECONDS: Final = 2.0
"""After which it is told even if something changes all the time."""

_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_PASSED_OVER: Final = frozenset({".git", ".venv", "__pycache__", "node_modules"})
"""Folders with many others below them, none of which holds definitions."""
_log = get_logger("stretto.daemon")


@contextlib.asynccontextmanager
async def watching(folders: Iterable[str], changed: Callable[[], None]) -> AsyncIterator[None]:
    """Have `changed` called when a definition in these folders has changed, in the `async with` block.

    Where the kernel cannot tell, the log says so, once, and `changed` is never called.
    """
    try:
        watch = _Watch(folders)
    except (ImportError, OSError) as error:
        reason = "there is no inotify here" if isinstance(error, ImportError) else str(error)
        _log.warning("definitions_not_watched", reason=reason, remedy="send SIGHUP after a change")
        yield
        return
    task = asyncio.create_task(watch.tell(changed))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        watch.close()


class _Watch:
    """Watches folders, all that are below them, and the folders that they are in: they may be put there anew."""

    def __init__(self, folders: Iterable[str]) -> None:
        from asyncinotify import Inotify, Mask  # noqa: PLC0415 - it cannot be imported but where there is inotify

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
        """Watch nothing any more."""
        self._inotify.close()

    async def tell(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each change, for ever."""
        while True:
            await self._change()
            await self._until_quiet()
            # First the folders, then the files: what comes into a new folder from now on is an event.
            try:
                self._follow()
            except OSError as error:
                _log.warning("definitions_not_watched", reason=str(error), remedy="send SIGHUP after a change")
            changed()

    async def _change(self) -> None:
        while not self._matters(await self._inotify.get()):
            pass

    async def _until_quiet(self) -> None:
        """Return when nothing has changed for a moment. An event that is lost here came before what is read next."""
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
        # A link may stand for a folder; of all other files only definitions matter, not an editor's own.
        return self._mask.ISDIR in event.mask or event.name.suffix in _SUFFIXES or (folder / name).is_symlink()

    def _follow(self) -> None:
        """Watch every folder there is now. One that is made meanwhile is found by looking until nothing is new."""
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
                with contextlib.suppress(OSError):  # the folder is gone, and its watch with it
                    self._inotify.rm_watch(watch)

    def _add(self, folder: Path, mask: int) -> int | None:
        """Return the number of the folder's watch; the same folder, by another name, has the same."""
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
