"""New sessions as they are kept."""

from typing import NamedTuple

from stretto.actors.access.callers import Caller
from stretto.actors.access.sessions import LONGEST_SECONDS, new_secret
from stretto.actors.access.tokens import digest_of
from stretto.actors.journal import SessionRecord


class NewSession(NamedTuple):
    """The secret of a session, which only the browser gets, and its record."""

    secret: str
    record: SessionRecord


def new_session(caller: Caller, now: float, latest: float | None) -> NewSession:
    """Return a session with a caller's rights.

    Args:
        caller: Whose rights.
        now: The time, in seconds since the epoch.
        latest: When it ends at the latest, or None without such a time.
    """
    ends_at = now + LONGEST_SECONDS
    secret = new_secret()
    record = SessionRecord(
        digest=digest_of(secret), who=caller.who, role=caller.role, origin=caller.origin, workflows=caller.workflows,
        token=caller.token, made_at=now, used_at=now, ends_at=ends_at if latest is None else min(ends_at, latest),
    )  # fmt: skip
    return NewSession(secret, record)
