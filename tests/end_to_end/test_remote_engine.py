"""A program that uses a daemon's engine, and what it sees of the daemon's death: nothing is lost, nothing doubled."""

import signal
import threading
from pathlib import Path

import pykka

from stretto.actors import Outcome, connect
from tests.support.daemons import Gate, serving
from tests.support.harness import PATIENCE

RUNS = 40
ANSWERED = 10
"""So many runs have been accepted when the daemon is killed."""


def test_an_outcome_survives_the_daemon(tmp_path: Path, gate: Gate) -> None:
    """`kill -9`, another daemon on the same store, and the run goes on."""
    store = ("--store", f"sqlite:///{tmp_path}/store.db")
    outcomes: list[Outcome] = []
    with serving(tmp_path, *store) as first, connect(first.client.url) as engine:
        inputs = {"gate": str(gate.path), "count": 2}
        run = engine.submit("test.gate", inputs).get(timeout=PATIENCE)
        gate.arrivals(2)
        waiting = threading.Thread(target=lambda: outcomes.append(run.outcome.get(timeout=PATIENCE)))
        waiting.start()
        first.signal(signal.SIGKILL)
        first.ended()
        with serving(tmp_path, *store):
            gate.arrivals(2)
            gate.open()
            waiting.join(PATIENCE)
            assert [(outcome.status, outcome.output) for outcome in outcomes] == [("succeeded", {"waited": 2})]
            assert engine.run(run.id).get(timeout=PATIENCE)["status"] == "succeeded"


def test_runs_are_neither_lost_nor_doubled(tmp_path: Path) -> None:
    """The daemon is killed while a program submits: each run is there once, with its outcome."""
    store = ("--store", f"sqlite:///{tmp_path}/store.db")
    with serving(tmp_path, *store) as first, connect(first.client.url) as engine:
        asked = [engine.submit("test.echo", {"n": number}) for number in range(RUNS)]
        pykka.get_all(asked[:ANSWERED], timeout=PATIENCE)
        first.signal(signal.SIGKILL)
        first.ended()
        with serving(tmp_path, *store):
            handles = pykka.get_all(asked, timeout=PATIENCE)
            outputs = [handle.outcome.get(timeout=PATIENCE).output for handle in handles]
            assert outputs == [{"said": number} for number in range(RUNS)]
            listed = engine.runs(limit=2 * RUNS).get(timeout=PATIENCE)["runs"]
            assert sorted(each["id"] for each in listed) == sorted(handle.id for handle in handles)
