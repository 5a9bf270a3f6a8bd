"""Two daemons share the limit of a key, counted from outside. The permits of a killed one come back with its lease."""

import signal
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

from stretto.actors.journal.opening import open_reader
from stretto.actors.operations.answers import Accepted
from stretto.actors.operations.requests import Submit
from stretto.definitions.conductor import ENDED
from tests.support.daemons import Served, serving
from tests.support.waiting import PATIENCE

LEASE_SECONDS = 3.0
LIMIT = 2
ITEMS = 6
RUNS = 3
"""Of each daemon."""
ACTIONS = """
import asyncio, os
from stretto.actors import action

def note(line):
    descriptor = os.open(os.environ["STRETTO_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line} {os.getpid()}\\n".encode())
    os.close(descriptor)

@action("limited.hold")
async def hold() -> None:
    note("begin")
    await asyncio.sleep(0.1)
    note("end")
"""
WORKFLOW = f"""
version: "1.0.0"
ref: limited.work
tasks:
  - name: work
    action: limited.hold
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: {ITEMS}
    concurrency_key: database
    limit: {LIMIT}
"""


def started(folder: Path, name: str, url: str, stack: ExitStack) -> Served:
    """Return a daemon with a folder of its own."""
    place = folder / name
    (place / "definitions").mkdir(parents=True)
    (place / "definitions" / "work.yaml").write_text(WORKFLOW)
    (folder / "limited_actions.py").write_text(ACTIONS)
    environment = {"STRETTO__ENGINE__STORE_LEASE": str(LEASE_SECONDS), "STRETTO_NOTES": str(folder / "notes")}
    actions = str(folder / "limited_actions.py")
    return stack.enter_context(serving(place, "--store", url, "--actions", actions, **environment))


def submit(daemon: Served) -> str:
    accepted = daemon.client.ask(Submit("limited.work", {}))
    assert isinstance(accepted, Accepted)
    return accepted.run


def lines_of(notes: Path) -> list[tuple[str, str]]:
    """Return the notes of items: "begin" or "end", and the process."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [(word, process) for word, process in map(str.split, lines)]


def most_at_once(lines: list[tuple[str, str]], killed: str, before: int) -> int:
    """Return how many items ran at once. A killed daemon wrote nothing after `before` lines: its items end there."""
    running: Counter[str] = Counter()
    most = 0
    for number, (word, process) in enumerate(lines):
        if number == before:
            running.pop(killed, None)
        running[process] += 1 if word == "begin" else -1
        most = max(most, sum(running.values()))
    return most


def test_daemons_share_a_limit_also_when_one_is_killed(tmp_path: Path, postgres_url: str) -> None:
    """All runs end, those of the killed daemon in the other one."""
    notes = tmp_path / "notes"
    with ExitStack() as stack, closing(open_reader(postgres_url, None)) as reader:
        first, second = (started(tmp_path, name, postgres_url, stack) for name in ("d1", "d2"))
        runs = [submit(daemon) for daemon in (first, second) * RUNS]
        both = {str(first.process.pid), str(second.process.pid)}
        deadline = time.monotonic() + PATIENCE
        while {process for _, process in lines_of(notes)} != both:
            assert time.monotonic() < deadline, "one of the daemons runs no item"
            time.sleep(0.01)
        first.signal(signal.SIGKILL)
        first.process.wait(PATIENCE)
        before = len(lines_of(notes))
        while any(status not in ENDED for status in reader.counts()):
            assert time.monotonic() < deadline, reader.counts()
            time.sleep(0.1)
        assert [row.status for run in runs if (row := reader.run(run))] == ["succeeded"] * len(runs)
    lines = lines_of(notes)
    assert most_at_once(lines, str(first.process.pid), before) == LIMIT
    assert [word for word, _ in lines].count("end") >= ITEMS * len(runs)
