"""A port whose connections are taken by clients that say nothing, or too slowly: probes are answered all the same.

`perf/attacks.py` measures how soon. Here it is counted who is served before.
"""

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from selectors import SelectorKey
from typing import Final, NamedTuple

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.guest_queue import GuestQueue
from stretto.actors.gateway.http import connections
from stretto.actors.gateway.http.open_connections import MAX_CONNECTIONS
from stretto.actors.gateway.paced_loop import PacedLoop
from stretto.actors.operations import Accepted, Submit, controls
from stretto.actors.operations.requests import Definition
from tests.support.daemons import serving
from tests.support.gateways import with_port
from tests.support.raw_clients import PROBE, Raw, request
from tests.support.waiting import PATIENCE

HELD: Final = 1_000
"""Idle connections, and as many slow ones: more than there may be, so that the newer ones replace the idlest."""
ADDRESSES: Final = [f"127.0.0.{number}" for number in range(2, 42)]
PROBES_ADDRESS: Final = "127.0.0.1"
AT_A_TIME: Final = 200
"""Connections that are made before the daemon is waited for: fewer than may wait in the kernel."""
SLOW: Final = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nslow: "
DESCRIPTORS: Final = 8192
MOST_TURNS: Final = 10
"""Turns of guests before that of a probe: that of the listener, and some in which the kernel may not have delivered its
bytes. The slow ones would have 25 turns at least."""
SLOW_ONES: Final = 100
"""Slow connections that have something to be read, at least. The others were closed for newer connections."""
ROUNDS: Final = 3
PATHS: Final = ("/healthz", "/readyz", "/metrics")
BUSY: Final = Definition(
    "busy.yaml",
    'version: "1.0.0"\nref: test.busy\ntasks: [{name: again, action: core.noop, next: [{do: [again]}]}]\n',
)


@pytest.fixture(autouse=True)
def _many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Held(NamedTuple):
    """Connections that are held."""

    idle: list[Raw]
    slow: list[Raw]

    @classmethod
    def of(cls, url: str, stack: ExitStack) -> "Held":
        """Hold connections to a port: idle ones, and slow ones in between."""
        held = cls([], [])
        for at in range(HELD):
            source = ADDRESSES[at % len(ADDRESSES)]
            for kind, data in ((held.idle, PROBE), (held.slow, SLOW)):
                client = stack.enter_context(Raw.of_port(url, source))
                client.send(data)
                kind.append(client)
            if at % (AT_A_TIME // 2) == 0:
                with Raw.of_port(url, PROBES_ADDRESS) as probe:
                    probe.send(request("GET", "/healthz"))
                    assert probe.next_answer().status == 200  # those before it were accepted, or refused
        return held

    def go_on(self) -> int:
        """Send a byte more of each slow request. Return how many were not closed for newer connections."""
        open_ones = [each for each in self.slow if not each.has_ended()]
        for each in open_ones:
            each.send(b"x")
        return len(open_ones)


def test_a_probe_has_its_turn_before_slow_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While hundreds of slow connections, which have waited for longer, have bytes to be read."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 10 * PATIENCE)

    async def test(_client: Client, url: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, PacedLoop)
        budget, turns = loop.guests.budget, Turns(loop.guests._queue)
        monkeypatch.setattr(loop.guests._queue, "take", turns.take)
        with ExitStack() as stack:
            held = await asyncio.to_thread(Held.of, url, stack)
            for _ in range(ROUNDS):
                with monkeypatch.context() as closed:
                    closed.setattr(budget, "turn", lambda: PATIENCE)  # guests have no time left
                    await asyncio.sleep(0)
                    assert await asyncio.to_thread(held.go_on) > SLOW_ONES
                    probe = stack.enter_context(Raw.of_port(url, PROBES_ADDRESS))
                    probe.send(PROBE)
                    turns.addresses.clear()
                answer = await asyncio.to_thread(probe.next_answer)
                assert answer.status == 200
                assert turns.before(PROBES_ADDRESS) <= MOST_TURNS

    with_port(tmp_path, test)


class Turns:
    """Records whose sockets have their turn."""

    def __init__(self, queue: GuestQueue) -> None:
        self.addresses: list[list[str]] = []
        self._queue = queue
        self._take: Callable[[int], list[tuple[SelectorKey, int]]] = queue.take

    def take(self, most: int) -> list[tuple[SelectorKey, int]]:
        """Return the sockets that have their turn now."""
        taken = self._take(most)
        self.addresses.append([self._queue.guests[key.fd].address for key, _ in taken])
        return taken

    def before(self, address: str) -> int:
        """Return the number of turns before the first one of an address."""
        return next(at for at, addresses in enumerate(self.addresses) if address in addresses)


def test_probes_and_metrics_are_answered_while_all_connections_are_held(tmp_path: Path) -> None:
    """By a daemon with a run that never waits. The held connections get nothing of its time that runs need."""
    with serving(tmp_path) as daemon, ExitStack() as stack:
        held = Held.of(daemon.url, stack)
        assert len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir())) > MAX_CONNECTIONS // 3
        run = daemon.client.ask(Submit(BUSY, {}))
        assert isinstance(run, Accepted)
        for _ in range(ROUNDS):
            held.go_on()
            for path in PATHS:
                with Raw.of_port(daemon.url, PROBES_ADDRESS) as probe:
                    probe.send(request("GET", path))
                    assert [each.status for each in probe.answers_to_the_end()] == [200]
        daemon.client.ask(controls.Cancel(run.run))
