from queue import SimpleQueue
from typing import Any

import pytest
from msgspec.structs import astuple
from structlog.testing import capture_logs

from stretto.actors.actions import Action, ActionFailed
from stretto.actors.runners import Call, Finished, Runners, call_inline
from stretto.definitions.data.frozen import FrozenDict, freeze, thaw
from stretto.metrics.logging import CallIds, call_ids
from tests.support.waiting import PATIENCE


def _ids() -> tuple[Any, ...]:
    """Return the call ids that an action sees."""
    ids = call_ids.get()
    assert ids is not None
    return astuple(ids)


IDS = CallIds("run", "ops.flow", "task", 3)


def finish(function: Any, **values: Any) -> Finished:
    frozen = freeze(values)
    assert isinstance(frozen, FrozenDict)
    return call_inline(Action("test.inline", function, "inline"), frozen, IDS)


def test_a_call_has_ended_when_it_returns() -> None:
    """The caller has nothing to wait for."""
    end = finish(lambda x: x + 1, x=1)
    assert (end.status, end.result, end.error, end.kind) == ("succeeded", 2, None, None)


def test_values_are_the_frozen_ones_themselves() -> None:
    """The action receives the very objects of the context."""
    value = freeze({"a": [1]})
    assert finish(lambda value: value, value=value).result is value


def test_the_ids_are_set_around_the_call_only() -> None:
    """The action sees its call's ids. Afterwards none are set."""
    assert finish(_ids).result == list(astuple(IDS))
    assert call_ids.get() is None


def test_action_failed_keeps_message_and_result() -> None:
    """ActionFailed ends a call as failed, of kind "failed", with its result."""

    def fail() -> None:
        raise ActionFailed("no luck", {"code": 7})

    end = finish(fail)
    assert (end.status, end.result, end.error, end.kind) == ("failed", {"code": 7}, "no luck", "failed")


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("bad line"), "ValueError: bad line"),
        (KeyError(), "KeyError"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (Unreadable(), "Unreadable: (the message cannot be read)"),
    ],
)
def test_any_other_exception_is_reported_with_its_type(error: BaseException, message: str) -> None:
    """Any other exception, also SystemExit, is a failure of kind "exception"."""

    def explode() -> None:
        raise error

    end = finish(explode)
    assert (end.status, end.result, end.error, end.kind) == ("failed", None, message, "exception")


def test_a_wrapper_that_returns_a_coroutine_fails_in_words() -> None:
    """No code would await the coroutine, so the call fails with that reason."""

    async def fetch() -> None: ...

    assert finish(lambda: fetch()).error == (  # noqa: PLW0108 - the wrapper is the point
        "TypeError: the action returned a coroutine; register an `async def` function"
    )


def test_where_an_action_raised_is_in_the_log() -> None:
    """The exception is logged at DEBUG, for the author of the action."""
    error = ValueError("bad line")

    def explode() -> None:
        raise error

    with capture_logs() as lines:
        finish(explode)
    assert lines == [{"event": "action_raised", "action": "test.inline", "exc_info": error, "log_level": "debug"}]


def test_changing_the_shared_context_names_the_remedy() -> None:
    """The error is the message of Frozen alone, which says what to do."""

    def change(values: list[int]) -> None:
        values.append(1)

    error = finish(change, values=[0]).error
    assert error is not None
    assert error.startswith("this list belongs to the run's shared context")
    assert "thaw" in error
    assert finish(lambda values: [*thaw(values), 1], values=[0]).result == [0, 1]


def test_runners_pick_by_the_action_and_own_so_many_threads() -> None:
    """`Runners` sends each call to the runner of its action, and knows the largest number of threads."""
    runners = Runners(threads=3, workers=2)
    assert runners.threads == 3 + 9 + 2
    ends: SimpleQueue[Finished] = SimpleQueue()
    message = freeze({"message": "hello"})
    assert isinstance(message, FrozenDict)
    plain = Action("test.plain", lambda message: message, "thread")
    runners.start(plain, Call(plain.ref, message, IDS), ends.put)
    assert ends.get(timeout=PATIENCE).result == "hello"
    runners.stop()
    runners.stop()
    for kind in ("thread", "async"):
        with pytest.raises(RuntimeError, match="stopped"):
            runners.start(Action("test.late", print, kind), Call("test.late", message, IDS), ends.put)
