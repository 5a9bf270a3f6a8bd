"""A run whose action ends the daemon soon after each start is quarantined, so that the daemon stays up at last.

Real daemons on a real store, started again after each crash as systemd does. The first crash comes at the action's
first run, of which nothing is noted.
"""

import contextlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stretto.actors.gateway.wire import DaemonUnreachable
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.queries import RunQuery
from stretto.actors.operations.answers import Accepted, Ended, RunAnswer, WaitsAnswer
from stretto.actors.operations.controls import Cancel
from stretto.actors.operations.requests import Definition, Recover, Run, Submit, Watch, Why
from tests.support.daemons import STRETTO
from tests.support.forked_programs import run_program
from tests.support.harness import PATIENCE
from tests.support.poisoned_daemons import Daemon, Place

MOST_CRASHES = 36
"""Five, unless the machine is so slow that the action ends the process later than 25 ms after its start."""
KILLER = """
version: "1.0.0"
ref: tests.killer
parameters: {how: {type: string}}
tasks: [{name: deadly, action: tests.exit, input: {how: "{{ parameters.how }}"}}]
output_map: {how: "{{ task.deadly.result }}"}
"""
HEALTHY = """
version: "1.0.0"
ref: tests.healthy
tasks:
  - {name: many, action: core.noop, with_items: "{{ range(40) | list }}", concurrency: 40, next: [{do: [later]}]}
  - {name: later, delay: 0.5, action: core.noop}
"""


@pytest.fixture
def place(tmp_path: Path, sqlite_url: str) -> Place:
    made = Place(tmp_path, sqlite_url)
    made.poison()
    return made


def submit(daemon: Daemon, text: str, **inputs: str) -> str:
    accepted = daemon.client.ask(Submit(Definition("w.yaml", text), dict(inputs)))
    assert isinstance(accepted, Accepted)
    return accepted.run


def submit_killer(place: Place, daemon: Daemon, how: str) -> str:
    """Submit the run that ends the daemon, and wait for that. Its answer may not come."""
    with contextlib.suppress(DaemonUnreachable):
        submit(daemon, KILLER, how=how)
    assert not daemon.wait_for("nothing: read to the end")
    with closing(open_reader(place.url, keyring_for(place.url, None))) as reader:
        (row,) = reader.runs(RunQuery(workflow="tests.killer")).runs
    return row.id


@contextmanager
def daemon_that_stays(place: Place) -> Iterator[tuple[Daemon, int]]:
    """Start daemons until one has quarantined a run and is ready. Yield it, and how many crashed before."""
    for crashes in range(MOST_CRASHES):
        with place.daemon() as daemon:
            if daemon.wait_for("run_quarantined"):
                assert daemon.wait_for("ready")
                yield daemon, crashes
                return
    raise AssertionError(f"{MOST_CRASHES} daemons crashed one after another")


def status_of(daemon: Daemon, run: str) -> str:
    answer = daemon.client.ask(Run(run))
    assert isinstance(answer, RunAnswer)
    status: str = answer.run["status"]
    return status


def ended(daemon: Daemon, run: str) -> str:
    """Wait until a run has ended, and return how."""
    *_, last = daemon.client.answers(Watch(run))
    assert isinstance(last, Ended)
    return last.status


@contextmanager
def quarantined(place: Place, how: str) -> Iterator[tuple[Daemon, str]]:
    """Let an action end each daemon until its run is quarantined, and all others have ended. Yield the daemon, the run.

    The daemon is stopped at the end.
    """
    with place.daemon() as daemon:
        assert daemon.wait_for("ready")
        healthy = [submit(daemon, HEALTHY) for _ in range(5)]
        killer = submit_killer(place, daemon, how)
    with daemon_that_stays(place) as (daemon, crashes):
        assert crashes >= 4, "one after a recovery in a group, three while it was alone"
        assert {ended(daemon, run) for run in healthy} == {"succeeded"}
        suspicion = place.suspects()[killer]
        reason = (
            f"quarantined: the engine crashed {suspicion.crashes} times soon after it alone had restarted item 0 of "
            f"'deadly'; `stretto runs recover {killer}` tries again"
        )
        why = daemon.client.ask(Why(killer))
        assert isinstance(why, WaitsAnswer)
        assert why.reasons[0]["text"] == reason
        command = [*STRETTO, "runs", "show", killer, "--daemon", daemon.client.url]
        shown = run_program(command)
        assert shown.returncode == 0, shown.stderr
        assert reason in " ".join(shown.stdout.split())
        yield daemon, killer
        daemon.process.terminate()
        assert daemon.process.wait(PATIENCE) == 0


def test_an_action_that_exits_the_daemon_at_each_start_is_quarantined(place: Place) -> None:
    """All other runs end. Its own shows why, and is cancelled."""
    with quarantined(place, "exit") as (daemon, killer):
        daemon.client.ask(Cancel(killer))
        assert status_of(daemon, killer) == "cancelled"
    assert set(place.suspects()) == {killer}


def test_a_run_with_a_fault_in_c_code_is_recovered_once_it_has_been_cured(place: Place) -> None:
    """It is quarantined like any other. `runs recover` starts its item again."""
    with quarantined(place, "fault") as (daemon, killer):
        place.cure()
        daemon.client.ask(Recover(killer))
        assert ended(daemon, killer) == "succeeded"
        assert daemon.wait_for("run_cleared")
    assert place.suspects() == {}
