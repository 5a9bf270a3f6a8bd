"""Runs of a daemon that 500 event streams follow, or one does, beside the same without; and a stream's memory.

Beside them is the floor: as many sockets in a process without Stretto, which get the same last bytes and are closed.
"""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep, thread_time
from typing import Any
from urllib.parse import urlsplit

from daemons import Daemon, daemon
from measure import Samples, interleave_finely, interleave_singly, ratio
from report import Measured, Table, timing
from targets import of_ratio

from stretto.actors.daemon.collector import FIRST_CHECK_SECONDS

READERS = Path(__file__).parent / "stream_readers.py"
GATE = Path(__file__).parent / "gate.py"
STREAMS = 500
SIZES = (10_000, 100_000)
"""Items of the fan-outs."""
TASKS = 300
REPEATED = 4
"""Small fan-outs in a round, one after the other."""
CHAINS = 8
"""Followed chains in a round, in turn with as many that no one follows: one takes some 25 ms of the processor."""
SETTLED_SECONDS = 0.05
"""Time for what a daemon does behind an answer: the last steps of opened streams, which are not to count, and what the
engine does behind a run's outcome, which is to count in each case. It drops the run's items."""
MEMORY_STREAMS = 250
"""Streams of which the memory is measured: as many are opened before."""
OPENS = '  - {name: opens, action: perf.gate, input: {pipe: "{{ parameters.pipe }}"}, next: [{do: [first]}]}\n'
HEAD = 'version: "1.0.0"\nparameters: {pipe: {type: string}, items: {type: integer, default: 1}}\ntasks:\n' + OPENS
FAN_OUT = f"""ref: perf.followed
{HEAD}  - name: first
    action: core.noop
    with_items: "{{{{ range(parameters['items']) | list }}}}"
    concurrency: 256
"""
CHAIN = f"ref: perf.followed_chain\n{HEAD}"
CHAIN += "".join(
    f"  - {{name: {name}, action: core.noop, next: [{{do: [t{at + 1}]}}]}}\n"
    for at, name in enumerate(["first", *(f"t{at}" for at in range(1, TASKS - 1))])
)
CHAIN += f"  - {{name: t{TASKS - 1}, action: core.noop}}\n"
UNFOLLOWED, FOLLOWED = "no stream", f"{STREAMS} streams"
FLOOR = f"{STREAMS} bare sockets"
CHAINED = (f"chain of {TASKS}, no stream", f"chain of {TASKS}, one stream")


def fan_outs(items: int) -> tuple[str, str]:
    """Return the names of the two cases of a fan-out."""
    return f"{items:,} items, {UNFOLLOWED}", f"{items:,} items, {FOLLOWED}"


