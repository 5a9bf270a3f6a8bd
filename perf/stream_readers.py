"""Connections that read an event stream each, to its end. `streams.py` starts this process.

    python perf/stream_readers.py URL PATH TOKEN STREAMS

It prints `open` when each has the run's state, and `ended` when each has the run's outcome and is closed.
"""

import resource
import selectors
import socket
import sys
from urllib.parse import urlsplit

SOURCES = 4
"""Addresses that the connections come from: a daemon bounds the connections of one."""
READ_BYTES = 256 * 1024
STATE, OUTCOME = b"event: hello\n", b"event: ended\n"


class Reader:
    """A connection, and what it has seen."""

    def __init__(self, number: int, address: tuple[str, int], request: bytes) -> None:
        source = f"127.0.0.{2 + number % SOURCES}", 0
        self.socket = socket.create_connection(address, source_address=source)
        self.socket.sendall(request)
        self.has_state = self.has_outcome = False
        self._end = b""

    def read(self) -> bool:
        """Read what is there. Return whether more may come."""
        data = self.socket.recv(READ_BYTES)
        seen = self._end + data
        self.has_state = self.has_state or STATE in seen
        self.has_outcome = self.has_outcome or OUTCOME in seen
        self._end = seen[-len(OUTCOME) :]  # an event's name may be split
        return bool(data)


def main(url: str, path: str, token: str, streams: str) -> None:
    """Open the streams and read them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parts = urlsplit(url)
    address = parts.hostname or "", parts.port or 0
    request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    readers = [Reader(number, address, request) for number in range(int(streams))]
    selector = selectors.DefaultSelector()
    for each in readers:
        selector.register(each.socket, selectors.EVENT_READ, each)
    is_told = False
    while selector.get_map():
        for key, _ in selector.select():
            if not key.data.read():
                selector.unregister(key.fileobj)
                key.data.socket.close()
        if not is_told and all(each.has_state for each in readers):
            is_told = True
            print("open", flush=True)
    assert all(each.has_outcome for each in readers)
    print("ended", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
