"""Events a second that a daemon accepts durably over HTTP, beside a running fan-out: acknowledgement and CPU time.

python perf/event_rate.py --rate 1000 --seconds 30

Each event is sent at its time, whether or not the earlier ones are answered, so a slow answer delays no other event and
is not hidden. The time of an acknowledgement counts from the time at which the event was due. `--closed` instead sends
on each connection as soon as the last event is answered, which shows the capacity.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from daemons import Daemon, daemon

RULES = 100
STARTING = 10
"""One event in so many meets a rule, and starts a run."""
SECRET = "a-token-of-the-hook"  # noqa: S105 - of a hook that lives as long as this program
CONNECTIONS = 64
FAN_OUT = """
ref: perf.beside
version: "1"
tasks:
  - {name: each, with_items: "{{ range(1000000) }}", concurrency: 10, action: core.sleep, input: {seconds: 0.1}}
"""
WORK = """
ref: perf.work
version: "1"
parameters: {order: {type: integer, required: true}}
tasks: [{name: say, action: core.echo, input: {message: "order {{ parameters.order }}"}}]
"""


def definitions(secret: Path) -> dict[str, str]:
    """Return the files: 100 rules for one type of events, of which each event meets one or none."""
    rules = {
        f"rule{number}.yaml": (
            f"on: {{event: orders, when: \"payload.kind == 'kind{number}'\"}}\nrun: perf.work\n"
            "input: {order: '{{ payload.order }}'}\n"
        )
        for number in range(RULES)
    }
    hook = f"hook: orders\nsecret: {{file: {secret}}}\n"
    return {**rules, "hook.yaml": hook, "beside.yaml": FAN_OUT, "work.yaml": WORK}


class Sender:
    """Sends events over kept connections.

    Attributes:
        took: The seconds of each acknowledgement.
        late: The most seconds by which an event was sent after it was due: the sender itself was too slow.
        failed: The events that were not acknowledged.
    """

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url)
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.took: list[float] = []
        self.late = 0.0
        self.failed = 0
        self.refusal = ""

    async def connect(self, number: int) -> None:
        """Open connections."""
        for _ in range(number):
            self._free.put_nowait(await asyncio.open_connection(self._host.hostname, self._host.port))

    async def send_at(self, rate: float, seconds: float) -> None:
        """Send events at a rate."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for order in range(int(rate * seconds)):
                due = began + order / rate
                await asyncio.sleep(max(due - time.perf_counter(), 0))
                self.late = max(self.late, time.perf_counter() - due)
                group.create_task(self._send(order, due))

    async def send_for(self, seconds: float) -> None:
        """Send events on all connections, each as soon as the last one is answered."""
        end = time.perf_counter() + seconds

        async def send(first: int, step: int) -> None:
            order = first
            while time.perf_counter() < end:
                await self._send(order, time.perf_counter())
                order += step

        connections = self._free.qsize()
        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(send(number, connections))

    async def _send(self, order: int, due: float) -> None:
        kind = f"kind{order // STARTING % RULES}" if order % STARTING == 0 else "other"
        body = json.dumps({"order": order, "kind": kind, "note": "x" * 200}).encode()
        reader, writer = await self._free.get()
        writer.write(
            b"POST /api/v1/hooks/orders HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer " + SECRET.encode()
            + b"\r\ncontent-type: application/json\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )  # fmt: skip
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        self._free.put_nowait((reader, writer))
        if head.startswith(b"HTTP/1.1 202"):
            self.took.append(time.perf_counter() - due)
        else:
            self.failed += 1
            self.refusal = head.split(b"\r\n", 1)[0].decode()


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile of sorted values, in milliseconds."""
    return values[min(int(len(values) * percent / 100), len(values) - 1)] * 1000


async def measure(served: Daemon, arguments: argparse.Namespace) -> Sender:
    """Send the events."""
    sender = Sender(served.url)
    await sender.connect(arguments.connections)
    if arguments.closed:
        await sender.send_for(arguments.seconds)
    else:
        await sender.send_at(arguments.rate, arguments.seconds)
    return sender


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--closed", action="store_true", help="send as fast as the answers come")
    parser.add_argument("--alone", action="store_true", help="without the fan-out")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "secret").write_text(SECRET, encoding="ascii")
        with daemon(definitions(folder / "secret"), "--store", f"sqlite:///{folder}/runs.db") as served:
            if not arguments.alone:
                served.engine.submit("perf.beside")
            asyncio.run(measure(served, argparse.Namespace(**vars(arguments) | {"seconds": 1.0})))
            began, processor = time.perf_counter(), served.processor_seconds
            own = time.process_time()
            sender = asyncio.run(measure(served, arguments))
            took, used = time.perf_counter() - began, served.processor_seconds - processor
            own = time.process_time() - own
    if not sender.took:
        raise SystemExit(f"no event was acknowledged: {sender.refusal}")
    acknowledged, times = len(sender.took), sorted(sender.took)
    print(
        f"{acknowledged:,} events in {took:.1f} s: {acknowledged / took:,.0f} a second, {sender.failed} failed; "
        f"acknowledged in {percentile(times, 50):.1f} ms (median), {percentile(times, 99):.1f} ms (p99), "
        f"{times[-1] * 1000:.0f} ms (most)"
    )
    print(
        f"CPU time of the daemon: {used / acknowledged * 1000:.2f} ms an event, {used / took:.0%} of a core; "
        f"of the sender {own / acknowledged * 1000:.2f} ms; the sender was late by {sender.late * 1000:.0f} ms at most"
    )


if __name__ == "__main__":
    main()
