"""Questions that actors hand on to each other, so that none of them waits for an answer."""

from typing import Any

import pykka
from pykka._actor import ActorInbox
from pykka._envelope import Envelope

from stretto.actors.dispatch import Later


class _HandedOn(pykka.Future[Any]):
    """Stands where the future of a caller would: what it is set to settles a Later."""

    def __init__(self, answer: Later, gone: Exception | None = None) -> None:
        super().__init__()
        self._answer = answer
        self._gone = gone

    def set(self, value: Any = None) -> None:
        self._answer.resolve(value)

    def set_exception(self, exc_info: Any = None) -> None:
        error = exc_info[1]
        self._answer.fail(self._gone if self._gone is not None and isinstance(error, pykka.ActorDeadError) else error)


def ask_later(mailbox: ActorInbox, message: Any, gone: Exception) -> Later:
    """Ask an actor; return what its answer settles, or `gone` if it ends before it answers."""
    answer = Later()
    mailbox.put(Envelope(message, reply_to=_HandedOn(answer, gone)))
    return answer


def hand_on(value: Any, answer: Later) -> None:
    """Resolve an answer with what a handler returned: with the outcome of a `Later`, once it has one."""
    if isinstance(value, Later):
        value.promise(_HandedOn(answer), set())
    else:
        answer.resolve(value)
