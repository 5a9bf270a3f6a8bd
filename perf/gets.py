"""A thousand GETs on kept connections, a hundred at once: bare aiohttp, an action with aiohttp, core.http.

What is measured is the process's CPU time, which is the time that passes on a quiet machine: one thread at a time runs.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import aiohttp
from engines import engine, run
from measure import Case, Samples, deviation, interleave, ratio
from report import Measured, Table, timing
from targets import of_ratio

from stretto.actors import action

REQUESTS = 1_000
AT_ONCE = 100
SERVER = Path(__file__).parent / "fast_server.py"
BARE, BY_ACTION, BY_CORE = "aiohttp and gather", "an action with aiohttp", "core.http"
DEFINITION = """\
version: "1.0.0"
parameters:
  url: {{type: string, required: true}}
  items: {{type: array, required: true}}
tasks:
  - name: fan
    action: {action}
    with_items: "{{{{ parameters.items }}}}"
    concurrency: {concurrency}
    input: {{url: "{{{{ parameters.url }}}}/{{{{ item }}}}"}}
output_map:
  answered: "{{{{ task.fan.result | selectattr('json.ok') | list | length }}}}"
"""

_sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}


@action("perf.get")
async def get(url: str) -> dict[str, Any]:
    """Return a response's status and its JSON, as one would write it.

    Args:
        url: the URL
    """
    loop = asyncio.get_running_loop()
    if loop not in _sessions:
        _sessions[loop] = _session()
    async with _sessions[loop].get(url) as response:
        return {"status_code": response.status, "json": await response.json()}


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE))


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


def bare(loop: asyncio.AbstractEventLoop, url: str) -> Case:
    """Make all requests in an event loop, whose session bounds those that are made at once."""

    async def one(session: aiohttp.ClientSession, number: int) -> Any:
        async with session.get(f"{url}/{number}") as response:
            return await response.json()

    async def all_of_them() -> None:
        if loop not in _sessions:
            _sessions[loop] = _session()
        answers = await asyncio.gather(*(one(_sessions[loop], number) for number in range(REQUESTS)))
        assert answers == [{"ok": True}] * REQUESTS

    def case(loops: int) -> float:
        began = process_time()
        for _ in range(loops):
            loop.run_until_complete(all_of_them())
        return process_time() - began

    return case


def on_engine(proxy: Any, definition: Path, url: str) -> Case:
    """Perform a run of that many requests, from submit to outcome."""

    def case(loops: int) -> float:
        began = process_time()
        for _ in range(loops):
            output = run(proxy, str(definition), {"url": url, "items": list(range(REQUESTS))})
            assert output == {"answered": REQUESTS}, output
        return process_time() - began

    return case


def measure(rounds: int) -> Samples:
    """Measure all three in turn, a request; the first round is not counted."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder, server() as url, engine() as proxy:
        cases = {BARE: bare(loop, url)}
        for name, ref in ((BY_ACTION, "perf.get"), (BY_CORE, "core.http")):
            definition = Path(folder) / f"gets_with_{ref}.yaml"
            definition.write_text(DEFINITION.format(action=ref, concurrency=AT_ONCE), encoding="utf-8")
            cases[name] = on_engine(proxy, definition, url)
        samples = interleave(cases, rounds, dict.fromkeys(cases, 1))
        loop.run_until_complete(_sessions[loop].close())
    loop.close()
    return {name: [value / REQUESTS for value in values] for name, values in samples.items()}


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        f"{REQUESTS:,} GETs on kept connections, {AT_ONCE} at once",
        ["", "a request", f"ratio to {BARE}", "spread of the ratios"],
        "CPU time of the process, no store; the server is another process. The first row has no engine.",
    )
    for name, values in samples.items():
        ratios = [value / beside for value, beside in zip(values, samples[BARE], strict=True)]
        made.add(name, timing(values, "us"), f"{ratio(values, samples[BARE]):.2f}", f"±{deviation(ratios):.0%}")
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Say what a request of core.http takes beside bare aiohttp."""
    return {"gets": of_ratio(samples[BY_CORE], samples[BARE], f"{timing(samples[BY_CORE], 'us')}")}
