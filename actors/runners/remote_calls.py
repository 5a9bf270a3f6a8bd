"""Calls of actions as data: on the way to a worker's process, and their ends on the way back."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from stretto.actors.actions import Action, ActionRegistry, CannotLoadActions, load_actions
from stretto.actors.runners.base import Call, Finished, run_call
from stretto.definitions.data import decode_json, encode_json, freeze
from stretto.definitions.errors import Frame
from stretto.metrics import CallIds

LOG_FORMAT: Final = "%(levelname)s %(name)s: %(message)s"


class _Request(msgspec.Struct):
    """A call: `target` and `digest` say where the action's code is, as `Code` does."""

    ref: str
    target: str
    digest: str
    input: Any
    ids: CallIds


class _End(msgspec.Struct, omit_defaults=True):
    """The end of a call, as `Finished`. The time is the daemon's, which has another clock."""

    status: Literal["succeeded", "failed", "cancelled", "timed_out", "abandoned"]
    result: msgspec.Raw
    error: str | None = None
    kind: Literal["failed", "exception", "not_data", "cancelled", "timed_out", "abandoned"] | None = None
    retry_after: float | None = None
    traceback: tuple[Frame, ...] = ()


_requests: Final = msgspec.json.Decoder(_Request)
_ends: Final = msgspec.json.Decoder(_End)


def encode_call(call: Call) -> bytes:
    """Return a call as data. Its action runs in other processes."""
    code = call.action.code
    if code is None:
        raise ValueError(f"the action {call.action.ref} runs in this process")
    return encode_json(_Request(call.action.ref, code.target, code.digest, call.input, call.ids))


def decode_end(answer: bytes | bytearray) -> Finished:
    """Return the end that a worker reports. Raises `msgspec.DecodeError` if it is none."""
    end = _ends.decode(answer)
    result = decode_json(bytes(end.result))
    return Finished(end.status, result, end.error, end.kind, time.monotonic(), end.traceback, end.retry_after)


def make_handler() -> Callable[[bytes | bytearray], bytes]:
    """Return the worker's handler. It is called in the worker's process."""
    records = logging.StreamHandler(sys.stderr)
    records.setFormatter(logging.Formatter(LOG_FORMAT))
    logging.getLogger().addHandler(records)
    return _answer


def _answer(data: bytes | bytearray) -> bytes:
    asked = _requests.decode(data)
    try:
        action = _action_of(asked)
    except CannotLoadActions as error:
        return _encoded(Finished("failed", None, str(error), "failed", 0.0))
    return _encoded(run_call(Call(action, freeze(asked.input), asked.ids)))  # type: ignore[arg-type]


def _action_of(asked: _Request) -> Action:
    found = ActionRegistry.registered().find(asked.ref)
    if found is None:
        load_actions(asked.target)
        found = ActionRegistry.registered().find(asked.ref)
    if found is None or found.code is None:
        raise CannotLoadActions(asked.target, f"it has no action {asked.ref} any more: restart the daemon")
    if found.code.digest != asked.digest:
        raise CannotLoadActions(asked.target, "the file has changed since the daemon loaded it: restart the daemon")
    return found


def _encoded(ended: Finished) -> bytes:
    result = msgspec.Raw(encode_json(ended.result))
    return encode_json(_End(ended.status, result, ended.error, ended.kind, ended.retry_after, ended.traceback))
