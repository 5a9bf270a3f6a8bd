"""The audit: who asked for which change, and what came of it.

An entry is written in the same commit as the change that it is about. So there is no change without its entry, and no
entry without its change. Without a store, entries are log lines, and the newest ones stay in memory.
"""

from typing import Final, TypeAlias

import msgspec

from stretto.actors.journal.inquiry_links import InquiryLink
from stretto.actors.journal.peers import PeerAnswer

MAX_NOTE: Final = 1000
"""Characters of a note that are kept."""
MAX_TEXT: Final = 200
"""Characters of any other text of an entry that are kept."""
DONE: Final = "done"
"""The result of a change that has none of its own."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change that someone asked for."""

    at: float
    """When it was asked for, in seconds since the epoch."""
    who: str
    """The name of the token or of the user."""
    source: str
    """Where the request came from: an address, or `local` for a process of this machine."""
    via: str
    """How the request came: `cli`, `api`, `page`, ..."""
    operation: str
    target: str
    """The thing that the request named: a run, a workflow, a token, ..."""
    note: str | None = None
    result: str = DONE
    for_user: str | None = None
    """The user for whom a proxy sent the request, as it says."""


AuditEntries: TypeAlias = tuple[AuditEntry | PeerAnswer | InquiryLink, ...]
"""The entries of a commit: none if no one asked for its changes. An engine that has asked for them gets its answer,
and the links by which persons may answer are new with the commit.
"""


class RequestedBy(msgspec.Struct, frozen=True):
    """Who started a run: the name of a token or user, and how the request came."""

    who: str
    via: str


class Requester(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a change, and how the request came, for the run and the audit.

    Attributes:
        who: The name of a token or user.
        via: How the request came: `cli`, `api`, `page`, ...
        source: Where it came from: an address, or `local`.
        note: What the caller says about it.
        for_user: The user for whom a proxy sends the request, as it says.
        role: What the caller may do, or None for a program in the engine's own process.
    """

    who: str
    via: str
    source: str
    note: str | None = None
    for_user: str | None = None
    role: str | None = None

    @property
    def name(self) -> str:
        """The person: the user for whom a proxy sends the request, or who sends it."""
        return self.for_user or self.who

    @property
    def is_program(self) -> bool:
        """Whether a program has called an engine in its own process, which may do everything."""
        return False

    def asks(self, operation: str, target: str, at: float, result: str = DONE) -> AuditEntries:
        """Return the entry of a change, to be written in the change's commit.

        Args:
            operation: The name of the operation.
            target: What the request names.
            at: The time of the request, in seconds since the epoch.
            result: What came of it.
        """
        entry = AuditEntry(
            at=at, who=_storable(self.who), source=_storable(self.source), via=_storable(self.via),
            operation=_storable(operation), target=_storable(target), result=_storable(result),
            note=None if self.note is None else _storable(self.note, MAX_NOTE),
            for_user=None if self.for_user is None else _storable(self.for_user),
        )  # fmt: skip
        return (entry,)

    def answering(self, value: object) -> "Requester":  # noqa: ARG002 - another engine gets it
        """Return who asks, for a change whose answer has a value."""
        return self

    @property
    def of_run(self) -> RequestedBy:
        """The part that a run records."""
        return RequestedBy(_storable(self.who), _storable(self.via))


def client_of(by: Requester | None) -> Requester | None:
    """Return who asks, or None for a program in the engine's own process."""
    return None if by is None or by.is_program else by


def asked_by(by: Requester | None, operation: str, target: str, at: float, result: str = DONE) -> AuditEntries:
    """Return the entry of a change, or none if no one asked for it: see `Requester.asks`."""
    return () if by is None else by.asks(operation, target, at, result)


def _storable(text: str, most: int = MAX_TEXT) -> str:
    """Return a text that every database accepts: a client's note must not make its run unrecordable."""
    cut = text if len(text) <= most else f"{text[: most - 3]}..."
    return cut.encode("utf-8", "replace").decode().replace("\0", "?")
