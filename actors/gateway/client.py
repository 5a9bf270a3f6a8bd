"""The client's end of the API, for the command line: one connection a request, and no event loop."""

import http.client
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from stretto.actors.operations import (
    Accepted,
    Answer,
    Export,
    OutcomeOf,
    Progress,
    Refused,
    Request,
    Submit,
    Watch,
    Written,
    answer_of,
    route_of,
    written_as,
)  # fmt: skip
from stretto.definitions.errors import Finding, Place, StrettoError

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
_STATES: Final = frozenset({"hello", "changes"})
_LAST_WORDS: Final = frozenset({"bye", "lagging"})
_SCHEME: Final = "unix://"
_frames: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
_objects: Final = msgspec.json.Decoder(dict[str, Any])


class DaemonUnreachable(StrettoError):
    """No daemon answers at the URL, or its answer is cut off."""

    code = "daemon_unreachable"


class BadUrl(StrettoError):
    """The URL is not one of a daemon."""

    code = "bad_url"


class NotText(StrettoError):
    """A request contains bytes that are not UTF-8, from an argument of a command."""

    code = "not_text"


class RequestRefused(StrettoError):
    """The daemon refused the request; `refusal` says why."""

    def __init__(self, refusal: Refused) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)

    def __reduce__(self) -> tuple[type["RequestRefused"], tuple[Refused]]:
        return type(self), (self.refusal,)


class Client:
    """Sends requests to a daemon, each on a connection of its own.

    Args:
        url: `unix:///PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
        token: The token with which the client says who it is, or None.

    Raises:
        BadUrl: The URL is another one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._token = token
        self._connect = _connector(url)

    def ask(self, request: Request) -> Answer:
        """Send a request and return its answer. Raises as `answers` does."""
        route = route_of(type(request))
        with closing(self._connect()) as connection, self._response(connection, _written(request)) as response:
            body = self._read(response.read, MAX_ANSWER_BYTES + 1)
            if response.length:
                raise DaemonUnreachable(f"the daemon at {self.url} closed the connection in an answer")
            if len(body) > MAX_ANSWER_BYTES:
                raise DaemonUnreachable(f"an answer has more than {MAX_ANSWER_BYTES:,} bytes (MAX_ANSWER_BYTES)")
            try:
                return answer_of(route, body)
            except msgspec.DecodeError as error:
                raise self._misfit(error) from None

    def answers(self, request: Request) -> Generator[Answer]:
        """Send a request and yield its answers as they arrive.

        A run that is submitted is followed to its end. Most requests have one answer.

        Raises:
            DaemonUnreachable: No daemon answers, or it goes away before the last answer.
            RequestRefused: The daemon refuses the request.
            NotText: The request is not UTF-8.
        """
        if isinstance(request, Export):
            yield from self._lines_of(request)
            return
        if isinstance(request, Watch):
            with self._stream(request) as response:
                yield from self._news_in(response, request.run)
            return
        answer = self.ask(request)
        if not (isinstance(request, Submit) and isinstance(answer, Accepted)):
            yield answer
            return
        # Followed before its id is known to the caller, so that the outcome comes even if the daemon is stopped next.
        try:
            stream = self._stream(Watch(answer.run))
        except (DaemonUnreachable, RequestRefused):
            yield answer
            raise
        with stream as response:
            yield answer
            yield from self._news_in(response, answer.run)

    def _lines_of(self, request: Export) -> Generator[Answer]:
        with closing(self._connect()) as connection, self._response(connection, _written(request)) as response:
            while line := self._read(response.readline, MAX_ANSWER_BYTES):
                try:
                    yield _frames.decode(line)
                except msgspec.DecodeError as error:
                    raise self._misfit(error) from None

    def _stream(self, request: Watch) -> http.client.HTTPResponse:
        """Return the response of a stream. It ends with its connection, and the connection with it."""
        connection = self._connect()
        try:
            response = self._response(connection, _written(request))
        except BaseException:
            connection.close()
            raise
        return response

    def _news_in(self, response: http.client.HTTPResponse, run: str) -> Generator[Answer]:
        tasks: dict[str, Any] = {}
        for name, data in self._events(response):
            if name in _LAST_WORDS:
                text = f"{data['reason']}; the run {run} continues when a daemon opens its store again"
                raise RequestRefused(Refused("engine_stopped", text))
            if name == "hello":
                tasks.clear()
            if name in _STATES:
                tasks.update(data.get("tasks", {}))
                yield Progress(data["run"], data["status"], tasks.copy())
            if name == "ended":
                yield self.ask(OutcomeOf(run))
                return

    def _events(self, response: http.client.HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
        name, data = "message", b""
        while line := self._read(response.readline, MAX_ANSWER_BYTES):
            if line == b"\n":
                if data:
                    yield name, self._object(data)
                name, data = "message", b""
            elif line.startswith(b"event: "):
                name = line[7:-1].decode()
            elif line.startswith(b"data: "):
                data += line[6:-1]

    def _response(self, connection: http.client.HTTPConnection, written: Written) -> http.client.HTTPResponse:
        """Send a request and return the response, of which the body is not read yet, if it is not a refusal."""
        headers = {"Connection": "close"}  # the response then owns the socket
        if written.body:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.connect()
            # The daemon may refuse a request before it has read all of it: its answer says why.
            with suppress(BrokenPipeError):
                connection.request(written.method, written.target, written.body or None, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise DaemonUnreachable(f"cannot reach the daemon at {self.url}: {_reason(error)}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            with response:
                raise RequestRefused(self._refusal(response))
        return response

    def _refusal(self, response: http.client.HTTPResponse) -> Refused:
        body = self._read(response.read, MAX_ANSWER_BYTES)
        try:
            problem = _objects.decode(body)
            findings = [_finding(each) for each in problem.get("findings", [])]
            return Refused(problem["code"], problem["detail"], [str(each) for each in findings], findings)
        except (msgspec.DecodeError, KeyError, TypeError):
            status = f"{response.status} {response.reason}"
            raise DaemonUnreachable(f"what answers at {self.url} is not a Stretto daemon: {status}") from None

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (OSError, http.client.HTTPException) as error:
            raise DaemonUnreachable(
                f"the daemon at {self.url} closed the connection in an answer: {_reason(error)}"
            ) from error

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            return _objects.decode(data)
        except msgspec.DecodeError as error:
            raise self._misfit(error) from None

    def _misfit(self, error: Exception) -> DaemonUnreachable:
        return DaemonUnreachable(f"the daemon at {self.url} sent an unexpected answer: {error}")


class _UnixConnection(http.client.HTTPConnection):
    """A connection over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def _connector(url: str) -> Callable[[], http.client.HTTPConnection]:
    path = url.removeprefix(_SCHEME)
    if path != url and path.startswith("/"):
        return lambda: _UnixConnection(path)
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.path.strip("/") or parts.query or parts.scheme not in {"http", "https"}:
        raise BadUrl(f"a daemon's URL must be unix:///PATH, http://HOST:PORT or https://HOST:PORT, got {url!r}")
    kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
    return lambda: kind(host, port)


def _written(request: Request) -> Written:
    try:
        return written_as(request)
    except UnicodeEncodeError as error:
        raise NotText(f"an argument must be text in UTF-8, got {error.object[:80]!a}") from None


def _finding(given: dict[str, Any]) -> Finding:
    place = Place(given["file"], given["line"], given["column"], given["path"])
    texts = (given["found"], given["expected"], given["hint"], given["severity"])
    return Finding(given["code"], given["message"], place, *texts)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
