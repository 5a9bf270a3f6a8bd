"""The metrics and log lines of a run: gathered in a turn, and each one once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Dispatcher, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.outcome import Outcome, failed_with
from stretto.actors.runners import Runners
from stretto.actors.runs.messages import ItemEnded
from stretto.actors.runs.services import Services
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.definitions.conductor import Conductor, ItemCompleted, TaskEnded
from stretto.definitions.data.frozen import EMPTY_LIST, EMPTY_OBJECT
from stretto.definitions.dialects import read_workflow
from stretto.metrics import Instruments, configure_logging, expose
from tests.support.driving import failed
from tests.support.waiting import PATIENCE, Lines
from tests.support.writing import workflow

WORKFLOW = read_workflow(workflow({"name": "fan", "with_items": [1, 2, 3]}, ref="record.fan"), "fan.yaml")


class Desk:
    """A run's telemetry, and the lines that it has logged."""

    def __init__(self) -> None:
        self.lines = Lines()
        configure_logging("DEBUG", self.lines, style="json")
        self._clock, self._dispatcher = Clock.start(), Dispatcher(1)
        self.services = Services(
            self._dispatcher,
            Timers(self._clock),
            Runners(threads=1),
            ActionRegistry.registered("refuse"),
            Instruments(),
        )
        self.services.now = lambda: 1000.0
        self.services.timers.monotonic = lambda: 50.0
        self.record = RunTelemetry(self.services, WORKFLOW, "run")

    def logged(self, name: str) -> dict[str, Any]:
        return self.lines.wait_for(name)

    def counted(self, name: str, **labels: str) -> float | None:
        """Return what a metric shows."""
        text = expose(self.services.instruments.registry).body.decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"stretto_{name}" and sample.labels == labels:
                    return float(sample.value)
        return None

    def items(self, status: str) -> float | None:
        return self.counted("items_total", workflow="record.fan", task="fan", status=status)

    def close(self) -> None:
        structlog.reset_defaults()
        self.services.runners.stop()
        self._dispatcher.stop()
        self._clock.stop(timeout=PATIENCE)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def ended(index: int, outcome: str = "succeeded", seconds: float = 0.25) -> ItemEnded:
    failure = None if outcome == "succeeded" else failed(outcome)
    return ItemEnded(ItemCompleted("fan", 1, index, 1, outcome, None, failure, 1.0), seconds, 1.0)


def test_items_count_with_their_last_try_when_the_turn_is_over(desk: Desk) -> None:
    """Each failed call counts, also one that is tried again."""
    desk.record.attempt_ended(ended(0), "succeeded", final=True)
    desk.record.attempt_ended(ended(1, "failed"), "failed", final=False)
    desk.record.retried()
    assert desk.items("succeeded") is None
    desk.record.flush(None)
    assert desk.items("succeeded") == 1
    assert desk.items("failed") in {None, 0}
    assert desk.counted("action_errors_total", action="core.noop", kind="failed") == 1
    assert desk.counted("retries_total") == 1
    assert desk.counted("item_duration_seconds_sum") == 0.25
    desk.record.flush(None)
    assert desk.items("succeeded") == 1


def test_an_item_counts_as_what_it_is_to_its_run(desk: Desk) -> None:
    """One that was skipped while it was in flight counts as that, whatever its action did."""
    desk.record.attempt_ended(ended(0, "failed"), "skipped", final=True)
    desk.record.flush(None)
    assert desk.items("skipped") == 1
    assert desk.items("failed") in {None, 0}


def test_items_that_end_without_a_last_try_count_with_their_task(desk: Desk) -> None:
    """As those that were cancelled while they waited; none counts twice."""
    desk.record.attempt_ended(ended(0), "succeeded", final=True)
    outcomes = {"succeeded": 1, "cancelled": 2}
    desk.record.task_ended(TaskEnded("fan", 1, "cancelled", 3, 2, 4.0, outcomes))
    desk.record.flush(None)
    assert (desk.items("succeeded"), desk.items("cancelled")) == (1, 2)
    line = desk.logged("task_ended")
    assert (line["task"], line["items"], line["failed"], line["seconds"]) == ("fan", 3, 2, 4.0)


def test_an_end_is_logged_with_its_time_and_its_error(desk: Desk) -> None:
    """Of the errors, the first that nothing handled."""
    desk.services.timers.monotonic = lambda: 57.5
    desk.record.ended(failed_with("supervisor_crashed", "it broke"))
    line = desk.logged("run_ended")
    assert (line["outcome"], line["seconds"], line["errors"], line["error"]) == ("failed", 7.5, 1, "it broke")
    assert desk.counted("runs_total", workflow="record.fan", status="failed") == 1
    assert desk.counted("run_duration_seconds_sum") == 7.5


def test_a_run_that_was_rebuilt_began_when_it_was_accepted(desk: Desk) -> None:
    """As the wall clock has it; one from the future began now."""
    desk.record.recovered(12, 3, 900.0)
    line = desk.logged("run_recovered")
    assert (line["entries"], line["outstanding"]) == (12, 3)
    assert desk.counted("runs_recovered_total") == 1
    desk.record.ended(Outcome("succeeded", None, EMPTY_LIST))
    assert desk.logged("run_ended")["seconds"] == 100.0
    other = RunTelemetry(desk.services, WORKFLOW, "other")
    other.recovered(0, 0, 2000.0)
    other.ended(Outcome("succeeded", None, EMPTY_LIST))
    assert desk.logged("run_ended")["seconds"] == 0.0


@pytest.mark.parametrize(
    "end",
    [
        lambda record: record.ended(Outcome("succeeded", None, EMPTY_LIST)),
        lambda record: record.parked(),
        lambda record: record.crashed("it broke"),
    ],
    ids=["ended", "parked", "crashed"],
)
def test_the_weight_of_a_context_is_a_metric_while_the_run_is_here(
    desk: Desk, end: Callable[[RunTelemetry], None]
) -> None:
    """However it goes."""
    conductor = Conductor(WORKFLOW, "run", EMPTY_OBJECT, 0.0)
    conductor.begin()
    desk.record.flush(conductor)
    assert desk.services.context_bytes == {"run": conductor.context.weight}
    assert desk.counted("snapshots_total") == conductor.context.snapshots > 0
    end(desk.record)
    desk.record.flush(conductor)
    assert desk.services.context_bytes == {}


def test_failures_of_items_are_logged_for_who_wants_them(desk: Desk) -> None:
    """With what they were."""
    desk.record.attempt_ended(ended(2, "failed"), "failed", final=True)
    line = desk.logged("item_failed")
    assert (line["level"], line["task"], line["item_index"], line["kind"]) == ("debug", "fan", 2, "failed")
