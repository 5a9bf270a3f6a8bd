"""Needs of runs: an engine of a shared store claims a run only if it offers all that the run needs.

A need is a text of a kind and a name: `action web.check`, `pool compute`, `host web1`, `key 1a2b3c4d`. Runs of earlier
versions have none, and any engine claims them.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec

Needs: TypeAlias = frozenset[str]

NO_NEEDS: Final[Needs] = frozenset()
MOST_NAMED: Final = 5
"""Needs that a message names."""
_KINDS: Final[Mapping[str, str]] = {
    "action": "the action or workflow {}",
    "pool": "the pool {}",
    "host": "the host {}, which has its files",
    "key": "the store key {}",
}
# Made at import: threads that build a decoder at once crash msgspec.
_decoder: Final = msgspec.json.Decoder(frozenset[str])


class Unclaimed(NamedTuple):
    """Runs in progress that no engine has: their needs, and how many runs have the same."""

    needs: Needs
    runs: int


class NeedsReader(Protocol):
    """Reads the needs of runs and the offers of engines. Every method is thread-safe and may raise StoreUnavailable."""

    def unclaimed(self) -> list[Unclaimed]:
        """Return the needs of the runs in progress that no engine has, with how many runs have the same."""

    def offers(self) -> dict[int, Needs | None]:
        """Return what each engine that claims runs offers, by its number. None is that of one that claims all runs."""

    def of_unclaimed(self, run_id: str) -> Needs:
        """Return what the tree of a run in progress needs if no engine has it, else nothing."""


def need(kind: str, name: str) -> str:
    """Return a need of a kind: action, pool, host or key."""
    return f"{kind} {name}"


def describe_needs(needs: Iterable[str]) -> str:
    """Return needs in words. A long list is cut."""
    names = sorted(needs)
    texts = [_described(each) for each in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        texts.append(f"{len(names) - MOST_NAMED:,} more")
    return ", ".join(texts)


def lacking_needs(needs: Needs, offers: Iterable[Needs | None]) -> Needs:
    """Return the needs that the best of several engines lacks. It lacks nothing if it can claim the run.

    Args:
        needs: The needs of a run.
        offers: The offers of each engine, or None for an engine that claims all runs.
    """
    missing = [NO_NEEDS if each is None else needs - each for each in offers]
    return min(missing, key=lambda each: (len(each), sorted(each)), default=needs)


def encode_needs(needs: Needs) -> str | None:
    """Return needs as their stored text, which is the same for equal ones, or None without any."""
    return msgspec.json.encode(sorted(needs)).decode() if needs else None


def decode_needs(text: str | None) -> Needs:
    """Return needs from their stored text."""
    return NO_NEEDS if text is None else _decoder.decode(text)


def _described(each: str) -> str:
    kind, _, name = each.partition(" ")
    return _KINDS.get(kind, "{}").format(name if kind in _KINDS else each)
