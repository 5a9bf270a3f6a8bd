"""A port that other machines reach is guarded by tokens, and by TLS or a proxy."""

import time
from pathlib import Path

import pytest

from stretto.actors.gateway.exposure import certificate_of, check_exposure, check_tokens, is_loopback, network_of
from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.journal import TokenRecord
from stretto.actors.settings import ServeSettings


def token(expires_at: float | None = None, revoked_at: float | None = None) -> TokenRecord:
    """Return a token."""
    return TokenRecord(
        id="i", name="n", role="admin", digest="d", made_at=0.0, made_by="me", expires_at=expires_at,
        revoked_at=revoked_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("a.example", False)],
)
def test_which_hosts_only_this_machine_can_reach(host: str, loopback: bool) -> None:
    """Loopback addresses, and `localhost`."""
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_clients_of_ipv6_are_counted_by_their_network(address: str, network: str) -> None:
    """A machine has all addresses of its own."""
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (ServeSettings(host="0.0.0.0", tokens_file="t"), "set serve.tls_cert and serve.tls_key, or serve.behind_proxy"),
        (
            ServeSettings(host="::", tls_cert="c", tls_key="k"),
            "no place for tokens: set engine.store or serve.tokens_file",
        ),
        (ServeSettings(host="10.0.0.1", behind_proxy=("10.0.0.2",)), "no place for tokens"),
    ],
)
def test_other_machines_need_a_guarded_port(serve: ServeSettings, said: str) -> None:
    """The message has the remedy."""
    with pytest.raises(CannotServe, match=said) as refused:
        check_exposure(serve, stored=False)
    assert serve.host in str(refused.value)


@pytest.mark.parametrize(
    "serve",
    [
        ServeSettings(),
        ServeSettings(host="0.0.0.0", insecure_bind=True),
        ServeSettings(host="0.0.0.0", tls_cert="c", tls_key="k", tokens_file="t"),
        ServeSettings(host="0.0.0.0", behind_proxy=("10.0.0.0/8",), tokens_file="t"),
    ],
)
def test_guarded_ports_are_allowed(serve: ServeSettings) -> None:
    """So are loopback, and an address that is insecure by its own setting."""
    check_exposure(serve, stored=False)


def test_other_machines_need_a_valid_token() -> None:
    """Neither a revoked nor an expired one."""
    serve = ServeSettings(host="0.0.0.0", behind_proxy=("10.0.0.2",), tokens_file="t")
    for useless in ([], [token(revoked_at=1.0)], [token(expires_at=1.0)]):
        with pytest.raises(CannotServe, match="no token is valid: make one first with `stretto tokens create"):
            check_tokens(serve, useless)
    check_tokens(serve, [token()])
    check_tokens(serve, [token(expires_at=time.time() + 60.0)])
    check_tokens(ServeSettings(), [])
    check_tokens(ServeSettings(host="0.0.0.0", insecure_bind=True), [])


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    """Either both are set or none."""
    assert certificate_of(ServeSettings()) is None
    with pytest.raises(CannotServe, match=r"serve\.tls_key is not set"):
        certificate_of(ServeSettings(tls_cert=str(tmp_path)))
    with pytest.raises(CannotServe, match=r"serve\.tls_cert is not set"):
        certificate_of(ServeSettings(tls_key=str(tmp_path)))
