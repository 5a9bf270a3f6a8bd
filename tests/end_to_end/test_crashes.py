"""A daemon that is killed with SIGKILL at any instant comes back, and finishes what it had accepted.

What is looked into whenever one has ended stands in `crash_ledger`: side effects, the store, and what clients were
told agree. `python tests/end_to_end/crashing.py` does the same for as many kills as wanted.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from crash_daemon import Daemon
from crash_faults import Fault, Moment
from crash_scene import Scene
from crashing import Campaign

from stretto.actors.gateway.client import DaemonUnreachable
from stretto.actors.gateway.protocol import (
    Accepted,
    Cancel,
    Ended,
    Pause,
    Progress,
    Rerun,
    Resume,
    Status,
    StatusTold,
    Submit,
    Watch,
)
from stretto.definitions.conductor import PauseRequested

AROUND_THE_COMMIT: list[Moment] = ["before_transaction", "before_commit", "after_commit"]
FAN_OUT = {"name": "fan-out", "values": [1, 2, 3, 4, 5], "flaky": [1, 3], "concurrency": 2}
NUMBERS = {"name": "numbers", "values": [1, 2, 3, 4, 5]}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A place with a store in a file."""
    return Scene(tmp_path)


def submit_and_lose(scene: Scene, daemon: Daemon, workflow: str, inputs: dict[str, Any], key: str | None = None) -> str:
    """Submit a run, and follow it until the daemon dies; return its id."""
    run = ""
    with closing(daemon.client.answers(Submit(workflow, inputs, idempotency_key=key))) as answers:
        for answer in answers:
            assert not isinstance(answer, Ended)
            if isinstance(answer, Accepted):
                run = answer.run
                scene.ledger.acknowledged(run)
    return run


def followed(scene: Scene, daemon: Daemon, run: str) -> Ended:
    """Follow a run to its end."""
    ended = list(daemon.client.answers(Watch(run)))[-1]
    assert isinstance(ended, Ended)
    scene.ledger.told(ended)
    return ended


def test_ten_kills(scene: Scene) -> None:
    """Runs of all kinds go on through ten kills, around transactions and side effects, and end as they must."""
    campaign = Campaign(scene, seed=5)
    for _ in range(10):
        campaign.kill_one(campaign.chosen_fault())
    campaign.finish()


def test_kills_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """It is the same where the store is in PostgreSQL."""
    campaign = Campaign(Scene(tmp_path, postgres_url), seed=6)
    for _ in range(3):
        campaign.kill_one(campaign.chosen_fault())
    campaign.finish()


@pytest.mark.parametrize("moment", AROUND_THE_COMMIT)
def test_a_run_whose_acceptance_was_not_answered(scene: Scene, moment: Moment) -> None:
    """Who submits it again with its key gets the run that was accepted, or that is now: there is only one."""
    with scene.doomed(Fault(moment, what="accept")) as daemon, pytest.raises(DaemonUnreachable):
        daemon.client.ask(Submit("crash.fan_out", FAN_OUT, idempotency_key="once"))
    was_written = moment == "after_commit"
    assert scene.ledger.figures["runs"] == was_written
    with scene.last() as daemon:
        accepted = daemon.client.ask(Submit("crash.fan_out", FAN_OUT, idempotency_key="once"))
        assert isinstance(accepted, Accepted)
        assert followed(scene, daemon, accepted.run).status == "succeeded"
    assert scene.ledger.figures["runs"] == 1


@pytest.mark.parametrize("what", ["item", "end"])
@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_what_was_written_and_told_nobody(scene: Scene, moment: Moment, what: Any) -> None:
    """An item whose completion was written is not performed again, a run whose end was written has ended."""
    with scene.doomed(Fault(moment, what=what)) as daemon:
        run = submit_and_lose(scene, daemon, "crash.fan_out", FAN_OUT)
    if (moment, what) == ("after_commit", "end"):
        scene.ledger.nothing_is_left()
    with scene.last() as daemon:
        assert followed(scene, daemon, run).status == "succeeded"


def test_a_cancellation_that_was_not_answered(scene: Scene) -> None:
    """Nothing of the run is performed any more, and it ends cancelled."""
    gate = scene.folder / "gate"
    with scene.doomed(Fault("after_commit", what="cancel")) as daemon:
        run = begin_gated(scene, daemon, gate)
        scene.ledger.cancelling(run)
        with pytest.raises(DaemonUnreachable):
            daemon.client.ask(Cancel(run))
        scene.ledger.stands_still(run)
    gate.touch()
    with scene.last() as daemon:
        assert followed(scene, daemon, run).status == "cancelled"


def test_a_pause_that_was_not_answered(scene: Scene) -> None:
    """The run stays paused, also when another daemon dies, and goes on when it is resumed."""
    gate = scene.folder / "gate"
    with scene.doomed(Fault("after_commit", what="pause")) as daemon:
        run = begin_gated(scene, daemon, gate)
        with pytest.raises(DaemonUnreachable):
            daemon.client.ask(Pause(run))
        scene.ledger.recorded(run, PauseRequested)
        scene.ledger.stands_still(run)
    gate.touch()
    with scene.doomed(Fault("after_commit", what="end")) as daemon:
        assert status(daemon, run) == "paused"
        submit_and_lose(scene, daemon, "crash.cycle", {"name": "other", "laps": 2})
    with scene.last() as daemon:
        assert status(daemon, run) == "paused"
        scene.ledger.may_move(run)
        daemon.client.ask(Resume(run))
        assert followed(scene, daemon, run).status == "succeeded"


def test_a_rerun_that_was_not_answered(scene: Scene) -> None:
    """There is such a run, and it performs what failed, and what follows on that."""
    needs = scene.folder / "mended"
    inputs = {**NUMBERS, "broken": [1, 2], "needs": str(needs)}
    with scene.doomed(Fault("after_commit", what="rerun")) as daemon:
        ended = list(daemon.client.answers(Submit("crash.repair", inputs)))[-1]
        assert isinstance(ended, Ended)
        assert ended.status == "failed"
        needs.touch()
        with pytest.raises(DaemonUnreachable):
            daemon.client.ask(Rerun(ended.run, "failed_items"))
    (rerun,) = scene.ledger.reruns_of(ended.run)
    with scene.last() as daemon:
        assert followed(scene, daemon, rerun).status == "succeeded"


@pytest.mark.parametrize(
    "fault", [Fault("after_commit", what="start"), Fault("after_effect"), Fault("before_commit", what="item")]
)
def test_an_item_that_is_performed_at_most_once(scene: Scene, fault: Fault) -> None:
    """Whatever was about to be performed is not performed again, and its result is missing."""
    with scene.doomed(fault) as daemon:
        run = submit_and_lose(scene, daemon, "crash.once", NUMBERS)
    with scene.last() as daemon:
        ended = followed(scene, daemon, run)
    assert ended.status == "succeeded"
    assert None in ended.output["sent"]


def begin_gated(scene: Scene, daemon: Daemon, gate: Path) -> str:
    """Begin a run that does not end as long as a file is not there; return its id when items are in flight."""
    with closing(daemon.client.answers(Submit("crash.gated", {**NUMBERS, "gate": str(gate)}))) as answers:
        for answer in answers:
            if isinstance(answer, Progress):
                scene.ledger.acknowledged(answer.run)
                return answer.run
    raise AssertionError("the run ended before it began")


def status(daemon: Daemon, run: str) -> str:
    """Return a run's status."""
    told = daemon.client.ask(Status(run))
    assert isinstance(told, StatusTold)
    return str(told.run["status"])
