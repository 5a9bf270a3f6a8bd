"""Needs: which of several engines can take a run, and how it is said that none can."""

from stretto.actors.journal.needs import (
    NO_NEEDS,
    decode_needs,
    describe_needs,
    encode_needs,
    lacking_needs,
    need,
)

BOTH = frozenset({need("action", "a.b"), need("host", "web1")})


def test_equal_needs_have_the_same_text() -> None:
    """So that the store can group runs by it. Runs without needs have none."""
    text = encode_needs(BOTH)
    assert text == encode_needs(frozenset(sorted(BOTH, reverse=True))) == '["action a.b","host web1"]'
    assert decode_needs(text) == BOTH
    assert encode_needs(NO_NEEDS) is None
    assert decode_needs(None) == NO_NEEDS


def test_what_is_missing_is_what_the_best_engine_lacks() -> None:
    """None of them lacks anything if one can take the run."""
    action = frozenset({"action a.b"})
    assert lacking_needs(BOTH, [NO_NEEDS, action]) == {"host web1"}
    assert lacking_needs(BOTH, [action, BOTH | {"pool p"}]) == NO_NEEDS
    assert lacking_needs(BOTH, [action, None]) == NO_NEEDS  # an earlier version takes all runs
    assert lacking_needs(BOTH, []) == BOTH


def test_needs_are_said_in_words_and_cut() -> None:
    """A kind of a later version is shown as it is."""
    assert describe_needs(BOTH) == "the action or workflow a.b, the host web1, which has its files"
    assert describe_needs({"key 1a2b", "pool p", "moon full"}) == "the store key 1a2b, moon full, the pool p"
    many = describe_needs(f"action a.{number}" for number in range(9))
    assert many.endswith("the action or workflow a.4, 4 more")
