"""One client's connection: bounded in what it may send, and in how long it may keep anybody waiting."""

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
        """Return the request; None when the client leaves without one.

        Raises `BadFrame`, `LimitExceeded`, and TimeoutError.
        """
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                return None
            raise BadFrame("the request does not end with a newline") from None
        except asyncio.LimitOverrunError:
            raise LimitExceeded(f"a request has at most {MAX_REQUEST_BYTES:,} bytes (MAX_REQUEST_BYTES)") from None
        return read_request(line)

    async def send(self, answer: Answer) -> None:
        """Send an answer. Raises ConnectionError when the client is gone, TimeoutError when it does not read."""
        frame = encode(answer)
        if len(frame) > MAX_ANSWER_BYTES:
            told = f"the answer has {len(frame):,} bytes, more than MAX_ANSWER_BYTES ({MAX_ANSWER_BYTES:,})"
            frame = encode(Refused(LimitExceeded.code, told))
        self._writer.write(frame)
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.drain()

    async def left(self) -> None:
        """Return when the client has closed its end (or sent more than its one request)."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read(1)

    async def close(self) -> None:
        """Close the connection when all is in the socket. Raises as `send` does."""
        self._writer.close()
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.wait_closed()

    def cut_off(self) -> None:
        """Close the connection at once, whatever is left to send."""
        self._writer.transport.abort()
