"""Attacks a daemon's port until it is told to stop, and sees how soon its probe is answered. `attacks.py` starts it."""

import asyncio
import json
import math
import os
import resource
import sys
from contextlib import suppress
from time import perf_counter
from urllib.parse import urlsplit

CONNECTIONS = 10_000
"""Connections that the attack makes beside those that it holds."""
PAUSE_SECONDS = 0.001
"""The time from one of them to the next, at least."""
HELD = 1_000
"""Idle connections, and as many that send headers slowly."""
PROBE_SECONDS = 0.05
HOLD_SECONDS = 1.5
"""The time in which only these are there."""
SOURCES = [f"127.0.0.{number}" for number in range(2, 42)]
"""The addresses that the attack comes from: each has a bound of its own."""
GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
POST = b"POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
PIECES = (
    b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    GET + b"x: " + b"y" * 17_000 + b"\r\n\r\n",
    POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    POST + b"transfer-encoding: chunked\r\n\r\nZZ\r\n",
    POST + b"content-length: 99999999\r\n\r\n" + b"[" * 60_000,
    b"GET /api/v1/runs HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    GET + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n",
    GET + b"\r\n" + GET + b"\r\n" + GET + b"\r\n",
    GET,
    b"",
)
"""What the connections of the attack send before they are left."""


class Attacker:
    """Connections that are held, and others that are made and left."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._held: list[asyncio.StreamWriter] = []
        self._made = self._lost = 0
        self._stopped = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

    async def attack(self) -> dict[str, float]:
        """Hold connections, and make others, until a line comes from standard input. Return what was seen."""
        for at in range(HELD):
            await self._connect(at, GET + b"\r\n")
            await self._connect(at, GET + b"slow: ")
        print("holds", flush=True)
        trickling = asyncio.ensure_future(self._trickle())
        beside_held = await self._probe(perf_counter() + HOLD_SECONDS)
        beside_flood, _, _ = await asyncio.gather(self._probe(math.inf), self._flood(), trickling)
        return {
            "made": self._made, "probes": len(beside_held), "slowest": max(beside_held),
            "flooded": max(beside_flood, default=0.0), "lost": self._lost,
        }  # fmt: skip

    async def _connect(self, at: int, data: bytes) -> None:
        source = SOURCES[at % len(SOURCES)], 0
        _, writer = await asyncio.open_connection(self._host, self._port, local_addr=source)
        writer.write(data)
        self._held.append(writer)

    async def _probe(self, until: float) -> list[float]:
        times: list[float] = []
        while not self._stopped.done() and perf_counter() < until:
            began = perf_counter()
            while not await self._is_answered():
                self._lost += 1
            times.append(perf_counter() - began)
            await asyncio.sleep(PROBE_SECONDS)
        return times

    async def _is_answered(self) -> bool:
        """Send a probe, and return whether it is answered. The daemon may close its connection to make room."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except ConnectionError:
            return False
        try:
            writer.write(GET + b"connection: close\r\n\r\n")
            return (await reader.read()).startswith(b"HTTP/1.1 200 ")
        except ConnectionError:
            return False
        finally:
            writer.close()

    async def _flood(self) -> None:
        while self._made < CONNECTIONS and not self._stopped.done():
            with suppress(OSError):  # it may be refused
                await self._connect(self._made, PIECES[self._made % len(PIECES)])
            self._made += 1
            if len(self._held) > 4 * HELD:
                self._held.pop(2 * HELD).transport.abort()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _trickle(self) -> None:
        while not self._stopped.done():
            for writer in self._held[1 : 2 * HELD : 2]:
                if not writer.is_closing():
                    writer.write(b"x")
            await asyncio.sleep(1)


async def main() -> None:
    """Attack, and print what was seen."""
    print(json.dumps(await Attacker(sys.argv[1]).attack()), flush=True)


if __name__ == "__main__":
    os.nice(5)  # elsewhere, it has a machine of its own
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main())
    os._exit(0)  # the connections need no farewell
