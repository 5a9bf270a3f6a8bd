"""What a daemon answers while a run goes on, and Ctrl-C, one after another."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stretto.actors.cli.support.interrupts import arrivals
from stretto.actors.gateway import Client, DaemonUnreachable
from stretto.actors.operations import Answer, Request
from stretto.definitions.errors import StrettoError


class Interrupted:
    """Ctrl-C was pressed."""


@contextmanager
def answers_and_interrupts(
    client: Client, request: Request
) -> Iterator[Callable[[], Answer | Interrupted | Exception]]:
    """Give what the daemon answers and Ctrl-C as they come, in one queue; an error is the last answer.

    An exception that a signal raises could come between the end of a read and what is done with it, and lose an
    answer: the handler puts what it has to say where the answers are.
    """
    with arrivals() as events:

        def read() -> None:
            try:
                for answer in client.answers(request):
                    events.put(answer)
                events.put(DaemonUnreachable(f"the daemon at {client.url} went away before the run had ended"))
            except StrettoError as error:
                events.put(error)

        earlier = signal.signal(signal.SIGINT, lambda _number, _frame: events.put_by_signal(Interrupted()))
        threading.Thread(target=read, name="stretto-answers", daemon=True).start()
        try:
            yield events.get
        finally:
            signal.signal(signal.SIGINT, earlier)
