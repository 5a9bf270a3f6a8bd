"""Frames between a daemon and its workers: whole, bounded, and however they arrive."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.workers.frames import HEAD_BYTES, FrameReader, FrameTooLarge, receive_frame, send_frame


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_what_is_sent_is_received(ends: tuple[socket.socket, socket.socket]) -> None:
    """Empty frames, too; the end is None."""
    one, other = ends
    for data in (b"", b"text", bytes(1000)):
        send_frame(one, data)
        assert receive_frame(other) == data
    one.close()
    assert receive_frame(other) is None


@given(st.lists(st.binary(max_size=30), max_size=5), st.lists(st.integers(1, 7), min_size=1))
def test_frames_are_put_together_from_any_pieces(frames: list[bytes], sizes: list[int]) -> None:
    """Several in one piece, or one in many."""
    stream = b"".join(len(frame).to_bytes(HEAD_BYTES, "big") + frame for frame in frames)
    one, other = socket.socketpair()
    reader, received, at = FrameReader(), [], 0
    with one, other:
        while at < len(stream):
            size = sizes[at % len(sizes)]
            one.sendall(stream[at : at + size])
            at += size
            assert reader.read(other)
            while (frame := reader.frame()) is not None:
                received.append(frame)
    assert received == frames
    assert reader.is_empty


def test_a_length_beyond_the_bound_is_refused(ends: tuple[socket.socket, socket.socket]) -> None:
    """Before its bytes are awaited or kept."""
    one, other = ends
    one.sendall((2**40).to_bytes(HEAD_BYTES, "big"))
    with pytest.raises(FrameTooLarge):
        receive_frame(other)
