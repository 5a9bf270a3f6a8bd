"""The kind of a database, its version, and its size."""

from typing import Final

from sqlalchemy import Connection, text

from stretto.actors.journal.facts import StoreFacts

_SQLITE: Final = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
_POSTGRESQL: Final = text("SELECT pg_database_size(current_database())")


def read_facts(connection: Connection) -> StoreFacts:
    """Return the kind, the version and the size of the database of a connection."""
    kind = connection.dialect.name
    size = connection.scalar(_SQLITE if kind == "sqlite" else _POSTGRESQL)
    version = ".".join(map(str, connection.dialect.server_version_info or ()))
    return StoreFacts(kind, version, int(size or 0))
