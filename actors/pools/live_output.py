"""The output of calls before their end: a worker looks at the longer ones twice a second, and sends what is new."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from stretto.actors.pools.messages import CallOutput
from stretto.actors.pools.work import Work
from stretto.actors.runners import Running

OUTPUT_SECONDS: Final = 0.5
"""How often a worker looks at its calls."""
MAX_OUTPUT_BYTES: Final = 1024 * 1024
"""How much text is sent at a time, about. The calls whose text was sent last wait for the next time."""


class OutputReporter:
    """Reports the output of running calls, on a thread of its own. Calls that end between two looks cost nothing.

    Args:
        running: Returns the calls that run.
        report: Sends output to the pool.
    """

    def __init__(self, running: Callable[[], Sequence[Work]], report: Callable[[tuple[CallOutput, ...]], None]) -> None:
        self._running = running
        self._report = report
        self._looks = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stretto-pool-output", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Idempotent."""
        self._stopped.set()

    def collect(self) -> tuple[CallOutput, ...]:
        """Return what is new since the last look, the calls first whose output was not sent for longest."""
        self._looks += 1
        found: list[CallOutput] = []
        size = 0
        for work in sorted(self._running(), key=_looked_at):
            running = work.running
            if running is None or not work.has_output:
                continue
            if size > MAX_OUTPUT_BYTES:
                break
            work.has_output, work.looked_at = False, self._looks
            running.watch(work.writes)  # before the look, so that nothing is missed
            output = _output_of(work.sending.number, running)
            if output is not None:
                found.append(output)
                size += len(output.printed or "") + len(output.stdout) + len(output.stderr)
        return tuple(found)

    def _run(self) -> None:
        while not self._stopped.wait(OUTPUT_SECONDS):
            if found := self.collect():
                self._report(found)


def _looked_at(work: Work) -> int:
    return work.looked_at


def _output_of(number: int, running: Running) -> CallOutput | None:
    """Return what a call has written, or None while it has written nothing."""
    if running.printed:
        return CallOutput(number, *running.printed[0].newest())
    output = running.output()
    if output is None or not (output.stdout or output.stderr):
        return None
    return CallOutput(number, None, 0, output.stdout, output.stderr, output.stdout_truncated, output.stderr_truncated)
