"""The secrets of stored runs, and the placeholder for values that cannot be decrypted."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from stretto.actors.history.replay import READ_AT_ONCE, conductor_of, has_begun, replaying
from stretto.actors.journal import Entry, EntryQuery, Reader, RunAccepted
from stretto.definitions.context import Mask, reads_keys
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import may_ask

SEALED: Final = "(sealed)"
"""Replaces a value in reports that is encrypted with a key that was not given."""

CODES_OF_SEALED: Final = frozenset({"store_key_missing", "wrong_store_key"})
"""The codes of the errors of reading without the right key.

Their classes are not imported: they come with the database libraries, which an engine without a store starts without.
"""

Read = TypeVar("Read")


def unless_sealed(read: Callable[[], Read]) -> Read | None:
    """Return the value of `read`, or None if it needs a key that was not given."""
    try:
        return read()
    except StrettoError as error:
        if error.code not in CODES_OF_SEALED:
            raise
        return None


def mask_of(reader: Reader, accepted: RunAccepted) -> Mask:
    """Return a mask of all known secrets of a run and of the runs above it. Raises the errors of reading them."""
    parent = None if accepted.parent is None else reader.accepted(accepted.parent.run_id)
    may_learn = accepted.secret or reads_keys(accepted.workflow) or may_ask(accepted.workflow)
    if parent is None and not may_learn and not reader.has_children(accepted.run_id):
        # A run without secrets could learn only those of the runs above and below it, of keys, or of answers.
        return Mask()
    # A run and its children share one mask, as they do in an engine.
    conductor = conductor_of(accepted, None if parent is None else mask_of(reader, parent))
    # Secrets that expressions make at the begin are recorded with the first entry, which may not be there yet.
    if _has_begun(reader, accepted.run_id):
        with replaying(accepted.run_id):
            conductor.begin()
    conductor.mask.see(reader.learned(accepted.run_id))
    return conductor.mask


def _has_begun(reader: Reader, run_id: str) -> bool:
    try:
        # The first entries may have a large result: only those of this kind are read.
        stopped = reader.selected_entries(run_id, EntryQuery(kind="evaluation_stopped", until=2, limit=2))
        return has_begun([entry for _number, entry in stopped])
    except StrettoError:  # a mask needs no entries: the report that reads them says what is wrong with them
        return True


def entries_of(reader: Reader, run_id: str) -> Iterator[Entry]:
    """Yield the entries of a run, read in chunks."""
    first = 0
    while True:
        entries = reader.entries(run_id, first, READ_AT_ONCE)
        yield from entries
        first += len(entries)
        if len(entries) < READ_AT_ONCE:
            return
