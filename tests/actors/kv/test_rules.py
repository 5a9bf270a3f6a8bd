"""What a key may be."""

from typing import Any

import pytest

from stretto.actors.journal.kv import DEFAULT_KEY_LIMITS, KeyLimits, KeyPlace, UnknownKey
from stretto.actors.kv.held import KeySnapshot
from stretto.actors.kv.rules import MAX_SECONDS, InvalidKey, find_key, key_place, key_removal, new_key
from stretto.definitions.errors import LimitExceeded
from tests.support.keys import PLACE, stored_key

USUAL: dict[str, Any] = {"secret": False, "lasts": None, "expected": None, "now": 5.0, "by": "mira"}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (key_place("color"), "system.color"),
        (key_place("a.b:c@d-e", "user", "mira@host"), "user.mira@host.a.b:c@d-e"),
        (key_place("color", "pack", "ops"), "pack.ops.color"),
    ],
)
def test_a_key_is_named_by_its_scope_its_owner_and_its_name(place: KeyPlace, text: str) -> None:
    """So errors and the audit name it."""
    assert str(place) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("color", "sistem"), "the scope of a key must be system, user, pack, got 'sistem'; did you mean 'system'"),
        (("color", "system", "mira"), "must have no owner, got 'mira'"),
        (("color", "pack"), "must name its pack as its owner, got None"),
        (("color", "user", ""), "must name its user as its owner"),
        (("",), "must be letters, digits"),
        (("a/b",), "got 'a/b'"),
        (("-a",), "begin with one of the first three"),
        (("ö",), "must be letters, digits"),
        (("a\n",), "must be letters, digits"),
        (("a" * 257,), r"at most 256 characters \(MAX_NAME\), got 257"),
        (("a", "user", "o" * 129), r"at most 128 characters \(MAX_OWNER\), got 129"),
        (("a", "pack", "a/b"), "the owner of a key must be letters"),
    ],
)
def test_other_places_are_refused(arguments: tuple[str, ...], message: str) -> None:
    """With what was expected."""
    with pytest.raises(InvalidKey, match=message):
        key_place(*arguments)


def test_a_new_key_has_its_size_and_its_end() -> None:
    """The size is that of its JSON and of its name."""
    key = new_key(PLACE, {"a": 1}, **{**USUAL, "lasts": 10.0}, limits=DEFAULT_KEY_LIMITS).key
    assert (key.size, key.set_at, key.expires_at, key.set_by) == (len('{"a":1}color'), 5.0, 15.0, "mira")


@pytest.mark.parametrize(
    ("value", "given", "message"),
    [
        (None, {}, "must not be null: delete the key instead"),
        ({1, 2}, {}, "cannot be kept"),
        (float("nan"), {}, "cannot be kept"),
        ("\ud800", {}, "surrogate"),
        ("a", {"lasts": 0}, "must last more than 0"),
        ("a", {"lasts": MAX_SECONDS * 2}, "MAX_SECONDS"),
    ],
)
def test_other_values_are_refused(value: Any, given: dict[str, Any], message: str) -> None:
    """Without the value in the message."""
    with pytest.raises(InvalidKey, match=message):
        new_key(PLACE, value, **{**USUAL, **given}, limits=DEFAULT_KEY_LIMITS)


def test_a_value_has_a_bound() -> None:
    """Of its JSON text."""
    limits = KeyLimits(max_value_bytes=5)
    new_key(PLACE, "abc", **USUAL, limits=limits)
    with pytest.raises(LimitExceeded, match=r"has 6 bytes as JSON, at most 5 may be \(kv\.max_value_bytes\)"):
        new_key(PLACE, "abcd", **USUAL, limits=limits)


def test_a_key_that_is_not_there_is_missed_by_the_nearest_name() -> None:
    """Of the same scope and owner."""
    keys = KeySnapshot.of([stored_key(), stored_key(KeyPlace("pack", "ops", "colors"))])
    assert find_key(keys, PLACE, 0.0) == stored_key()
    with pytest.raises(UnknownKey, match=r"there is no key system\.colour; did you mean 'color'\?"):
        key_removal(keys, key_place("colour"), None, 0.0)
    with pytest.raises(UnknownKey, match=r"there is no key pack\.ops\.zzzzzz; there are: colors"):
        find_key(keys, key_place("zzzzzz", "pack", "ops"), 0.0)
