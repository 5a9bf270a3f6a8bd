"""Frames: each one whole, in few calls of the system."""

import io
import socket

import pytest

from stretto.actors.pools.framing import PORTION_BYTES, read_frame, write_frame
from stretto.actors.pools.messages import InvalidMessage


class Counted:
    """A connection that keeps what is written, and counts the calls."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        """Take bytes."""
        self.written.append(data)


@pytest.mark.parametrize(("size", "calls"), [(0, 1), (100, 1), (PORTION_BYTES, 1), (PORTION_BYTES + 1, 2)])
def test_a_frame_is_read_as_it_was_written(size: int, calls: int) -> None:
    """A short one is written in one call, and a long one is not copied."""
    channel = Counted()
    write_frame(channel, b"x" * size)  # type: ignore[arg-type]  # the part of a socket that it uses
    assert len(channel.written) == calls
    heard: list[None] = []
    assert read_frame(io.BytesIO(b"".join(channel.written)), lambda: heard.append(None)) == b"x" * size
    assert len(heard) == (size > PORTION_BYTES)


def test_frames_travel_over_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as stream:
        for each in (b"", b"one", b"two"):
            write_frame(ours, each)
        ours.shutdown(socket.SHUT_WR)
        assert [read_frame(stream, lambda: None) for _ in range(4)] == [b"", b"one", b"two", None]


@pytest.mark.parametrize("data", [b"\x00\x00", b"\x00\x00\x00\x05abc"])
def test_a_frame_that_breaks_off_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage, match="breaks off"):
        read_frame(io.BytesIO(data), lambda: None)
