"""A request and its answer as bytes: the client's end of HTTP/1.1, without sockets.

    Request --Exchange.request--> a socket, or asyncio's transport --Exchange.feed--> Answer, StreamEvent, an error

`client` and `remote/async_client` move the bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import h11
import msgspec

from stretto.actors.operations import (
    HEADERS,
    OCTETS,
    Answer,
    CellsAnswer,
    Ended,
    Refused,
    Request,
    ValueAnswer,
    Written,
    answer_of,
    route_of,
    written_as,
)
from stretto.definitions.errors import Finding, Place, StrettoError

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024
"""The bound on the status line and the headers of an answer."""
MAX_EVENT_BYTES: Final = 1024 * 1024
"""The bound on one event of a stream."""
_NOT_MODIFIED: Final = 304
_REFUSED: Final = 400
_TLS_ALERT: Final = b"\x15\x03"
_SCHEME: Final = "unix://"
_PORTS: Final = {"http": 80, "https": 443}
_lines: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
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


class Address(NamedTuple):
    """Where a daemon listens. `host` is the path of a `unix` socket."""

    scheme: Literal["unix", "http", "https"]
    host: str
    port: int

    @property
    def name(self) -> str:
        """The Host header."""
        if self.scheme == "unix":
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def address_of(url: str) -> Address:
    """Return where a daemon listens.

    Raises:
        BadUrl: The URL is not `unix:///PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
    """
    path = url.removeprefix(_SCHEME)
    if path != url and path.startswith("/"):
        return Address("unix", path, 0)
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is not None and not (parts.path.strip("/") or parts.query):
        if parts.scheme == "http":
            return Address("http", host, port or _PORTS["http"])
        if parts.scheme == "https":
            return Address("https", host, port or _PORTS["https"])
    raise BadUrl(f"a daemon's URL must be unix:///PATH, http://HOST:PORT or https://HOST:PORT, got {url!r}")


class Exchange:
    """One request, and its answer as it arrives. The connection ends with the answer.

    Args:
        url: The daemon's URL, for errors.
        request: The request.
        token: The token of who sends it, or None.
        last_id: The id of the last event that the client has of a stream.
        most: The most bytes of the answer. None does not bound it, for a stream that goes on.

    Attributes:
        request: All bytes to send.
        status: The answer's status. 0 before it has arrived.
        over: Whether the answer is complete.

    Raises:
        NotText, InvalidIdempotencyKey: The request is not UTF-8, or its key is not printable.
    """

    def __init__(
        self, url: str, request: Request, token: str | None = None, *, last_id: str = "",
        most: int | None = MAX_ANSWER_BYTES,
    ) -> None:  # fmt: skip
        self.status = 0
        self.over = False
        self._url = url
        self._route = route_of(type(request))
        self._left = most
        self._reason = b""
        self._tag = b""
        self._first = b""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.request = self._written(_written(request), token, last_id)

    def _written(self, written: Written, token: str | None, last_id: str) -> bytes:
        headers = [("Host", address_of(self._url).name), ("Accept-Encoding", "identity"), ("Connection", "close")]
        if written.body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(written.body)))]
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        if last_id:
            headers.append(("Last-Event-ID", last_id))
        try:
            lines = [(name.encode(), value.encode("ascii")) for name, value in headers]
            lines += [(name.encode(), value.encode()) for name, value in written.headers.items()]
            head = self._http.send(h11.Request(method=written.method, target=written.target, headers=lines))
        except (h11.LocalProtocolError, UnicodeEncodeError):
            raise NotText("a token must be printable ASCII") from None
        body = self._http.send(h11.Data(data=written.body)) if written.body else b""
        return b"".join((head, body, self._http.send(h11.EndOfMessage())))

    @property
    def is_refused(self) -> bool:
        """Whether the daemon refuses the request: the body says why."""
        return self.status >= _REFUSED

    def feed(self, data: bytes) -> bytes:
        """Return the part of the answer's body that some bytes hold. No bytes are the end of the connection.

        Raises:
            AnswerLost: The connection has ended within the answer, or the bytes are no answer.
            NobodyThere: The port speaks TLS, and the request was sent without it.
            DaemonUnreachable: The answer is too long.
        """
        if self.over:
            return b""
        self._first = self._first or data[: len(_TLS_ALERT)]
        self._http.receive_data(data)
        parts: list[bytes] = []
        try:
            while not self.over:
                event = self._http.next_event()
                if isinstance(event, h11.Response):
                    self.status, self._reason = event.status_code, event.reason
                    self._tag = dict(event.headers).get(b"etag", b"")
                elif isinstance(event, h11.Data):
                    parts.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    self.over = True
                elif not isinstance(event, h11.InformationalResponse):
                    break
        except h11.RemoteProtocolError as error:
            raise self._cut_off(data, error) from error
        part = b"".join(parts)
        if self._left is not None:
            self._left -= len(part)
            if self._left < 0:
                raise DaemonUnreachable(f"an answer has more than {MAX_ANSWER_BYTES:,} bytes (MAX_ANSWER_BYTES)")
        return part

    def _cut_off(self, data: bytes, error: Exception) -> DaemonUnreachable:
        """Return the error of an answer that `data` ends: no bytes are the end of the connection."""
        if self._first.startswith(_TLS_ALERT):
            return NobodyThere(f"the daemon at {self._url} speaks TLS: use https:// in its URL")
        if data or self.status:
            return self.lost(error)
        hint = "; if its port has TLS, use https:// in its URL" if self._url.startswith("http:") else ""
        return self.lost(EOFError(f"it has closed the connection{hint}"))

    def lost(self, error: Exception) -> AnswerLost:
        """Return the error of an answer that is not complete."""
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        if self.status:
            return AnswerLost(f"the daemon at {self._url} closed the connection in an answer: {reason}")
        return AnswerLost(f"cannot reach the daemon at {self._url}: {reason}")

    def answer(self, body: bytes) -> Answer:
        """Return the answer of a whole body. Raises `RequestRefused`, and `DaemonUnreachable` for another body."""
        if self.is_refused:
            raise self.refusal(body)
        try:
            if self._route.media_type == OCTETS:
                return _map_of(self._tag, None if self.status == _NOT_MODIFIED else body)
            return answer_of(self._route, body)
        except (msgspec.DecodeError, ValueError) as error:
            raise misfit(self._url, error) from None

    def refusal(self, body: bytes) -> RequestRefused:
        """Return the refusal of a whole body. Raises `DaemonUnreachable` if a daemon would not say it."""
        try:
            problem = _objects.decode(body)
            findings = [finding_of(each) for each in problem.get("findings", [])]
            refused = Refused(problem["code"], problem["detail"], list(map(str, findings)), findings)
            return RequestRefused(refused, findings, problem)
        except (msgspec.DecodeError, KeyError, TypeError):
            status = f"{self.status} {self._reason.decode('latin-1')}"
            raise DaemonUnreachable(f"what answers at {self._url} is not a Stretto daemon: {status}") from None


def _map_of(tag: bytes, body: bytes | None) -> CellsAnswer:
    """Return a map of items, or that the client has it, by its entity tag. Raises ValueError for another answer."""
    visit, _, last = tag.strip(b'"').partition(b".")
    return CellsAnswer(int(visit), int(last), body)


class StreamEvent(NamedTuple):
    """An event of a stream. `identity` is its id, or None without one."""

    name: str
    data: dict[str, Any]
    identity: str | None


class EventReader:
    """Takes the events of a stream from the parts of its body, however they are cut.

    Args:
        url: The daemon's URL, for errors.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._rest = b""
        self._name = "message"
        self._data = b""
        self._identity: str | None = None

    def feed(self, part: bytes) -> list[StreamEvent]:
        """Return the events that are complete with a part. Raises `DaemonUnreachable` for one that is not an event."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        if len(self._rest) + len(self._data) > MAX_EVENT_BYTES:
            raise DaemonUnreachable(f"an event has more than {MAX_EVENT_BYTES:,} bytes (MAX_EVENT_BYTES)")
        events: list[StreamEvent] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(StreamEvent(self._name, self._object(), self._identity))
                self._name, self._data, self._identity = "message", b"", None
            elif line.startswith(b"event: "):
                self._name = line[7:].decode("utf-8", "replace")
            elif line.startswith(b"data: "):
                self._data += line[6:]
            elif line.startswith(b"id: "):
                self._identity = line[4:].decode("latin-1")
        return events

    def _object(self) -> dict[str, Any]:
        try:
            return _objects.decode(self._data)
        except msgspec.DecodeError as error:
            raise misfit(self._url, error) from None


def misfit(url: str, error: Exception) -> DaemonUnreachable:
    """Return the error of an answer that is not what was asked for."""
    return DaemonUnreachable(f"the daemon at {url} sent an unexpected answer: {error}")


def ended_of(url: str, answer: Answer) -> Ended:
    """Return the answer to a question for an outcome. Raises `DaemonUnreachable` if it is another one."""
    if not isinstance(answer, Ended):
        raise misfit(url, TypeError(f"{type(answer).__name__} is not an outcome"))
    return answer


def value_of(url: str, answer: Answer) -> Any:
    """Return the value behind a link. Raises `DaemonUnreachable` if the answer is another one."""
    if not isinstance(answer, ValueAnswer):
        raise misfit(url, TypeError(f"{type(answer).__name__} is not a value"))
    return answer.value


def lines_of(url: str, lines: Iterable[bytes]) -> Iterator[Answer]:
    """Yield the answers that stand one a line. Raises `DaemonUnreachable` for a line that is not an answer."""
    for line in lines:
        try:
            yield _lines.decode(line)
        except msgspec.DecodeError as error:
            raise misfit(url, error) from None


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


def finding_of(given: Mapping[str, Any]) -> Finding:
    """Return a finding as a daemon has sent it."""
    place = Place(given["file"], given["line"], given["column"], given["path"])
    texts = (given["found"], given["expected"], given["hint"], given["severity"])
    return Finding(given["code"], given["message"], place, *texts)
