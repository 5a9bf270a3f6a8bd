"""The client's end of the API: one connection a request, and no event loop. Several threads can use one client."""

import http.client
import socket
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from stretto.actors.operations import (
    HEADERS,
    Accepted,
    Answer,
    Ended,
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
CONNECT_SECONDS: Final = 10.0
"""How long a host may take to answer to a connection."""
KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""After which silence a host is asked whether it is there, how often, and how many times, in seconds."""
_STATES: Final = frozenset({"hello", "changes"})
_LAST_WORDS: Final = frozenset({"bye", "lagging"})
_SCHEME: Final = "unix://"
_frames: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
_objects: Final = msgspec.json.Decoder(dict[str, Any])


class DaemonUnreachable(StrettoError):
    """No daemon answers at the URL, or its answer is cut off."""

    code = "daemon_unreachable"


class NobodyThere(DaemonUnreachable):
    """No connection can be made: nothing has been asked."""


class AnswerLost(DaemonUnreachable):
    """A daemon was there and its answer is not: it may have done what was asked."""


class ClientClosed(StrettoError):
    """The client has been closed. The daemon may have done what was asked."""

    code = "client_closed"


class BadUrl(StrettoError):
    """The URL is not one of a daemon."""

    code = "bad_url"


class NotText(StrettoError):
    """A request contains bytes that are not UTF-8, from an argument of a command."""

    code = "not_text"


class RequestRefused(StrettoError):
    """The daemon refused the request.

    Attributes:
        refusal: Why.
        findings: What is wrong in a definition.
        details: All that the daemon says of the refusal (problem+json).
        code: The refusal's code.
    """

    def __init__(
        self, refusal: Refused, findings: Iterable[Finding] = (), details: Mapping[str, Any] | None = None
    ) -> None:
        self.refusal = refusal
        self.findings = tuple(findings)
        self.details = dict(details or {})
        self.code = refusal.code
        super().__init__(refusal.message)

    def __reduce__(self) -> tuple[type["RequestRefused"], tuple[Refused, tuple[Finding, ...], dict[str, Any]]]:
        return type(self), (self.refusal, self.findings, self.details)


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
        self._closed = False
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End all connections: requests in other threads fail, and new ones raise `ClientClosed`."""
        with self._lock:
            self._closed = True
            for each in list(self._sockets):
                with suppress(OSError):
                    # Not the method of a TLS socket, which would take its state from under the thread that reads.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def ask(self, request: Request) -> Answer:
        """Send a request and return its answer. Raises as `answers` does."""
        route = route_of(type(request))
        with closing(self._connect()) as connection, self._response(connection, _written(request)) as response:
            body = self._read(response.read, MAX_ANSWER_BYTES + 1)
            if response.length:
                raise AnswerLost(f"the daemon at {self.url} closed the connection in an answer")
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
            NotText, InvalidIdempotencyKey: The request is not UTF-8, or its key is not printable.
        """
        if isinstance(request, Export):
            yield from self._lines_of(request)
            return
        if isinstance(request, Watch):
            yield from self.news(request.run)
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
        with stream.response:
            yield answer
            yield from self._news_in(stream, answer.run)

    def news(self, run: str, until: float | None = None) -> Generator[Answer]:
        """Follow a run: yield its progress, and its outcome as the last. A daemon that goes away may end it early.

        Args:
            run: The run's id.
            until: The instant of `time.monotonic()` after which the daemon counts as gone. None waits without a limit.

        Raises:
            DaemonUnreachable: No daemon answers, or not until then.
            RequestRefused: The daemon refuses the request, or stops before the run's end.
        """
        stream = self._stream(Watch(run), until)
        with stream.response:
            yield from self._news_in(stream, run)

    def _lines_of(self, request: Export) -> Generator[Answer]:
        with closing(self._connect()) as connection, self._response(connection, _written(request)) as response:
            while line := self._read(response.readline, MAX_ANSWER_BYTES):
                try:
                    yield _frames.decode(line)
                except msgspec.DecodeError as error:
                    raise self._misfit(error) from None

    def _stream(self, request: Watch, until: float | None = None) -> "_Stream":
        """Return an open stream. It ends with its response, and the connection with it."""
        connection = self._connect()
        connection.timeout = min(_left(until) or CONNECT_SECONDS, CONNECT_SECONDS)
        try:
            self._open(connection)
            opened = connection.sock
            opened.settimeout(_left(until))
            response = self._response(connection, _written(request))
        except BaseException:
            connection.close()
            raise
        return _Stream(response, opened, until)

    def _news_in(self, stream: "_Stream", run: str) -> Generator[Answer]:
        tasks: dict[str, Any] = {}
        for name, data in self._events(stream):
            if name in _LAST_WORDS:
                text = f"{data['reason']}; the run {run} continues when a daemon opens its store again"
                raise RequestRefused(Refused("engine_stopped", text))
            if name == "hello":
                tasks.clear()
            if name in _STATES:
                tasks.update(data.get("tasks", {}))
                yield Progress(data["run"], data["status"], tasks.copy())
            if name == "ended":
                whole = "errors_left_out" not in data and not _is_link(data["output"])
                yield (
                    Ended(run, data["status"], data["output"], data["errors"], tasks)
                    if whole
                    else self.ask(OutcomeOf(run))
                )
                return

    def _events(self, stream: "_Stream") -> Iterator[tuple[str, dict[str, Any]]]:
        name, data = "message", b""
        while line := self._line(stream):
            if line == b"\n":
                if data:
                    yield name, self._object(data)
                name, data = "message", b""
            elif line.startswith(b"event: "):
                name = line[7:-1].decode()
            elif line.startswith(b"data: "):
                data += line[6:-1]

    def _open(self, connection: http.client.HTTPConnection) -> None:
        """Connect, unless the client is closed."""
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            raise NobodyThere(f"cannot reach the daemon at {self.url}: {_reason(error)}") from error
        with self._lock:
            if self._closed:
                connection.close()
                raise ClientClosed(f"the client of {self.url} is closed")
            self._sockets.add(connection.sock)

    def _response(self, connection: http.client.HTTPConnection, written: Written) -> http.client.HTTPResponse:
        """Send a request and return the response, of which the body is not read yet, if it is not a refusal."""
        # The response then owns the socket. Other values are UTF-8, where http.client would take Latin-1.
        headers: dict[str, str | bytes] = {"Connection": "close"}
        headers |= {name: value.encode() for name, value in written.headers.items()}
        if written.body:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if connection.sock is None:
            self._open(connection)
        try:
            # The daemon may refuse a request before it has read all of it: its answer says why.
            with suppress(BrokenPipeError):
                connection.request(written.method, written.target, written.body or None, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise AnswerLost(f"cannot reach the daemon at {self.url}: {_reason(error)}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            with response:
                raise self._refusal(response)
        return response

    def _refusal(self, response: http.client.HTTPResponse) -> RequestRefused:
        body = self._read(response.read, MAX_ANSWER_BYTES)
        try:
            problem = _objects.decode(body)
            findings = [_finding(each) for each in problem.get("findings", [])]
            refused = Refused(problem["code"], problem["detail"], list(map(str, findings)), findings)
            return RequestRefused(refused, findings, problem)
        except (msgspec.DecodeError, KeyError, TypeError):
            status = f"{response.status} {response.reason}"
            raise DaemonUnreachable(f"what answers at {self.url} is not a Stretto daemon: {status}") from None

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (OSError, http.client.HTTPException) as error:
            raise AnswerLost(
                f"the daemon at {self.url} closed the connection in an answer: {_reason(error)}"
            ) from error

    def _line(self, stream: "_Stream") -> bytes:
        """Return the next line of a stream, or b"" at its end, whichever way it ends."""
        try:
            return self._read(stream.readline, MAX_ANSWER_BYTES)
        except AnswerLost:
            return b""

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            return _objects.decode(data)
        except msgspec.DecodeError as error:
            raise self._misfit(error) from None

    def _misfit(self, error: Exception) -> DaemonUnreachable:
        return DaemonUnreachable(f"the daemon at {self.url} sent an unexpected answer: {error}")


class _Stream(NamedTuple):
    """A response that goes on, and how long it is read."""

    response: http.client.HTTPResponse
    socket: socket.socket
    until: float | None

    def readline(self, size: int) -> bytes:
        """Return the next line. Raises OSError if there is none until then."""
        self.socket.settimeout(_left(self.until))
        return self.response.readline(size)


def _is_link(output: Any) -> bool:
    """Return whether an output stands elsewhere. An output that only looks so is the same there."""
    return isinstance(output, dict) and output.keys() == {"$ref", "bytes"}


class _UnixConnection(http.client.HTTPConnection):
    """A connection over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class _PortConnection(http.client.HTTPConnection):
    """A connection over TCP to a host that may vanish without a word."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(None)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            self.sock.setsockopt(socket.IPPROTO_TCP, option, value)


class _TlsConnection(_PortConnection, http.client.HTTPSConnection):
    """The same with TLS."""


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
    kind = _PortConnection if parts.scheme == "http" else _TlsConnection
    return lambda: kind(host, port, timeout=CONNECT_SECONDS)


def _left(until: float | None) -> float | None:
    """Return the seconds until an instant, at least a millisecond: none at all would mean not to wait."""
    return None if until is None else max(until - time.monotonic(), 0.001)


def _written(request: Request) -> Written:
    try:
        written = written_as(request)
        for value in written.headers.values():
            value.encode()
    except UnicodeEncodeError as error:
        raise NotText(f"an argument must be text in UTF-8, got {error.object[:80]!a}") from None
    key = written.headers.get(HEADERS["idempotency_key"], "key")
    if not (key.isprintable() and key == key.strip()):
        # The daemon would not get it as it is. Imported here, because it loads the definitions' data.
        from stretto.actors.runs import checked_key  # noqa: PLC0415

        checked_key(key)
    return written


def _finding(given: dict[str, Any]) -> Finding:
    place = Place(given["file"], given["line"], given["column"], given["path"])
    texts = (given["found"], given["expected"], given["hint"], given["severity"])
    return Finding(given["code"], given["message"], place, *texts)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
