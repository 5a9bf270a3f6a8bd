"""The URLs by which clients call the daemon."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.http.origins import Origins, origin_of
from stretto.actors.operations import API
from stretto.actors.settings import ServeSettings
from tests.support.gateways import exchange, post, with_port

ECHO = {"file": "echo.yaml", "text": 'version: "1.0.0"\nref: test.echo\ntasks: [{name: echo, action: core.noop}]\n'}


def scope(*hosts: str, scheme: str = "http") -> dict[str, Any]:
    """Return a request's scope."""
    return {"scheme": scheme, "headers": [(b"host", host.encode("latin-1")) for host in hosts]}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Stretto.Example.com/", "https://stretto.example.com"),
        ("https://stretto.example.com:443", "https://stretto.example.com"),
        ("http://a:80/x?y", "http://a"),
        ("http://a:443", "http://a:443"),
        ("http://[::1]:8420", "http://[::1]:8420"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    """In lower case, without a path and without the port of its scheme."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["null", "", "https://", "http://a:b", "http://a:70000"])
def test_what_has_no_host_or_no_port_has_no_origin(url: str) -> None:
    """A page of a file sends `null`."""
    with pytest.raises(ValueError, match=r"needs a host|Port"):
        origin_of(url)
    assert not Origins("http://127.0.0.1:8420").is_own(url, scope(url))


def test_links_begin_with_the_public_url() -> None:
    """Without one they are paths, and absolute ones begin with the port's URL."""
    public = Origins("http://127.0.0.1:8420", "https://stretto.example/")
    assert (public.base, public.link("/x"), public.public_host) == (
        "https://stretto.example", "https://stretto.example/x", "stretto.example",
    )  # fmt: skip
    private = Origins("http://127.0.0.1:8420")
    assert (private.base, private.link("/x"), private.public_host) == ("http://127.0.0.1:8420", "/x", None)


def test_cookies_are_secure_under_tls() -> None:
    """The daemon's own, or the proxy's, of which the public URL tells."""
    private = Origins("http://127.0.0.1:8420")
    assert [private.is_secure(scope(scheme=scheme)) for scheme in ("http", "https")] == [False, True]
    assert Origins("http://127.0.0.1:8420", "https://a").is_secure(scope())
    assert not Origins("http://127.0.0.1:8420", "http://a").is_secure(scope())


def test_pages_are_its_own_by_their_origin() -> None:
    """That of the Host that was called, with its scheme and port, or that of the public URL."""
    origins = Origins("http://127.0.0.1:8420", "https://stretto.example")
    called = scope("127.0.0.1:8420")
    for own in (
        "http://127.0.0.1:8420",
        "HTTP://127.0.0.1:8420",
        "https://stretto.example",
        "https://stretto.example:443",
    ):
        assert origins.is_own(own, called), own
    for foreign in (
        "https://127.0.0.1:8420",
        "http://127.0.0.1",
        "http://stretto.example",
        "https://x.stretto.example",
    ):
        assert not origins.is_own(foreign, called), foreign


def test_a_new_run_is_at_the_public_url(tmp_path: Path) -> None:
    """Location is a whole URL then, and the public name is a right Host."""

    async def test(client: Any, url: str) -> None:
        reply = await exchange(client, post(f"{API}/runs", {"workflow": ECHO}))
        assert reply.headers["location"] == f"https://stretto.example{API}/runs/{reply.json['run']}"
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: stretto.example\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()

    with_port(tmp_path, test, serve=ServeSettings(public_url="https://stretto.example"))
