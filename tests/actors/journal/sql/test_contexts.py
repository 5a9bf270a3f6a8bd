"""The tables of contexts' versions: what is written and read."""

from stretto.actors.journal.context_log import MAX_STORED_VALUE_BYTES, NOTHING_STORED, ContextLog, ContextVersion
from stretto.actors.journal.sql.store import Store
from tests.support.recording import acceptance, completed, happening
from tests.support.stores import store, store_url

__all__ = ["store", "store_url"]

VERSIONS = (
    ContextVersion(1, -1, (("variables.a", 1), ("variables.b", "x" * MAX_STORED_VALUE_BYTES))),
    ContextVersion(2, 3, (("variables.a", 2),)),
    ContextVersion(3, 5, (("variables.c", None),)),
)


def recorded(store: Store, *, secret: bool = False) -> str:
    """Record a run with versions, and return its id."""
    run = acceptance()
    store.writer.write([run, happening(run.run_id, completed(), secret=secret, context=ContextLog(VERSIONS[:2]))])
    store.writer.write([happening(run.run_id, completed(1), first=1, context=ContextLog(VERSIONS[2:]))])
    return run.run_id


def test_each_name_is_that_of_its_last_version(store: Store) -> None:
    """Up to the version that is asked for."""
    run, contexts = recorded(store), store.reader.contexts
    assert contexts.newest(run, 4) == 2
    assert sorted(each[:2] for each in contexts.names(run, 2)) == [("variables.a", 2), ("variables.b", 1)]
    assert sorted(each[:2] for each in contexts.names(run, 1)) == [("variables.a", 1), ("variables.b", 1)]
    names = contexts.names(run, 3)
    assert contexts.values(run, names) == {"variables.a": 2, "variables.c": None}
    assert {each.name: each.size for each in names}["variables.b"] == MAX_STORED_VALUE_BYTES + 2


def test_versions_are_listed_from_the_newest_one_on(store: Store) -> None:
    """With the names that they have set."""
    run, contexts = recorded(store), store.reader.contexts
    assert [(each.version, each.at) for each in contexts.versions(run, 3, 2)] == [(3, 5), (2, 3)]
    assert contexts.versions(run, 1, 9)[0].names == ["variables.a", "variables.b"]
    assert contexts.through(run) == 5


def test_a_run_without_versions_has_none(store: Store) -> None:
    """Nor has one that there is not."""
    contexts = store.reader.contexts
    run = acceptance()
    store.writer.write([run])
    for run_id in (run.run_id, "none"):
        assert contexts.through(run_id) == NOTHING_STORED
        assert not contexts.are_complete(run_id, 0)
        assert contexts.newest(run_id, 9) == 0
        assert contexts.names(run_id, 9) == []


def test_values_of_a_run_with_secrets_are_encrypted(store: Store) -> None:
    """As its entries are."""
    run = recorded(store, secret=True)
    with store.reader._engine.connect() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM context_names WHERE at = 3").scalars().all()
    assert [bytes(each)[:1] for each in bodies] != [b"2"]
    contexts = store.reader.contexts
    assert contexts.values(run, contexts.names(run, 2)) == {"variables.a": 2}
