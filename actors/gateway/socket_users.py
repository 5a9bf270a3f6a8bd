"""The users of the socket: the daemon's own, root, and the members of a group. The kernel says who connects."""

import array
import grp
import os
import pwd
import socket
import struct
from typing import Final

from stretto.actors.access import Caller, Role, local_caller
from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.settings import ServeSettings

_CREDENTIALS: Final = struct.Struct("3i")
_SO_PEERGROUPS: Final = 59
"""The option of Linux that returns the other groups of a peer, which Python's `socket` does not name."""
_GROUPS_BYTES: Final = 1024
"""The most that Python lets an option return: 256 groups."""


class SocketUsers:
    """Knows the users of the socket.

    Args:
        group: The number of the group whose members may connect, or None without one.
        role: The role of its members.
    """

    def __init__(self, group: int | None = None, role: Role = "operator") -> None:
        self._group = group
        self._role = role

    def caller(self, connection: socket.socket) -> Caller | None:
        """Return who is at the other end of a connection, or None for a user without any rights.

        Args:
            connection: A connection of the socket.

        Raises:
            OSError: The other end has left.
        """
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _process, user, group = _CREDENTIALS.unpack(credentials)
        if user in {0, os.getuid()}:
            return local_caller(user)
        if self._group is None or self._group not in {group, *_other_groups(connection, user)}:
            return None
        return local_caller(user, role=self._role, origin="remote")


def socket_users(serve: ServeSettings) -> SocketUsers:
    """Return the users of the settings. Raises `CannotServe` if there is no such group."""
    return SocketUsers(group_of(serve), serve.socket_group_role)


def group_of(serve: ServeSettings) -> int | None:
    """Return the number of the socket's group, or None without one.

    Args:
        serve: The settings.

    Raises:
        CannotServe: There is no such group.
    """
    group = serve.socket_group
    if group is None:
        return None
    if group.isdecimal() and group.isascii():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotServe(
            f"there is no group {group!r} (serve.socket_group): make it with `groupadd {group}`"
        ) from None


def _other_groups(connection: socket.socket, user: int) -> list[int]:
    """Return the supplementary groups of a peer. A kernel that does not tell them leaves those of the user."""
    try:
        return list(array.array("I", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)))
    except OSError:
        return _groups_of_user(user)


def _groups_of_user(user: int) -> list[int]:
    try:
        found = pwd.getpwuid(user)
    except KeyError:
        return []
    return os.getgrouplist(found.pw_name, found.pw_gid)
