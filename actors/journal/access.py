"""The records of access (tokens, sessions and enter codes), their changes, and the pages of the audit.

No record has a secret. Times are seconds since the epoch. `workflows` are the refs that a token is restricted to, or
None without a restriction.
"""

from collections.abc import Collection
from typing import Final, Protocol, TypeAlias

import msgspec

from stretto.actors.journal.audit import AuditEntries, AuditEntry
from stretto.actors.journal.queries import PAGE
from stretto.actors.journal.records import Origin

MAX_SESSIONS: Final = 10_000
"""Sessions at a time. A new one ends the one that was not used for the longest time."""


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A token. Its secret is stored nowhere."""

    id: str
    """The characters of the token that name it."""
    name: str
    role: str
    digest: str
    """The SHA-256 of the token, in hexadecimal digits."""
    made_at: float
    made_by: str
    expires_at: float | None = None
    used_on: float | None = None
    """The beginning of the day, in UTC, on which it was last used."""
    workflows: tuple[str, ...] | None = None
    revoked_at: float | None = None


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A session of a browser."""

    digest: str
    """The SHA-256 of the session's secret, in hexadecimal digits."""
    who: str
    role: str
    origin: Origin
    workflows: tuple[str, ...] | None
    token: str | None
    """The id of the token that it was begun with, which ends the session when it is revoked."""
    made_at: float
    used_at: float
    ends_at: float
    """When it ends at the latest, used or not."""


class EnterCodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A code that begins one session."""

    digest: str
    """The SHA-256 of the code, in hexadecimal digits."""
    who: str
    role: str
    origin: Origin
    workflows: tuple[str, ...] | None
    token: str | None
    expires_at: float


class AddToken(msgspec.Struct, frozen=True):
    """Add a token. Refused if a token that is not revoked has its name."""

    token: TokenRecord


class RevokeToken(msgspec.Struct, frozen=True):
    """Revoke a token and end its sessions and codes. Refused if no such token is there, or it is revoked."""

    id: str
    at: float


class NoteTokenUse(msgspec.Struct, frozen=True):
    """Note the day on which a token was used."""

    id: str
    on: float


class AddSession(msgspec.Struct, frozen=True):
    """Add a session, and forget those that have ended by then and, with too many, the one not used for longest."""

    session: SessionRecord


class NoteSessionUse(msgspec.Struct, frozen=True):
    """Note when a session was used."""

    digest: str
    at: float


class EndSession(msgspec.Struct, frozen=True):
    """End a session."""

    digest: str


class AddEnterCode(msgspec.Struct, frozen=True):
    """Add a code, and forget those that have expired by `at`."""

    code: EnterCodeRecord
    at: float


class Enter(msgspec.Struct, frozen=True):
    """Use up a code and add its session. Refused if the code is unknown, used or expired."""

    code: str
    """The digest of the code."""
    session: SessionRecord


AccessChange: TypeAlias = (
    AddToken | RevokeToken | NoteTokenUse | AddSession | NoteSessionUse | EndSession | AddEnterCode | Enter
)


class AuditRow(msgspec.Struct, frozen=True):
    """An entry with its number, which grows with each entry."""

    number: int
    entry: AuditEntry


class AuditPage(msgspec.Struct, frozen=True):
    """A page of entries, the newest first, and the cursor of the next page, or None on the last one."""

    rows: tuple[AuditRow, ...]
    next: str | None


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The entries that a page contains: those that match all fields."""

    since: float | None = None
    """Only requests at this time, in seconds since the epoch, or later."""
    who: str | None = None
    """Only requests of this token or user."""
    cursor: str | None = None
    """The `next` of the previous page."""
    limit: int = PAGE


class PruneAudit(msgspec.Struct, frozen=True):
    """Delete the entries from before a time, in seconds since the epoch."""

    before: float


class AccessWriter(Protocol):
    """Writes changes of access, on the writer's thread."""

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> bool:
        """Write a change and its audit in one transaction, which is durable when this returns.

        Args:
            change: The change.
            audit: Written only if the change is.

        Returns:
            Whether the change was made. False if it is refused.

        Raises:
            StoreUnavailable: The store cannot be written now.
            StoreLost: Another process has taken over the store.
        """


class AccessReader(Protocol):
    """Reads the tables of access. Thread-safe. Every method may raise StoreUnavailable."""

    def tokens(self, ids: Collection[str] | None = None) -> list[TokenRecord]:
        """Return all tokens, the oldest first, also revoked and expired ones, or only those with these ids."""

    def sessions(self, digests: Collection[str] | None = None) -> list[SessionRecord]:
        """Return all sessions, the oldest first, or only those with these digests."""

    def enter_codes(self, digests: Collection[str] | None = None) -> list[EnterCodeRecord]:
        """Return all codes that are not used up, or only those with these digests."""

    def audit(self, query: AuditQuery) -> AuditPage:
        """Return a page of the audit, the newest entry first.

        Raises:
            InvalidCursor: The cursor did not come from a page of the audit.
        """
