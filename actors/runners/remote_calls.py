"""Calls of actions as data: on the way to a worker's process, and their ends on the way back."""

import logging
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from stretto.actors.actions import Action, ActionRegistry, CannotLoadActions, Code, load_actions
from stretto.actors.runners.base import Call, FailureKind, Finished, run_call
from stretto.actors.workers import DaemonLog
from stretto.definitions.data import decode_json, encode_json, freeze
from stretto.definitions.errors import Frame
from stretto.metrics import CallIds


class _Request(msgspec.Struct):
    """A call: `target` and `digest` say where the action's code is, as `Code` does."""

    ref: str
    target: str
    digest: str
    input: Any
    ids: CallIds


class _End(msgspec.Struct, omit_defaults=True):
    """The end of a call, as `Finished`. The daemon measures how long the call takes."""

    status: Literal["succeeded", "failed", "cancelled", "timed_out", "abandoned"]
    result: msgspec.Raw
    error: str | None = None
    kind: FailureKind | None = None
    retry_after: float | None = None
    traceback: tuple[Frame, ...] = ()


_requests: Final = msgspec.json.Decoder(_Request)
_ends: Final = msgspec.json.Decoder(_End)


def encode_call(action: Action, call: Call) -> bytes:
    """Return a call as data. Its action runs in other processes."""
    code = action.code
    if not isinstance(code, Code):
        raise ValueError(  # noqa: TRY004 - the action is wrong here, not its type
            f"the action {call.ref} runs in this process"
        )
    return encode_json(_Request(call.ref, code.target, code.digest, call.input, call.ids))


def decode_end(answer: bytes | bytearray) -> Finished:
    """Return the end that a worker reports. Raises `msgspec.DecodeError` if it is none."""
    end = _ends.decode(answer)
    result = decode_json(bytes(end.result))
    return Finished(end.status, result, end.error, end.kind, None, end.traceback, end.retry_after)


def make_handler() -> Callable[[bytes | bytearray], bytes]:
    """Return the worker's handler. It is called in the worker's process."""
    logging.getLogger().addHandler(DaemonLog())
    return _answer


def _answer(data: bytes | bytearray) -> bytes:
    asked = _requests.decode(data)
    try:
        action = _action_of(asked)
    except CannotLoadActions as error:
        return _encoded(Finished("failed", None, str(error), "failed"))
    return _encoded(run_call(action, Call(asked.ref, freeze(asked.input), asked.ids)))  # type: ignore[arg-type]


def _action_of(asked: _Request) -> Action:
    found = ActionRegistry.registered().find(asked.ref)
    if found is None:
        load_actions(asked.target)
        found = ActionRegistry.registered().find(asked.ref)
    if found is None or not isinstance(found.code, Code):
        raise CannotLoadActions(asked.target, f"it has no action {asked.ref} any more: restart the daemon")
    if found.code.digest != asked.digest:
        raise CannotLoadActions(asked.target, "the file has changed since the daemon loaded it: restart the daemon")
    return found


def _encoded(ended: Finished) -> bytes:
    result = msgspec.Raw(encode_json(ended.result))
    return encode_json(_End(ended.status, result, ended.error, ended.kind, ended.retry_after, ended.traceback))
