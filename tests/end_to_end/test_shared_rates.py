"""Two daemons share the rate of a key, counted from outside, also when one of them is killed."""

import signal
import time
from contextlib import ExitStack, closing
from pathlib import Path

from stretto.actors.journal.opening import open_reader
from stretto.actors.operations.answers import Accepted
from stretto.actors.operations.requests import Submit
from stretto.definitions.conductor import ENDED
from tests.support.daemons import Served, serving
from tests.support.waiting import PATIENCE

LEASE_SECONDS = 3.0
INTERVAL = 0.4
BURST = 4
ITEMS = 6
RUNS = 3
"""Of each daemon."""
ACTIONS = """
import os, time
from stretto.actors import action

@action("rated.note")
def note(daemon: str) -> None:
    descriptor = os.open(os.path.join(os.path.dirname(__file__), "notes"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{time.time()} {daemon}\\n".encode())
    os.close(descriptor)
"""
WORKFLOW = f"""
version: "1.0.0"
ref: rated.work
parameters: {{daemon: {{type: string}}}}
tasks:
  - name: work
    action: rated.note
    with_items: "{{{{ range({ITEMS}) }}}}"
    concurrency: {ITEMS}
    rate: {{key: api, limit: 10, per: {10 * INTERVAL}, burst: {BURST}}}
    input: {{daemon: "{{{{ parameters.daemon }}}}"}}
"""


def started(folder: Path, name: str, url: str, stack: ExitStack) -> Served:
    """Return a daemon with a folder of its own."""
    place = folder / name
    (place / "definitions").mkdir(parents=True)
    (place / "definitions" / "work.yaml").write_text(WORKFLOW)
    (folder / "rated_actions.py").write_text(ACTIONS)
    actions, lease = str(folder / "rated_actions.py"), {"STRETTO__ENGINE__STORE_LEASE": str(LEASE_SECONDS)}
    return stack.enter_context(serving(place, "--store", url, "--actions", actions, **lease))


def submit(daemon: Served) -> str:
    accepted = daemon.client.ask(Submit("rated.work", {"daemon": daemon.folder.name}))
    assert isinstance(accepted, Accepted)
    return accepted.run


def notes_of(notes: Path) -> list[tuple[float, str]]:
    """Return the notes of items: when each has started, and the daemon that has accepted the run."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    return sorted((float(at), daemon) for at, daemon in map(str.split, lines))


def test_daemons_share_a_rate_also_when_one_is_killed(tmp_path: Path, postgres_url: str) -> None:
    """All runs end, those of the killed daemon in the other one.

    A loaded machine delays notes. So the items up to each note are counted, from the beginning on: a note that comes
    late makes them fewer.
    """
    notes = tmp_path / "notes"
    with ExitStack() as stack, closing(open_reader(postgres_url, None)) as reader:
        first, second = (started(tmp_path, name, postgres_url, stack) for name in ("d1", "d2"))
        began = time.time()
        runs = [submit(daemon) for daemon in (first, second) * RUNS]
        deadline = time.monotonic() + PATIENCE
        while {daemon for _, daemon in notes_of(notes)} != {"d1", "d2"}:
            assert time.monotonic() < deadline, "one of the daemons starts no item"
            time.sleep(0.01)
        first.signal(signal.SIGKILL)
        first.process.wait(PATIENCE)
        while any(status not in ENDED for status in reader.counts()):
            assert time.monotonic() < deadline, reader.counts()
            time.sleep(0.1)
        assert [row.status for run in runs if (row := reader.run(run))] == ["succeeded"] * len(runs)
    found = notes_of(notes)
    assert len(found) >= ITEMS * len(runs)
    for count, (at, _) in enumerate(found, start=1):
        assert count <= (at - began) / INTERVAL + BURST, f"{count} items in {at - began} seconds"
