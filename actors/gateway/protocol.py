"""The frames of the socket: one request a connection, answered by one or more frames.

A frame is one JSON object and a newline. `type` names the request or the answer:

    submit ---> accepted, then, if `follow`: progress ..., outcome
    watch ----> progress ..., outcome
    export ---> export, entries ..., done
    rerun ----> accepted
    describe -> described    status -> status    workflows -> workflows    runs -> runs    run -> run
    items ----> items        item -> item        item_output -> output     why -> why      prune -> pruned
    a control (cancel, pause, resume, skip_item, ...: `operations.controls`) -> done
    any request -> error, if it is refused

The server closes the connection after the last frame. A client may close it earlier: its run continues.
A request has at most MAX_REQUEST_BYTES, an answer MAX_ANSWER_BYTES. `socat - UNIX:PATH` speaks the protocol.
"""

from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec

from stretto.actors.operations import REQUESTS, Answer, Request
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024


class BadFrame(StrettoError):
    """The bytes are not a frame of this protocol."""

    code = "bad_request"


_ANY_REQUEST: Any = reduce(or_, REQUESTS)
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(_ANY_REQUEST)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode(frame: Request | Answer) -> bytes:
    """Return a frame's bytes."""
    return encode_json(frame) + b"\n"


def read_request(line: bytes) -> Request:
    """Return the request of a line. Raises `BadFrame`."""
    try:
        return _requests.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(f"not a valid request: {error}") from None


def read_answer(line: bytes) -> Answer:
    """Return the answer of a line. Raises `BadFrame`."""
    try:
        return _answers.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(f"not a valid answer of a Stretto daemon: {error}") from None
