"""The messages between a daemon and its gateway to Ray: msgpack, bounded in bytes, never pickled objects.

daemon  --Deliver, Discard-->            gateway (the only process that imports Ray)
gateway --Connected, Alive, Started, Received, Gone-->   daemon
"""

from typing import Any, Final, TypeAlias

import msgspec

from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.parts import MAX_PART_BYTES

MAX_PIPE_BYTES: Final = MAX_PART_BYTES + 64 * 1024
"""The bytes of one message on the pipe."""
MAX_REASON_CHARACTERS: Final = 2_000
"""The text of a reason. The rest is cut off."""


class PipeMessage(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A message. Its fields travel by position, and its class by name."""


class Deliver(PipeMessage, frozen=True):
    """A part of a message to a worker."""

    worker: str
    part: bytes


class Discard(PipeMessage, frozen=True):
    """End a worker: it is lost."""

    worker: str


class Connected(PipeMessage, frozen=True):
    """The gateway has connected to a Ray of so many nodes."""

    nodes: int


class Alive(PipeMessage, frozen=True):
    """The gateway works: its loop takes turns."""


class Started(PipeMessage, frozen=True):
    """The gateway has asked Ray for a worker. Its messages follow once Ray has found a place for it."""

    worker: str


class Received(PipeMessage, frozen=True):
    """A part of a message of a worker."""

    worker: str
    part: bytes


class Gone(PipeMessage, frozen=True):
    """A worker has ended. `text` is Ray's reason."""

    worker: str
    text: str


class Trouble(PipeMessage, frozen=True):
    """The gateway cannot work, and ends."""

    text: str


ToGateway: TypeAlias = Deliver | Discard
ToDaemon: TypeAlias = Connected | Alive | Started | Received | Gone | Trouble

_encoder: Final = msgspec.msgpack.Encoder()
_to_gateway: Final[msgspec.msgpack.Decoder[ToGateway]] = msgspec.msgpack.Decoder(ToGateway)
_to_daemon: Final[msgspec.msgpack.Decoder[ToDaemon]] = msgspec.msgpack.Decoder(ToDaemon)


def encode_pipe(message: ToGateway | ToDaemon) -> bytes:
    """Return a message as bytes."""
    return _encoder.encode(message)


def decode_to_gateway(data: bytes) -> ToGateway:
    """Return the message of a daemon. Raises InvalidMessage."""
    decoded: ToGateway = _decoded(_to_gateway, data)
    return decoded


def decode_to_daemon(data: bytes) -> ToDaemon:
    """Return the message of a gateway. Raises InvalidMessage."""
    decoded: ToDaemon = _decoded(_to_daemon, data)
    return decoded


def _decoded(decoder: "msgspec.msgpack.Decoder[Any]", data: bytes) -> Any:
    if len(data) > MAX_PIPE_BYTES:
        raise InvalidMessage(f"a message on the pipe must have at most {MAX_PIPE_BYTES:,} bytes, got {len(data):,}")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidMessage(f"not a message on the pipe: {error}") from None
