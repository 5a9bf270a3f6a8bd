"""Large results of items, each stored once: an event may end a thousand waits, and items may return the same value.

    entries (digest)  n--1  shared_values  1--n  run_values  n--1  runs

The entry of such a result has its digest in place of its text. The digest of a secret result is keyed, as those of
other shared bodies are, and its text is encrypted.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, exists, select

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, decrypt, encrypt
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.errors import converting_errors
from stretto.actors.journal.sql.recent import Recent
from stretto.actors.journal.sql.shared_bodies import body_of, missing_digests, plain_digest
from stretto.actors.journal.sql.transaction import Transaction, chunks
from stretto.actors.journal.sql.value_tables import run_values, shared_values
from stretto.definitions.data import Data, weigh

SHARED_BYTES: Final = 16 * 1024
"""Bytes of a result that is stored as a shared value. A smaller one costs less in its entry."""
MAX_RECENT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the values that readers keep, except for the last one."""


class LargeResults:
    """The large results of a portion of entries. They are written before these."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        self._texts: dict[str, tuple[bytes, bool]] = {}
        self._links: set[tuple[int, str]] = set()
        self._last: tuple[bytes, bool, str] | None = None
        self.new_bytes = 0
        """The bytes of all texts that were added since the last write."""

    def add(self, run: int, text: bytes, *, secret: bool) -> bytes:
        """Add the text of a result of a run; return the body of its entry. Raises StoreKeyMissing."""
        digest = self._digest(text, secret=secret)
        if digest not in self._texts:
            self._texts[digest] = text, secret
            self.new_bytes += len(text)
        self._links.add((run, digest))
        return digest.encode()

    def write(self, transaction: Transaction) -> None:
        """Write the texts that the store lacks, and that the runs have them. Raises Unrecordable."""
        if not self._texts:
            return
        # In one order, so that two engines that write the same values do not wait for each other.
        missing = missing_digests(transaction, shared_values, sorted(self._texts))
        transaction.write(transaction.statements.shared_values, [(each, self._body(each)) for each in missing])
        transaction.write(transaction.statements.run_values, sorted(self._links))
        self._texts.clear()
        self._links.clear()
        self.new_bytes = 0

    def _digest(self, text: bytes, *, secret: bool) -> str:
        last = self._last
        if last is None or last[0] is not text or last[1] is not secret:
            self._last = last = text, secret, self._new_digest(text, secret=secret)
        return last[2]

    def _new_digest(self, text: bytes, *, secret: bool) -> str:
        if not secret:
            return plain_digest(text)
        if self._keyring is None:
            raise StoreKeyMissing(
                "it contains secrets, and the store has no key to encrypt them; set the store's key file"
            )
        return self._keyring.digest(text)

    def _body(self, digest: str) -> bytes:
        text, secret = self._texts[digest]
        return encrypt(text, self._keyring) if secret else text


class SharedValues:
    """Reads shared values. Thread-safe. Those that were read last are shared in memory, too."""

    def __init__(self, engine: Engine, keyring: Keyring | None, store: str) -> None:
        self._engine = engine
        self._keyring = keyring
        self._store = store
        self._recent: Recent[str, Data] = Recent(MAX_RECENT_BYTES, weigh)

    def get(self, digest: str) -> Data:
        """Return the value with a digest. Raises StoreUnavailable, or as for entries."""
        return self._recent.get(digest, lambda: self._read(digest))

    def _read(self, digest: str) -> Any:
        with converting_errors(self._store), self._engine.connect() as connection:
            body = body_of(connection, shared_values, digest)
        return decode_data(decrypt(body, self._keyring))


def values_of_runs(connection: Connection, runs: Sequence[int]) -> list[str]:
    """Return the digests of the values that runs have."""
    of_runs = select(run_values.c.digest).where(run_values.c.run.in_(runs)).distinct()
    return list(connection.scalars(of_runs))


def forget_values(connection: Connection, run: int, most: int) -> None:
    """Delete some of the values of a run that no reader finds any more."""
    of_run = select(run_values.c.digest).where(run_values.c.run == run).order_by(run_values.c.digest)
    digests = connection.scalars(of_run.limit(most)).all()
    for chunk in chunks(digests):
        connection.execute(delete(run_values).where(run_values.c.run == run, run_values.c.digest.in_(chunk)))
    delete_unused(connection, digests)


def delete_unused(connection: Connection, digests: Sequence[str]) -> None:
    """Delete those of some values that no run has any more."""
    digest = shared_values.c.digest
    for chunk in chunks(sorted(digests)):
        # Another engine may give one of them to a run now: the deletion sees it once that is committed.
        connection.execute(select(digest).where(digest.in_(chunk)).order_by(digest).with_for_update()).all()
        unused = ~exists().where(run_values.c.digest == digest)
        connection.execute(delete(shared_values).where(digest.in_(chunk), unused))
