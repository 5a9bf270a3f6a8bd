"""Calls as data: what a worker is asked, and what it tells of an action that it does not have."""

import msgspec
import pytest

from stretto.actors.actions import Action
from stretto.actors.runners import Call
from stretto.actors.runners.remote_calls import _answer, decode_end, encode_call
from stretto.definitions.data import EMPTY_OBJECT
from stretto.metrics.logging import CallIds
from tests.support import isolated_actions

IDS = CallIds("run", "ops.flow", "task", 3)


def asked(**changes: str) -> bytes:
    call = {"ref": "isolated.count", "target": isolated_actions.__name__, "digest": "", "input": {}}
    return msgspec.json.encode({**call, "ids": msgspec.structs.asdict(IDS), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "the file has changed since the daemon loaded it: restart the daemon"),
        ({"ref": "isolated.gone"}, "it has no action isolated.gone any more: restart the daemon"),
        ({"ref": "isolated.gone", "target": "no.module"}, "no module 'no'"),
    ],
)
def test_an_action_that_is_not_there_as_it_was_fails_its_call(changes: dict[str, str], message: str) -> None:
    """The code on the disk is not the daemon's any more."""
    ended = decode_end(_answer(asked(**changes)))
    assert (ended.status, ended.kind) == ("failed", "failed")
    assert ended.error is not None
    assert message in ended.error


def test_an_answer_that_is_none_is_an_error() -> None:
    """It is the worker's fault, which ends it."""
    with pytest.raises(msgspec.DecodeError):
        decode_end(b'{"status": "fine"}')


def test_an_action_of_this_process_has_no_call_elsewhere() -> None:
    """The runners never ask for one."""
    with pytest.raises(ValueError, match="runs in this process"):
        encode_call(Action("ops.here", isolated_actions.echo, "thread"), Call("ops.here", EMPTY_OBJECT, IDS))
