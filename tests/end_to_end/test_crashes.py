"""A daemon that is killed with SIGKILL at any instant comes back, and finishes what it had accepted.

What is looked into whenever one has ended stands in `tests.support.crashes.ledger`: side effects, the
store, and what clients were told agree. `python -m tests.support.crashes.crashing` does the same
for any number of kills.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.wire import DaemonUnreachable
from stretto.actors.operations.answers import Accepted, Ended, Progress, StatusAnswer
from stretto.actors.operations.base import Request
from stretto.actors.operations.controls import Cancel, Pause, Resume
from stretto.actors.operations.requests import Rerun, Status, Submit, Watch
from stretto.definitions.conductor import PauseRequested
from tests.support.crashes.campaign import Campaign
from tests.support.crashes.errands import lazy_inputs
from tests.support.crashes.faults import Fault, Moment, What
from tests.support.crashes.scene import Scene, Stage


def test_twelve_kills(tmp_path: Path, durable_url: str) -> None:
    """Runs of all kinds go on through kills in all that a daemon does, and end as they must."""
    campaign = Campaign(Scene(tmp_path, durable_url), seed=4)
    for _ in range(3):
        campaign.kill_one(campaign.chosen_fault())
    campaign.kill_while_it_accepts()
    campaign.kill_while_it_does_runs_again()
    campaign.kill_during_a_backup()
    campaign.kill_in_recovery(3)
    campaign.kill_while_it_reloads()
    campaign.kill_while_it_prunes()
    campaign.kill_while_it_drains()
    campaign.finish()
    assert campaign.kills + campaign.drained == 12


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Stages"]:
    """Give a stage that tests have one after another."""
    stages = Stages(tmp_path_factory)
    yield stages
    stages.leave()


class Stages:
    """The one stage that all tests have, as it takes a second to start a daemon; a new one after a test that failed."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._stage: Stage | None = None
        self._settled = False

    def enter(self) -> Stage:
        """Return a stage on which nothing goes on."""
        if self._stage is None or not self._settled:
            self.leave()
            self._stage = Stage(self._folders.mktemp("stage"))
        self._settled = False
        return self._stage

    def settle(self) -> None:
        """See that all is as it must be."""
        assert self._stage is not None
        self._stage.settle()
        self._settled = True

    def leave(self) -> None:
        """End the stage."""
        if self._stage is not None:
            self._stage.leave()


class Play:
    """A test's runs on a stage. `numbers` are inputs of its own."""

    def __init__(self, stages: Stages, name: str) -> None:
        self._stages = stages
        self.stage = stage = stages.enter()
        self.ledger = stage.scene.ledger
        self.file = stage.scene.folder / f"file of {name}"
        self.numbers: dict[str, Any] = {"name": name, "values": [1, 2, 3, 4, 5]}

    def submit_and_lose(self, workflow: str, inputs: dict[str, Any]) -> str:
        """Submit a run, follow it until the daemon dies, and start the next daemon; return the run's id."""
        key = f"{workflow} of {inputs['name']}"
        answers = self.stage.client.answers(Submit(workflow, inputs, idempotency_key=key))
        with closing(answers), suppress(DaemonUnreachable):
            for answer in answers:
                assert not isinstance(answer, Ended)
                if isinstance(answer, Accepted):
                    self.ledger.acknowledged(answer.run)
        self.stage.go_on()
        # The daemon may have died before this answer was sent, although the run had been accepted.
        accepted = self.stage.client.ask(Submit(workflow, inputs, idempotency_key=key))
        assert isinstance(accepted, Accepted)
        return accepted.run

    def begin_gated(self) -> str:
        """Begin a run that does not end as long as the file is not there; return its id when items are in flight."""
        inputs = {**self.numbers, "gate": str(self.file)}
        with closing(self.stage.client.answers(Submit("crash.gated", inputs))) as answers:
            for answer in answers:
                if isinstance(answer, Progress):
                    self.ledger.acknowledged(answer.run)
                    return answer.run
        raise AssertionError("the run ended before it began")

    def ask_and_lose(self, request: Request) -> None:
        """Ask what the daemon does not live to answer."""
        with pytest.raises(DaemonUnreachable):
            self.stage.client.ask(request)

    def followed(self, run: str) -> Ended:
        """Follow a run to its end."""
        ended = list(self.stage.client.answers(Watch(run)))[-1]
        assert isinstance(ended, Ended)
        self.ledger.told(ended)
        return ended

    def settle(self) -> None:
        """See that all runs have ended, and all is as it must be; to be called at the test's end."""
        self._stages.settle()

    def status(self, run: str) -> str:
        """Return a run's status."""
        told = self.stage.client.ask(Status(run))
        assert isinstance(told, StatusAnswer)
        return str(told.run["status"])


