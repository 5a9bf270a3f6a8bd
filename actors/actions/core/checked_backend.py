"""Connections of core.http to checked addresses only. The check is of the very address of the connection.

A host is resolved once and its addresses are checked. The connection goes to a checked address. A second look-up, in
which the name could point elsewhere, never happens. The peer of the connection is checked before anything is sent.
Redirects connect through here as well. The Host header and the TLS server name stay those of the URL.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final

import httpcore

from stretto.actors.actions.core.addresses import AddressPolicy

# One of several addresses may never answer. After this time the next one is tried.
CONNECT_SECONDS_AN_ADDRESS: Final = 10.0


class AddressDenied(httpcore.ConnectError):
    """Every address of the host is denied."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a host, checks its addresses, and connects to a checked one."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the host's first allowed address that answers."""
        addresses = await _resolve(host, port)
        allowed = [address for address in addresses if not self._policy.denies(address)]
        if not allowed:
            raise _denied_error(self._policy, addresses[0])
        *first, last = allowed
        for address in first:
            try:
                stream = await self._network.connect_tcp(
                    address, port, CONNECT_SECONDS_AN_ADDRESS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
            return await self._checked(stream)
        return await self._checked(await self._network.connect_tcp(last, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)

    async def _checked(self, stream: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
        """Check where the kernel has connected to. Nothing has been sent yet."""
        peer = stream.get_extra_info("server_addr")
        if peer is None:
            await stream.aclose()
            raise httpcore.ConnectError("the connection was reset at once")
        if self._policy.denies(peer[0]):
            await stream.aclose()
            raise _denied_error(self._policy, peer[0])
        return _Stream(stream)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that closes when its TLS handshake is cancelled. httpcore's own would stay open."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


async def _resolve(host: str, port: int) -> list[str]:
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _denied_error(policy: AddressPolicy, address: str) -> AddressDenied:
    denied = policy.denied(address)
    message = f"{denied} is denied by http.deny; to connect, add it to http.allow"
    return AddressDenied(message if str(denied) == address else f"{message} ({address} reaches it)")
