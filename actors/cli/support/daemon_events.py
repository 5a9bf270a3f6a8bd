"""A daemon's answers about a run, and Ctrl-C, as one sequence of events."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stretto.actors.cli.support.interrupts import arrivals
from stretto.actors.gateway import Client, DaemonUnreachable
from stretto.actors.operations import Accepted, Answer, Request
from stretto.definitions.errors import StrettoError


class Interrupted:
    """Ctrl-C was pressed."""


@contextmanager
def answers_and_interrupts(
    client: Client, request: Request
) -> Iterator[Callable[[], Answer | Interrupted | Exception]]:
    """Yield a function that waits for the next answer or Ctrl-C. An error is the last event.

    An exception raised by a signal could lose an answer that has just been read. So the signal's handler puts Ctrl-C
    into the same queue.
    """
    with arrivals() as events:

        def read() -> None:
            lost = DaemonUnreachable(f"the daemon at {client.url} closed the connection before the run ended")
            accepted = False
            try:
                for answer in client.answers(request):
                    accepted = accepted or isinstance(answer, Accepted)
                    events.put(answer)
                events.put(lost)
            except DaemonUnreachable as error:
                events.put(lost if accepted else error)
            except StrettoError as error:
                events.put(error)

        earlier = signal.signal(signal.SIGINT, lambda _number, _frame: events.put_by_signal(Interrupted()))
        threading.Thread(target=read, name="stretto-answers", daemon=True).start()
        try:
            yield events.get
        finally:
            signal.signal(signal.SIGINT, earlier)
