"""The time until a webhook's request is acknowledged, at a given rate, beside a running fan-out.

python perf/posted_events.py --rate 1000 --seconds 10

100 rules, of which 10 listen to the hook; one event in ten starts a run. The store is an SQLite file.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECRET = "a-token-of-the-hook"
RULES = 100
OF_THE_HOOK = 10
CONNECTIONS = 32
FAN_OUT = """
ref: perf.fan_out
version: "1.0.0"
tasks:
  - name: check
    action: core.sleep
    with_items: "{{ range(100000) | list }}"
    concurrency: 100
    input: {seconds: 0.2}
"""


def write(folder: Path) -> None:
    """Write the definitions."""
    (folder / "secret.txt").write_text(SECRET)
    (folder / "hook.yaml").write_text("hook: orders\nsecret: {file: secret.txt}\n")
    (folder / "fan_out.yaml").write_text(FAN_OUT)
    for number in range(RULES):
        event = "orders" if number < OF_THE_HOOK else f"other{number}"
        when = f"payload.n % 10 == 0 and payload.kind == 'kind{number}'"
        (folder / f"rule{number}.yaml").write_text(
            f'on: {{event: {event}, when: "{when}"}}\nrun: core.noop\ninput: {{}}\n'
        )


class Client:
    """One connection that sends a request at each of its times, and notes the seconds until the answer."""

    def __init__(self, path: Path, first: int, count: int, rate: float) -> None:
        self.taken: list[float] = []
        self._path = path
        self._first = first
        self._count = count
        self._rate = rate

    async def run(self, began: float) -> None:
        """Send all requests. The time counts from when a request is due, also if the last answer was late."""
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        for number in range(self._first, self._count, CONNECTIONS):
            due = began + number / self._rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            body = json.dumps({"n": number, "kind": "kind0"}).encode()
            writer.write(
                b"POST /api/v1/hooks/orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"authorization: Bearer " + SECRET.encode() + f"\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 202 " in head.split(b"\r\n", 1)[0], head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            self.taken.append(time.perf_counter() - due)
        writer.close()


async def post(path: Path, rate: float, seconds: float) -> list[float]:
    """Send requests at a rate; return the seconds that each took."""
    count, began = int(rate * seconds), time.perf_counter() + 0.2
    clients = [Client(path, first, count, rate) for first in range(CONNECTIONS)]
    await asyncio.gather(*(each.run(began) for each in clients))
    return sorted(taken for each in clients for taken in each.taken)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o700)
        definitions = folder / "definitions"
        definitions.mkdir()
        write(definitions)
        path, store = folder / "s", f"sqlite:///{folder}/store.db"
        stretto = [sys.executable, "-m", "stretto.actors.cli"]
        serve = [*stretto, "serve", "--definitions", str(definitions), "--store", store, "--socket", str(path)]
        log = (folder / "log").open("w")
        daemon = subprocess.Popen(
            [*serve, "--port", "0"], stderr=log, env={**os.environ, "STRETTO__LOGGING__LEVEL": "WARNING"}
        )
        try:
            while not path.is_socket():
                time.sleep(0.1)
            url = f"unix://{path}"
            subprocess.run(
                [*stretto, "run", "perf.fan_out", "--detach", "--daemon", url], check=True, capture_output=True
            )
            taken = asyncio.run(post(path, given.rate, given.seconds))
        finally:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
            log.close()
        last = given.seconds + taken[-1]
        print(
            f"{len(taken):,} events at {given.rate:,.0f} a second ({len(taken) / last:,.0f} acknowledged a second): "
            f"p50 {taken[len(taken) // 2] * 1000:.1f} ms, p99 {taken[len(taken) * 99 // 100] * 1000:.1f} ms, "
            f"most {taken[-1] * 1000:.1f} ms"
        )


if __name__ == "__main__":
    main()
