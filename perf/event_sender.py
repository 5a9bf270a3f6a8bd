"""Sends events over kept connections as cheaply as Python can: over raw sockets, with no library.

A process of its own, so that its processor time and its turns are not the daemon's. `event_rate.py` starts it.
"""

import argparse
import json
import select
import socket
import time
from collections import deque
from urllib.parse import urlsplit

KINDS = 100
"""One event in ten has one of so many kinds, each of which a rule asks for."""
STARTING = 10
ACCEPTED = b"HTTP/1.1 202"


class Sender:
    """Sends events, each at its time, whether or not the earlier ones are answered.

    Attributes:
        took: The seconds of each acknowledgement, from the time at which its event was due.
        late: The most seconds by which an event was sent after it was due although a connection was free.
        failed: The events that were not acknowledged.
        refusal: The first line of the last refusal.
    """

    def __init__(self, url: str, secret: str, connections: int) -> None:
        place = urlsplit(url)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._free: deque[int] = deque()
        self._sent: dict[int, float] = {}
        """When the event on each connection was due."""
        self._parts: dict[int, bytes] = {}
        """The begin of an answer that has come in parts."""
        self._head = (
            "POST /api/v1/hooks/orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {secret}\r\ncontent-length: "
        ).encode()
        self._note = "x" * 200
        self.took: list[float] = []
        self.late = 0.0
        self.failed = 0
        self.refusal = ""
        for _ in range(connections):
            connection = socket.create_connection((place.hostname or "", place.port or 0))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(0)
            self._sockets[connection.fileno()] = connection
            self._free.append(connection.fileno())
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def send_at(self, rate: float, seconds: float, first: int = 0) -> None:
        """Send events at a rate, and wait for all answers."""
        began = time.perf_counter()
        order, last = 0, int(rate * seconds)
        waiting: deque[tuple[int, float]] = deque()
        while order < last or waiting or self._sent:
            now = time.perf_counter()
            while order < last and began + order / rate <= now:
                due = began + order / rate
                if self._free:
                    self.late = max(self.late, now - due)
                waiting.append((first + order, due))
                order += 1
            while waiting and self._free:
                self._send(*waiting.popleft())
            wait = max(began + order / rate - time.perf_counter(), 0.0) if order < last else 1.0
            self._take(wait)

    def send_for(self, seconds: float) -> None:
        """Send events on all connections, each as soon as the last one is answered."""
        end = time.perf_counter() + seconds
        order = 0
        while time.perf_counter() < end:
            while self._free:
                self._send(order, time.perf_counter())
                order += 1
            self._take(1.0)
        while self._sent:
            self._take(1.0)

    def _send(self, order: int, due: float) -> None:
        kind = f"kind{order // STARTING % KINDS}" if order % STARTING == 0 else "other"
        body = f'{{"order":{order},"kind":"{kind}","note":"{self._note}"}}'.encode()
        descriptor = self._free.popleft()
        self._sent[descriptor] = due
        self._sockets[descriptor].sendall(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))

    def _take(self, wait: float) -> None:
        for descriptor, _mask in self._poll.poll(wait):
            data = self._parts.pop(descriptor, b"") + self._sockets[descriptor].recv(65_536)
            now = time.perf_counter()
            if not data:
                raise ConnectionError("the daemon has closed a connection")
            if not _is_whole(data):
                self._parts[descriptor] = data
                continue
            due = self._sent.pop(descriptor)
            self._free.append(descriptor)
            if data.startswith(ACCEPTED):
                self.took.append(now - due)
            else:
                self.failed += 1
                self.refusal = data.split(b"\r\n", 1)[0].decode()


def _is_whole(data: bytes) -> bool:
    begin = data.find(b"content-length: ")
    end = data.find(b"\r\n\r\n")
    if begin < 0 or end < 0:
        return False
    return len(data) >= end + 4 + int(data[begin + 16 : data.index(b"\r\n", begin)])


def main() -> None:
    """Send the events, and print what came of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("secret")
    parser.add_argument("--rate", type=float, required=True, help="events a second, or 0 for as many as are answered")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    arguments = parser.parse_args()
    sender = Sender(arguments.url, arguments.secret, arguments.connections)
    # So that the daemon knows the client of each connection, and has written each rule once.
    sender.send_at(max(arguments.rate / 2, 200), 2)
    sender.took.clear()
    sender.late = 0.0
    print("ready", flush=True)
    input()
    began, used = time.perf_counter(), time.process_time()
    if arguments.rate:
        sender.send_at(arguments.rate, arguments.seconds)
    else:
        sender.send_for(arguments.seconds)
    print(json.dumps({
        "took": sorted(sender.took), "late": sender.late, "failed": sender.failed, "refusal": sender.refusal,
        "seconds": time.perf_counter() - began, "cpu": time.process_time() - used,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
