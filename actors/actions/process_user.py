"""The user as whom processes of packs run, if it is not the daemon's own."""

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final, NamedTuple

from stretto.definitions.errors import nearest

_NEEDED: Final = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
"""The capabilities that starting and ending a process of another user takes, by their bits."""
_STATUS: Final = Path("/proc/self/status")


class ProcessUser(NamedTuple):
    """A user of the system, with its groups.

    Attributes:
        name: The user's name.
        home: The user's home folder.
        uid: The user's id.
        gid: The id of the user's first group.
        groups: The ids of the user's other groups.
    """

    name: str
    home: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    def own(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return variables with the user's own in place of those that come from the daemon."""
        mine = {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}
        mine = {name: value for name, value in mine.items() if variables.get(name) in {None, os.environ.get(name)}}
        return {**variables, **mine}


_user: ContextVar[ProcessUser | None] = ContextVar("process_user", default=None)


@contextmanager
def as_user(user: ProcessUser | None) -> Iterator[None]:
    """Start the processes of the block as a user. With None they are the daemon's."""
    token = _user.set(user)
    try:
        yield
    finally:
        _user.reset(token)


def process_user() -> ProcessUser | None:
    """Return the user of processes that start now, or None for the daemon's own."""
    return _user.get()


def find_user(name: str) -> ProcessUser:
    """Return a user as whom this process may start others.

    Raises:
        ValueError: There is no such user, or this process lacks the right. The message says which.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        hint = nearest(name, [each.pw_name for each in pwd.getpwall()])
        raise ValueError(
            f"packs.run_as must be a user of this system, got {name!r}" + (f"; {hint}" if hint else "")
        ) from None
    if lacking := _lacking():
        raise ValueError(
            f"packs.run_as: {name} needs a daemon that starts as root, or with the capabilities "
            f"{', '.join(sorted(_NEEDED))}; this process lacks {', '.join(lacking)}"
        )
    groups = tuple(each for each in os.getgrouplist(entry.pw_name, entry.pw_gid) if each != entry.pw_gid)
    return ProcessUser(entry.pw_name, entry.pw_dir, entry.pw_uid, entry.pw_gid, groups)


def _lacking() -> list[str]:
    effective = next(
        (int(line.split()[1], 16) for line in _STATUS.read_text().splitlines() if line.startswith("CapEff:")), 0
    )
    return [name for name, bit in _NEEDED.items() if not effective >> bit & 1]
