"""Claims of runs: the runs that an engine takes over, and their suspects."""

from typing import Final, Protocol

import msgspec

from stretto.actors.journal.records import Suspicion
from stretto.actors.journal.store import Unfinished


class Claimed(msgspec.Struct, frozen=True):
    """Runs that an engine has taken over, in the order of their acceptance. Their trees are complete."""

    unfinished: tuple[Unfinished, ...]
    suspects: tuple[Suspicion, ...]
    """The suspects among them, and those that have ended and are not quarantined."""
    more: bool = False
    """Whether more runs may be left to claim."""
    matches: bool = False
    """Whether matches were claimed whose runs are to be started."""
    again: float | None = None
    """The seconds after which to claim again, or None if no other engine can leave runs."""
    fenced: int = 0
    """How many engines this one has fenced."""


NOTHING_CLAIMED: Final = Claimed((), ())


class Claims(Protocol):
    """Takes over runs in progress that no engine can write any more, on the writer's thread."""

    def claim(self) -> Claimed:
        """Claim a portion of trees of runs in one transaction, which renews the lease. Read their entries after it.

        If the last commit failed and has taken effect all the same, its portion is returned.

        Raises:
            StoreUnavailable: The store cannot be written now; the call can be repeated.
            StoreLost: Another process has taken over the store.
        """

    def renew(self) -> Claimed:
        """Renew the lease as `claim` does, and claim nothing. The portion of a commit in doubt is returned, too."""


def claim_all(claims: Claims) -> Claimed:
    """Claim all runs that are left, portion by portion. Raises like `Claims.claim`."""
    unfinished: list[Unfinished] = []
    suspects: dict[str, Suspicion] = {}
    matches = False
    while True:
        portion = claims.claim()
        matches = matches or portion.matches
        unfinished += portion.unfinished
        suspects.update((each.run_id, each) for each in portion.suspects)
        if not portion.more:
            return Claimed(tuple(unfinished), tuple(suspects.values()), matches=matches, again=portion.again)
