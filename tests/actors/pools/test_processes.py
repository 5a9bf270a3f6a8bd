"""Runs whose items run in pools of real processes: what ends, what is lost, and what a worker may do to the daemon."""

import json
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.pools import Pool, PoolOptions, RayPlace
from stretto.definitions.errors import InvalidDefinition
from stretto.definitions.model import Resources
from tests.support.engines import Bench, outcome_of
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

ACTIONS = "tests.support.pool_actions"
PID = os.getpid()


def text(action: str, runs_on: str | dict[str, Any] = "compute", more: str = "", **given: Any) -> str:
    """Return a workflow of one task. It publishes the task's result."""
    return f"""
output_map: {{result: "{{{{ task.only.result }}}}"}}
parameters: {{mark: {{type: string, default: ""}}}}
tasks:
  - name: only
    action: {action}
    runs_on: {json.dumps(runs_on)}
    input: {json.dumps(given)}
{more}"""


BOTH = ["processes", pytest.param("ray", marks=needs_ray)]
always_on_both = pytest.mark.parametrize("start_on", BOTH, indirect=True)
in_full = pytest.mark.skipif(os.environ.get("STRETTO_TEST_RAY") != "all", reason="on Ray with STRETTO_TEST_RAY=all")


@pytest.fixture(params=["processes", pytest.param("ray", marks=[needs_ray, in_full])])
def start_on(request: pytest.FixtureRequest, start_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """Start an engine with the pool `compute` on each carrier."""
    cluster: RayCluster | None = None
    if request.param == "ray":
        cluster = request.getfixturevalue("ray_cluster")
    place = None if cluster is None else RayPlace(address=cluster.address, cpus=0.5)

    def start(workers: int = 1, slots: int = 4, beat: float = 5.0, **settings: Any) -> Bench:
        options = PoolOptions(workers=workers, slots=slots, beat=beat, actions=(ACTIONS,), ray=place)
        return start_bench(pools={"compute": options}, **settings)

    return start


@pytest.fixture
def start(start_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """Start an engine with the pool `compute`."""

    def start(
        workers: int = 1, slots: int = 4, beat: float = 5.0, resources: Resources | None = None, **settings: Any
    ) -> Bench:
        options = PoolOptions(workers=workers, slots=slots, beat=beat, actions=(ACTIONS,), resources=resources)
        return start_bench(pools={"compute": options}, **settings)

    return start


def pool_of(bench: Bench) -> Pool:
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    return pool


@always_on_both
def test_a_fan_out_runs_in_a_pool_whose_actions_the_daemon_does_not_have(start_on: Callable[..., Bench]) -> None:
    """It knows them by announcement: it checks their inputs. The workflow's pool holds for all tasks."""
    bench = start_on(workers=2)
    outcome = bench.run("""
runs_on: compute
output_map:
  texts: "{{ task.fan.result | map(attribute='text') | list }}"
  processes: "{{ task.fan.result | map(attribute='process') | unique | list }}"
  echoed: "{{ task.stays.result }}"
tasks:
  - name: fan
    action: pooled.greet
    with_items: "{{ range(500) }}"
    concurrency: 200
    input: {text: "hello {{ item }}"}
    next: [{do: [stays]}]
  - name: stays
    action: core.echo
    input: {message: "never leaves"}
""")
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    assert outcome.output["texts"] == [f"hello {number}" for number in range(500)]
    assert outcome.output["echoed"] == "never leaves"
    assert PID not in outcome.output["processes"]
    report = pool_of(bench).report()
    assert (report["items_sent"], report["waiting"], report["in_flight"], report["late_ends"]) == (500, 0, 0, 0)
    assert report["bytes_sent"] < 500 * 64
    wrong = bench.run(text("pooled.greet", txt="misspelled"))
    assert "text is missing" in wrong.errors[0]["message"]


def test_each_item_may_name_its_own_pool(start_on: Callable[..., Bench]) -> None:
    """`here` is the daemon itself. A pool that does not exist fails its item, with the nearest name."""
    bench = start_on(actions=[ACTIONS])
    outcome = bench.run("""
output_map: {processes: "{{ task.fan.result | map(attribute='process') | list }}"}
tasks:
  - name: fan
    action: pooled.greet
    with_items: [here, compute]
    runs_on: "{{ item }}"
    concurrency: 2
    input: {text: "{{ item }}"}
""")
    assert outcome.output is not None, outcome.errors
    assert outcome.output["processes"][0] == PID
    assert outcome.output["processes"][1] != PID
    unknown = bench.run(text("pooled.greet", "{{ 'comput' }}", text="x"))
    assert unknown.errors[0]["code"] == "unknown_pool"
    assert "did you mean 'compute'" in unknown.errors[0]["message"]
    long = bench.run(text("pooled.greet", "{{ 'compute' * 1000 }}", text="x"))
    assert len(long.errors[0]["message"]) < 200, "it is recorded for each item"


def test_a_failure_comes_back_with_its_result_and_its_text(start_on: Callable[..., Bench]) -> None:
    """As if it had happened here."""
    bench = start_on()
    handle = bench.submit("""
output_map: {seen: "{{ workflow.seen }}"}
tasks:
  - name: only
    action: pooled.fail
    runs_on: compute
    input: {text: no disk}
    next: [{when: "{{ failed() }}", publish: [{seen: "{{ result() }}"}]}]
""")
    outcome = outcome_of(handle)
    assert (outcome.errors[0]["message"], outcome.output) == ("no disk", {"seen": {"text": "no disk"}})
    output = bench.proxy.item_output(handle.id, "only").get(timeout=PATIENCE)
    assert output["stdout"] == "about to fail\n"


@always_on_both
def test_a_worker_that_is_killed_loses_no_item(start_on: Callable[..., Bench], tmp_path: Path) -> None:
    """It is started again, and the item runs there."""
    bench = start_on()
    outcome = bench.run(text("pooled.crash_once", mark=str(tmp_path / "mark")))
    assert outcome.output == {"result": "done"}, outcome.errors
    assert pool_of(bench).report()["workers_lost"] == 1


def test_an_item_that_needs_more_than_a_worker_has_fails(start: Callable[..., Bench]) -> None:
    """The definition is refused if it names the pool. With an expression, the item fails when it starts."""
    bench = start(resources=Resources(cpus=2.0, labels={"zone": "eu"}))
    fits = bench.run(text("pooled.greet", {"pool": "compute", "cpus": 2, "labels": {"zone": "eu"}}, text="x"))
    assert fits.status == "succeeded", fits.errors
    with pytest.raises(InvalidDefinition, match=r"no worker of the pool compute can have gpus: 1 \(it has 0\)"):
        bench.run(text("pooled.greet", {"pool": "compute", "gpus": 1}, text="x"))
    late = bench.run(text("pooled.greet", {"pool": "{{ 'compute' }}", "labels": {"zone": "us"}}, text="x"))
    assert late.errors[0]["code"] == "unmet_needs"
    assert "zone=us (it has zone=eu)" in late.errors[0]["message"]


def test_an_item_that_must_not_run_twice_is_not_sent_again(start_on: Callable[..., Bench], tmp_path: Path) -> None:
    """The worker was killed while it ran."""
    mark = tmp_path / "mark"
    outcome = start_on().run(text("pooled.crash", more="    delivery: at_most_once", mark=str(mark)))
    assert (outcome.errors[0]["code"], mark.read_text()) == ("may_have_run", "x")


def test_a_frozen_worker_is_lost_after_three_beats(start_on: Callable[..., Bench], tmp_path: Path) -> None:
    """Nothing of its connection tells that. The carrier ends its process."""
    mark = tmp_path / "mark"
    bench = start_on(beat=0.2)
    outcome = bench.run(text("pooled.freeze_once", mark=str(mark)))
    assert outcome.output == {"result": "done"}, outcome.errors
    assert pool_of(bench).notes.losses() == {"silent": 1}
    assert has_ended(int(mark.read_text()))


def test_a_worker_ends_its_call_at_the_timeout(start_on: Callable[..., Bench], tmp_path: Path) -> None:
    """A coroutine is cancelled there. The message is the one of an item here."""
    outcome = start_on().run(text("pooled.hang", more="    timeout: 0.1", mark=str(tmp_path / "mark")))
    assert (outcome.errors[0]["code"], outcome.errors[0]["message"]) == ("timed_out", "it took longer than 0.1 s")


@always_on_both
@pytest.mark.parametrize("action", ["pooled.hang", "pooled.wait_in_thread"])
def test_a_cancelled_run_ends_its_calls_at_their_worker(
    start_on: Callable[..., Bench], tmp_path: Path, action: str
) -> None:
    """A function on a thread runs on, and its end would be dropped."""
    mark = tmp_path / "mark"
    os.mkfifo(mark)
    bench = start_on()
    handle = bench.submit("cancellation_policy: cancel_running\n" + text(action, mark=str(mark)))
    assert mark.read_text() == "hangs"
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "cancelled"
    report = pool_of(bench).report()
    assert (report["in_flight"], report["late_ends"]) == (0, 0)


def test_a_large_shared_value_travels_once_to_each_worker(start_on: Callable[..., Bench]) -> None:
    """Whatever it weighs, the items' own bytes are the same."""
    bench = start_on(workers=1, slots=2)
    sizes = []
    for length in (2_000, 20_000):
        before = pool_of(bench).report()
        outcome = bench.run(f"""
vars: {{table: "{{{{ range({length}) | list }}}}"}}
output_map: {{lengths: "{{{{ task.fan.result | unique | list }}}}"}}
tasks:
  - name: fan
    action: pooled.measure
    runs_on: compute
    with_items: "{{{{ range(40) }}}}"
    concurrency: 4
    input: {{value: "{{{{ workflow.table }}}}"}}
""")
        assert outcome.output == {"lengths": [length]}, outcome.errors
        after = pool_of(bench).report()
        assert after["values_put"] - before["values_put"] == 1
        value = len(json.dumps(list(range(length)), separators=(",", ":")))
        sizes.append(after["bytes_sent"] - before["bytes_sent"] - value)
    assert abs(sizes[0] - sizes[1]) < 40 * 16, "only the batches differ"


def test_a_run_waits_for_a_worker_and_says_so(start_bench: Callable[..., Bench]) -> None:
    """The worker cannot start: its actions cannot be imported. The items hold no permit of the daemon."""
    options = PoolOptions(workers=2, actions=("no.such.module",))
    bench = start_bench(pools={"compute": options}, max_items_in_flight=1)
    handle = bench.submit(text("pooled.greet", text="x"))
    found = [each for each in bench.proxy.why(handle.id).get(timeout=PATIENCE) if each["kind"] == "pool"]
    assert found[0]["text"] == "1 item waits for a worker of compute: 0 of 2 connected"
    assert bench.run("tasks: [{name: here, action: core.noop}]").status == "succeeded"
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "cancelled"


def test_workers_end_with_the_engine(start: Callable[..., Bench]) -> None:
    """None of their processes is left."""
    bench = start()
    outcome = bench.run(text("pooled.greet", text="x"))
    assert outcome.output is not None, outcome.errors
    process = outcome.output["result"]["process"]
    bench.proxy.stop().get(timeout=PATIENCE)
    with pytest.raises(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def test_a_cancelled_run_does_not_wait_for_a_worker(start: Callable[..., Bench], tmp_path: Path) -> None:
    """By default running items finish. One that waits in the pool has not started."""
    mark = tmp_path / "mark"
    os.mkfifo(mark)
    bench = start(slots=1)
    holds = bench.submit("cancellation_policy: cancel_running\n" + text("pooled.hang", mark=str(mark)))
    assert mark.read_text() == "hangs"
    fan = """
tasks:
  - name: fan
    action: pooled.greet
    runs_on: compute
    with_items: "{{ range(20) }}"
    concurrency: 20
    input: {text: x}
"""
    waits = bench.submit(fan)
    bench.proxy.drain_pool("compute").get(timeout=PATIENCE)
    found: list[Any] = []
    while not found:
        found = [each for each in bench.proxy.why(waits.id).get(timeout=PATIENCE) if each["kind"] == "pool"]
    while bench.proxy.pools().get(timeout=PATIENCE)[0]["waiting"] != 20:  # those without a permit count, too
        pass
    bench.proxy.cancel(waits.id).get(timeout=PATIENCE)
    assert outcome_of(waits).status == "cancelled"
    assert bench.proxy.pools().get(timeout=PATIENCE)[0]["waiting"] == 0
    bench.proxy.cancel(holds.id).get(timeout=PATIENCE)
    assert outcome_of(holds).status == "cancelled"


def command(path: Path) -> str:
    """Return a workflow of one command on the pool: it writes its worker's id and its own to a pipe, and waits."""
    os.mkfifo(path)
    words = ["sh", "-c", f"echo $PPID $$ > {path}; exec sleep 3600"]
    return f"tasks: [{{name: only, action: core.local, runs_on: compute, input: {{argv: {json.dumps(words)}}}}}]"


def has_ended(process: int) -> bool:
    """Wait for the end of a process."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor):
        return bool(select.select([descriptor], [], [], PATIENCE)[0])


def test_commands_of_workers_end_with_the_engine(start: Callable[..., Bench], tmp_path: Path) -> None:
    """Each is a session of its own."""
    mark = tmp_path / "mark"
    bench = start()
    bench.submit(command(mark))
    process = int(mark.read_text().split()[1])
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    assert has_ended(process)


def test_the_commands_of_a_lost_worker_end_with_it(start: Callable[..., Bench], tmp_path: Path) -> None:
    """They would run beside those that other workers start for the same items."""
    mark = tmp_path / "mark"
    bench = start(beat=0.2)
    bench.submit(command(mark))
    worker, process = map(int, mark.read_text().split())
    os.kill(worker, signal.SIGSTOP)
    assert has_ended(process)
    assert int(mark.read_text().split()[1]) != process, "it runs again, at another worker"


def test_the_commands_of_a_worker_that_dies_by_itself_end(start: Callable[..., Bench], tmp_path: Path) -> None:
    """They are sessions of their own, and no process is their parent any more."""
    mark = tmp_path / "mark"
    bench = start()
    bench.submit(command(mark))
    worker, process = map(int, mark.read_text().split())
    os.kill(worker, signal.SIGKILL)
    assert has_ended(process)
    assert int(mark.read_text().split()[1]) != process, "it runs again, at another worker"


def test_an_item_that_ends_its_workers_fails_after_three(start_on: Callable[..., Bench], tmp_path: Path) -> None:
    """Items beside it end well: the third time it is alone."""
    mark = tmp_path / "mark"
    bench = start_on(slots=2)
    outcome = bench.run(f"""
output_map: {{ends: "{{{{ task.fan.result }}}}"}}
tasks:
  - name: fan
    action: "pooled.crash_or_greet"
    runs_on: compute
    with_items: [poison, a, b, c]
    concurrency: 4
    input: {{text: "{{{{ item }}}}", mark: "{mark}"}}
    next: [{{when: "{{{{ failed() }}}}"}}]
""")
    assert mark.read_text() == "xxx"
    codes = [error["code"] for error in outcome.errors if error["item_index"] is not None]
    assert codes == ["worker_lost"], outcome.errors
    assert pool_of(bench).notes.losses() == {"closed": 3}


def test_a_worker_whose_forked_child_lives_on_is_replaced(start: Callable[..., Bench], tmp_path: Path) -> None:
    """The child holds the connection, whose end would otherwise never come."""
    mark = tmp_path / "mark"
    bench = start(beat=0.1)
    try:
        outcome = bench.run(text("pooled.fork_and_crash", mark=str(mark)))
        assert outcome.errors[0]["code"] == "worker_lost"
        assert bench.run(text("pooled.greet", text="still here")).status == "succeeded"
    finally:
        for process in mark.read_text().split():
            assert has_ended(int(process))


def test_what_calls_log_comes_to_the_log_without_the_runs_secrets(
    start: Callable[..., Bench], capfd: pytest.CaptureFixture[str]
) -> None:
    """A worker does not know them, so it writes none of these lines itself."""
    bench = start()
    handle = bench.submit(
        """
parameters: {token: {type: string, secret: true}}
tasks: [{name: only, action: pooled.log, runs_on: compute, input: {text: "{{ parameters.token }}"}}]
""",
        {"token": "s3cr3t-token"},
    )
    assert outcome_of(handle).status == "succeeded"
    bench.proxy.stop().get(timeout=PATIENCE)
    errors = capfd.readouterr().err
    assert "s3cr3t" not in errors
    for line in ("by logging: ******", "by structlog text='******'", "by exception", "ValueError: ******"):
        assert line in errors, errors
    assert handle.id in errors


def test_actions_that_no_worker_can_have_run_in_the_daemon(start_on: Callable[..., Bench]) -> None:
    """A pool for all tasks does not hold up a task that sleeps."""
    bench = start_on()
    outcome = bench.run("""
runs_on: compute
tasks: [{name: only, action: core.sleep, input: {seconds: 0}}]
""")
    assert outcome.status == "succeeded"
    assert pool_of(bench).report()["items_sent"] == 0


def test_a_run_says_which_action_no_worker_has(start_on: Callable[..., Bench]) -> None:
    """It waits for a worker that has the action."""
    bench = start_on(actions=["tests.support.printing_actions"])
    assert bench.run(text("pooled.greet", text="there is a worker")).status == "succeeded"
    handle = bench.submit("cancellation_policy: cancel_running\n" + text("say.plain", text="x"))
    waits: list[Any] = []
    while not waits:
        found = bench.proxy.why(handle.id).get(timeout=PATIENCE)
        assert found[0]["kind"] != "ended", found
        waits = [each for each in found if each["kind"] == "pool"]
    assert waits[0]["text"] == (
        "1 item waits for a worker of compute: 1 of 1 connected, and none of them has the daemon's say.plain, or any"
    )
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "cancelled"


def test_calls_whose_values_are_more_than_a_worker_may_keep_run_even_so(start_bench: Callable[..., Bench]) -> None:
    """Each is sent, and none over and over."""
    options = PoolOptions(workers=1, slots=4, actions=(ACTIONS,), cache_bytes=100)
    bench = start_bench(pools={"compute": options})
    outcome = bench.run("""
vars: {a: "{{ range(3000) | list }}", b: "{{ range(4000) | list }}"}
output_map: {lengths: "{{ task.fan.result | unique | list }}"}
tasks:
  - name: fan
    action: pooled.measure
    runs_on: compute
    with_items: "{{ range(20) }}"
    concurrency: 4
    input: {value: "{{ [workflow.a, workflow.b] }}"}
""")
    assert outcome.output == {"lengths": [2]}, outcome.errors
    assert pool_of(bench).report()["values_put"] <= 2 * 20 + 2
