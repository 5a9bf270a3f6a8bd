"""An HTTP server on a free port of the loopback address that answers every request a second after it came.

python perf/slow_server.py     prints its port, and serves until its input ends
"""

import asyncio
import sys

ANSWER_SECONDS = 1.0
BACKLOG = 4096
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a connection, one after the other."""
    try:
        while (await reader.readline()).strip():
            while (await reader.readline()).strip():
                pass
            await asyncio.sleep(ANSWER_SECONDS)
            writer.write(ANSWER)
            await writer.drain()
    except ConnectionError:
        pass  # whoever asked has gone
    finally:
        writer.close()


async def serve() -> None:
    """Serve until the input ends."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
