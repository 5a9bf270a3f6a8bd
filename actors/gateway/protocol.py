"""The frames of the socket: one request a connection, answered by one or more frames.

A frame is one JSON object and a newline (JSON's own newlines are escaped). `type` says which it is:

    submit ---> accepted, then, if `follow`: progress ..., outcome
    watch ----> progress ..., outcome
    describe -> described          status -> status          workflows -> workflows
    cancel, pause, resume -> done
    anything -> error, if it cannot be done

The server closes the connection after the last frame. A client that closes it earlier is told no more; its run
goes on. A request has at most MAX_REQUEST_BYTES, an answer MAX_ANSWER_BYTES; `socat - UNIX:PATH` speaks it.
"""

from typing import Any, Final, TypeAlias

import msgspec

from stretto.definitions.errors import StrettoError

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024

# ---- requests


class Definition(msgspec.Struct, frozen=True):
    """A definition's text, as the client has read it; `file` is what findings call it. Nobody opens it."""

    file: str
    text: str


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Start a run of a workflow that the daemon knows (its ref), or of a definition."""

    workflow: str | Definition
    inputs: dict[str, Any] = {}
    follow: bool = True


class Describe(msgspec.Struct, frozen=True, tag="describe"):
    """Tell a workflow's ref and its parameters' types."""

    workflow: str | Definition


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Tell a run's progress and its outcome."""

    run: str


class Status(msgspec.Struct, frozen=True, tag="status"):
    """Tell how a run stands."""

    run: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """End a run by its cancellation policy."""

    run: str


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Have a run start nothing new."""

    run: str


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Let a paused run go on."""

    run: str


class Workflows(msgspec.Struct, frozen=True, tag="workflows"):
    """Tell the refs of all workflows."""


Request: TypeAlias = Submit | Describe | Watch | Status | Cancel | Pause | Resume | Workflows

# ---- answers


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The run has been accepted."""

    run: str
    workflow: str


class Described(msgspec.Struct, frozen=True, tag="described"):
    """A workflow's ref, and the type of each parameter."""

    workflow: str
    parameters: dict[str, str]


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """A run as it is now; a client that reads slowly is told the latest only."""

    run: str
    status: str
    tasks: dict[str, Any]


class Ended(msgspec.Struct, frozen=True, tag="outcome"):
    """How a run ended; `tasks` as `progress` tells them."""

    run: str
    status: str
    output: Any
    errors: list[Any]
    tasks: dict[str, Any]


class StatusTold(msgspec.Struct, frozen=True, tag="status"):
    """{id, workflow, status, tasks}, as `Engine.status` tells it."""

    run: dict[str, Any]


class WorkflowsTold(msgspec.Struct, frozen=True, tag="workflows"):
    """All refs, sorted."""

    refs: list[str]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """It has been noted."""


class Refused(msgspec.Struct, frozen=True, tag="error"):
    """It cannot be done; `code` is stable, `findings` are a wrong definition's."""

    code: str
    message: str
    findings: list[str] = []


Answer: TypeAlias = Accepted | Described | Progress | Ended | StatusTold | WorkflowsTold | Done | Refused

# ---- frames


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
