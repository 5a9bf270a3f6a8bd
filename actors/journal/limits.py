"""Limits on items with a common key: how the engines of a store share out the permits of a key.

    engine: so many in use, so many wanted --> a transaction under the key's lock --> so many it may use from now on

An engine uses a permit only once the store has it. It returns what it does not use. An engine that was fenced has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHARED_AT_ONCE: Final = 100
"""Keys whose permits one transaction shares out."""


class KeyNeed(NamedTuple):
    """The permits of a key that an engine uses, and wants beside them.

    Attributes:
        key: The key.
        limit: How many may be in use in all engines together.
        in_use: How many it uses. It uses no more until it has the answer.
        wanted: How many more it wants.
    """

    key: str
    limit: int
    in_use: int
    wanted: int


class KeyShare(NamedTuple):
    """The permits of a key that an engine has from now on.

    Attributes:
        key: The key.
        held: How many it may use.
        fair: How many it may keep as items end, because other engines wait for some. None if none waits.
        others: The other engines that have some, each with their number.
    """

    key: str
    held: int
    fair: int | None
    others: tuple[tuple[int, int], ...]


class KeyClaim(NamedTuple):
    """The row of an engine for a key.

    Attributes:
        engine: The number of the engine.
        held: The permits that it has.
        wanted: How many more it wants.
        since: Since when it has got none of them, by the store's clock.
        limit: The limit of the key as the engine knows it, or None if it is of an older version.
    """

    engine: int
    held: int
    wanted: int
    since: float
    limit: int | None = None


class KeyUser(Protocol):
    """An engine's permits of keys. Thread-safe."""

    def needs(self, keys: Iterable[str]) -> list[KeyNeed]:
        """Return what is needed of keys. No permit is given out beyond those in use until `settle`."""

    def settle(self, shares: Iterable[KeyShare]) -> None:
        """Give out the permits that the store has given to this engine."""

    def waiting(self) -> list[str]:
        """Return the keys for whose permits items wait."""


def deal(limit: int, claims: Sequence[KeyClaim], engine: int) -> int:
    """Return how many of the free permits of a key an engine gets.

    Those that have waited for the longest time come first. Each gets its fair share, then the rest is dealt.

    Args:
        limit: How many permits there are.
        claims: The claims of all engines. That of `engine` has the permits in use as its count.
        engine: The engine.
    """
    free = limit - sum(each.held for each in claims)
    fair = fair_share(limit, claims)
    waiting = sorted((each for each in claims if each.wanted), key=lambda each: (each.since, each.engine))
    got = dict.fromkeys((each.engine for each in waiting), 0)
    for rest in (False, True):
        for each in waiting:
            most = each.wanted - got[each.engine]
            if not rest:
                most = min(most, max(fair, 1) - each.held)
            count = max(min(most, free), 0)
            got[each.engine] += count
            free -= count
    return got.get(engine, 0)


def common_limit(claims: Sequence[KeyClaim], limit: int) -> int:
    """Return the limit that counts for an engine: the lowest of its own and those of the engines that wait.

    Definitions may give a key different limits. An engine with a low one would wait for ever while others, with a
    higher one, had permits all the time.
    """
    return min([limit, *(each.limit for each in claims if each.wanted and each.limit is not None)])


def fair_share(limit: int, claims: Sequence[KeyClaim]) -> int:
    """Return the fair share of an engine. It is 0 if there are more engines than permits: then they take turns."""
    return limit // max(len(claims), 1)
