"""A store is opened by its URL: by the one process that writes it, or for reading beside that.

Nothing of a database is imported before there is one to open: it would slow down every command.
"""

from typing import TYPE_CHECKING

from stretto.actors.journal.location import locate

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring
    from stretto.actors.journal.sql.reader import SqlReader
    from stretto.actors.journal.sql.schema import Schema
    from stretto.actors.journal.sql.store import Store


def open_store(url: str, keyring: "Keyring | None", schema: "Schema | None" = None) -> "Store":
    """Open a store for writing and reading; its tables are made, or brought to this version, or to that of `schema`.

    Raises `StoreInUse` if another process has it, else `CannotOpenStore`.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import own  # noqa: PLC0415 - see above

    return own(location, keyring, schema)


def open_reader(url: str, keyring: "Keyring | None", schema: "Schema | None" = None) -> "SqlReader":
    """Open a store for reading, whether a process writes it or not; nothing of it is made or changed.

    Raises `CannotOpenStore`.
    """
    location = locate(url)
    from stretto.actors.journal.sql.store import read  # noqa: PLC0415 - see above

    return read(location, keyring, schema)
