"""The frames of the socket: one request a connection, answered by one or more frames.

A frame is one JSON object and a newline (JSON's own newlines are escaped). `type` says which it is:

    submit ---> accepted, then, if `follow`: progress ..., outcome
    watch ----> progress ..., outcome
    export ---> export, entries ..., done
    rerun ----> accepted
    cancel, pause, resume, set_concurrency, skip_item, retry_item -> done
    describe -> described    status -> status    workflows -> workflows    runs -> runs    run -> run
    items ----> items        item -> item        item_output -> output     why -> why      prune -> pruned
    anything -> error, if it cannot be done

The server closes the connection after the last frame. A client that closes it earlier is told no more; its run
goes on. A request has at most MAX_REQUEST_BYTES, an answer MAX_ANSWER_BYTES; `socat - UNIX:PATH` speaks it.
"""

from typing import Final

import msgspec

from stretto.actors.operations import (
    Answer,
    Request,
)
from stretto.definitions.errors import StrettoError

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024


class BadFrame(StrettoError):
    """What came over the socket is no frame of this protocol."""

    code = "bad_request"


_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode(frame: Request | Answer) -> bytes:
    """Return a frame's bytes."""
    return msgspec.json.encode(frame) + b"\n"


def read_request(line: bytes) -> Request:
    """Return the request of a line; `BadFrame` if it is none."""
    try:
        return _requests.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(f"this is no request: {error}") from None


def read_answer(line: bytes) -> Answer:
    """Return the answer of a line; `BadFrame` if it is none."""
    try:
        return _answers.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(f"this is no answer of a Stretto daemon: {error}") from None
