"""What calls on workers write, shown while they run: prints of functions and the output of commands."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal import new_key
from stretto.actors.pools import PoolOptions, RayPlace, live_output
from stretto.actors.pools.live_output import OutputReporter
from stretto.actors.pools.messages import CallOutput, Head, Sending
from stretto.actors.pools.work import Work
from stretto.actors.runners import PrintedText, PrintSlot
from stretto.actors.runs.item_output import ItemNotInFlight
from tests.support.engines import Bench, outcome_of
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

ACTIONS = "tests.support.pool_actions"
A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.05}}]"
SECRET = "s3cr3t-of-the-output"
FUNCTION = """
runs_on: compute
parameters: {mark: {type: string}, token: {type: string, secret: true}}
tasks: [{name: only, action: pooled.print_and_wait, input: {text: "it is {{ parameters.token }}!", mark: "{{ parameters.mark }}"}}]
"""  # noqa: E501
COMMAND = """
runs_on: compute
parameters: {mark: {type: string}, token: {type: string, secret: true}}
tasks:
  - name: only
    action: core.local
    input: {cmd: 'echo "it is $TOKEN!"; echo oops >&2; until test -e "$MARK"; do sleep 0.05; done; echo done',
            env: {MARK: "{{ parameters.mark }}", TOKEN: "{{ parameters.token }}"}}
"""


@pytest.fixture(params=["processes", pytest.param("ray", marks=needs_ray)])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """An engine with the pool `compute` on each carrier."""
    place: RayPlace | None = None
    if request.param == "ray":
        cluster: RayCluster = request.getfixturevalue("ray_cluster")
        key = tmp_path / "pool.key"
        key.write_text(new_key())
        key.chmod(0o600)
        place = RayPlace(address=cluster.address, cpus=0.5, key_file=str(key))
    bench: Bench = start_bench(pools={"compute": PoolOptions(workers=1, slots=4, actions=(ACTIONS,), ray=place)})
    return bench


def output_of(bench: Bench, run: str) -> dict[str, Any]:
    """Return the output of the item once there is some."""
    while True:
        with contextlib.suppress(ItemNotInFlight):  # it waits for the worker
            report: dict[str, Any] = bench.proxy.item_output(run, "only", 0).get(timeout=PATIENCE)
            if report["stdout"]:
                return report
        assert bench.run(A_MOMENT).status == "succeeded"


@pytest.mark.parametrize(("definition", "stderr"), [(FUNCTION, None), (COMMAND, "oops\n")], ids=["function", "command"])
def test_the_output_of_an_item_in_a_pool_is_shown_while_it_runs(
    bench: Bench, definition: str, stderr: str | None, tmp_path: Path
) -> None:
    """Without the run's secrets. The end brings the whole text, once."""
    mark = tmp_path / "mark"
    handle = bench.submit(definition, {"mark": str(mark), "token": SECRET})
    report = output_of(bench, handle.id)
    assert report["stdout"].startswith("it is ")
    assert SECRET not in str(report)
    assert (report["stderr"] or None) == stderr
    mark.write_text("go on")
    assert outcome_of(handle).status == "succeeded"
    if stderr is None:
        ended = bench.proxy.item_output(handle.id, "only", 0).get(timeout=PATIENCE)
        assert ended["stdout"].count("it is ") == 1
        assert ended["stdout"].endswith("done\n")
        assert SECRET not in str(ended)


class Printing:
    """A call that prints."""

    began = None

    def __init__(self) -> None:
        self.printed = PrintSlot()
        self.watch = self.printed.watch

    def cancel(self) -> bool:
        return False

    def output(self) -> None:
        return None

    def print(self, text: str) -> None:
        if not self.printed:
            self.printed.append(PrintedText())
        self.printed[0].write(text)
        self.printed.changed()


def work_of(number: int, running: Printing) -> Work:
    work = Work(Head("run", "ops.flow", "t", False, "a.b", "stretto", None), Sending(0, number, 1, 0, 1, b"{}"))
    work.running = running
    return work


def test_only_what_is_new_is_sent_and_those_that_waited_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much the first call prints, the second one's text comes with the next look."""
    monkeypatch.setattr(live_output, "MAX_OUTPUT_BYTES", 100)
    calls = [Printing(), Printing()]
    works = [work_of(number, call) for number, call in enumerate(calls)]
    reporter = OutputReporter(lambda: works, lambda _found: None)
    assert reporter.collect() == ()
    calls[0].print("a" * 1_000)
    calls[1].print("b")
    assert reporter.collect() == (CallOutput(0, "a" * 1_000),)
    calls[0].print("a")
    assert reporter.collect() == (CallOutput(1, "b"), CallOutput(0, "a" * 1_001))
    assert reporter.collect() == ()
