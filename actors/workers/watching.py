"""Waits for what workers send, on one thread that any other thread can wake."""

import os
import selectors
from collections.abc import Callable

from stretto.actors.workers.kept import KeptWorker


class WorkerWatch:
    """A selector of the sockets and pipes of workers. The pool's lock guards everything except `wait`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wakes = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_awake = False
        self._selector.register(self._wakes, selectors.EVENT_READ, self._take_wake)

    def wait(self, seconds: float | None) -> list[Callable[[], object]]:
        """Wait until something is ready, at most so long. Return functions that handle it."""
        return [_handler(key.data, mask) for key, mask in self._selector.select(seconds)]

    def wake(self) -> None:
        """End the wait that runs, or the next one."""
        if not self._is_awake:
            self._is_awake = True
            os.eventfd_write(self._wakes, 1)

    def add(self, worker: KeptWorker) -> None:
        """Watch a worker."""
        self._selector.register(worker.process.channel, selectors.EVENT_READ, _Channel(self, worker))
        self._selector.register(worker.process.ended, selectors.EVENT_READ, _End(worker))
        for number, pipe in enumerate(worker.process.outputs):
            self._selector.register(pipe, selectors.EVENT_READ, _Output(self, worker, number))

    def update(self, worker: KeptWorker) -> None:
        """Watch for room in a worker's socket as long as there is something to write."""
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.wants_to_write else 0)
        key = self._selector.get_map().get(worker.process.channel)
        if key is not None and key.events != wanted:
            self._selector.modify(worker.process.channel, wanted, key.data)

    def remove(self, worker: KeptWorker) -> None:
        """Watch a worker no more."""
        watched = self._selector.get_map()
        process = worker.process
        for each in (process.channel.fileno(), process.ended, *(pipe.fileno() for pipe in process.outputs)):
            if each in watched:
                self._selector.unregister(each)

    def remove_output(self, worker: KeptWorker, pipe: int) -> None:
        """Watch a pipe no more, which has come to its end."""
        self._selector.unregister(worker.process.outputs[pipe])

    def close(self) -> None:
        """Give the descriptors back."""
        self._selector.close()
        os.close(self._wakes)

    def _take_wake(self, _mask: int) -> None:
        os.eventfd_read(self._wakes)
        self._is_awake = False


class _Channel:
    """Handles what happens on a worker's socket."""

    def __init__(self, watch: WorkerWatch, worker: KeptWorker) -> None:
        self._watch = watch
        self._worker = worker

    def __call__(self, mask: int) -> None:
        if self._worker.is_lost:
            return
        if mask & selectors.EVENT_WRITE:
            self._worker.flush()
            self._watch.update(self._worker)
        if mask & selectors.EVENT_READ:
            self._worker.read_channel()


class _End:
    """Handles the end of a worker's process."""

    def __init__(self, worker: KeptWorker) -> None:
        self._worker = worker

    def __call__(self, _mask: int) -> None:
        if not self._worker.is_lost:
            self._worker.read_last()


class _Output:
    """Handles what happens on a worker's pipe."""

    def __init__(self, watch: WorkerWatch, worker: KeptWorker, pipe: int) -> None:
        self._watch = watch
        self._worker = worker
        self._pipe = pipe

    def __call__(self, _mask: int) -> None:
        if not self._worker.is_lost and not self._worker.read_output(self._pipe):
            self._watch.remove_output(self._worker, self._pipe)


def _handler(handle: Callable[[int], None], mask: int) -> Callable[[], object]:
    return lambda: handle(mask)
