"""procrastinate on PostgreSQL: jobs that are deferred in one request, and done by its worker.

procrastinate_jobs.py REQUEST URL      a server's empty database
"""

import asyncio
import sys

import work
from procrastinate import App, PsycopgConnector

AT_ONCE = 8
DONE: list[int] = []
"""The jobs that were done: procrastinate keeps no results."""


def _note(number: int) -> None:
    DONE.append(number)


class Procrastinate:
    """A worker that ends when no job is left."""

    def __init__(self, url: str) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=url))
        self._nothing = self._app.task(name="nothing")(_note)

    def many(self, runs: int) -> None:
        """Defer all of them at once, and let the worker do them."""
        DONE.clear()
        asyncio.run(self._perform(runs))
        if len(DONE) != runs:
            raise RuntimeError(f"{len(DONE)} of {runs} jobs were done")

    async def _perform(self, runs: int) -> None:
        async with self._app.open_async():
            if not await self._app.check_connection_async():
                await self._app.schema_manager.apply_schema_async()
            work.STOPWATCH.start()
            await self._nothing.batch_defer_async(*({"number": number} for number in range(runs)))
            await self._app.run_worker_async(
                wait=False, concurrency=AT_ONCE, install_signal_handlers=False, listen_notify=False
            )


if __name__ == "__main__":
    work.measure_many(Procrastinate(sys.argv[2]), "procrastinate")