class Readers:
    """A process with connections that each read the stream of a run to its end."""

    def __init__(self, url: str, path: str, token: str, streams: int) -> None:
        command = [sys.executable, str(READERS), url, path, token, str(streams)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @classmethod
    def of(cls, daemon: Daemon, run_id: str, streams: int) -> "Readers":
        """Return the readers of a run, each of which has its state."""
        made = cls(daemon.url, stream_of(run_id), daemon.token, streams)
        made.opened()
        return made

    def opened(self) -> None:
        """Wait until each has the run's state."""
        self._expect("open")

    def ended(self) -> None:
        """Wait until each has the run's outcome, and its connection is closed."""
        self._expect("ended")
        self._process.wait()

    def _expect(self, line: str) -> None:
        assert self._process.stdout is not None
        found = self._process.stdout.readline()
        assert found == f"{line}\n", found


def stream_of(run_id: str) -> str:
    """Return the path of a run's stream."""
    return f"/api/v1/runs/{run_id}/stream"


class GatedRuns:
    """Runs of a daemon that wait at a gate until their streams are open."""

    def __init__(self, of: Daemon, folder: Path) -> None:
        self._daemon = of
        self._pipe = folder / "gate"
        os.mkfifo(self._pipe)

    def begun(self, workflow: str, items: int = 1) -> str:
        """Start a run, and return its id. It waits at the gate."""
        inputs = {"pipe": str(self._pipe), "items": items}
        accepted: dict[str, Any] = self._daemon.ask("POST", "/runs", {"workflow": workflow, "inputs": inputs})
        run_id: str = accepted["run"]
        return run_id

    def finished(self, run_id: str) -> None:
        """Open the gate, and wait for the run's outcome."""
        self._pipe.write_bytes(b"1")
        outcome = self._daemon.ask("GET", f"/runs/{run_id}/outcome?wait=60")
        assert outcome["status"] == "succeeded", outcome

    def case(self, workflow: str, items: int, streams: int, times: int) -> Callable[[], Samples]:
        """Return a case: runs one after the other. It returns the daemon's seconds of the processor, and its loop's.

        Those from the opening of the gate count, up to the end of the last connection, when the daemon is idle again.
        """

        def measured() -> Samples:
            seconds = of_loop = 0.0
            for _ in range(times):
                run_id = self.begun(workflow, items)
                readers = Readers.of(self._daemon, run_id, streams) if streams else None
                sleep(SETTLED_SECONDS)
                began, of_loop_before = self._daemon.processor_seconds, self._daemon.loop_seconds
                self.finished(run_id)
                if readers is not None:
                    readers.ended()
                sleep(SETTLED_SECONDS)
                seconds += self._daemon.processor_seconds - began
                of_loop += self._daemon.loop_seconds - of_loop_before
            return {"processor": [seconds], "loop": [of_loop]}

        return measured

    def last_bytes(self) -> bytes:
        """Return what a stream of a fan-out gets behind the run's state."""
        run_id = self.begun("perf.followed", SIZES[0])
        connection = HTTPConnection(urlsplit(self._daemon.url).netloc)
        connection.request("GET", stream_of(run_id), headers={"authorization": f"Bearer {self._daemon.token}"})
        stream = connection.getresponse()
        while stream.readline() != b"event: hello\n":
            pass
        self.finished(run_id)
        stream.readline()
        rest = stream.read()
        connection.close()
        return rest


def floor(last: bytes) -> Samples:
    """Return the seconds in which this process sends bytes to as many sockets and closes them, REPEATED times."""
    seconds = 0.0
    for _ in range(REPEATED):
        with ExitStack() as stack, socket.create_server(("127.0.0.1", 0), backlog=STREAMS) as listener:
            readers = Readers(f"http://127.0.0.1:{listener.getsockname()[1]}", "/", "-", STREAMS)
            waiting = stack.enter_context(select.epoll())
            sockets = [stack.enter_context(listener.accept()[0]) for _ in range(STREAMS)]
            for each in sockets:
                each.recv(1024)
                each.settimeout(0)
                waiting.register(each.fileno(), select.EPOLLIN | select.EPOLLET)
                each.send(b"event: hello\n")
            readers.opened()
            began = thread_time()
            for each in sockets:
                each.send(last, socket.MSG_MORE)
                each.close()
            seconds += thread_time() - began
            readers.ended()
    return {"processor": [seconds]}


@contextmanager
def _runs() -> Iterator[tuple[Daemon, GatedRuns]]:
    definitions = {"fan_out.yaml": FAN_OUT, "chain.yaml": CHAIN}
    with TemporaryDirectory() as folder, daemon(definitions, "--actions", str(GATE)) as running:
        # It collects what its start has left when it is idle, for 110 ms: else that would be while streams end.
        sleep(2 * FIRST_CHECK_SECONDS)
        yield running, GatedRuns(running, Path(folder))


def measure(rounds: int) -> Samples:
    """Run followed fan-outs in turn with those that no one follows."""
    with _runs() as (_, runs):
        cases: dict[str, Callable[[], Samples]] = {}
        for items in SIZES:
            times = REPEATED if items == SIZES[0] else 1
            for name, streams in zip(fan_outs(items), (0, STREAMS), strict=True):
                cases[name] = runs.case("perf.followed", items, streams, times)
        last = runs.last_bytes()
        cases[FLOOR] = lambda: floor(last)
        return interleave_singly(cases, rounds)


def measure_chains(rounds: int) -> Samples:
    """Run followed chains in turn with those that no one follows. A value is the median of the chains of a round."""
    with _runs() as (_, runs):
        cases = {
            name: runs.case("perf.followed_chain", 1, streams, 1) for name, streams in zip(CHAINED, (0, 1), strict=True)
        }
        return interleave_finely(cases, rounds, CHAINS)


def memory() -> float:
    """Return the bytes of a daemon's memory that a stream takes while nothing happens."""
    with _runs() as (running, runs):
        run_id = runs.begun("perf.followed")
        first = Readers.of(running, run_id, STREAMS - MEMORY_STREAMS)
        before = running.resident_bytes
        others = Readers.of(running, run_id, MEMORY_STREAMS)
        taken = running.resident_bytes - before
        runs.finished(run_id)
        first.ended()
        others.ended()
        return taken / MEMORY_STREAMS


def table(samples: Samples) -> Table:
    """Show `measure` and `measure_chains`."""
    made = Table(
        "Runs that event streams follow",
        ["", "processor time", "ratio"],
        f"A daemon without a store. The streams are connections to its port, from another process. {REPEATED} fan-outs "
        f"of {SIZES[0]:,} items, one of {SIZES[1]:,}, or a chain, which is the median of {CHAINS}: the daemon's "
        "processor time from their first item up to the end of the last connection. The bare sockets are of a process "
        f"without Stretto that sends each the last bytes of a stream and closes it, {REPEATED} times. Their ratio is "
        f"the one that {STREAMS} streams of {SIZES[0]:,} items would have if Stretto itself took no time.",
    )
    for names in (*map(fan_outs, SIZES), CHAINED):
        for name in names:
            values = samples[f"{name}, processor"]
            made.add(name, timing(values, "ms"), f"{ratio(values, samples[f'{names[0]}, processor']):.2f}")
        if names == fan_outs(SIZES[0]):
            made.add(FLOOR, timing(samples[f"{FLOOR}, processor"], "ms"), f"{ratio_of_floor(samples):.2f}")
    return made


def ratio_of_loop(names: tuple[str, str], samples: Samples) -> float:
    """Return the ratio by what the streams take of the event loop's thread.

    The engine's threads have the same work with them and without them. So what other processes do to the engine
    meanwhile is not in this ratio.
    """
    unfollowed, followed = (samples[f"{name}, loop"] for name in names)
    alone = samples[f"{names[0]}, processor"]
    # A garbage collection in the loop's thread can take longer than the streams: a difference may be negative.
    beside = [sum(each) for each in zip(alone, followed, (-before for before in unfollowed), strict=True)]
    return ratio(beside, alone)


def ratio_of_floor(samples: Samples) -> float:
    """Return the ratio that the streams of the smaller fan-out would have if Stretto itself took no time for them."""
    bare, unfollowed = (samples[f"{name}, processor"] for name in (FLOOR, fan_outs(SIZES[0])[0]))
    return 1 + ratio(bare, unfollowed)


def _remark(samples: Samples) -> str:
    of_loop = ratio_of_loop(fan_outs(SIZES[0]), samples)
    return f"by the loop's thread {of_loop:.2f} x, bare sockets {ratio_of_floor(samples):.2f} x"


def targets(samples: Samples) -> dict[str, Measured]:
    """Compare followed runs with those that no one follows, and say what a stream takes."""

    def compared(names: tuple[str, str], remark: str = "") -> Measured:
        unfollowed, followed = (samples[f"{name}, processor"] for name in names)
        return of_ratio(followed, unfollowed, remark)

    return {
        "streams, 10,000": compared(fan_outs(SIZES[0]), _remark(samples)),
        "streams, 100,000": compared(fan_outs(SIZES[1])),
        "followed chain": compared(CHAINED),
        "stream, memory": Measured(memory() / 1024),
    }
