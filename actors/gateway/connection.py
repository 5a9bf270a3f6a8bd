"""One client's connection, with bounds on the request's size and on waiting times."""

import asyncio
import contextlib
from typing import Final

from stretto.actors.access import Caller
from stretto.actors.gateway.protocol import MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, BadFrame, encode, read_request
from stretto.actors.operations import Answer, Refused, Request
from stretto.definitions.errors import LimitExceeded, StrettoError

REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send its request."""
SEND_SECONDS: Final = 30.0
"""How long a client may leave an answer unread that does not fit into the socket."""
READ_BYTES: Final = 64 * 1024
"""How much of a request is read at a time, and the limit of the stream's own buffer."""
UNCOUNTED_BYTES: Final = 64 * 1024
"""Requests up to this size are received even while all of MAX_REQUESTS_BYTES is in use."""
MAX_REQUESTS_BYTES: Final = 64 * 1024 * 1024
"""The bound on the bytes of all requests that are being received."""


class ServerBusy(StrettoError):
    """The daemon cannot receive the request at the moment."""

    code = "busy"


class RequestMemory:
    """The bytes of all requests that are being received, beyond UNCOUNTED_BYTES each. For one event loop.

    Attributes:
        used: The number of bytes.
    """

    def __init__(self) -> None:
        self.used = 0

    def take(self, count: int) -> None:
        """Count bytes. Raises ServerBusy, and then counts nothing."""
        if self.used + count > MAX_REQUESTS_BYTES:
            raise ServerBusy(
                f"the requests being received must have at most {MAX_REQUESTS_BYTES:,} bytes together "
                "(MAX_REQUESTS_BYTES); send the request again"
            )
        self.used += count

    def give_back(self, count: int) -> None:
        """Release bytes."""
        self.used -= count


class Connection:
    """Reads the one request, and sends answers.

    Attributes:
        caller: Who is at the other end.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, memory: RequestMemory, caller: Caller
    ) -> None:
        self.caller = caller
        self._reader = reader
        self._writer = writer
        self._memory = memory
        self._sent_more = False

    async def request(self) -> Request | None:
        """Return the request, or None if the client leaves without one.

        Raises `BadFrame`, `LimitExceeded`, `ServerBusy`, and TimeoutError.
        """
        received = bytearray()
        counted = 0
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                while (end := received.find(b"\n", max(len(received) - READ_BYTES, 0))) < 0:
                    if len(received) > MAX_REQUEST_BYTES:
                        raise LimitExceeded(
                            f"a request must have at most {MAX_REQUEST_BYTES:,} bytes (MAX_REQUEST_BYTES)"
                        )
                    some = await self._reader.read(READ_BYTES)
                    if not some:
                        break
                    more = max(len(received) + len(some) - UNCOUNTED_BYTES, 0) - counted
                    self._memory.take(more)
                    counted += more
                    received += some
            if end < 0:
                if not received:
                    return None
                raise BadFrame("a request must end with a newline")
            self._sent_more = len(received) > end + 1
            return read_request(bytes(memoryview(received)[: end + 1]))
        finally:
            self._memory.give_back(counted)

    async def send(self, answer: Answer) -> None:
        """Send an answer. Raises ConnectionError if the client is gone, TimeoutError if it does not read."""
        frame = encode(answer)
        if len(frame) > MAX_ANSWER_BYTES:
            message = f"the answer has {len(frame):,} bytes, more than MAX_ANSWER_BYTES ({MAX_ANSWER_BYTES:,})"
            frame = encode(Refused(LimitExceeded.code, message))
        self._writer.write(frame)
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.drain()

    async def left(self) -> None:
        """Wait until the client closes its end, or sends more than its one request."""
        if self._sent_more:
            return
        with contextlib.suppress(ConnectionError):
            await self._reader.read(1)

    async def close(self) -> None:
        """Close the connection once everything is in the socket. Raises as `send` does."""
        self._writer.close()
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.wait_closed()

    def cut_off(self) -> None:
        """Close the connection at once and drop unsent data."""
        self._writer.transport.abort()
