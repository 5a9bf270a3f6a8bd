"""Durable fan-outs on PostgreSQL beside those of the code before daemons shared a store, in turn.

    python perf/earlier_stores.py [ROUNDS]     alone

The revision is unpacked as by `earlier`. Each engine has a process and a database of its own, on one server.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import time

from earlier import asked_process, linked, unpacked
from engines import ITEMS
from measure import Samples, interleave_finely, until
from pages import ROOT
from process import processor_seconds_below
from report import Measured, Table, ratio_text, timing
from stores import Places, running_server
from targets import of_ratio

REVISION = "d66f7e97"
WORKER = Path(__file__).parent / "earlier_store_runs.py"
BEFORE, HERE, SHARED = f"the revision {REVISION}", "this revision", "this revision, with a lease"
LEASES = {BEFORE: "", HERE: "", SHARED: "15"}
"""The lease of each engine, in seconds. With one, other daemons can share the store."""
TARGETS = {"shared store": HERE, "shared store, lease": SHARED}
ROUNDS, PARTS, SETS = 6, 3, 2
MOST_SECONDS = 36.0
"""Of the rounds of all sets of processes together."""
NO_VACUUM = {"autovacuum": "off"}
"""It comes when it likes, and would be counted for one of the engines."""
NO_COMPILED_PART = {"STRETTO_PURE_PYTHON": "1"}
"""The unpacked revision has none."""


@contextmanager
def fan_outs_of(folder: Path, place: tuple[str, Path], lease: str, server: int) -> Iterator[Callable[[], Samples]]:
    """Run an engine of a revision in a process of its own. Yield what measures a fan-out there.

    Args:
        folder: The revision.
        place: The URL of the store, and the file of its key.
        lease: The engine's lease in seconds, or "".
        server: The id of the server's process.
    """
    command = [sys.executable, WORKER, ROOT / "perf" / "workflows", *place, lease]
    with asked_process(command, NO_COMPILED_PART | {"PYTHONPATH": str(folder)}) as (_, answer):

        def ask() -> Samples:
            before = processor_seconds_below(server)
            processor, seconds = answer(str(ITEMS))
            at_server = (processor_seconds_below(server) - before) / ITEMS
            found = {"processor": processor, "seconds": seconds, "server": at_server, "both": processor + at_server}
            return {kind: [value] for kind, value in found.items()}

        yield ask


def measure(rounds: int) -> Samples:
    """Measure fan-outs of 10,000 items in several sets of processes and databases.

    Raises:
        NoHistory: This is no clone with the earlier revision.
        NoPostgres: There is no server.
    """
    folders = {BEFORE: unpacked(REVISION), HERE: linked(), SHARED: linked()}
    samples: Samples = {}
    began = time()
    with running_server(NO_VACUUM) as (made, server):
        for each in range(1, SETS + 1):
            with until(began + MOST_SECONDS * each / SETS):
                for name, values in _measure_set(folders, made, server, -(-rounds // SETS)).items():
                    samples.setdefault(name, []).extend(values)
    return samples


def _measure_set(folders: dict[str, Path], made: Places, server: int, rounds: int) -> Samples:
    with ExitStack() as stack:
        asks = {
            name: stack.enter_context(fan_outs_of(folder, (made.database(), made.key_file), LEASES[name], server))
            for name, folder in folders.items()
        }
        return interleave_finely(asks, rounds, PARTS)


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        f"A fan-out of {ITEMS:,} items on PostgreSQL, beside the code before daemons shared a store",
        ["", "processor time", "ratio", "of the engine", "ratio", "of PostgreSQL", "ratio", "an item", "ratio"],
        f"core.echo, fsync on, metrics exposed, in pure Python. Until {REVISION} one daemon had a store to itself. "
        f"With a lease of {LEASES[SHARED]} s, other daemons may share it. The engines take turns, in {SETS} sets of "
        "processes and databases. The first column is the processor time of the engine's process and of the server's.",
    )
    for name in LEASES:
        cells: list[str] = []
        for kind in ("both", "processor", "server", "seconds"):
            values, before = samples[f"{name}, {kind}"], samples[f"{BEFORE}, {kind}"]
            cells += timing(values, "us"), ratio_text(values, before)
        made.add(name, *cells)
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Compare the processor time of engine and server with that of before."""
    before = samples[f"{BEFORE}, both"]
    return {
        target: of_ratio(samples[f"{name}, both"], before, timing(samples[f"{name}, both"], "us"))
        for target, name in TARGETS.items()
    }


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)).lines()))
