"""The claims of sensors, in each kind of store."""

from pathlib import Path

from sqlalchemy import select, update

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.sensor_table import sensors
from stretto.actors.journal.sql.store import Store


def test_sensors_are_claimed_once(store: Store) -> None:
    assert store.sensors.claim({"a", "b"}) == {"a", "b"}
    assert store.sensors.claim({"a", "b"}) == {"a", "b"}


def test_a_sensor_that_is_not_named_any_more_is_given_up(store: Store) -> None:
    store.sensors.claim({"a", "b"})
    assert store.sensors.claim({"b"}) == {"b"}
    with store.sensors._ownership.transaction() as connection:
        assert connection.scalars(select(sensors.c.ref)).all() == ["b"]


def test_a_sensor_of_a_living_engine_is_left_to_it(store: Store) -> None:
    store.sensors.claim({"a"})
    own = store.sensors._ownership.number
    store.sensors._ownership.number = own + 1  # as another engine that looks at the same table
    try:
        assert store.sensors.claim({"a", "b"}) == {"b"}
    finally:
        store.sensors._ownership.number = own
    assert store.sensors.claim({"a"}) == {"a"}


def test_the_next_engine_runs_what_an_engine_has_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url, None) as first:
        first.sensors.claim({"a"})
    with open_store(url, None) as second:
        assert second.sensors.claim({"a"}) == {"a"}


def test_an_owner_that_is_not_in_the_store_owns_nothing(store: Store) -> None:
    store.sensors.claim({"a"})
    with store.sensors._ownership.transaction() as connection:
        connection.execute(update(sensors).values(owner=10_000))
    assert store.sensors.claim({"a"}) == {"a"}
