"""Bodies that many runs share and the store has once: definitions, and the surroundings of runs.

Each is identified by the digest of its text. Surroundings contain secrets, and so may the definition of a run with
secrets. Their digests are keyed, because a short password could be guessed from its plain digest.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from sqlalchemy import Connection, Select, Table, bindparam, select

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, decrypt, encrypt
from stretto.actors.journal.records import RunAccepted, UnreadableRecord
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.recent import Recent
from stretto.actors.journal.sql.tables import definitions, surroundings
from stretto.actors.journal.sql.transaction import Transaction, chunks
from stretto.definitions.context import NO_ENVIRONMENT, Mask, RunEnvironment
from stretto.definitions.data import encode_json
from stretto.definitions.model import Workflow
from stretto.definitions.stored import from_stored, to_stored

MAX_DEFINITIONS: Final = 256
MAX_SURROUNDINGS: Final = 32


class SharedBodies:
    """The writer's side: writes a shared body if the store lacks it, and caches its digest."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        # Each value keeps its object alive, so that no other object gets the same id.
        self._definitions: Recent[tuple[int, bool], tuple[Workflow, str]] = Recent(MAX_DEFINITIONS)
        self._surroundings: Recent[int, tuple[RunEnvironment, str]] = Recent(MAX_SURROUNDINGS)

    def definition(self, accepted: RunAccepted) -> str:
        """Return the digest of a run's definition. Raises StoreKeyMissing."""
        workflow = accepted.workflow
        return self._definitions.get(
            (id(workflow), accepted.secret), lambda: (workflow, self._digest_of_definition(accepted))
        )[1]

    def _digest_of_definition(self, accepted: RunAccepted) -> str:
        # A secret parameter may have a default, and a task may pass a constant to one.
        if not accepted.secret:
            return plain_digest(to_stored(accepted.workflow))
        if self._keyring is None:
            raise StoreKeyMissing(
                "it contains secrets, and the store has no key to encrypt them; set the store's key file"
            )
        return self._keyring.digest(to_stored(accepted.workflow))

    def _definition_body(self, accepted: RunAccepted) -> bytes:
        body = to_stored(accepted.workflow)
        return encrypt(body, self._keyring) if accepted.secret else body

    def surroundings(self, given: RunEnvironment) -> str | None:
        """Return the digest of a run's surroundings, or None if they are empty. Raises StoreKeyMissing."""
        if not given.config and not given.keystore:
            return None
        if self._keyring is None:
            raise StoreKeyMissing(
                "it uses a pack's configuration or a keystore, and the store has no key to encrypt them; "
                "set the store's key file"
            )
        digest = self._keyring.digest
        return self._surroundings.get(id(given), lambda: (given, digest(_surroundings_text(given))))[1]

    def write(self, transaction: Transaction, accepted: Sequence[RunAccepted]) -> None:
        """Write the runs' shared bodies that the store lacks."""
        by_digest = {self.definition(each): each for each in accepted}
        missing = missing_digests(transaction, definitions, list(by_digest))
        transaction.write(
            transaction.statements.definitions,
            [(digest, self._definition_body(by_digest[digest])) for digest in missing],
        )
        given = {self.surroundings(each.surroundings): each.surroundings for each in accepted}
        missing = missing_digests(transaction, surroundings, [digest for digest in given if digest is not None])
        transaction.write(
            transaction.statements.surroundings,
            [(digest, encrypt(_surroundings_text(given[digest]), self._keyring)) for digest in missing],
        )


class SharedObjects:
    """The readers' side: caches the shared objects, so that runs share them in memory, too."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        self._definitions: Recent[str, Workflow] = Recent(MAX_DEFINITIONS)
        self._surroundings: Recent[str, RunEnvironment] = Recent(MAX_SURROUNDINGS)

    def definition(self, connection: Connection, digest: str) -> Workflow:
        """Return a definition, parsed from its text.

        Raises StoreKeyMissing, WrongStoreKey or UnreadableRecord.
        """

        def read() -> Workflow:
            workflow: Workflow = from_stored(decrypt(body_of(connection, definitions, digest), self._keyring))
            return workflow

        return self._definitions.get(digest, read)

    def surroundings(self, connection: Connection, digest: str | None) -> RunEnvironment:
        """Return the surroundings of a run. Raises StoreKeyMissing, WrongStoreKey or UnreadableRecord."""
        if digest is None:
            return NO_ENVIRONMENT

        def read() -> RunEnvironment:
            return _surroundings_of(decrypt(body_of(connection, surroundings, digest), self._keyring))

        return self._surroundings.get(digest, read)


def plain_digest(body: bytes) -> str:
    """Return the digest of a body without secrets."""
    return blake2b(body, digest_size=32).hexdigest()


def missing_digests(transaction: Transaction, table: Table, digests: Sequence[str]) -> list[str]:
    """Return those of some digests that a table lacks. No other engine deletes the others before the commit."""
    known: set[str] = set()
    for chunk in chunks(digests):
        known.update(transaction.connection.scalars(_among(table), {"digests": chunk}))
    return [digest for digest in digests if digest not in known]


@lru_cache(maxsize=3)
def _among(table: Table) -> Select[tuple[str]]:
    """Return the statement that finds digests. It is cached, as building it takes longer than executing it."""
    found = select(table.c.digest).where(table.c.digest.in_(bindparam("digests", expanding=True)))
    # Another engine may be deleting it: then it is missing once that has happened.
    return found.with_for_update(read=True, key_share=True)


def body_of(connection: Connection, table: Table, digest: str) -> bytes:
    """Return the body with a digest. Raises UnreadableRecord if the table lacks it."""
    body: bytes | None = connection.scalar(select(table.c.body).where(table.c.digest == digest))
    if body is None:
        raise UnreadableRecord(f"the store is damaged: {digest} is missing from {table.name}, but a run refers to it")
    return body


def _surroundings_text(given: RunEnvironment) -> bytes:
    return encode_json(
        {"config": given.config, "keystore": given.keystore, "secret_config": sorted(given.secret_config)}
    )


def _surroundings_of(text: bytes) -> RunEnvironment:
    data = decode_data(text)
    config, keystore, secret_config = data["config"], data["keystore"], frozenset(data["secret_config"])
    mask = Mask([keystore, *(config.get(name) for name in secret_config)])
    return RunEnvironment(config, keystore, secret_config, mask)
