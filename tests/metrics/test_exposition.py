"""The real server, over real sockets."""

import gzip
import io
import json
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from stretto.metrics import (
    ITEM_STATUSES,
    CannotExpose,
    Instruments,
    MetricsServer,
    configure_logging,
    exposition,
    listener,
)
from stretto.metrics.listener import ConnectionLoop
from tests.support.loopback import own_loopback
from tests.support.waiting import PATIENCE

Serve = Callable[[socket.socket], None]
StartLoop = Callable[..., tuple[str, int]]


@pytest.fixture
def instruments() -> Instruments:
    return Instruments()


@pytest.fixture
def server(instruments: Instruments) -> Iterator[MetricsServer]:
    server = MetricsServer(instruments.registry)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: MetricsServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[float | None]:
    """The timeouts of all waits of servers that start after this."""
    waits: SimpleQueue[float | None] = SimpleQueue()

    class RecordingSelector(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            waits.put(timeout)
            return super().select(timeout)

    monkeypatch.setattr(listener, "DefaultSelector", RecordingSelector)
    return waits


@pytest.fixture
def start_loop() -> Iterator[StartLoop]:
    """Start a ConnectionLoop on its own port, and return the address."""
    loops = []

    def start(
        serve: Serve,
        *,
        limit: int = 8,
        seconds: float = 60.0,
        listening: Callable[[socket.socket], socket.socket] = lambda bound: bound,
    ) -> tuple[str, int]:
        bound = socket.create_server(("127.0.0.1", 0))
        address: tuple[str, int] = bound.getsockname()
        loop = ConnectionLoop(listening(bound), serve, limit=limit, seconds=seconds)
        loops.append(loop)
        loop.start()
        return address

    yield start
    for loop in loops:
        loop.stop()


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE)


def all_of(client: socket.socket) -> bytes:
    """Return all bytes until the other side closes or resets the connection."""
    received = b""
    try:
        while part := client.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def test_a_scrape_shows_what_was_counted(instruments: Instruments, client: httpx.Client) -> None:
    """GET /metrics answers in Prometheus's text format with the current values."""
    task = instruments.workflow("health").task("check")
    instruments.item_duration.observe_many([0.001, 0.2])
    for expected in (7, 14):
        task.items_finished("failed", 7)
        response = client.get("/metrics", headers={"Accept-Encoding": "identity"})
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {family.name: family for family in text_string_to_metric_families(response.text)}
        values = {sample.labels["status"]: sample.value for sample in families["stretto_items"].samples}
        assert values == {**dict.fromkeys(ITEM_STATUSES, 0), "failed": expected}
        assert families["stretto_item_duration_seconds"].samples[-1].value == pytest.approx(0.201)


def test_a_scraper_gets_openmetrics_if_it_asks_for_it(client: httpx.Client) -> None:
    """The Accept header chooses the format, as with prometheus_client's own server."""
    response = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(response.text)  # type: ignore[no-untyped-call]
    assert "stretto_retries" in {family.name for family in families}


def test_a_scraper_gets_gzip_if_it_asks_for_it(client: httpx.Client) -> None:
    """The Accept-Encoding header chooses the compression."""
    with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        body = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert b"stretto_retries_total" in gzip.decompress(body)


def test_a_scraper_can_ask_for_some_series(client: httpx.Client) -> None:
    """`name[]` restricts the response, both to Stretto's series and to the process's."""
    names = ["stretto_retries_total", "stretto_runs_in_progress", "process_resident_memory_bytes"]
    response = client.get("/metrics", params={"name[]": names})
    samples = {s.name for family in text_string_to_metric_families(response.text) for s in family.samples}
    assert samples == set(names)


def test_head_has_the_headers_of_get_and_no_body(client: httpx.Client) -> None:
    """HEAD /metrics sends type and length, and nothing else."""
    response = client.head("/metrics")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) > 0
    assert response.content == b""


def test_the_root_points_to_the_metrics(client: httpx.Client) -> None:
    """GET / is one line that names the path."""
    response = client.get("/")
    assert (response.status_code, response.text) == (200, "Stretto's metrics are at /metrics\n")


@pytest.mark.parametrize("path", ["/metric", "/metrics/", "/favicon.ico", "/metrics/../etc"])
def test_any_other_path_is_not_found(client: httpx.Client, path: str) -> None:
    """Only two paths exist."""
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/metrics", "/nowhere"])
def test_any_other_method_is_not_allowed(client: httpx.Client, method: str, path: str) -> None:
    """Methods that could change something are refused, also with a large body."""
    response = client.request(method, path, content=b"x" * 1_000_000)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"


