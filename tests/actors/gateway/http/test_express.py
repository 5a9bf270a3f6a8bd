"""Requests of webhooks on a kept connection take the express lane. Its answers are those of the usual way."""

import asyncio
import queue
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import express, express_connections
from stretto.actors.gateway.http.application import MAX_HEADER_BYTES, Application
from stretto.actors.gateway.http.express import ExpressLane
from stretto.actors.gateway.http.express_connections import ExpressConnection
from stretto.actors.gateway.paced_loop import PacedLoop
from stretto.actors.settings import ServeSettings
from stretto.actors.triggers import HookDesk
from tests.support.certificates import Authority
from tests.support.gateways import Reply, http, read_reply, with_port
from tests.support.waiting import PATIENCE

SECRET = "a-token-of-a-hook"
PATH = "/api/v1/hooks/greeted"
Test = Callable[[Client, str], Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of definitions with two hooks."""
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "secret").write_text(SECRET)
    (made / "hook.yaml").write_text("hook: greeted\nsecret: {file: secret}\ndedupe: payload.key\n")
    (made / "open.yaml").write_text("hook: open\n")
    (made / "rule.yaml").write_text("on: greeted\nrun: core.echo\ninput: {message: '{{ payload.key }}'}\n")
    return made


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the hooks of all requests that the lane takes."""
    names: list[str] = []
    take = ExpressLane.take

    def noted(lane: ExpressLane, connection: Any, plain: Any, *more: Any) -> None:
        names.append(plain.name)
        take(lane, connection, plain, *more)

    monkeypatch.setattr(ExpressLane, "take", noted)
    return names


def request(body: bytes, path: str = PATH, **headers: str) -> bytes:
    return http("POST", path, body, **{"connection": "keep-alive", "authorization": f"Bearer {SECRET}", **headers})


class Kept:
    """A connection of who has said who it is: its first request was answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url: str, tls: ssl.SSLContext | None = None) -> "Kept":
        place = urlsplit(url)
        kept = cls(*await asyncio.open_connection(place.hostname, place.port, ssl=tls))
        assert (await kept.ask(request(b'{"key": "the first"}'))).status in {200, 202}
        return kept

    async def ask(self, data: bytes) -> Reply:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> Reply:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(read_reply(head).headers["content-length"])
        return read_reply(head + await self._reader.readexactly(length))

    async def rest(self) -> bytes:
        try:
            return await self._reader.read()
        finally:
            self.writer.close()


def test_the_answers_are_those_of_the_usual_way(
    tmp_path: Path, folder: Path, sqlite_url: str, taken: list[str]
) -> None:
    """Status, headers and body, of accepted, repeated and refused requests. Only the ids are others."""
    asked = [
        (request(b'{"key": "a"}'), 202),
        (request(b'{"key": "a"}'), 200),
        (request(b'{"key": "b"}', authorization="Bearer another"), 401),
        (request(b'{"key": "c"}', host="elsewhere.example"), 421),
        (request(b'{"key": "c"}', origin="http://elsewhere.example"), 403),
        (request(b'{"key": "c"}', content_type="text/plain"), 415),
        (request(b'{"key"'), 422),
        (request(b'{"nothing": 1}'), 422),
        (request(b'{"key": "d"}', "/api/v1/hooks/open"), 503),
        (request(b'{"key": "d"}', "/api/v1/hooks/unknown"), 404),
    ]

    async def test(_client: Client, url: str) -> None:
        for data, status in asked:
            kept = await Kept.open(url)
            found = await kept.ask(data)
            assert found.status == status
            assert len(taken) == 1
            taken.clear()
            await kept.ask(request(b'{"key": "again"}'))
            usual = await kept.ask(data.replace(b"keep-alive", b"keep-alive, keep-alive"))
            kept.writer.close()
            taken.clear()
            if status != 202:
                assert usual.status == status
                assert plain(found) == plain(usual)

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


def plain(reply: Reply) -> Any:
    """Return an answer without what is its own."""
    own = {"x-request-id", "content-length", "date"}
    assert own <= reply.headers.keys()
    headers = {name: value for name, value in reply.headers.items() if name not in own}
    return (
        reply.status,
        headers,
        {name: value for name, value in reply.json.items() if name not in {"instance", "event"}},
    )


def test_a_portion_is_one_command_to_the_journal(
    tmp_path: Path, folder: Path, sqlite_url: str, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that come together are written together, and each has its own answer."""
    sizes: list[int] = []
    together = HookDesk.receive_together

    def noted(desk: HookDesk, receipts: Any) -> None:
        sizes.append(len(receipts))
        together(desk, receipts)

    monkeypatch.setattr(HookDesk, "receive_together", noted)

    async def test(_client: Client, url: str) -> None:
        kept = [await Kept.open(url) for _ in range(20)]
        for number, each in enumerate(kept):
            each.writer.write(request(b'{"key": %d}' % number))
        answers = [await each.answer() for each in kept]
        assert {each.status for each in answers} == {202}
        assert len({each.json["event"] for each in answers}) == 20
        assert sum(sizes) == len(taken) == 20
        for each in kept:
            each.writer.close()

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


def test_requests_that_follow_each_other_are_answered_in_order(tmp_path: Path, folder: Path, taken: list[str]) -> None:
    """Also one of another kind in between, and one whose body comes in parts."""

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        usual = http("GET", "/healthz", connection="keep-alive")
        late = request(b'{"key": "late"}')
        kept.writer.write(request(b'{"key": 1}') + request(b'{"key": 1}') + usual + request(b'{"key": 2}') + late[:-5])
        statuses = [(await kept.answer()).status for _ in range(4)]
        assert statuses == [202, 200, 200, 202]
        assert (await kept.ask(late[-5:])).status == 202
        assert len(taken) == 2  # what has come with the other kind is left to h11
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder)


