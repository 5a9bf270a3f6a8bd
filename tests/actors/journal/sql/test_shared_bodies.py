"""Shared bodies are stored once, digested once while in use, and their digests do not help to guess secrets."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pytest
from sqlalchemy import Connection

from stretto.actors.journal.encryption import Keyring, StoreKeyMissing, new_key
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.sql import shared_bodies
from stretto.actors.journal.sql.shared_bodies import SharedBodies, SharedObjects
from stretto.actors.journal.sql.store import Store
from stretto.definitions.context import NO_ENVIRONMENT, RunEnvironment
from tests.support.recording import acceptance, data
from tests.support.stores import KEYRING

GIVEN = RunEnvironment(keystore=data({"pin": "1234"}))


@pytest.fixture
def store() -> Iterator[Store]:
    """Return an open store in memory, with a key."""
    with open_store("sqlite://", KEYRING) as opened:
        yield opened


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    """Return a connection that reads it."""
    with store.reader._engine.connect() as opened:
        yield opened


def test_surroundings_have_a_digest_that_needs_the_key() -> None:
    """A pin of four digits is found in no time by who may try them all."""
    digest = SharedBodies(KEYRING).surroundings(GIVEN)
    text = shared_bodies._surroundings_text(GIVEN)
    assert digest is not None
    assert digest != blake2b(text, digest_size=32).hexdigest()
    assert digest != SharedBodies(Keyring([new_key()])).surroundings(GIVEN)
    assert digest == SharedBodies(KEYRING).surroundings(RunEnvironment(keystore=data({"pin": "1234"})))


def test_nothing_has_no_digest() -> None:
    """A run that is given nothing needs no key."""
    assert SharedBodies(None).surroundings(NO_ENVIRONMENT) is None
    with pytest.raises(StoreKeyMissing):
        SharedBodies(None).surroundings(GIVEN)


def test_what_is_in_use_is_digested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration of megabytes is not written down for each run."""
    shared = SharedBodies(KEYRING)
    first = shared.surroundings(GIVEN)
    monkeypatch.setattr(shared_bodies, "encode_json", None)
    assert shared.surroundings(GIVEN) == first


def test_with_a_new_key_surroundings_are_stored_again(tmp_path: Path) -> None:
    """The old ones stay for the runs that have them, as long as the old key is kept."""
    url = f"sqlite:///{tmp_path}/store.db"
    old, new = new_key(), new_key()
    before, after = (acceptance(surroundings=GIVEN) for _ in range(2))
    with open_store(url, Keyring([old])) as store:
        store.writer.write([before])
    with open_store(url, Keyring([new, old])) as store:
        store.writer.write([after])
        found = [store.reader.accepted(run.run_id) for run in (before, after)]
        assert [run.surroundings.keystore for run in found if run is not None] == [GIVEN.keystore] * 2
        assert found[0] is not None
        assert found[1] is not None
        assert found[0].surroundings is not found[1].surroundings


def test_a_missing_body_is_reported(connection: Connection) -> None:
    """A run that refers to nothing is damage."""
    objects = SharedObjects(KEYRING)
    with pytest.raises(UnreadableRecord, match="the store is damaged: abc is missing from definitions"):
        objects.definition(connection, "abc")
    with pytest.raises(UnreadableRecord, match="abc is missing from surroundings"):
        objects.surroundings(connection, "abc")
    assert objects.surroundings(connection, None) is NO_ENVIRONMENT
