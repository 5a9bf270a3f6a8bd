"""Frames between a daemon and its workers: whole, bounded, and however they arrive."""

import socket
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.workers.frames import (
    ANSWER,
    CALL,
    CHUNK_BYTES,
    FIRST_ROOM_BYTES,
    MAX_FRAME_BYTES,
    BrokenFrames,
    FrameReader,
    head,
)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@given(
    st.lists(st.binary(max_size=30) | st.integers(0, 3 * CHUNK_BYTES).map(bytes), max_size=5),
    st.lists(st.integers(1, 2 * CHUNK_BYTES), min_size=1),
)
def test_frames_are_put_together_from_any_pieces(frames: list[bytes], sizes: list[int]) -> None:
    """Several in one piece, or one in many; small and large ones."""
    stream = b"".join(head(CALL, number, len(data), 1, 7) + data for number, data in enumerate(frames))
    one, other = socket.socketpair()
    reader, received, at, turn = FrameReader(), [], 0, 0
    with one, other:
        other.setblocking(False)
        while at < len(stream):
            one.sendall(stream[at : at + sizes[turn % len(sizes)]])
            at += sizes[turn % len(sizes)]
            turn += 1
            while True:
                try:
                    assert reader.read(other)
                except BlockingIOError:
                    break
                while (frame := reader.frame()) is not None:
                    received.append(frame)
    assert [bytes(each.data) for each in received] == frames
    assert [each[:4] for each in received] == [(CALL, 1, 7, number) for number in range(len(frames))]
    assert reader.is_empty


@pytest.mark.parametrize("first", [b"\xff" * 22, b"\x02" + b"\x00" * 13 + (2**40).to_bytes(8, "big"), b"\x00" * 22])
def test_an_impossible_head_is_refused(ends: tuple[socket.socket, socket.socket], first: bytes) -> None:
    """Before its bytes are awaited or kept."""
    one, other = ends
    one.sendall(first)
    reader = FrameReader()
    assert reader.read(other)
    with pytest.raises(BrokenFrames):
        reader.frame()


def test_a_head_alone_takes_no_memory_for_the_data_that_it_announces(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """A worker may write anything: a gigabyte is there when it has arrived."""
    one, other = ends
    one.sendall(head(ANSWER, 1, MAX_FRAME_BYTES) + b"begin")
    reader = FrameReader()
    tracemalloc.start()
    try:
        assert reader.read(other)
        assert reader.frame() is None
        assert tracemalloc.get_traced_memory()[1] < 2 * FIRST_ROOM_BYTES
    finally:
        tracemalloc.stop()


def test_too_much_data_is_not_sent() -> None:
    """The other end would refuse it."""
    with pytest.raises(BrokenFrames, match="are more than"):
        head(CALL, 1, 2**31)


def test_a_large_frame_is_read_into_one_buffer(ends: tuple[socket.socket, socket.socket]) -> None:
    """Its bytes are copied once, from the kernel."""
    one, other = ends
    data = bytes(32 * CHUNK_BYTES)
    reader, sent = FrameReader(), memoryview(head(ANSWER, 1, len(data)) + data)
    one.setblocking(False)
    tracemalloc.start()
    try:
        while (frame := reader.frame()) is None:
            if sent:
                sent = sent[one.send(sent) :]
            assert reader.read(other)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(frame.data) == len(data)
    assert most < len(data) + 4 * CHUNK_BYTES
