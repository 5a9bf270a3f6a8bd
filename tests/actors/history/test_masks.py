"""The secrets of a stored run, found in its record."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from stretto.actors.history.masks import entries_of, mask_of, unless_sealed
from stretto.actors.journal.encryption import StoreKeyMissing, WrongStoreKey
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import SecretsLearned, UnreadableRecord
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.tables import entries
from stretto.actors.journal.store import Prune
from stretto.definitions.context.masking import MASK
from tests.support.conducted import Conducted
from tests.support.recording import acceptance, completed, happening
from tests.support.stores import KEYRING

SECRET = "ref: t.s\nparameters: {p: {secret: true}}\ntasks: [{name: call, action: t.c}]\n"
CHILD = "ref: t.c\nparameters: {given: {default: 1}}\ntasks: [{name: only, action: core.noop}]\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store in a file."""
    with open_store(f"sqlite:///{tmp_path}/store.db", KEYRING) as opened:
        yield opened


def test_a_run_without_secrets_has_an_empty_mask(store: Store) -> None:
    """It is not even replayed."""
    run = Conducted(store, CHILD)
    assert not mask_of(store.reader, run.accepted)


def test_secrets_are_known_from_the_parameters_and_from_the_record(store: Store) -> None:
    """Those that were given, and those that turned out to be secret later."""
    run = Conducted(store, SECRET, {"p": "hunter2"})
    assert mask_of(store.reader, run.accepted).text("hunter2 and hunter3") == f"{MASK} and hunter3"
    store.writer.write([happening(run.id, SecretsLearned(("hunter3",)), secret=True)])
    assert mask_of(store.reader, run.accepted).text("hunter2 and hunter3") == f"{MASK} and {MASK}"


def test_only_what_was_learned_is_read_of_the_record(store: Store) -> None:
    """However much has happened in a run, and whatever is wrong with that."""
    run = Conducted(store, SECRET, {"p": "hunter2"})
    store.writer.write([happening(run.id, completed(0), SecretsLearned(("hunter3",)), secret=True)])
    with store.pruning(Prune())._ownership.transaction() as connection:
        damaged = {"body": b"!damaged"}
        connection.execute(update(entries).where(entries.c.kind == "item_completed").values(damaged))
    assert mask_of(store.reader, run.accepted).text("hunter2 and hunter3") == f"{MASK} and {MASK}"


def test_no_result_is_decoded_for_a_mask(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first task of a run may have a large one."""
    run = Conducted(store, SECRET, {"p": "hunter2"})
    store.writer.write([happening(run.id, completed(0), secret=True)])

    def refuse(_row: object) -> None:
        raise AssertionError("an entry is decoded")

    monkeypatch.setattr(store.reader, "restore_entry", refuse)
    assert mask_of(store.reader, run.accepted).text("hunter2") == MASK


def test_runs_above_and_below_share_their_secrets(store: Store) -> None:
    """A child knows those of its parent at once, a parent what its child has passed on."""
    parent = Conducted(store, SECRET, {"p": "hunter2"})
    child = Conducted(store, CHILD, parent=parent, of_item=("call", 0))
    assert mask_of(store.reader, child.accepted).text("hunter2") == MASK
    plain = Conducted(store, SECRET.replace("{secret: true}", "{default: 1}"))
    Conducted(store, CHILD, parent=plain, of_item=("call", 0))
    assert not plain.accepted.secret
    store.writer.write([happening(plain.id, SecretsLearned(("hunter4",)), secret=True)])
    assert mask_of(store.reader, plain.accepted).text("hunter4") == MASK


def test_entries_are_read_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them come, also when the last portion is a full one."""
    monkeypatch.setattr("stretto.actors.history.masks.READ_AT_ONCE", 2)
    run = acceptance()
    all_of_it = [completed(index) for index in range(4)]
    store.writer.write([run, happening(run.run_id, *all_of_it)])
    assert list(entries_of(store.reader, run.run_id)) == all_of_it
    assert list(entries_of(store.reader, "no-such-run")) == []


@pytest.mark.parametrize("error", [StoreKeyMissing("no key"), WrongStoreKey("another key")])
def test_what_is_sealed_is_none(error: Exception) -> None:
    """Any other error is raised."""

    def read() -> int:
        raise error

    assert unless_sealed(lambda: 5) == 5
    assert unless_sealed(read) is None

    def damaged() -> int:
        raise UnreadableRecord("damaged")

    with pytest.raises(UnreadableRecord):
        unless_sealed(damaged)
