"""Keys in memory: snapshots never change."""

import pytest

from stretto.actors.journal.kv import KeyPlace, StoredKey
from stretto.actors.kv.held import HeldKeys, KeySnapshot
from tests.support.keys import PLACE, stored_key

OTHER = KeyPlace("pack", "ops", "color")
THIRD = KeyPlace("system", "", "third")


def test_a_snapshot_keeps_what_is_changed_behind_it() -> None:
    """Both a key that is set and one that is deleted."""
    held = HeldKeys(KeySnapshot.of([stored_key()]))
    before = held.snapshot
    held.put(stored_key(OTHER))
    between = held.snapshot
    held.remove(stored_key())
    held.remove(stored_key())
    assert [key.place for key in before.sorted(0.0)] == [PLACE]
    assert [key.place for key in between.sorted(0.0)] == [OTHER, PLACE]
    assert [key.place for key in held.snapshot.sorted(0.0)] == [OTHER]


def test_an_expired_key_is_not_found() -> None:
    """From the second of its end on."""
    keys = KeySnapshot.of([stored_key(expires_at=10.0)])
    assert keys.find(PLACE, 9.9) is not None
    assert keys.find(PLACE, 10.0) is None
    assert keys.sorted(10.0) == []


def test_expired_keys_do_not_gather_in_memory() -> None:
    """As they would with a key for each lock or session."""
    held = HeldKeys(KeySnapshot.of([stored_key()]))
    for second in range(1000):
        place = KeyPlace("system", "", f"lock-{second}")
        held.put(stored_key(place, set_at=float(second), expires_at=second + 10.0))
    assert len(held.snapshot) <= 2 * 12
    assert held.snapshot.find(PLACE, 1000.0) is not None
    assert len(held.snapshot.sorted(1000.0)) == 10


def test_a_key_of_an_owner_with_dots_is_read() -> None:
    """As the address of a user has them. The shortest owner is first."""
    owner = KeyPlace("user", "ada@example.org", "color")
    held = HeldKeys(KeySnapshot.of([stored_key(owner)]))
    assert held.read("user.ada@example.org.color", 0.0).value == "red"
    assert not held.read("user.ada@example.org", 0.0).is_there
    held.put(stored_key(KeyPlace("user", "ada@example", "org.color"), "blue"))
    assert held.read("user.ada@example.org.color", 0.0).value == "blue"


def test_changes_that_come_while_all_keys_are_read_stay() -> None:
    """They are newer than what is read. A load that fails changes nothing."""
    held = HeldKeys(KeySnapshot.of([stored_key()]))

    def read() -> list[StoredKey]:
        held.remove(stored_key())
        held.put(stored_key(OTHER))
        return [stored_key(), stored_key(THIRD)]

    held.load(read)
    assert [key.place for key in held.snapshot.sorted(0.0)] == sorted([OTHER, THIRD])
    with pytest.raises(ZeroDivisionError):
        held.load(lambda: [stored_key()] * (1 // 0))
    held.load(lambda: [stored_key()])
    assert [key.place for key in held.snapshot.sorted(0.0)] == [PLACE]
