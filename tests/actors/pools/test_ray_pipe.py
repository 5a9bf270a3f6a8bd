"""The messages on the pipe to a gateway: data that is checked, never objects."""

import pickle

import msgspec
import pytest

from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.ray_pipe import (
    MAX_PIPE_BYTES,
    Connected,
    Deliver,
    Discard,
    Gone,
    Received,
    Started,
    ToDaemon,
    ToGateway,
    Trouble,
    decode_to_daemon,
    decode_to_gateway,
    encode_pipe,
)


@pytest.mark.parametrize("message", [Deliver("w-1", b"x"), Discard("w-1")])
def test_a_gateway_reads_what_a_daemon_writes(message: ToGateway) -> None:
    """By class name and position."""
    assert decode_to_gateway(encode_pipe(message)) == message


@pytest.mark.parametrize(
    "message", [Connected(2), Started("w-1"), Received("w-1", b"x"), Gone("w-1", "killed"), Trouble("no Ray")]
)
def test_a_daemon_reads_what_a_gateway_writes(message: ToDaemon) -> None:
    """By class name and position."""
    assert decode_to_daemon(encode_pipe(message)) == message


@pytest.mark.parametrize(
    "data",
    [b"", pickle.dumps(Connected(2)), msgspec.msgpack.encode(["Deliver", "w-1", b"x"]), b"x" * (MAX_PIPE_BYTES + 1)],
)
def test_a_daemon_takes_nothing_else(data: bytes) -> None:
    """Whoever reaches Ray's ports may have taken the gateway over."""
    with pytest.raises(InvalidMessage, match="on the pipe"):
        decode_to_daemon(data)
