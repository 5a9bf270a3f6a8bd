"""The client's end: what it sends, and what it makes of answers that are none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.wire import BadUrl, DaemonUnreachable, NotText, RequestRefused
from stretto.actors.operations import Definitions, Describe, Ended, Export, Progress, Refused, Request, Run, Watch
from stretto.definitions.errors import Finding, Place
from tests.support.waiting import PATIENCE

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
REFUSAL = (
    b"HTTP/1.1 422 Unprocessable\r\nconnection: close\r\n\r\n"
    b'{"code":"invalid_definition","detail":"no","findings":[{"file":"f","line":1,"column":2,"path":"p","code":"c",'
    b'"severity":"error","message":"wrong","found":"a","expected":"b","hint":""}]}'
)


@pytest.mark.parametrize(
    "url", ["ftp://localhost", "unix://relative", "nonsense", "http://", "http://host:99999", "http://host/path"]
)
def test_urls_that_cannot_be_used(url: str) -> None:
    """The message has the kinds of URL that can."""
    with pytest.raises(BadUrl, match="unix:///PATH, http://HOST:PORT or https://HOST:PORT"):
        Client(url)


def test_nobody_there(tmp_path: Path) -> None:
    """A daemon that is not there is unreachable, by either kind of URL."""
    with pytest.raises(DaemonUnreachable, match="cannot reach the daemon at unix://"):
        Client(f"unix://{tmp_path}/s").ask(Definitions())
    with pytest.raises(DaemonUnreachable, match="Connection refused"):
        Client("http://127.0.0.1:1").ask(Definitions())


def test_an_argument_that_is_no_text(tmp_path: Path) -> None:
    """Bytes of the command line that are not UTF-8 are refused before they are sent."""
    with pytest.raises(NotText, match="must be text in UTF-8"):
        Client(f"unix://{tmp_path}/s").ask(Describe("\udcff"))


@asynccontextmanager
async def answering(folder: Path, answer: bytes) -> AsyncIterator[tuple[Client, list[bytes]]]:
    """Serve the same bytes to each request, and keep what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "s")
    async with server, asyncio.timeout(PATIENCE):
        yield Client(f"unix://{folder}/s", "str_secret"), asked


def told(folder: Path, answer: bytes, request: Request) -> tuple[list[object], bytes]:
    """Return what the client makes of a server's bytes, an error as the last, and what it has sent."""

    async def run() -> tuple[list[object], bytes]:
        async with answering(folder, answer) as (client, asked):

            def collect() -> list[object]:
                seen: list[object] = []
                try:
                    seen.extend(client.answers(request))
                except (DaemonUnreachable, RequestRefused) as error:
                    seen.append(error)
                return seen

            return await asyncio.to_thread(collect), asked[0]

    return asyncio.run(run())


def test_the_token_is_sent(tmp_path: Path) -> None:
    """As RFC 6750 has it."""
    _, asked = told(tmp_path, OK + b'{"definitions":[]}', Definitions())
    assert asked.startswith(b"GET /api/v1/definitions HTTP/1.1\r\n")
    assert b"Authorization: Bearer str_secret\r\n" in asked


def test_a_refusal_has_its_findings(tmp_path: Path) -> None:
    """Each as a line of `validate`."""
    (refused,), _ = told(tmp_path, REFUSAL, Run("r"))
    assert isinstance(refused, RequestRefused)
    assert refused.refusal == Refused(
        "invalid_definition",
        "no",
        ["f:1:2: error: wrong; found a; expected b [c] (p)"],
        [Finding("c", "wrong", Place("f", 1, 2, "p"), "a", "b", "", "error")],
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "it has closed the connection"),
        (b"\x15\x03\x01\x00\x02\x02F", "speaks TLS: use https:// in its URL"),
        (b"SSH-2.0-OpenSSH\r\n", "cannot reach the daemon"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n<html>", "is not a Stretto daemon: 404 Not Found"),
        (OK + b"<html>", "sent an unexpected answer"),
        (OK.replace(b"connection", b"content-length: 99\r\nconnection") + b"{", "closed the connection in an answer"),
    ],
)
def test_an_answer_that_is_none(tmp_path: Path, answer: bytes, message: str) -> None:
    """The error has the daemon's URL."""
    (error,), _ = told(tmp_path, answer, Run("r"))
    assert isinstance(error, DaemonUnreachable)
    assert message in str(error)
    assert f"unix://{tmp_path}/s" in str(error)


def test_news_are_put_together(tmp_path: Path) -> None:
    """An event has the tasks that have changed; the client knows all of them. Comments and other events pass by."""
    stream = (
        b": hello\n\n"
        b'id: 1.1\nevent: hello\ndata: {"run":"r","status":"running","tasks":{"a":{"n":1}}}\n\n'
        b'event: other\ndata: {}\n\nid: 1.2\nevent: changes\ndata: {"run":"r","status":"running","tasks":{"b":{}}}\n\n'
        b'event: changes\ndata: {"run":"r","status":"paused"}\n\n'
        b'event: hello\ndata: {"run":"r","status":"running"}\n\n'
    )
    seen, _ = told(tmp_path, EVENTS + stream, Watch("r"))
    assert seen == [
        Progress("r", "running", {"a": {"n": 1}}),
        Progress("r", "running", {"a": {"n": 1}, "b": {}}),
        Progress("r", "paused", {"a": {"n": 1}, "b": {}}),
        Progress("r", "running", {}),
    ]


def test_an_outcome_in_the_stream_is_the_last_news(tmp_path: Path) -> None:
    """With the tasks that are known by then. One that does not fit is asked for, which fails here."""
    hello = b'event: hello\ndata: {"run":"r","status":"running","tasks":{"a":{}}}\n\n'
    end = b'event: ended\ndata: {"run":"r","status":"failed","output":%s,"errors":[1]%s}\n\nnothing is read after it'
    seen, _ = told(tmp_path, EVENTS + hello + end % (b'{"x":1}', b""), Watch("r"))
    assert seen[1:] == [Ended("r", "failed", {"x": 1}, [1], {"a": {}})]
    for output, more in ((b'{"$ref":"/x","bytes":9000}', b""), (b"null", b',"errors_left_out":5')):
        seen, _ = told(tmp_path, EVENTS + hello + end % (output, more), Watch("r"))
        assert isinstance(seen[-1], DaemonUnreachable)


def test_a_stream_may_end_with_a_farewell(tmp_path: Path) -> None:
    """It says why, as a refusal does. A stream that is cut off has no outcome."""
    for name in (b"bye", b"lagging"):
        seen, _ = told(tmp_path, EVENTS + b"event: " + name + b'\ndata: {"reason":"because"}\n\n', Watch("r"))
        assert isinstance(seen[0], RequestRefused)
        assert seen[0].refusal.code == "engine_stopped"
        assert seen[0].refusal.message == "because; the run r continues when a daemon opens its store again"
    assert told(tmp_path, EVENTS + b"event: cha", Watch("r"))[0] == []
    (error,), _ = told(tmp_path, EVENTS + b"event: changes\ndata: [\n\n", Watch("r"))
    assert isinstance(error, DaemonUnreachable)


def test_an_export_with_a_line_that_is_none(tmp_path: Path) -> None:
    """It is an error, not an end."""
    (error,), _ = told(tmp_path, OK + b"nonsense\n", Export("r"))
    assert isinstance(error, DaemonUnreachable)