def test_a_request_that_is_not_http_is_refused(server: MetricsServer) -> None:
    """Garbage gets a 400 and does not affect later scrapes."""
    with connect(("127.0.0.1", server.port)) as client:
        client.sendall(b"\x16\x03\x01 hello there world\r\n\r\n")
        assert b"400" in all_of(client)
    assert httpx.get(server.url, trust_env=False).status_code == 200


def test_a_failing_gauge_is_logged_and_fails_only_its_scrape(
    instruments: Instruments, client: httpx.Client, restored_logging: None
) -> None:
    """An exception of a source gives a 500 and a log line. The next scrape succeeds."""
    log = io.StringIO()
    configure_logging("WARNING", log)
    fail = True

    def count() -> int:
        if fail:
            raise RuntimeError("dictionary changed size during iteration")
        return 3

    instruments.bind_gauges(runs_in_progress=count, items_in_flight=lambda: 0, context_bytes=lambda: 0, actors=dict)
    response = client.get("/metrics")
    assert response.status_code == 500
    assert "dictionary" not in response.text
    line = json.loads(log.getvalue())
    assert line["event"] == "scrape_failed"
    assert "RuntimeError: dictionary changed size" in line["exception"]
    fail = False
    assert "stretto_runs_in_progress 3.0" in client.get("/metrics").text


def test_two_servers_at_once() -> None:
    """Two engines of a process each show their metrics on their own port."""
    both = [Instruments(), Instruments()]
    servers = [MetricsServer(instruments.registry) for instruments in both]
    for count, (instruments, server) in enumerate(zip(both, servers, strict=True), start=1):
        instruments.retries.inc(count)
        server.start()
    try:
        pages = [httpx.get(server.url, trust_env=False).text for server in servers]
    finally:
        for server in servers:
            server.stop()
    assert "stretto_retries_total 1.0" in pages[0]
    assert "stretto_retries_total 2.0" in pages[1]
    assert servers[0].port != servers[1].port


def test_a_port_in_use_is_an_error_that_names_the_remedy(server: MetricsServer, instruments: Instruments) -> None:
    """The error has host, port and remedy, and leaves no thread or socket behind."""
    before = set(threading.enumerate())
    second = MetricsServer(instruments.registry, port=server.port)
    with pytest.raises(CannotExpose) as caught:
        second.start()
    message = str(caught.value)
    assert f"127.0.0.1 port {server.port}" in message
    assert message.endswith(
        ": Address already in use; choose another port (0 takes any that is free) or stop the "
        "process that uses this one"
    )
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", server.port)
    assert set(threading.enumerate()) <= before
    second.stop()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_an_impossible_address_is_the_same_error(instruments: Instruments, host: str, port: int) -> None:
    """A port out of range and an address of another machine give the same kind of error."""
    with pytest.raises(CannotExpose, match=f"cannot expose metrics on {host} port {port}: .*; ch"):
        MetricsServer(instruments.registry, host, port).start()


def test_ipv6_hosts_are_bracketed(instruments: Instruments) -> None:
    """A client can open the URL of an IPv6 server."""
    assert MetricsServer(instruments.registry, "::1", 9464).url == "http://[::1]:9464/metrics"


def test_stop_leaves_no_thread_and_frees_the_port(instruments: Instruments) -> None:
    """After stop all threads have ended, and the port can be bound again."""
    before = set(threading.enumerate())
    server = MetricsServer(instruments.registry, own_loopback())
    server.start()
    httpx.get(server.url, trust_env=False)
    server.stop()
    server.stop()
    assert set(threading.enumerate()) <= before
    again = MetricsServer(instruments.registry, own_loopback(), server.port)
    again.start()
    again.stop()


def test_stop_before_start_does_nothing(instruments: Instruments) -> None:
    """A server that was never started can be stopped."""
    MetricsServer(instruments.registry).stop()


def test_a_second_start_is_an_error(server: MetricsServer) -> None:
    """A server can be started only once."""
    with pytest.raises(RuntimeError, match="already been started"):
        server.start()


def test_stop_cuts_off_silent_and_half_spoken_clients(instruments: Instruments) -> None:
    """Silent clients and incomplete requests do not delay stop, and their threads end with it."""
    before = set(threading.enumerate())
    server = MetricsServer(instruments.registry)
    server.start()
    silent, half = connect(("127.0.0.1", server.port)), connect(("127.0.0.1", server.port))
    half.sendall(b"GET /metrics HTT")
    httpx.get(server.url, trust_env=False)
    server.stop()
    with silent, half:
        assert all_of(silent) == b""
        all_of(half)
    assert set(threading.enumerate()) <= before


