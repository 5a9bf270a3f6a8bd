"""Callers: the result of authentication, and what they may do."""

import pwd
from functools import lru_cache
from typing import cast

import msgspec

from stretto.actors.access.errors import Forbidden, MemberForbidden
from stretto.actors.access.roles import Role, includes
from stretto.actors.journal import EnterCodeRecord, Origin, Requester, SessionRecord, TokenRecord

LOCAL = "local"
"""The source of requests from processes of this machine."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request, and with which rights."""

    who: str
    """The name of the token, or of the user."""
    via: str
    """How the request came: `cli`, `api`, `page`, ..."""
    source: str
    """Where it came from: an address, or `local`."""
    role: Role
    origin: Origin
    """The origin of the runs that the caller starts."""
    workflows: tuple[str, ...] | None = None
    """The refs of the workflows that the caller is restricted to, or None without a restriction."""
    token: str | None = None
    """The id of the token, also of the one that a session was begun with."""
    session: str | None = None
    """The digest of the session."""
    for_user: str | None = None
    """The user for whom a proxy sends the request, as it says."""

    def asks(self, note: str | None = None) -> Requester:
        """Return who asks for a change, for the engine's methods.

        Args:
            note: What the caller says about it.
        """
        return Requester(
            who=self.who, via=self.via, source=self.source, note=note, for_user=self.for_user, role=self.role
        )  # fmt: skip

    def sees(self, workflow: str) -> bool:
        """Return whether the caller sees the runs of a tree, by the workflow's ref of the run at its top."""
        return self.workflows is None or workflow in self.workflows


def may(caller: Caller, role: Role) -> bool:
    """Return whether a caller may do what needs a role."""
    return includes(caller.role, role)


def require(caller: Caller, role: Role) -> None:
    """Raise `Forbidden`, with both roles, unless a caller may do what needs a role."""
    if not may(caller, role):
        raise Forbidden(role, caller.role)


def require_unrestricted(caller: Caller, role: Role) -> None:
    """Raise `Forbidden` unless a caller may do what needs a role and is about all workflows: tokens, the audit, ..."""
    require(caller, role)
    if caller.workflows is not None:
        raise Forbidden(role, caller.role, caller.workflows)


def require_full_rights(caller: Caller) -> None:
    """Refuse a caller that is not an administrator with all rights: to make tokens, or to run its own definitions.

    Raises:
        Forbidden: The caller is not an administrator, or is restricted to workflows.
        MemberForbidden: The caller has the rights of the socket's group.
    """
    require_unrestricted(caller, "admin")
    # Only the socket's group acts as a remote caller without a token.
    if caller.origin == "remote" and caller.token is None:
        raise MemberForbidden(
            "members of serve.socket_group make no tokens and run no definitions of their own: this needs the daemon's "
            "user or an administrator's token"
        )


def caller_with_token(token: TokenRecord, via: str, source: str) -> Caller:
    """Return the caller who has a token.

    Args:
        token: The token.
        via: How the request comes.
        source: Where it comes from.
    """
    return Caller(
        who=token.name, via=via, source=source, role=cast("Role", token.role), origin="remote",
        workflows=token.workflows, token=token.id,
    )  # fmt: skip


def caller_of_record(record: SessionRecord | EnterCodeRecord, source: str = "", session: str | None = None) -> Caller:
    """Return the caller who has a session, or the rights of an enter code.

    Args:
        record: The session or the code.
        source: Where the request comes from.
        session: The digest of the session.
    """
    return Caller(
        who=record.who, via="page", source=source, role=cast("Role", record.role), origin=record.origin,
        workflows=record.workflows, token=record.token, session=session,
    )  # fmt: skip


def local_caller(uid: int, via: str = "cli", role: Role = "admin", origin: Origin = "owner") -> Caller:
    """Return the caller of a process of this machine: by default with all rights, those of the daemon's own user.

    Args:
        uid: The process' user.
        via: How the request comes.
        role: What the user may do.
        origin: The origin of the user's runs.
    """
    return Caller(who=user_name(uid), via=via, source=LOCAL, role=role, origin=origin)


@lru_cache(maxsize=128)
def user_name(uid: int) -> str:
    """Return the name of a user, or "uid 1000" for one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