@pytest.fixture
def play(stages: Stages, request: pytest.FixtureRequest) -> Play:
    """Give a stage to a test."""
    return Play(stages, request.node.name)


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_a_run_whose_acceptance_was_not_answered(play: Play, moment: Moment) -> None:
    """Who submits it again with its key gets the run that was accepted, or one that is now: there is only one."""
    before = play.ledger.figures["runs"]
    play.stage.doom(Fault(moment, what="accept"))
    submit = Submit("crash.fan_out", play.numbers, idempotency_key=moment)
    play.ask_and_lose(submit)
    play.stage.go_on()
    assert play.ledger.figures["runs"] - before == (moment == "after_commit")
    accepted = play.stage.client.ask(submit)
    assert isinstance(accepted, Accepted)
    assert play.followed(accepted.run).status == "succeeded"
    play.settle()
    assert play.ledger.figures["runs"] - before == 1


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_an_item_whose_completion_nobody_was_told(play: Play, moment: Moment) -> None:
    """It is not performed again if its completion was written, and is if it was not."""
    play.stage.doom(Fault(moment, 2, "item"))
    run = play.submit_and_lose("crash.fan_out", {**play.numbers, "flaky": [1, 3]})
    assert play.followed(run).status == "succeeded"
    play.settle()


def test_a_run_whose_end_nobody_was_told(play: Play) -> None:
    """It has ended, and nothing of it is performed again."""
    play.stage.doom(Fault("after_commit", what="end"))
    run = play.submit_and_lose("crash.joins", play.numbers)
    play.ledger.nothing_is_left()
    assert play.followed(run).status == "succeeded"
    play.settle()


def test_a_cancellation_that_was_not_answered(play: Play) -> None:
    """Nothing of the run is performed any more, and it ends cancelled."""
    run = play.begin_gated()
    play.ledger.cancelling(run)
    play.stage.doom(Fault("after_commit", what="cancel"))
    play.ask_and_lose(Cancel(run))
    play.ledger.stands_still(run)
    play.file.touch()
    play.stage.go_on()
    assert play.followed(run).status == "cancelled"
    play.settle()


def test_a_pause_that_was_not_answered(play: Play) -> None:
    """The run stays paused, also when another daemon dies, and goes on when it is resumed."""
    run = play.begin_gated()
    play.stage.doom(Fault("after_commit", what="pause"))
    play.ask_and_lose(Pause(run))
    play.ledger.recorded(run, PauseRequested)
    play.ledger.stands_still(run)
    play.file.touch()
    play.stage.go_on()
    assert play.status(run) == "paused"
    play.stage.doom(Fault("after_commit", what="end"))
    play.submit_and_lose("crash.cycle", {"name": "other", "laps": 2})
    assert play.status(run) == "paused"
    play.ledger.may_move(run)
    play.stage.client.ask(Resume(run))
    assert play.followed(run).status == "succeeded"
    play.settle()


def test_a_rerun_that_was_not_answered(play: Play) -> None:
    """There is such a run, and it performs what failed, and what follows on that."""
    inputs = {**play.numbers, "broken": [1, 2], "needs": str(play.file)}
    ended = list(play.stage.client.answers(Submit("crash.repair", inputs)))[-1]
    assert isinstance(ended, Ended)
    assert ended.status == "failed"
    play.file.touch()
    play.stage.doom(Fault("after_commit", what="rerun"))
    play.ask_and_lose(Rerun(ended.run, "failed_items"))
    play.stage.go_on()
    (rerun,) = play.ledger.reruns_of(ended.run)
    assert play.followed(rerun).status == "succeeded"
    play.settle()


@pytest.mark.parametrize("fault", [Fault("after_commit", what="start"), Fault("after_effect")])
def test_an_item_that_is_performed_at_most_once(play: Play, fault: Fault) -> None:
    """Whatever was about to be performed is not performed again, and its result is missing."""
    play.stage.doom(fault)
    run = play.submit_and_lose("crash.once", play.numbers)
    ended = play.followed(run)
    assert ended.status == "succeeded"
    assert None in ended.output["work"]
    play.settle()


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
@pytest.mark.parametrize(("what", "number"), [("read", 2), ("item", 2), ("written", 1), ("whole", 1)])
def test_a_run_that_reads_a_file_and_writes_one(play: Play, moment: Moment, what: What, number: int) -> None:
    """Each item is in the file once, and none is performed again whose result was written down."""
    play.stage.doom(Fault(moment, number, what))
    inputs = lazy_inputs(play.stage.scene.folder, play.numbers["name"], list(range(30)))
    run = play.submit_and_lose("crash.lazy", inputs)
    assert play.followed(run).status == "succeeded"
    play.settle()
