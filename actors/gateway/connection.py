"""One client's connection, with bounds on the request's size and on waiting times."""

import asyncio
import contextlib
from typing import Final

from stretto.actors.gateway.protocol import MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, BadFrame, encode, read_request
from stretto.actors.operations import Answer, Refused, Request
from stretto.definitions.errors import LimitExceeded

REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send its request."""
SEND_SECONDS: Final = 30.0
"""How long a client may leave an answer unread that does not fit into the socket."""


class Connection:
    """Reads the one request, and sends answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> Request | None:
        """Return the request, or None if the client leaves without one.

        Raises `BadFrame`, `LimitExceeded`, and TimeoutError.
        """
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                return None
            raise BadFrame("a request must end with a newline") from None
        except asyncio.LimitOverrunError:
            raise LimitExceeded(
                f"a request must have at most {MAX_REQUEST_BYTES:,} bytes (MAX_REQUEST_BYTES)"
            ) from None
        return read_request(line)

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
