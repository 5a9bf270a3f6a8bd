"""A run that crashes the daemon in each recovery is quarantined. No other run is, however often the daemon is killed.

Real daemons on real stores. The poison is a hook in the daemon's process: it kills the process as a fault in C code
would, whenever the conductor of a certain workflow begins.
"""

import contextlib
import random
import threading
from pathlib import Path

import pytest

from stretto.actors.gateway.wire import DaemonUnreachable, RequestRefused
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.operations.answers import RunAnswer, RunsAnswer, WaitsAnswer
from stretto.actors.operations.controls import Cancel, Pause
from stretto.actors.operations.requests import Recover, Run, Runs, Why
from tests.support.conducted import Conducted
from tests.support.harness import PATIENCE
from tests.support.poisoned_daemons import Place

POISON = """
ref: tests.poison
parameters: {gate: {type: string, default: ""}}
tasks: [{name: wait, delay: 3600, action: core.noop}]
"""
INNOCENT = """
ref: tests.innocent
tasks:
  - {name: many, action: core.noop, with_items: "{{ range(40) | list }}", concurrency: 40, next: [{do: [wait]}]}
  - {name: wait, delay: 3600, action: core.noop}
"""
PARENT = """
ref: tests.parent
tasks: [{name: call, action: tests.poison}]
"""
CALLS = """
ref: tests.poison
tasks: [{name: call, action: tests.innocent}]
"""
QUARANTINED = (
    "quarantined: the engine crashed twice while it alone was being recovered; `stretto runs recover {}` tries again"
)


@pytest.fixture
def place(tmp_path: Path, sqlite_url: str) -> Place:
    return Place(tmp_path, sqlite_url)


def fill(place: Place, innocents: int, poison: str | None = None) -> tuple[list[str], str]:
    """Write runs into the store as an engine left them, the poison amid them. Return their ids, and the poison's."""
    ids, poisonous = [], ""
    with open_store(place.url, keyring_for(place.url, None)) as store:
        for number in range(innocents):
            if poison is not None and number == innocents // 2:
                poisonous = Conducted(store, poison).id
            run = Conducted(store, INNOCENT)
            for index in range(number % 40):
                run.succeed("many", index)
            ids.append(run.id)
    return ids, poisonous


def test_a_run_that_crashes_each_daemon_is_quarantined_after_its_second_lone_crash(place: Place) -> None:
    """The first crash makes its group suspects, two more come while it is alone. All other runs are recovered."""
    innocents, poison = fill(place, 50, POISON)
    place.poison()
    assert place.crashes_until_ready() == 3
    noted = place.suspects()
    assert set(noted) == {poison}, "a clean stop withdraws all other notes"
    assert noted[poison].reason == QUARANTINED.format(poison)
    with place.daemon() as daemon:
        assert daemon.wait_for("ready")
        recovered = {each["run_id"] for each in daemon.events if each["event"] == "run_recovered"}
        assert recovered == set(innocents)


def test_requests_to_a_quarantined_run(place: Place) -> None:
    """Its waits and its row give the reason. It is cancelled, or recovered, and nothing crashes any more."""
    _, poison = fill(place, 4, POISON)
    other = fill(place, 2, CALLS)[1]
    place.poison()
    quarantine(place, poison, other)
    with place.daemon() as daemon:
        assert daemon.wait_for("ready")
        reason = QUARANTINED.format(poison)
        why = daemon.client.ask(Why(poison))
        assert isinstance(why, WaitsAnswer)
        assert why.reasons[0]["text"] == reason
        shown = daemon.client.ask(Run(poison))
        assert isinstance(shown, RunAnswer)
        assert (shown.run["status"], shown.run["quarantine"]["reason"]) == ("quarantined", reason)
        listed = daemon.client.ask(Runs(status="quarantined"))
        assert isinstance(listed, RunsAnswer)
        assert {each["id"] for each in listed.runs} == {poison, other}
        with pytest.raises(RequestRefused, match="cannot pause the run"):
            daemon.client.ask(Pause(poison))
        daemon.client.ask(Cancel(poison))
        place.cure()
        daemon.client.ask(Recover(other))
        assert daemon.wait_for("run_recovered")
        assert daemon.events[-1]["run_id"] == other
        assert daemon.wait_for("run_cleared")
        daemon.process.terminate()
        assert daemon.process.wait(PATIENCE) == 0
    assert set(place.suspects()) == {poison}, "a run that was recovered has no crashes any more"


def test_a_run_that_still_crashes_is_quarantined_again(place: Place) -> None:
    """It is recovered alone: two more crashes suffice."""
    _, poison = fill(place, 4, POISON)
    place.poison()
    quarantine(place, poison)
    with place.daemon() as daemon:
        assert daemon.wait_for("ready")
        with contextlib.suppress(DaemonUnreachable):
            daemon.client.ask(Recover(poison))
        assert not daemon.wait_for("nothing: read to the end")
    assert place.crashes_until_ready() == 1
    assert place.suspects()[poison].reason == QUARANTINED.format(poison)


def quarantine(place: Place, *run_ids: str) -> None:
    """Have runs be quarantined, as after their second crash."""
    with open_store(place.url, keyring_for(place.url, None)) as store:
        noted = tuple(
            Suspicion(run_id=run_id, noted_at=1.0, crashes=2, quarantined_at=2.0, reason=QUARANTINED.format(run_id))
            for run_id in run_ids
        )
        store.writer.write([Suspicions(noted=noted)])


def test_kills_during_recovery_quarantine_no_run(place: Place) -> None:
    """Each daemon is killed at another instant of its recovery; the last one recovers all runs."""
    campaign(place, kills=8)


def test_kills_during_recovery_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """It is the same where the store is in PostgreSQL."""
    campaign(Place(tmp_path, postgres_url), kills=3)


def campaign(place: Place, kills: int) -> None:
    innocents, _ = fill(place, 50)
    instants = random.Random(7)  # noqa: S311 - instants of kills
    for _ in range(kills):
        with place.daemon() as daemon:
            killing = threading.Timer(0.0, daemon.process.kill)
            if daemon.wait_for("run_recovered"):  # the first of fifty
                killing.interval = instants.uniform(0.0, 0.2)
                killing.start()
                daemon.wait_for("nothing: read to the end")
                killing.join()
    with place.daemon() as daemon:
        assert daemon.wait_for("ready")
        recovered = {each["run_id"] for each in daemon.events if each["event"] == "run_recovered"}
        assert recovered == set(innocents)
        daemon.process.terminate()
        assert daemon.process.wait(PATIENCE) == 0
    assert not [each for each in place.suspects().values() if each.quarantined_at is not None]
