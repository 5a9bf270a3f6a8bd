"""Facts about a store, for people."""

from typing import NamedTuple


class StoreFacts(NamedTuple):
    """The `kind` of a store, `sqlite` or `postgresql`, the version of the database, and its size in bytes."""

    kind: str
    version: str
    bytes: int