def test_a_body_that_does_not_come_is_refused(
    tmp_path: Path, folder: Path, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the usual way, which the request is left to, and which waits no longer for it."""

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        monkeypatch.setattr(express_connections, "REQUEST_SECONDS", 0.01)
        monkeypatch.setattr("stretto.actors.gateway.http.bodies.REQUEST_SECONDS", 10_000.0)
        answer = await kept.ask(request(b'{"key": 1}')[:-1])
        assert (answer.status, answer.json["code"]) == (408, "request_timeout")
        assert not taken
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder)


def test_a_body_that_comes_in_parts_has_one_deadline(tmp_path: Path, folder: Path, taken: list[str]) -> None:
    """Else a byte now and then would keep a connection for days."""
    connections: list[ExpressConnection] = []
    made = ExpressConnection.connection_made

    def noted(connection: ExpressConnection, transport: Any) -> None:
        connections.append(connection)
        made(connection, transport)

    async def received(connection: ExpressConnection, length: int) -> None:
        while len(connection._held) != length:  # noqa: ASYNC110 - in the turns of this loop
            await asyncio.sleep(0)

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        (connection,) = connections
        data = request(b'{"key": 1}')
        kept.writer.write(data[:-4])
        await received(connection, len(data) - 4)
        deadline = connection._deadline
        assert deadline is not None
        for left in (3, 2, 1):
            kept.writer.write(data[-left - 1 :][:1])
            await received(connection, len(data) - left)
            assert connection._deadline is deadline
        assert (await kept.ask(data[-1:])).status == 202
        assert (deadline.cancelled(), connection._deadline, taken) == (True, None, ["greeted"])
        kept.writer.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExpressConnection, "connection_made", noted)
        with_port(tmp_path, test, definitions=folder)


def test_a_head_that_is_too_large_ends_the_connection(tmp_path: Path, folder: Path, taken: list[str]) -> None:
    """As its answer says."""

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        answer = await kept.ask(request(b"{}", x_large=MAX_HEADER_BYTES * "a"))
        assert answer.headers["connection"] == "close"
        assert await kept.rest() == b""
        assert not taken

    with_port(tmp_path, test, definitions=folder)


def test_requests_over_tls_stay_in_order_when_parts_come_during_an_answer(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS delivers what it has decrypted meanwhile by a callback of its own, behind what has come before."""
    files = (authority := Authority(tmp_path)).issue("port")
    serve = ServeSettings(tls_cert=str(files.cert), tls_key=str(files.key))
    trusted = ssl.create_default_context(cafile=str(authority.file))
    lane: list[Any] = []
    portions: queue.SimpleQueue[Any] = queue.SimpleQueue()
    take, together, updated = ExpressLane.take, HookDesk.receive_together, SSLProtocol.buffer_updated

    def noted(own: ExpressLane, connection: Any, *more: Any) -> None:
        lane.append(connection)
        take(own, connection, *more)

    def came(protocol: Any, count: int) -> None:
        updated(protocol, count)
        if lane and protocol is lane[0].transport._ssl_protocol:
            lane.append("more")

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url, trusted)
        monkeypatch.setattr(HookDesk, "receive_together", lambda own, receipts: portions.put((own, receipts)))
        second = request(b'{"key": 2}')
        kept.writer.write(request(b'{"key": 1}') + second[:30])
        portion = await asyncio.get_running_loop().run_in_executor(None, partial(portions.get, timeout=PATIENCE))
        monkeypatch.setattr(HookDesk, "receive_together", together)
        parts = len(lane)
        kept.writer.write(second[30:])
        while len(lane) == parts:  # noqa: ASYNC110 - in the turns of this loop
            await asyncio.sleep(0)
        together(*portion)
        answers = [await kept.answer() for _ in range(2)]
        assert [each.status for each in answers] == [202, 202]
        kept.writer.close()

    monkeypatch.setattr(ExpressLane, "take", noted)
    monkeypatch.setattr(SSLProtocol, "buffer_updated", came)
    with_port(tmp_path, test, definitions=folder, serve=serve)


