"""Reading on threads beside the actors: whoever asks is answered, also at the end."""

import threading
from typing import Any

from stores import KEYRING
from waiting import PATIENCE

from stretto.actors.journal.opening import open_store
from stretto.actors.journal.readers import THREADS, Readers
from stretto.actors.journal.store import StoreUnavailable


def test_what_waits_at_the_end_is_told_that_nothing_is_read_any_more() -> None:
    """As is whoever asks after it: nobody waits for ever."""
    with open_store("sqlite://", KEYRING) as store:
        readers = Readers(store.reader)
        begun, gate = threading.Semaphore(0), threading.Event()

        def read(_reader: Any) -> bool:
            begun.release()
            return gate.wait(PATIENCE)

        failures: list[Exception] = []
        answers: list[bool] = []

        def failed(error: Exception) -> None:
            failures.append(error)
            gate.set()

        for _ in range(THREADS):
            readers.read(read, answers.append, failed)
        for _ in range(THREADS):
            assert begun.acquire(timeout=PATIENCE)
        readers.read(read, answers.append, failed)
        readers.stop()
        readers.read(read, answers.append, failed)
        assert [type(failure) for failure in failures] == [StoreUnavailable, StoreUnavailable]
        assert answers == [True] * THREADS
