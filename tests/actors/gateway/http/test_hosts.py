"""A request on the port must call the daemon by a name of its own."""

from typing import Any

import pytest

from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.hosts import Hosts, hosts_of
from stretto.actors.gateway.http.problems import Problem

HOSTS = Hosts(["Stretto.example"], "api.example")


def scope(*hosts: str, address: str = "127.0.0.1", server: str = "127.0.0.1") -> dict[str, Any]:
    """Return a request's scope."""
    headers = [(b"host", host.encode()) for host in hosts]
    return {"state": {"peer": Peer(address, None)}, "headers": headers, "server": (server, 8420)}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8420",
        "localhost",
        "LOCALHOST:9",
        "stretto.example",
        "STRETTO.EXAMPLE:443",
        " localhost ",
        "api.example",
    ],
)
def test_its_own_names_are_right(host: str) -> None:
    """With any port and in any case."""
    HOSTS.check(scope(host))


def test_an_address_of_ipv6_is_right() -> None:
    """In brackets, as a URL has it."""
    HOSTS.check(scope("[::1]:8420", address="::1", server="::1"))
    assert hosts_of([(b"host", b"[::1]"), (b"accept", b"x")]) == ["::1"]


@pytest.mark.parametrize(
    "hosts",
    [
        ("evil.example",),
        ("localhost.evil.example",),
        ("evil.example:127.0.0.1",),
        ("127.0.0.2",),
        ("",),
        (),
        ("localhost", "localhost"),
        ("localhost@evil.example",),
        ("localhost:80@evil.example",),
        ("localhost:1/x",),
        ("localhost:abc",),
        ("localhost:65536",),
        ("[127.0.0.1]evil.example",),
        ("stretto.example.",),
    ],
)
def test_other_names_are_refused(hosts: tuple[str, ...]) -> None:
    """So are none and several."""
    with pytest.raises(Problem, match=r"serve\.hosts") as refused:
        HOSTS.check(scope(*hosts))
    assert refused.value.code == "misdirected_request"


def test_the_socket_has_no_names() -> None:
    """No page of another site reaches it."""
    HOSTS.check(scope("anything", address=""))
