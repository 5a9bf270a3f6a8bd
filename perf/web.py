"""A thousand requests in flight at once, to a server in another process that takes a second to answer each."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from engines import engine, run
from measure import Case, Samples, interleave
from report import Measured, Table, timing
from targets import of_time

REQUESTS = 1_000
FILES = 4_096
"""Open files that a process may have, at the least: a connection is one, and many systems allow but 1,024."""
SERVER = Path(__file__).parent / "slow_server.py"
CASE = f"{REQUESTS:,} requests"


@contextmanager
def server() -> Iterator[str]:
    """Run the server; give its URL."""
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def requests(proxy: Any, url: str) -> Case:
    """Perform a run of that many requests, from submit to outcome."""

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            output = run(proxy, "requests", {"url": url, "items": list(range(REQUESTS))})
            assert output == {"answered": REQUESTS}, output
        return perf_counter() - began

    return case


def measure(rounds: int) -> Samples:
    """Measure the run of requests, the first one not counted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard), hard)
        )
    with server() as url, engine() as proxy:
        return interleave({CASE: requests(proxy, url)}, rounds, {CASE: 1})


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        "Requests that take a second each, all at once",
        ["", "in all"],
        "core.http, concurrency 1,000, no store; the server is in another process on the same machine.",
    )
    made.add(CASE, timing(samples[CASE], "s"))
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Say how long all requests took."""
    return {"http": of_time(samples[CASE], "s")}
