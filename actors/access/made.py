"""A token or a code that was just made, with its text, which is nowhere else."""

from typing import NamedTuple

from stretto.actors.journal import TokenRecord


class Created(NamedTuple):
    """A new token: its text, which is shown only now, and the record that is kept."""

    text: str
    record: TokenRecord


class EnterCode(NamedTuple):
    """A code that begins one session: its text, and when it expires, in seconds since the epoch."""

    text: str
    expires_at: float
