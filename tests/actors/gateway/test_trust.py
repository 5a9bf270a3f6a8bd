"""A client checks the certificate of a daemon, and does not come back to one that it cannot trust."""

import asyncio
from pathlib import Path

import pytest

from stretto.actors import connect, connect_async
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.trust import UntrustedDaemon, client_context
from stretto.actors.gateway.wire import DaemonUnreachable, RequestRefused
from stretto.actors.operations import Definitions
from stretto.actors.settings import ServeSettings
from tests.support.certificates import Authority
from tests.support.gateways import opened_gateway


def test_a_client_says_why_it_does_not_trust_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its authority is not known, or it is another host's. A trusted daemon is asked, which then asks for a token."""
    authority = Authority(tmp_path)
    files = authority.issue("port", "127.0.0.1")
    serve = ServeSettings(tls_cert=str(files.cert), tls_key=str(files.key))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    async def ask(url: str) -> None:
        async with connect_async(url) as engine:
            await engine.workflows()

    with opened_gateway(tmp_path, serve=serve) as opened:
        unknown = (
            f"the certificate of the daemon at {opened.url}: unable to get local issuer certificate; set SSL_CERT_FILE"
        )
        with pytest.raises(UntrustedDaemon, match=unknown):
            Client(opened.url).ask(Definitions())
        with connect(opened.url).blocking() as engine, pytest.raises(UntrustedDaemon, match=unknown):
            engine.workflows()
        with pytest.raises(UntrustedDaemon, match=unknown):
            asyncio.run(ask(opened.url))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with pytest.raises(UntrustedDaemon, match=r"certificate is not valid for 'localhost'\.?$"):
            Client(opened.url.replace("127.0.0.1", "localhost")).ask(Definitions())
        with pytest.raises(RequestRefused, match="a token is needed"):
            Client(opened.url).ask(Definitions())
        with pytest.raises(RequestRefused, match="a token is needed"):
            asyncio.run(ask(opened.url))


def test_a_port_that_does_not_speak_tls(tmp_path: Path) -> None:
    """The error names the scheme to use."""
    with opened_gateway(tmp_path) as opened, pytest.raises(DaemonUnreachable, match="does not speak TLS: use http://"):
        Client(opened.url.replace("http:", "https:")).ask(Definitions())


def test_a_port_that_speaks_tls(tmp_path: Path) -> None:
    """It closes the connection of a client that does not. The error names the scheme that may be meant."""
    files = Authority(tmp_path).issue("port", "127.0.0.1")
    serve = ServeSettings(tls_cert=str(files.cert), tls_key=str(files.key))
    with opened_gateway(tmp_path, serve=serve) as opened, pytest.raises(DaemonUnreachable, match="use https://"):
        Client(opened.url.replace("https:", "http:")).ask(Definitions())


def test_the_authorities_are_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again for another file."""
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).file))
    first = client_context()
    assert client_context() is first
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path / "other").file))
    assert client_context() is not first
