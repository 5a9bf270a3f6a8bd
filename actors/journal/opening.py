"""Opening of stores by their URLs, for the one process that writes, and for others that read.

Database libraries are imported only here, when a store is opened: they would slow down every command.
"""

from typing import TYPE_CHECKING

from stretto.actors.journal.location import locate

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring
    from stretto.actors.journal.lease import Lease
    from stretto.actors.journal.sql.reader import SqlReader
    from stretto.actors.journal.sql.schema import Schema
    from stretto.actors.journal.sql.store import Store
    from stretto.actors.journal.store_clock import StoreClock


def open_store(url: str, keyring: "Keyring | None", schema: "Schema | None" = None) -> "Store":
    """Open a store for writing and reading, and create or upgrade its tables.

    Args:
        url: The store's URL.
        keyring: The keys of its secrets.
        schema: The version of the tables, by default this Stretto's.

    Raises:
        StoreInUse: Another process has the store open for writing.
        CannotOpenStore: The store cannot be opened for another reason.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import own  # noqa: PLC0415 - see above

    return own(location, keyring, schema)


def share_store(url: str, keyring: "Keyring | None", lease: "Lease", clock: "StoreClock") -> "Store":
    """Open a store that several engines share; see `sql.store.share`.

    Args:
        url: The store's URL.
        keyring: The keys of its secrets.
        lease: The lease of this engine.
        clock: Follows the clock of the store's server.

    Raises:
        StoreInUse: A process has the store open for itself.
        CannotOpenStore: The store cannot be opened, or is not in PostgreSQL.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import share  # noqa: PLC0415 - see above

    return share(location, keyring, lease, clock)


def is_in_use(url: str) -> bool:
    """Return whether a process has a store open for writing, as far as the system shows it.

    Args:
        url: The store's URL.

    Raises:
        CannotOpenStore: The store cannot be read.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import is_owned  # noqa: PLC0415 - see above

    return is_owned(location)


def open_reader(url: str, keyring: "Keyring | None", schema: "Schema | None" = None) -> "SqlReader":
    """Open a store for reading, also while another process writes it. Nothing is created or changed.

    Args:
        url: The store's URL.
        keyring: The keys of its secrets.
        schema: The version of the tables, by default this Stretto's.

    Raises:
        CannotOpenStore: The store does not exist, has other tables, or cannot be read.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import read  # noqa: PLC0415 - see above

    return read(location, keyring, schema)