def test_an_idle_server_waits_without_a_timeout(instruments: Instruments, waits: SimpleQueue[float | None]) -> None:
    """Before the first scrape and after each one the selector blocks without a timeout."""
    server = MetricsServer(instruments.registry)
    server.start()
    assert waits.get(timeout=PATIENCE) is None
    for _ in range(3):
        httpx.get(server.url, trust_env=False)
        while waits.get(timeout=PATIENCE) is not None:
            pass
    server.stop()


def test_a_client_that_is_too_slow_is_cut_off(start_loop: StartLoop) -> None:
    """The time limit is for the whole connection, so the server closes one that never finishes its request."""
    address = start_loop(lambda connection: exposition.ScrapeHandler(connection, Instruments().registry), seconds=0)
    with connect(address) as client:
        assert all_of(client) == b""


def test_more_connections_than_the_limit_wait_their_turn(start_loop: StartLoop) -> None:
    """With all places taken, a client waits in the queue and is served once a place is free."""
    begun: SimpleQueue[None] = SimpleQueue()

    def echo(connection: socket.socket) -> None:
        begun.put(None)
        connection.sendall(connection.recv(100))

    address = start_loop(echo, limit=1)
    with connect(address) as first, connect(address) as second:
        begun.get(timeout=PATIENCE)
        second.sendall(b"second")
        assert begun.empty()
        first.sendall(b"first")
        assert all_of(first) == b"first"
        assert all_of(second) == b"second"
    begun.get(timeout=PATIENCE)


def test_silent_clients_do_not_shut_out_a_scrape(start_loop: StartLoop) -> None:
    """Silent clients can hold all places only until their time is over. Then the next client is served."""

    def echo(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100))

    address = start_loop(echo, limit=2, seconds=0.05)
    silent = [connect(address) for _ in range(4)]
    try:
        for client in silent:
            assert all_of(client) == b""
    finally:
        for client in silent:
            client.close()


def test_running_out_of_descriptors_pauses_and_recovers(
    start_loop: StartLoop, waits: SimpleQueue[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If accept fails, the loop pauses instead of spinning, and then serves the client."""
    now = 0.0
    monkeypatch.setattr(listener, "monotonic", lambda: now)
    monkeypatch.setattr(listener, "ACCEPT_PAUSE_SECONDS", 0.01)
    refusals = iter([OSError(24, "Too many open files")])

    class Exhausted(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            for refusal in refusals:
                raise refusal
            return super().accept()

    address = start_loop(
        lambda connection: connection.sendall(b"hello"),
        listening=lambda bound: Exhausted(fileno=bound.detach()),
    )
    with connect(address) as client:
        while waits.get(timeout=PATIENCE) != 0.01:
            pass
        now = 1.0
        assert all_of(client) == b"hello"


def test_running_out_of_threads_costs_one_connection(start_loop: StartLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread can be started, that client is turned away and the next one is served."""
    monkeypatch.setattr(listener, "ACCEPT_PAUSE_SECONDS", 0.0)
    refusals = iter([RuntimeError("can't start new thread")])

    class Refused(threading.Thread):
        def start(self) -> None:
            for refusal in refusals:
                raise refusal
            super().start()

    address = start_loop(lambda connection: connection.sendall(b"hello"))
    monkeypatch.setattr(listener, "Thread", Refused)
    received = []
    for _ in range(2):
        with connect(address) as client:
            received.append(all_of(client))
    assert received == [b"", b"hello"]


def test_a_failing_connection_does_not_affect_others(start_loop: StartLoop) -> None:
    """An error closes its connection, and the next connection is served."""
    outcomes = iter([ValueError("a defect"), BrokenPipeError("gone"), None])

    def serve(connection: socket.socket) -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        connection.sendall(b"hello")

    address = start_loop(serve)
    received = []
    for _ in range(3):
        with connect(address) as client:
            received.append(all_of(client))
    assert received == [b"", b"", b"hello"]


def test_nothing_is_written_per_request(client: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither scrapes nor refusals leave a line on standard output or standard error."""
    for method, path in (("GET", "/metrics"), ("GET", "/nowhere"), ("POST", "/metrics")):
        client.request(method, path)
    assert capfd.readouterr() == ("", "")
