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
    descriptor = os.open(os.path.join(os.path.dirname(__file__), "notes"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\\n".encode())
    os.close(descriptor)

@action("limited.hold")
async def hold(daemon: str) -> None:
    note(f"begin {daemon}")
    await asyncio.sleep(0.1)
    note(f"end {daemon}")
"""
WORKFLOW = f"""
version: "1.0.0"
ref: limited.work
parameters: {{daemon: {{type: string}}}}
tasks:
  - name: work
    action: limited.hold
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: {ITEMS}
    concurrency_key: database
    limit: {LIMIT}
    input: {{daemon: "{{{{ parameters.daemon }}}}"}}
"""


def started(folder: Path, name: str, url: str, stack: ExitStack) -> Served:
    """Return a daemon with a folder of its own."""
    place = folder / name
    (place / "definitions").mkdir(parents=True)
    (place / "definitions" / "work.yaml").write_text(WORKFLOW)
    (folder / "limited_actions.py").write_text(ACTIONS)
    actions, lease = str(folder / "limited_actions.py"), {"STRETTO__ENGINE__STORE_LEASE": str(LEASE_SECONDS)}
    return stack.enter_context(serving(place, "--store", url, "--actions", actions, **lease))


def submit(daemon: Served) -> str:
    accepted = daemon.client.ask(Submit("limited.work", {"daemon": daemon.folder.name}))
    assert isinstance(accepted, Accepted)
    return accepted.run


def lines_of(notes: Path) -> list[tuple[str, str]]:
    """Return the notes of items: "begin" or "end", and the daemon that has accepted the run."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [(word, daemon) for word, daemon in map(str.split, lines)]


def most_at_once(lines: list[tuple[str, str]], killed: str, before: int) -> int:
    """Return how many items ran at once. A killed daemon wrote nothing after `before` lines: its items end there."""
    running: Counter[str] = Counter()
    most = 0
    for number, (word, daemon) in enumerate(lines):
        if number == before:
            running.pop(killed, None)
        running[daemon] += 1 if word == "begin" else -1
        most = max(most, sum(running.values()))
    return most


def test_daemons_share_a_limit_also_when_one_is_killed(tmp_path: Path, postgres_url: str) -> None:
    """All runs end, those of the killed daemon in the other one."""
    notes = tmp_path / "notes"
    with ExitStack() as stack, closing(open_reader(postgres_url, None)) as reader:
        first, second = (started(tmp_path, name, postgres_url, stack) for name in ("d1", "d2"))
        runs = [submit(daemon) for daemon in (first, second) * RUNS]
        deadline = time.monotonic() + PATIENCE
        while {daemon for _, daemon in lines_of(notes)} != {"d1", "d2"}:
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
    assert most_at_once(lines, "d1", before) == LIMIT
    assert [word for word, _ in lines].count("end") >= ITEMS * len(runs)
