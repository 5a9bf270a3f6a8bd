"""Questions to the engine of a run that is followed here: for its whole state, and for texts of its errors."""

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, derived, forward, settle_with
from stretto.actors.engine.followed import Followed
from stretto.actors.engine.named_errors import MAX_ASKED_GROUPS
from stretto.actors.engine.relay import Elsewhere, Relay
from stretto.actors.journal import NoReaders, Readers
from stretto.actors.runs import RunChanges
from stretto.definitions.conductor import IllegalTransition


class TextsAnswered(msgspec.Struct, frozen=True):
    """To the engine: the engine of a run has answered with texts of errors, or has failed."""

    run_id: str
    followed: Followed
    names: list[str]
    groups: list[Any]


def ask_texts(engine: pykka.ActorRef[Any], relay: Relay, run_id: str, followed: Followed) -> None:
    """Ask for the texts of errors that are not known, unless that was done. `TextsAnswered` comes to the engine."""
    names = followed.errors.missing[:MAX_ASKED_GROUPS]
    ask = relay.to(run_id, "error_groups", [names])
    if not names or ask is None or followed.errors.asked:
        return
    followed.errors.asked = True

    def tell(groups: list[Any]) -> None:
        with contextlib.suppress(pykka.ActorDeadError):
            engine.tell(TextsAnswered(run_id, followed, names, groups))

    settle_with(ask(), tell, lambda _error: tell([]))


def owners_state(
    ask: Elsewhere,
    ask_status: Elsewhere,
    readers: Readers | NoReaders,
    run_id: str,
    then: Callable[[dict[str, Any]], RunChanges],
) -> Deferred:
    """Ask an engine for the state of a run.

    Args:
        ask: Asks for the state.
        ask_status: Asks for the status only, which an older Stretto answers.
        readers: The store.
        run_id: The run.
        then: Takes the state as plain data.

    Returns:
        What `then` returns.
    """
    answer = Deferred()

    def failed(error: BaseException) -> None:
        if isinstance(error, IllegalTransition):  # of an older Stretto, or the run has ended: its status says so
            # The number first: the state may be a later one, which does no harm.
            number = readers.ask_deferred(lambda reader: reader.last_entry(run_id))
            forward(derived(number, lambda number: derived(ask_status(), partial(of_status, number))), answer)
        else:
            answer.fail(error)

    def of_status(number: int, status: Mapping[str, Any]) -> RunChanges:
        return then({**status, "number": number, "items": {}, "errors": []})

    settle_with(derived(ask(), then), answer.resolve, failed)
    return answer