def test_who_is_not_known_yet_or_is_refused_takes_the_usual_way(tmp_path: Path, folder: Path, taken: list[str]) -> None:
    """So the time of guests is bounded there."""

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        assert not taken
        wrong = request(b'{"key": 1}', authorization="Bearer another")
        assert (await kept.ask(wrong)).status == 401
        assert taken == ["greeted"]
        assert (await kept.ask(wrong)).status == 401
        assert taken == ["greeted"]
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder)


def test_an_event_that_is_not_durable_in_time_is_answered(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes on, and the late end of the event changes nothing."""
    kept_back: list[Any] = []

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        monkeypatch.setattr(express, "ACKNOWLEDGED_SECONDS", 0.01)
        monkeypatch.setattr(HookDesk, "receive_together", lambda _desk, receipts: kept_back.extend(receipts))
        answer = await kept.ask(request(b'{"key": 1}'))
        assert (answer.status, answer.json["code"]) == (503, "store_unavailable")
        kept_back[0].settle(ValueError("too late"))
        monkeypatch.undo()
        assert (await kept.ask(request(b'{"key": 2}'))).status == 202
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder)


def test_an_error_of_the_daemons_own_is_answered(
    tmp_path: Path, folder: Path, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)

        def broken(*_arguments: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(HookDesk, "_event_of", broken)
        answer = await kept.ask(request(b'{"key": 1}'))
        assert (answer.status, answer.json["code"], taken) == (500, "internal_error", ["greeted"])
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder)


def test_who_has_left_gets_no_answer_and_harms_no_one(tmp_path: Path, folder: Path, sqlite_url: str) -> None:
    async def test(_client: Client, url: str) -> None:
        left, kept = await Kept.open(url), await Kept.open(url)
        left.writer.write(request(b'{"key": "left"}'))
        left.writer.transport.abort()
        assert (await kept.ask(request(b'{"key": "kept"}'))).status == 202
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)


def test_a_refusal_of_who_has_left_makes_no_other_socket_wait(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The descriptor may be another client's by then, whose requests would wait as a guest's do."""
    connections: list[ExpressConnection] = []
    portions: queue.SimpleQueue[Any] = queue.SimpleQueue()
    made, together = ExpressConnection.connection_made, HookDesk.receive_together

    def noted(connection: ExpressConnection, transport: Any) -> None:
        connections.append(connection)
        made(connection, transport)

    async def test(_client: Client, url: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, PacedLoop)
        kept = await Kept.open(url)
        monkeypatch.setattr(HookDesk, "receive_together", lambda own, receipts: portions.put((own, receipts)))
        kept.writer.write(request(b'{"key": 1}', authorization="Bearer another"))
        desk, receipts = await loop.run_in_executor(None, partial(portions.get, timeout=PATIENCE))
        kept.writer.transport.abort()
        while connections[0]._is_open:  # noqa: ASYNC110 - in the turns of this loop
            await asyncio.sleep(0)
        together(desk, receipts)
        while not receipts[0].is_done:  # noqa: ASYNC110 - in the turns of this loop
            await asyncio.sleep(0)
        assert connections[0]._place not in loop.guests._queue.guests.values()

    monkeypatch.setattr(ExpressConnection, "connection_made", noted)
    with_port(tmp_path, test, definitions=folder)


def test_a_request_under_way_is_answered_before_the_gateway_stops(
    tmp_path: Path, folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the connection is closed behind the answer."""
    reading: list[asyncio.Task[bytes]] = []
    came = asyncio.Event()
    take = ExpressLane.take

    def noted(lane: ExpressLane, *more: Any) -> None:
        take(lane, *more)
        came.set()

    monkeypatch.setattr(ExpressLane, "take", noted)

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        kept.writer.write(request(b'{"key": "last"}'))
        await came.wait()
        reading.append(asyncio.get_running_loop().create_task(kept.rest()))

    with_port(tmp_path, test, definitions=folder, store=sqlite_url)
    (task,) = reading
    answer = read_reply(task.result())
    assert answer.status in {202, 503}
    assert answer.headers.get("connection", "close") == "close"


def test_requests_of_the_lane_are_counted(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the route of the table, with the time that they take."""
    counted: list[tuple[Any, ...]] = []
    count = Application.count

    def noted(application: Application, *more: Any) -> None:
        counted.append(more)
        count(application, *more)

    monkeypatch.setattr(Application, "count", noted)

    async def test(_client: Client, url: str) -> None:
        kept = await Kept.open(url)
        assert (await kept.ask(request(b'{"key": 1}'))).status == 202
        assert (await kept.ask(request(b"{"))).status == 422
        kept.writer.close()

    with_port(tmp_path, test, definitions=folder)
    assert [each[:3] for each in counted] == [("/api/v1/hooks/{name}", "POST", status) for status in (202, 202, 422)]
    assert all(0 < each[3] < 60 for each in counted)
