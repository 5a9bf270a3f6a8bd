import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine
from stretto.actors.actions import ActionFailed
from stretto.actors.actions.core import http, http_connections
from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_connection import Connection, Origin
from stretto.actors.actions.core.http_connections import Connections
from stretto.actors.actions.core.http_settings import HttpSettings, close_connections, http_settings, use_http_settings
from tests.support.engines import Bench
from tests.support.scripted_servers import ScriptedServer, serving
from tests.support.waiting import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def answers(connection: socket.socket, server: ScriptedServer) -> None:
    """Answer every request."""
    while server.next_request(connection):
        connection.sendall(OK)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving(answers) as found:
        yield found


def origin_of(server: ScriptedServer) -> Origin:
    return Origin("http", "127.0.0.1", server.port, verify=True)


async def used(connections: Connections, origin: Origin) -> Connection:
    """Take a connection, send a request, and read its response."""
    connection = await connections.take(origin)
    connection.send(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", has_body=True)
    _, stream = await connection.receive()
    assert await stream.read() == b"hi"
    return connection


def test_a_thousand_requests_open_no_more_connections_than_are_in_flight(
    start_bench: Callable[..., Bench], server: ScriptedServer
) -> None:
    """At concurrency 100, on an engine: each of the others is sent on a connection of one before."""
    outcome = start_bench().run(
        "parameters: {url: {type: string}, items: {type: array}}\n"
        "tasks:\n"
        "  - name: get\n"
        "    action: core.http\n"
        "    with_items: '{{ parameters.items }}'\n"
        "    concurrency: 100\n"
        "    input: {url: '{{ parameters.url }}{{ item }}', timeout: 100}\n",
        {"url": server.url, "items": list(range(1000))},
    )
    assert outcome.status == "succeeded"
    assert len(server.requests) == 1000
    assert server.accepted <= 100


def test_idle_connections_set_no_timer(server: ScriptedServer) -> None:
    """An idle daemon is not woken to close them."""

    async def one() -> list[Any]:
        await http.http(url=server.url)
        scheduled: list[Any] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        left = [handle for handle in scheduled if not handle.cancelled()]
        await close_connections()
        return left

    assert asyncio.run(one()) == []


def test_idle_connections_are_bounded(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest idle are closed."""
    monkeypatch.setattr(http_connections, "KEPT_ALIVE", 3)

    async def burst() -> list[bool]:
        connections = Connections(AddressPolicy(), 100)
        taken = [await used(connections, origin_of(server)) for _ in range(10)]
        for connection in taken:
            connections.give_back(connection)
        kept = [connection.is_connected() for connection in taken]
        await connections.close()
        assert not any(connection.is_connected() for connection in taken)
        return kept

    assert asyncio.run(burst()) == [False] * 7 + [True] * 3


def test_the_last_used_connection_is_used_first_and_one_that_was_idle_for_long_is_closed(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may have closed it in the same moment."""

    async def two() -> None:
        connections = Connections(AddressPolicy(), 100)
        first, second = [await used(connections, origin_of(server)) for _ in range(2)]
        connections.give_back(first)
        connections.give_back(second)
        assert await used(connections, origin_of(server)) is second
        monkeypatch.setattr(http_connections, "KEPT_ALIVE_SECONDS", -1.0)
        assert await used(connections, origin_of(server)) is not first
        assert not first.is_connected()
        connections.give_back(second)
        await connections.close()

    asyncio.run(two())


def test_a_connection_is_given_up_a_second_before_common_servers_close_it() -> None:
    """Those that keep one for 5 seconds lose a request that comes at that moment, or is under way then."""
    assert http_connections.KEPT_ALIVE_SECONDS <= 5.0 - 1.0


def test_bytes_that_come_unasked_are_no_answer_to_the_next_request() -> None:
    """They close the connection."""
    came = threading.Event()

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        server.next_request(connection)
        connection.sendall(OK)
        if server.accepted == 1:
            came.wait()
            connection.sendall(OK.replace(b"hi", b"no"))
        server.stopping.wait()

    async def two(server: ScriptedServer) -> str:
        connections = Connections(AddressPolicy(), 100)
        http_settings().connections = connections
        connection = await used(connections, origin_of(server))
        received = asyncio.Event()
        data_received = connection.data_received
        connection.data_received = lambda data: (data_received(data), received.set())  # type: ignore[method-assign, assignment, func-returns-value]
        connections.give_back(connection)
        came.set()
        await received.wait()
        body: str = (await http.http(url=server.url))["body"]
        await close_connections()
        return body

    with serving(script) as server:
        assert asyncio.run(two(server)) == "hi"
        assert server.accepted == 2


def test_more_bytes_than_the_length_says_are_no_answer_to_the_next_request() -> None:
    """They came with the answer before."""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        while server.next_request(connection):
            connection.sendall(OK + OK.replace(b"hi", b"no"))

    async def two(server: ScriptedServer) -> list[str]:
        bodies = [(await http.http(url=server.url))["body"] for _ in range(2)]
        await close_connections()
        return bodies

    with serving(script) as server:
        assert asyncio.run(two(server)) == ["hi", "hi"]
        assert server.accepted == 2


def test_bytes_that_no_request_asks_for_end_an_idle_connection() -> None:
    """They are not kept, however many come."""
    is_idle = threading.Event()

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        server.next_request(connection)
        connection.sendall(OK)
        is_idle.wait(PATIENCE)
        while not server.stopping.is_set():
            connection.sendall(OK * 1000)

    async def one(server: ScriptedServer) -> int:
        connections = Connections(AddressPolicy(), 100)
        connection = await used(connections, origin_of(server))
        connections.give_back(connection)
        closed = connection.closed
        assert closed is not None
        is_idle.set()
        await asyncio.wait_for(closed, PATIENCE)
        await connections.close()
        return len(connection)

    with serving(script) as server:
        assert asyncio.run(one(server)) == 0


def test_a_connection_that_has_just_been_closed_is_not_handed_over() -> None:
    """The server closes it unannounced while another request waits: that one opens its own."""
    may_close, closed = threading.Event(), threading.Event()

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        server.next_request(connection)
        connection.sendall(OK)
        if server.accepted == 1:
            may_close.wait(PATIENCE)
            connection.shutdown(socket.SHUT_RDWR)
            closed.set()

    async def two(server: ScriptedServer) -> None:
        connections = Connections(AddressPolicy(), 1)
        first = await used(connections, origin_of(server))
        waiting = asyncio.create_task(used(connections, origin_of(server)))
        await asyncio.sleep(0)
        may_close.set()
        assert closed.wait(PATIENCE)  # the loop sees nothing meanwhile
        connections.give_back(first)
        second = await waiting
        assert second is not first
        assert not first.is_connected()
        connections.give_back(second)
        assert not connections.are_all_used
        await connections.close()

    with serving(script) as server:
        asyncio.run(two(server))


def test_a_request_above_the_bound_waits_for_a_connection(server: ScriptedServer) -> None:
    """It gets that of the next that ends, or the right to open another."""

    async def three() -> None:
        connections = Connections(AddressPolicy(), 1)
        origin, other = origin_of(server), origin_of(server)._replace(host="127.0.0.2")
        first = await used(connections, origin)
        assert connections.are_all_used
        second = asyncio.create_task(used(connections, origin))
        third = asyncio.create_task(connections.take(other))
        cancelled = asyncio.create_task(connections.take(other))
        await asyncio.sleep(0)
        cancelled.cancel()
        connections.give_back(first)
        assert await second is first
        assert not third.done()
        third.cancel()
        fourth = asyncio.create_task(used(connections, origin))
        await asyncio.sleep(0)
        connections.give_back(first)
        assert await fourth is first
        connections.give_back(first)
        assert await used(connections, origin) is first
        await connections.close()
        assert cancelled.cancelled()
        assert third.cancelled()

    asyncio.run(three())


def test_a_wait_that_is_cancelled_as_it_ends_loses_no_connection(server: ScriptedServer) -> None:
    """Whichever comes first."""

    async def some() -> None:
        connections = Connections(AddressPolicy(), 1)
        origin = origin_of(server)
        for give_back_first in (True, False):
            taken = await used(connections, origin)
            waiting = asyncio.create_task(connections.take(origin))
            await asyncio.sleep(0)
            if give_back_first:
                connections.give_back(taken)
            waiting.cancel()
            if not give_back_first:
                connections.give_back(taken)
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert not connections.are_all_used
        await connections.close()

    asyncio.run(some())


def test_idle_connections_to_other_servers_make_room(server: ScriptedServer) -> None:
    """The bound is of all connections, so the longest idle one is closed for a new one."""

    async def two(other: ScriptedServer) -> None:
        connections = Connections(AddressPolicy(), 1)
        first = await used(connections, origin_of(server))
        connections.give_back(first)
        second = await used(connections, origin_of(other))
        assert not first.is_connected()
        waiting = asyncio.create_task(used(connections, origin_of(server)))
        await asyncio.sleep(0)
        connections.give_back(second)
        await waiting
        assert not second.is_connected()
        await connections.close()

    with serving(answers) as other:
        asyncio.run(two(other))


def test_a_connection_that_cannot_be_opened_leaves_its_place() -> None:
    """To the next."""

    async def some() -> None:
        connections = Connections(AddressPolicy(), 1)
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            origin = Origin("http", "127.0.0.1", bound.getsockname()[1], verify=True)
            tasks = [asyncio.create_task(connections.take(origin)) for _ in range(3)]
            errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in errors] == [ConnectionRefusedError] * 3
        assert not connections.are_all_used

    asyncio.run(some())


def test_a_timeout_says_if_there_was_no_connection() -> None:
    """It names the setting."""

    def stalls(_connection: socket.socket, server: ScriptedServer) -> None:
        server.stopping.wait()

    async def two(server: ScriptedServer) -> str:
        use_http_settings(asyncio.get_running_loop(), HttpSettings(max_connections=1))
        holding = asyncio.create_task(http.http(url=server.url))
        await asyncio.sleep(0)
        with pytest.raises(ActionFailed) as caught:
            await http.http(url=server.url, timeout=0.2)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        await close_connections()
        return str(caught.value)

    with serving(stalls) as server:
        assert asyncio.run(two(server)).endswith(
            " took longer than 0.2 s; all 1 connections of http.max_connections are in use"
        )


GETS = """version: "1.0.0"
parameters: {url: {type: string}, items: {type: array}}
tasks:
  - name: get
    action: core.http
    with_items: "{{ parameters.items }}"
    concurrency: 10
    input: {url: "{{ parameters.url }}{{ item }}", timeout: 100}
"""


def test_the_setting_bounds_the_connections_of_an_engine_and_its_end_closes_them(tmp_path: Path) -> None:
    """More items than connections wait, and none fails."""
    closed = threading.Semaphore(0)

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        answers(connection, server)
        closed.release()

    definition = tmp_path / "gets.yaml"
    definition.write_text(GETS)
    with serving(script) as server:
        with Engine.open(max_http_connections=2) as engine:
            outcome = engine.run(definition, {"url": server.url, "items": list(range(50))})
            assert outcome.status == "succeeded"
            assert len(server.requests) == 50
            assert server.accepted <= 2
        for _ in range(server.accepted):
            assert closed.acquire(timeout=PATIENCE)


def test_an_engine_without_connections_is_refused() -> None:
    """The error names the argument."""
    with pytest.raises(ValueError, match="max_http_connections must be at least 1, got 0"):
        Engine.start(max_http_connections=0)


def test_an_end_that_the_event_loop_has_not_seen_yet_is_seen() -> None:
    """A server closes a kept connection while the loop is busy: the next request goes to a new one."""
    may_close, closed = threading.Event(), threading.Event()

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        server.next_request(connection)
        connection.sendall(OK)
        if server.accepted == 1:
            may_close.wait(PATIENCE)
            connection.shutdown(socket.SHUT_RDWR)
            closed.set()

    async def two(server: ScriptedServer) -> str:
        await http.http(url=server.url)
        may_close.set()
        assert closed.wait(PATIENCE)  # the loop sees nothing meanwhile
        body: str = (await http.http(url=server.url))["body"]
        await close_connections()
        return body

    with serving(script) as server:
        assert asyncio.run(two(server)) == "hi"
        assert server.accepted == 2
