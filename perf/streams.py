"""A fan-out that 500 event streams follow, and a chain that one does, beside the same without; a stream's memory."""

import asyncio
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from engines import RUN_SECONDS, engine
from measure import Samples, interleave_singly, ratio
from report import Measured, Table, timing
from targets import of_ratio

from stretto.actors import action
from stretto.actors.gateway.live.endpoints import ON_LEAVING, SEND_AT_ONCE, RunStream
from stretto.actors.gateway.live.hub import LiveHub
from stretto.actors.gateway.live.source import EngineSource

STREAMS = 500
ITEMS = 100_000
"""A second of work: the end of 500 streams takes 15 ms, whatever they have followed."""
TASKS = 300
CHAINS = 3
"""Chains in a round, one after the other."""
FAN_OUT = f"""
ref: perf.followed
version: "1.0.0"
tasks:
  - {{name: opens, action: perf.gate, next: [{{do: [many]}}]}}
  - name: many
    action: core.noop
    with_items: "{{{{ range({ITEMS}) | list }}}}"
    concurrency: 256
"""
CHAIN = 'ref: perf.followed_chain\nversion: "1.0.0"\ntasks:\n'
CHAIN += "  - {name: opens, action: perf.gate, next: [{do: [t0]}]}\n"
CHAIN += "".join(f"  - {{name: t{at}, action: core.noop, next: [{{do: [t{at + 1}]}}]}}\n" for at in range(TASKS - 1))
CHAIN += f"  - {{name: t{TASKS - 1}, action: core.noop}}\n"
FAN_OUTS = ("fan-out, no stream", f"fan-out, {STREAMS} streams")
CHAINED = ("chain, no stream", "chain, one stream")


_open = threading.Semaphore(0)


@action("perf.gate")
def gate() -> None:
    """Wait until the streams are open."""
    _open.acquire()


class Followers:
    """A hub in an event loop of its own thread, and streams of one run after the other."""

    def __init__(self, proxy: Any) -> None:
        self._engine = proxy.actor_ref
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.hub = self.call(self._start)

    def call(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Run a coroutine in the loop, and wait for it."""

        async def main() -> Any:
            return await work(*arguments)

        return asyncio.run_coroutine_threadsafe(main(), self._loop).result(RUN_SECONDS)

    async def _start(self) -> LiveHub:
        hub = LiveHub(EngineSource(self._engine), max_session_streams=STREAMS)
        await hub.start()
        return hub

    async def follow(self, run_id: str, streams: int) -> list["asyncio.Task[bytes]"]:
        """Open streams of a run, which have its state when this returns. Each returns its last frame."""
        opened = asyncio.Semaphore(0)
        tasks = [asyncio.ensure_future(self._read(run_id, opened)) for _ in range(streams)]
        for _ in tasks:
            await opened.acquire()
        return tasks

    async def _read(self, run_id: str, opened: asyncio.Semaphore) -> bytes:
        last = b""
        gone: asyncio.Future[Any] = self._loop.create_future()

        async def send(message: Any) -> None:
            nonlocal last
            last = message.get("body") or last
            if b"event: hello\n" in last:
                opened.release()

        async def receive() -> Any:
            return await gone

        def send_at_once(frame: bytes) -> bool:
            nonlocal last
            last = frame
            return True

        scope = {
            "type": "http", "method": "GET", "headers": [], "path_params": {"run": run_id},
            "extensions": {SEND_AT_ONCE: send_at_once, ON_LEAVING: lambda _leaves: None},
        }  # fmt: skip
        await RunStream(self.hub)(scope, receive, send)
        return last

    async def ended(self, streams: list["asyncio.Task[bytes]"]) -> None:
        """Wait for the end of the streams, each of which has the run's outcome."""
        for frame in await asyncio.gather(*streams):
            assert b"event: ended\n" in frame, frame

    def stop(self) -> None:
        """End the loop."""
        self.call(self.hub.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def runs(proxy: Any, workflow: Path, count: int, followers: Followers, streams: int) -> Callable[[], Samples]:
    """Run a workflow some times; return the seconds of the processor, without those that open the streams."""

    def case() -> Samples:
        seconds = 0.0
        for _ in range(count):
            handle = proxy.submit(str(workflow), {}).get(timeout=RUN_SECONDS)
            opened = followers.call(followers.follow, handle.id, streams)
            began = process_time()
            _open.release()
            assert handle.outcome.get(timeout=RUN_SECONDS).status == "succeeded"
            followers.call(followers.ended, opened)
            seconds += process_time() - began
        return {"processor": [seconds]}

    return case


@contextmanager
def _prepared() -> Iterator[tuple[Any, Followers, Path, Path]]:
    with TemporaryDirectory() as folder, engine() as proxy:
        fan_out, long_chain = Path(folder) / "fan_out.yaml", Path(folder) / "long_chain.yaml"
        fan_out.write_text(FAN_OUT, encoding="utf-8")
        long_chain.write_text(CHAIN, encoding="utf-8")
        followers = Followers(proxy)
        try:
            yield proxy, followers, fan_out, long_chain
        finally:
            followers.stop()


def measure(rounds: int) -> Samples:
    """Run followed fan-outs and chains in turn with those that no one follows."""
    with _prepared() as (proxy, followers, fan_out, long_chain):
        cases = {
            FAN_OUTS[0]: runs(proxy, fan_out, 1, followers, 0),
            FAN_OUTS[1]: runs(proxy, fan_out, 1, followers, STREAMS),
            CHAINED[0]: runs(proxy, long_chain, CHAINS, followers, 0),
            CHAINED[1]: runs(proxy, long_chain, CHAINS, followers, 1),
        }
        return interleave_singly(cases, rounds)


def memory() -> float:
    """Return the bytes that one of 500 streams takes while nothing happens."""
    held = """
ref: perf.held
version: "1.0.0"
cancellation_policy: cancel_running
tasks: [{name: waits, action: core.sleep, input: {seconds: 1000}}]
"""

    async def opened(followers: Followers, run_id: str) -> float:
        first = await followers.follow(run_id, 1)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        others = await followers.follow(run_id, STREAMS - 1)
        taken = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for task in (*first, *others):
            task.cancel()
        await asyncio.gather(*first, *others, return_exceptions=True)
        return taken / (STREAMS - 1)

    with TemporaryDirectory() as folder, engine() as proxy:
        path = Path(folder) / "held.yaml"
        path.write_text(held, encoding="utf-8")
        handle = proxy.submit(str(path)).get(timeout=RUN_SECONDS)
        followers = Followers(proxy)
        try:
            taken: float = followers.call(opened, followers, handle.id)
        finally:
            followers.stop()
            proxy.cancel(handle.id).get(timeout=RUN_SECONDS)
        return taken


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        f"Runs that {STREAMS} event streams follow",
        ["", "processor time", "ratio"],
        f"No store. A fan-out of {ITEMS:,} items, and {CHAINS} chains of {TASKS} tasks. The streams are ASGI "
        "callables; their frames are dropped.",
    )
    for names in (FAN_OUTS, CHAINED):
        for name in names:
            values = samples[f"{name}, processor"]
            made.add(name, timing(values, "ms"), f"{ratio(values, samples[f'{names[0]}, processor']):.2f}")
    return made


def target(samples: Samples) -> Measured:
    """Compare a followed fan-out with one that no one follows."""
    followed, unfollowed = (samples[f"{name}, processor"] for name in reversed(FAN_OUTS))
    return of_ratio(followed, unfollowed, f"a stream takes {memory() / 1024:.1f} KiB")
