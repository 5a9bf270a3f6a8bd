"""The keys that a run reads: the present ones, or in a replay those that were recorded."""

from typing import Any

import pytest

from stretto.definitions.context.keys import ReadKey, RunKeys, literal_places
from stretto.definitions.context.masking import Mask
from tests.support.evaluating import compiled

PRESENT: dict[str, ReadKey] = {}


def source(place: str, _at: float) -> ReadKey:
    return PRESENT.get(place, ReadKey(place, 0))


def values(keys: RunKeys, event: object, *places: str) -> list[Any]:
    return [keys.find(place, 0.0, event).value for place in places]


@pytest.fixture
def keys() -> RunKeys:
    """Return the keys of a run, of which two are there."""
    PRESENT.clear()
    PRESENT.update({"system.a": ReadKey("system.a", 1, "x"), "system.b": ReadKey("system.b", 2, "hidden", secret=True)})
    return RunKeys(source, Mask())


def test_a_key_is_the_same_during_an_event_and_new_in_the_next(keys: RunKeys) -> None:
    """Once all recorded events are replayed."""
    keys.replaying = False
    assert values(keys, 1, "system.a") == ["x"]
    PRESENT["system.a"] = ReadKey("system.a", 3, "y")
    assert values(keys, 1, "system.a") == ["x"]
    assert values(keys, 2, "system.a") == ["y"]


def test_only_another_version_is_recorded(keys: RunKeys) -> None:
    """Also that a key is not there."""
    keys.replaying = False
    values(keys, 1, "system.a", "system.none")
    assert keys.take_news() == (ReadKey("system.a", 1, "x"), ReadKey("system.none", 0))
    values(keys, 2, "system.a", "system.none")
    assert keys.take_news() == ()


def test_a_replay_reads_what_was_recorded(keys: RunKeys) -> None:
    """What was not recorded is read now: the engine ended before it was durable."""
    keys.restore([ReadKey("system.a", 1, {"old": [1]})])
    assert values(keys, 1, "system.a", "system.b") == [{"old": [1]}, "hidden"]
    assert [key.place for key in keys.take_news()] == ["system.b"]
    keys.replaying = False
    PRESENT["system.a"] = ReadKey("system.a", 3, "new")
    assert values(keys, 2, "system.a") == ["new"]


def test_a_secret_that_is_read_or_restored_is_masked() -> None:
    """From then on."""
    for read in (False, True):
        mask = Mask()
        PRESENT["system.b"] = ReadKey("system.b", 2, "hidden", secret=True)
        keys = RunKeys(source, mask)
        if read:
            values(keys, 1, "system.b")
        else:
            keys.restore([PRESENT["system.b"]])
        assert mask.text("it is hidden") == "it is ******"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("{{ kv.region }} and {{ kv['a.b'] }}", ["system.region", "system.a.b"]),
        ('{{ kv["a"] ~ x.kv.b }}', ["system.a"]),
        ("{{ kv[name] }}", []),
        ("{{ 'kv.a' }} {{ backkv.a }}", []),
    ],
)
def test_literal_names_are_found_in_the_text(text: str, places: list[str]) -> None:
    """A name that is computed is not."""
    assert list(literal_places(compiled(text))) == places
