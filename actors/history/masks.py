"""The secrets of a stored run, as far as its record tells them; and what stands for what nobody can read."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from stretto.actors.history.replay import READ_AT_ONCE, conductor_of
from stretto.actors.journal import Entry, Reader, RunAccepted
from stretto.definitions.context import Mask
from stretto.definitions.errors import StrettoError

SEALED: Final = "(sealed)"
"""What is told in place of something that is encrypted, where the key was not given."""

CODES_OF_SEALED: Final = frozenset({"store_key_missing", "wrong_store_key"})
"""The codes of the errors of what is encrypted, where the key was not given.

Their classes come with the libraries of databases, without which an engine starts sooner.
"""

Read = TypeVar("Read")


def unless_sealed(read: Callable[[], Read]) -> Read | None:
    """Return what `read` does, or None if that cannot be had without the store's key."""
    try:
        return read()
    except StrettoError as error:
        if error.code not in CODES_OF_SEALED:
            raise
        return None


def mask_of(reader: Reader, accepted: RunAccepted) -> Mask:
    """Return a mask of all the secrets that a run is known to have had, and those of the runs above it.

    Raises what reading their entries raises.
    """
    parent = None if accepted.parent is None else reader.accepted(accepted.parent.run_id)
    if parent is None and not accepted.secret and not reader.children(accepted.run_id):
        # Without secrets of its own it could get to know those of the runs above and below it only.
        return Mask()
    # One mask for a run and its children, as where they run.
    conductor = conductor_of(accepted, None if parent is None else mask_of(reader, parent))
    # What it learns at its begin is written down with its first entry, if there is one by now.
    conductor.begin()
    conductor.mask.see(reader.learned(accepted.run_id))
    return conductor.mask


def entries_of(reader: Reader, run_id: str) -> Iterator[Entry]:
    """Yield the entries of a run, reading some at a time."""
    first = 0
    while True:
        entries = reader.entries(run_id, first, READ_AT_ONCE)
        yield from entries
        first += len(entries)
        if len(entries) < READ_AT_ONCE:
            return
