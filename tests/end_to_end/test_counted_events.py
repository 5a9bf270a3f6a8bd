"""What an event of a webhook costs, counted: calls of Python functions, and statements of the store.

A change that has every event do more fails here, without a clock.
"""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine as Database

from stretto.actors.dispatch import Deferred
from tests.support.counted_sql import counting
from tests.support.events import answer_of, event
from tests.support.gateways import http, opened_gateway
from tests.support.waiting import PATIENCE

EVENTS = 50
MOST_CALLS = 280
"""Of functions of Stretto, Pykka, Starlette, uvicorn and h11, for an event that comes alone and without a rule."""
SECRET = "a-token-of-a-hook"
OURS = ("stretto.", "pykka.", "starlette.", "uvicorn.", "h11.")
OF_TURNS = ("GuestQueue.", "_Line.", "PacedSelector.", "Budget.", "Dispatcher.")
"""The functions that each turn of the loop calls. The number of turns is the kernel's."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of definitions with a hook and a rule that answers none of its events."""
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "secret").write_text(SECRET)
    (made / "hook.yaml").write_text("hook: orders\nsecret: {file: secret}\n")
    (made / "rule.yaml").write_text("on: {event: orders, when: \"payload.kind == 'a'\"}\nrun: core.noop\n")
    return made


@contextmanager
def profiled(calls: Counter[str]) -> Iterator[None]:
    """Count calls on all threads that start in the `with` block."""

    def count(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_globals.get("__name__", "").startswith(OURS):
            calls[frame.f_code.co_qualname] += 1

    threading.setprofile(count)
    try:
        yield
    finally:
        threading.setprofile(None)
        sys.setprofile(None)


def send(connection: socket.socket, count: int) -> None:
    """Send events, each after the answer to the last one."""
    body = b'{"kind": "b", "order": 17}'
    data = http("POST", "/api/v1/hooks/orders", body, connection="keep-alive", authorization=f"Bearer {SECRET}")
    for _ in range(count):
        connection.sendall(data)
        answer = b""
        while b'"evt-' not in answer or not answer.endswith(b"}"):
            answer += connection.recv(65_536)


@pytest.mark.own_process("the threads of a pool that starts are counted with it")
def test_the_calls_for_an_event_are_few(tmp_path: Path, folder: Path, sqlite_url: str) -> None:
    """The difference between one number of them and twice as many: from the socket to the answer."""
    calls: Counter[str] = Counter()
    with profiled(calls), opened_gateway(tmp_path, definitions=folder, store=sqlite_url) as opened:
        place = urlsplit(opened.url)
        with socket.create_connection((place.hostname or "", place.port or 0), PATIENCE) as connection:
            send(connection, 5)
            before = calls.copy()
            send(connection, EVENTS)
            middle = calls.copy()
            send(connection, 2 * EVENTS)
    more = (calls - middle) - (middle - before)
    each = {name: count / EVENTS for name, count in more.most_common() if not name.startswith(OF_TURNS)}
    assert sum(each.values()) <= MOST_CALLS, each


def test_events_that_come_together_are_one_commit(tmp_path: Path, folder: Path, sqlite_url: str) -> None:
    """With as many statements as one event has."""
    with opened_gateway(tmp_path, definitions=folder, store=sqlite_url) as opened:
        services = opened.engine.proxy().host.services().get(timeout=PATIENCE)

        def statements(count: int) -> list[str]:
            settled = Deferred()
            services.journal.record(None, (), ((settled, None),))
            answer_of(settled)
            with counting(Database) as counted:
                answers = services.events.accept_together([event({"kind": "b"}, type="orders") for _ in range(count)])
                for each in answers:
                    answer_of(each)
            return [each for each in counted.statements if "events" in each]

        one = statements(1)
        assert one
        assert statements(64) == one
