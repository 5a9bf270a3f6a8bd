"""An HTTP server on a free port of the loopback address that answers every request at once.

python perf/fast_server.py     prints its port, and serves until its input ends
"""

import asyncio
import sys
from typing import cast

BACKLOG = 4096
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'


class Answering(asyncio.Protocol):
    """Answers the requests of a connection, which have no bodies and come whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request."""
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def serve() -> None:
    """Serve until the input ends."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
