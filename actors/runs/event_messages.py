"""The messages to the engine about events: the runs that rules start, and events of other engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from stretto.actors.journal import DueMatches, NewEvents


class StartDue(msgspec.Struct, frozen=True):
    """Start the runs of the matches that wait."""


class FindDue(msgspec.Struct, frozen=True):
    """Read the matches that are due from the store."""


class DueUnread(msgspec.Struct, frozen=True):
    """The matches that are due could not be read: the store is read again after a while."""


class DueFound(msgspec.Struct, frozen=True):
    """A page of the matches that are due in the store."""

    page: DueMatches


class AnnounceEvents(msgspec.Struct, frozen=True):
    """Notify other engines of the events that this one has accepted."""


class LookForEvents(msgspec.Struct, frozen=True):
    """Read the events that other engines have accepted."""


class EventsLookedAt(msgspec.Struct, frozen=True):
    """The newest events of the store were read."""

    new: NewEvents


class EventsUnread(msgspec.Struct, frozen=True):
    """They could not be read: the store is read again after a while."""
