"""The access of a running engine, and that of the command line."""

from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from stretto.actors.access.access import Access
from stretto.actors.access.keeping import JournalKeeper, Keeper, Kept, StoreKeeper, kept_in
from stretto.actors.access.shared_keeping import SharedJournalKeeper, kept_of
from stretto.actors.access.tokens_file import FileKeeper
from stretto.actors.journal import (
    AuditEntries,
    JournalLink,
    Link,
    NoJournal,
    NoReaders,
    Reader,
    Readers,
)

if TYPE_CHECKING:
    # The class itself would load the database libraries, which an engine without a store does not need.
    from stretto.actors.journal import Store


def open_access(journal: Link, readers: Readers | NoReaders, tokens_file: Path | None) -> Access:
    """Open the access of a running engine. Call it on a thread that may wait.

    Args:
        journal: The engine's link to its journal. With a store, everything is in it.
        readers: The engine's readers.
        tokens_file: The file of tokens, which only an engine without a store uses.

    Raises:
        CannotUseTokensFile, StoreUnavailable: What is kept cannot be loaded.
    """
    keeper: Keeper
    if isinstance(journal, JournalLink) and journal.is_shared:
        keeper = SharedJournalKeeper(
            journal,
            lambda: _load(readers),
            lambda asked, take, fail: readers.read(lambda reader: kept_of(reader.access, asked), take, fail),
        )
    elif isinstance(journal, JournalLink):
        keeper = JournalKeeper(journal, lambda: _load(readers))
    elif isinstance(journal, NoJournal):
        keeper = FileKeeper(tokens_file, journal.audit.add)
    else:
        raise TypeError(f"the journal of an engine must be a JournalLink or NoJournal, got {type(journal).__name__}")
    return Access(keeper)


def access_of_store(store: "Store") -> Access:
    """Return the access of a store that this process has opened for writing, without an engine."""
    return Access(StoreKeeper(store.access, store.reader.access))


def access_of_file(path: Path) -> Access:
    """Return the access of a file of tokens, without an engine. It keeps no audit but the file itself."""
    return Access(FileKeeper(path, _nowhere))


def _load(readers: Readers | NoReaders) -> Kept:
    loaded: Future[Kept] = Future()

    def read(reader: Reader) -> Kept:
        return kept_in(reader.access)

    readers.read(read, loaded.set_result, loaded.set_exception)
    return loaded.result()


def _nowhere(_audit: AuditEntries) -> None:
    """Drop entries: the file says who made each token, and when it was revoked."""
