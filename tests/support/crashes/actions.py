"""What the crash test's workflows do: each performance of an action leaves one line in a file, its side effect.

The daemon that loads this module may end at any of them, or around a transaction of its journal (see `faults`).
"""

import asyncio
import os
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from stretto.actors import action
from stretto.actors.files import Bounds, read_items
from stretto.actors.runs import streams as run_streams
from tests.support.crashes import effects, faults
from tests.support.crashes.effects import Effect, lines_of
from tests.support.crashes.faults import Trap

_PATH = Path(os.environ[effects.VARIABLE])
_TRAP = Trap(Path(os.environ[faults.VARIABLE]), Path(os.environ[faults.DAEMON]))


class _Performances:
    """How often each thing has been done, by this process and those before it."""

    def __init__(self) -> None:
        self._descriptor = os.open(_PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._counts = Counter(map(_thing, lines_of(_PATH, 0)[0]))

    def add(self, effect: Effect) -> int:
        """Perform once more: leave a line; return how often it has been done by now."""
        with self._lock, _TRAP.around_effect():
            # In one piece, at the end: what a killed process has written stays, whole.
            os.write(self._descriptor, effect.line())
            self._counts[_thing(effect)] += 1
            return self._counts[_thing(effect)]


def _thing(effect: Effect) -> tuple[str, str, int, int]:
    """Return what a run and its reruns have in common: what failed in a run is done again in a rerun."""
    return effect.name, effect.task, effect.visit, effect.index


_performances = _Performances()
_TRAP.guard_transactions()
# A few items make several pieces.
setattr(run_streams, read_items.__name__, partial(read_items, bounds=Bounds(4, 1024)))


def _perform(of: dict[str, Any], fails: int, needs: str | None) -> None:
    times = _performances.add(Effect(**of))
    if times <= fails:
        raise RuntimeError(f"it fails {fails} times, and this is the performance number {times}")
    if needs is not None and not Path(needs).exists():
        raise RuntimeError(f"it needs {needs}")


@action("crash.work")
async def work(of: dict[str, Any], value: int, fails: int = 0, needs: str | None = None, seconds: float = 0.0) -> int:
    """Double a value, on the event loop; it takes so many seconds."""
    _perform(of, fails, needs)
    await asyncio.sleep(seconds)
    return value * 2


@action("crash.work_in_thread")
def work_in_thread(of: dict[str, Any], value: int, fails: int = 0) -> int:
    """Double a value, on a thread."""
    _perform(of, fails, None)
    return value * 2


@action("crash.hang_once")
async def hang_once(of: dict[str, Any], value: int) -> int:
    """Double a value; the first time, wait until the item has timed out."""
    if _performances.add(Effect(**of)) == 1:
        await asyncio.Event().wait()
    return value * 2


@action("crash.wait")
async def wait(of: dict[str, Any], value: int, gate: str) -> int:
    """Double a value; if a file is not there yet, never end."""
    _perform(of, 0, None)
    if not os.path.exists(gate):  # noqa: PTH110, ASYNC240 - it is only looked at
        await asyncio.Event().wait()
    return value * 2
