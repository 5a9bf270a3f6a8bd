"""The processes that hold a file open, as far as /proc shows them to this process."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST_SHOWN: Final = 80
_PASSWORD: Final = re.compile(r"//[^/@\s]*@")


def holders_of(descriptor: int) -> list[int]:
    """Return the ids of the processes that have the same file open by another descriptor, in order."""
    wanted = _identity(os.fstat(descriptor))
    found = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for entry in folder.iterdir():
                ours = folder.parent.name == str(os.getpid()) and entry.name == str(descriptor)
                with suppress(OSError):  # it was closed meanwhile
                    if not ours and _identity(entry.stat()) == wanted:
                        found.add(int(folder.parent.name))
    return sorted(found)


def describe_process(process: int) -> str:
    """Return "process 12 (stretto serve)", or "process 12" if /proc does not show its command."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return f"process {process}"
    command = _PASSWORD.sub("//...@", " ".join(words)).strip()
    if not command:
        return f"process {process}"
    shown = command if len(command) <= _MOST_SHOWN else f"{command[:_MOST_SHOWN]}..."
    return f"process {process} ({shown})"


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
