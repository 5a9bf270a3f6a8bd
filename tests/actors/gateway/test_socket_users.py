"""The socket is its owner's, root's, and its group's."""

import array
import grp
import os
import socket
import struct
from typing import Any

import pytest

from stretto.actors.access import may
from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.gateway.socket_users import SocketUsers, group_of
from stretto.actors.settings import ServeSettings

PEERGROUPS = 59


class Peer:
    """A connection whose other end has a user and groups."""

    def __init__(self, user: int, group: int, *others: int, kernel_tells: bool = True) -> None:
        self._credentials = struct.pack("3i", 1, user, group)
        self._others = array.array("I", others).tobytes()
        self._kernel_tells = kernel_tells

    def getsockopt(self, level: int, option: int, _size: int) -> bytes:
        """Return what the kernel knows."""
        assert level == socket.SOL_SOCKET
        if option == socket.SO_PEERCRED:
            return self._credentials
        assert option == PEERGROUPS
        if not self._kernel_tells:
            raise OSError("no such option")
        return self._others


def caller(peer: Any, group: int | None = None, **role: Any) -> Any:
    """Return the caller at the other end."""
    return SocketUsers(group, **role).caller(peer)


@pytest.mark.parametrize(
    ("daemon", "client", "is_owner"), [(7, 7, True), (7, 0, True), (7, 8, False), (0, 0, True), (0, 8, False)]
)
def test_the_kernel_says_whose_runs_a_client_starts(
    monkeypatch: pytest.MonkeyPatch, daemon: int, client: int, is_owner: bool
) -> None:
    """The daemon's user and root are owners; without a group, only they may connect."""
    monkeypatch.setattr(os, "getuid", lambda: daemon)
    found = caller(Peer(client, client))
    assert (found is not None) == is_owner
    assert found is None or (found.origin == "owner" and may(found, "admin"))


@pytest.mark.parametrize("peer", [Peer(8, 70), Peer(8, 8, 1, 70), Peer(8, 8, 70, 2)])
def test_members_of_the_group_are_remote_operators(monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
    """By their first group or by another one."""
    monkeypatch.setattr(os, "getuid", lambda: 7)
    found = caller(peer, 70)
    assert (found.role, found.origin, found.source, found.workflows) == ("operator", "remote", "local", None)
    assert caller(peer, 70, role="viewer").role == "viewer"
    assert caller(peer, 71) is None
    assert caller(peer) is None


def test_the_owner_stays_the_owner_in_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rights do not shrink."""
    monkeypatch.setattr(os, "getuid", lambda: 7)
    assert [caller(Peer(user, 70), 70).origin for user in (0, 7)] == ["owner", "owner"]


def test_a_kernel_that_does_not_tell_the_groups_leaves_those_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system's database has them. A user that it does not have is in no other group."""
    monkeypatch.setattr(os, "getuid", lambda: 7)
    monkeypatch.setattr(os, "getgrouplist", lambda name, group: [group, 70] if name == "nobody" else [group])
    assert caller(Peer(65534, 65534, kernel_tells=False), 70).who == "nobody"
    assert caller(Peer(54_321, 54_321, kernel_tells=False), 70) is None


def test_groups_have_names_and_numbers() -> None:
    """A name that does not exist is refused."""
    known = grp.getgrgid(0).gr_name
    assert [group_of(ServeSettings(socket_group=group)) for group in (None, known, "1234")] == [None, 0, 1234]
    with pytest.raises(CannotServe, match=r"there is no group 'nowhere' .*`groupadd nowhere`"):
        group_of(ServeSettings(socket_group="nowhere"))
