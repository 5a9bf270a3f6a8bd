"""The spellings of addresses that core.http must not connect to: the connection is judged, not the text."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from stretto.actors.actions import ActionFailed
from stretto.actors.actions.core import http
from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_connection import Origin, connect
from stretto.actors.actions.core.http_errors import AddressDenied
from stretto.actors.actions.core.http_settings import HttpSettings, close_connections, use_http_settings
from stretto.actors.actions.core.networks import addresses_reached

LOOPBACK: Final = AddressPolicy(deny=(ipaddress.ip_network("127.0.0.0/8"),))
PRIVATE: Final = AddressPolicy(deny=tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "10.0.0.0/8"))))

OF_THIS_MACHINE: Final = (
    # dotted, short, decimal, octal and hexadecimal
    "127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "127.1.1", "127.255.255.254", "2130706433", "2130706434",
    "017700000001", "0177.0.0.1", "0177.0.0.01", "0177.1", "00000177.0.0.1", "0x7f000001", "0x7F000001", "0x7f.0.0.1",
    "0x7f.0.0.0x1", "0X7F.1", "0x7f.0x0.0x0.0x1", "127.0.0.0x1", "127.0.0.01", "127.0x0.0.1", "127.00.00.01",
    "0x7f.1", "127.65535", "127.0.65535", "0x7fffffff",
    # unspecified
    "0.0.0.0", "0", "00", "0x0", "0x00000000", "0.0", "0.0.0", "000.000.000.000", "0x0.0", "[::]", "[0::0]",
    "[0:0:0:0:0:0:0:0]", "[::0.0.0.0]",
    # IPv6's own loopback, which reaches the same servers
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[0000::1]", "[::0.0.0.1]",
    # IPv4-mapped, -translated and -compatible
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::ffff:127.1.2.3]",
    "[::ffff:0.0.0.0]", "[::ffff:0:0]", "[::ffff:0:127.0.0.1]", "[::ffff:0:7f00:1]", "[::127.0.0.1]", "[::7f00:1]",
    "[::127.255.255.255]",
    # 6to4
    "[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2002:7f00:1:0:0:0:0:0]", "[2002:7fff:ffff:1:2:3:4:5]", "[2002::]",
    "[2002:0:0::1]",
    # NAT64, with its prefixes of local use
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:FF9B::7F00:1]", "[0064:ff9b::127.9.9.9]", "[64:ff9b::0.0.0.0]",
    "[64:ff9b:1::127.0.0.1]", "[64:ff9b:1:7f00:0:100::]", "[64:ff9b:1:7f:0:1::]", "[64:ff9b:1:127f:0:1::]",
    "[64:ff9b:1:0:7f:0:100:0]", "[64:ff9b:1:abcd:7f:0:100:0]", "[64:ff9b:1:ffff:ffff:ffff:127.0.0.1]",
    # Teredo: the server in clear text, the client inverted
    "[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2001::80ff:fffe]", "[2001:0:1:2:3:4:ffff:ffff]",
    # ISATAP
    "[fd00::5efe:127.0.0.1]", "[2001:db8::200:5efe:7f00:1]", "[fe80::5efe:127.0.0.1]",
    # names, other digits and other dots
    "localhost", "LOCALHOST", "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "127．0．0．1",  # noqa: RUF001
)  # fmt: skip
OF_METADATA: Final = (
    "169.254.169.254", "169.254.43518", "169.16689662", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE",
    "025177524776", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]",
    "[::ffff:0:169.254.169.254]", "[2002:a9fe:a9fe::]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::169.254.169.254]",
    "[64:ff9b:1:a9fe:a9:fe00::]", "[2001:0:a9fe:a9fe::]", "[2001:0:1:2:3:4:5601:5601]", "[fe80::1]",
    "[fe80::a9fe:a9fe]", "[febf::1]", "[2002:6464:64c8::1]", "[::ffff:100.100.100.200]", "[64:ff9b:1::168.63.129.16]",
    "１６９.254.169.254",  # noqa: RUF001
)  # fmt: skip
OF_OTHERS: Final = (
    "192.0.2.1", "128.0.0.1", "126.255.255.255", "1.0.0.127", "2001:db8::1", "2002:c000:201::", "64:ff9b::192.0.2.1",
    "64:ff9b:1::192.0.2.1", "2606:4700::7f00:1", "2001:db8::127.0.0.1", "2001:470:7f00:1::", "::ffff:192.0.2.1",
    "2001:0:c000:201::3fff:fdfe",
)  # fmt: skip


class Listener:
    """Servers at 127.0.0.1 and, if there is IPv6, at ::1, on one port. They count their connections."""

    def __init__(self) -> None:
        self.accepted = 0
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        if socket.has_ipv6:
            with contextlib.suppress(OSError):  # no IPv6 on this machine
                self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self._threads = [threading.Thread(target=self._serve, args=(each,)) for each in self._sockets]
        for thread in self._threads:
            thread.start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                if connection.recv(65_536):
                    self.accepted += 1
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        for each in self._sockets:
            each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def request(url: str, policy: AddressPolicy) -> dict[str, Any]:
    async def once() -> dict[str, Any]:
        use_http_settings(asyncio.get_running_loop(), HttpSettings(policy))
        try:
            result: dict[str, Any] = await http.http(url=url, timeout=5)
            return result
        finally:
            await close_connections()

    return asyncio.run(once())


def test_the_table_has_a_hundred_spellings() -> None:
    """Each of them once."""
    table = OF_THIS_MACHINE + OF_METADATA
    assert len(set(table)) == len(table) >= 100


@pytest.mark.parametrize("host", OF_THIS_MACHINE)
def test_no_spelling_of_this_machine_passes_a_denied_loopback(host: str, listener: Listener) -> None:
    """The server that listens gets no request. A spelling that means nothing here fails as well."""
    before = listener.accepted
    with pytest.raises(ActionFailed) as failed:
        request(f"http://{host}:{listener.port}/", LOOPBACK)
    assert listener.accepted == before
    assert any(text in str(failed.value) for text in ("denied by http.deny", "is not a valid URL"))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "0", "2130706433", "0x7f.1", "localhost"])
def test_the_same_spellings_connect_where_loopback_is_allowed(host: str, listener: Listener) -> None:
    """By default, and as an exception: the spellings above do reach the server."""
    before = listener.accepted
    assert request(f"http://{host}:{listener.port}/", AddressPolicy())["status_code"] == 204
    assert request(f"http://{host}:{listener.port}/", AddressPolicy(LOOPBACK.deny, LOOPBACK.deny))["status_code"] == 204
    assert listener.accepted == before + 2


@pytest.mark.parametrize("host", OF_METADATA)
def test_no_spelling_of_link_local_and_metadata_addresses_passes(host: str) -> None:
    """The default networks are judged as any others."""
    with pytest.raises(ActionFailed, match=r"denied by http\.deny|is not a valid URL"):
        request(f"http://{host}/latest/meta-data", AddressPolicy())


@pytest.mark.parametrize("address", OF_OTHERS)
def test_other_addresses_are_not_denied(address: str) -> None:
    """An address that contains other addresses, or none, is allowed."""
    assert not LOOPBACK.denies(address)
    assert not AddressPolicy().denies(address)


def test_scoped_addresses_are_judged_without_their_interface() -> None:
    """The interface decides how an address is reached, not which it is."""
    for address in ("fe80::1%eth0", "fe80::1%1", "::1%lo", "::ffff:127.0.0.1%lo", "2002:7f00:1::%lo"):
        assert AddressPolicy().denies(address) or LOOPBACK.denies(address), address


def test_the_error_names_the_denied_address_and_the_given_one() -> None:
    """It says what to add to http.allow."""
    with pytest.raises(ActionFailed, match=r"10\.1\.2\.3 is denied by http\.deny; .* \(2002:a01:203::5 reaches it\)"):
        request("http://[2002:a01:203::5]/", PRIVATE)


def test_an_allowed_address_is_allowed_in_all_its_forms() -> None:
    """An exception names the address that is reached, once."""
    policy = AddressPolicy(PRIVATE.deny, (ipaddress.ip_network("10.0.0.7/32"),))
    for address in ("10.0.0.7", "::ffff:10.0.0.7", "64:ff9b::10.0.0.7", "2002:a00:7::1"):
        assert not policy.denies(address), address
        assert ipaddress.ip_address("10.0.0.7") in addresses_reached(address)


def test_the_peer_of_a_connection_is_judged_before_anything_is_sent(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line: a kernel that connects to another address than the judged one."""
    sock_connect = asyncio.SelectorEventLoop.sock_connect

    async def elsewhere(self: Any, made: socket.socket, _address: Any) -> None:
        await sock_connect(self, made, ("127.0.0.1", listener.port))

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", elsewhere)
    before = listener.accepted
    with pytest.raises(AddressDenied, match=r"127\.0\.0\.1 is denied"):
        asyncio.run(connect(Origin("http", "192.0.2.1", listener.port, verify=True), LOOPBACK, None))
    assert listener.accepted == before
