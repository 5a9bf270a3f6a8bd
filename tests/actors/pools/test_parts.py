"""Messages cut into parts: any message comes out as it went in, and no part can be left out, moved or read."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal import Keyring, new_key
from stretto.actors.pools import parts
from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.parts import Incoming, Outgoing

KEYS = Keyring([new_key()])


@pytest.mark.parametrize("keys", [None, KEYS])
@given(messages=st.lists(st.binary(max_size=100), max_size=5))
def test_messages_come_out_as_they_went_in(keys: Keyring | None, messages: list[bytes]) -> None:
    """In their order, however they are cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_BYTES", 7)
        outgoing, incoming = Outgoing("to w-1", keys), Incoming("to w-1", keys)
        joined = [incoming.add(part) for message in messages for part in outgoing.parts(message)]
    assert [each for each in joined if each is not None] == messages


@pytest.mark.parametrize("keys", [None, KEYS])
def test_a_part_that_is_missing_repeated_or_anothers_is_refused(keys: Keyring | None) -> None:
    """The message names both."""
    first, second = (Outgoing("to w-1", keys).parts(b"x")[0] for _ in range(2))
    incoming = Incoming("to w-1", keys)
    assert incoming.add(first) == b"x"
    with pytest.raises(InvalidMessage, match="expected part 1 of to w-1, got part 0 of to w-1"):
        incoming.add(second)
    with pytest.raises(InvalidMessage, match="expected part 0 of to w-2, got part 0 of to w-1"):
        Incoming("to w-2", keys).add(first)


def test_a_part_of_another_key_is_refused_and_none_shows_its_text() -> None:
    """A worker whose key file is another one takes nothing."""
    (part,) = Outgoing("to w-1", KEYS).parts(b"s3cr3t")
    assert b"s3cr3t" not in part
    for keys in (None, Keyring([new_key()])):
        with pytest.raises(InvalidMessage, match="not a part of to w-1, or encrypted with another key"):
            Incoming("to w-1", keys).add(part)


def test_a_message_and_a_part_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker cannot fill the daemon's memory with a message that never ends."""
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", 10)
    monkeypatch.setattr(parts, "PART_BYTES", 6)
    first, second = Outgoing("to w-1", None).parts(b"x" * 12)
    incoming = Incoming("to w-1", None)
    assert incoming.add(first) is None
    with pytest.raises(InvalidMessage, match="at most 10 bytes, got 12 so far"):
        incoming.add(second)
    with pytest.raises(InvalidMessage, match="a part must have at most"):
        incoming.add(b"x" * (parts.MAX_PART_BYTES + 1))


def test_a_message_of_parts_without_content_is_bounded() -> None:
    """Their number counts, not their bytes."""
    incoming = Incoming("to w-1", None)
    empty = (msgspec.msgpack.encode(("to w-1", number, False, b"")) for number in itertools.count())
    assert all(incoming.add(part) is None for part in itertools.islice(empty, parts.MAX_PARTS))
    with pytest.raises(InvalidMessage, match="a message must have at most 1,000 parts"):
        incoming.add(next(empty))
