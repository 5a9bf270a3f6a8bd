"""Runs of an action that no worker of a pool has: they wait, and no other run waits for them."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from stretto.actors.pools import Pool, PoolOptions
from stretto.actors.pools.held import MAX_HELD_OF_A_RUN
from tests.support.engines import Bench, outcome_of
from tests.support.events import answer_of, event
from tests.support.waiting import PATIENCE

ACTION = """
from stretto.actors import action

@action("{name}")
def call(number: int) -> int:
    return number{more}
"""


def fan_out(action: str, items: int) -> str:
    """Return a workflow with a fan-out in the pool."""
    return f"""
output_map: {{count: "{{{{ task.all.result | length }}}}"}}
tasks:
  - name: all
    action: {action}
    runs_on: compute
    with_items: "{{{{ range({items}) }}}}"
    concurrency: {items}
    input: {{number: "{{{{ item }}}}"}}
"""


TWO_TASKS = """
parameters: {items: {type: array}}
output_map: {held: "{{ task.held.result | length }}", others: "{{ task.others.result | length }}"}
tasks:
  - name: held
    action: other_changed.call
    runs_on: compute
    with_items: "{{ parameters.items }}"
    concurrency: 1000
    input: {number: "{{ item }}"}
  - name: begin
    wait_for: {event: begin}
    next: [{do: [others]}]
  - name: others
    action: other_same.call
    runs_on: compute
    with_items: "{{ range(50) }}"
    concurrency: 50
    input: {number: "{{ item }}"}
"""


def write_actions(folder: Path, more: str, prefix: str = "") -> tuple[str, str]:
    """Write the actions `same.call`, and `changed.call` with a change, both with a prefix. Return their files."""
    folder.mkdir(exist_ok=True)
    files = folder / "same.py", folder / "changed.py"
    files[0].write_text(ACTION.format(name=f"{prefix}same.call", more=""))
    files[1].write_text(ACTION.format(name=f"{prefix}changed.call", more=more))
    return str(files[0]), str(files[1])


def test_a_fan_out_of_an_action_that_no_worker_has_holds_up_no_other_run(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """It takes none of the permits that others need, and few at all. It ends once a worker has its action."""
    theirs = write_actions(tmp_path / "theirs", " + 1")
    bench = start_bench(
        actions=write_actions(tmp_path / "ours", ""), pools={"compute": PoolOptions(slots=2, actions=theirs)}
    )
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    items = 6 * MAX_HELD_OF_A_RUN
    waiting = bench.submit(fan_out("changed.call", items))
    while pool.waiting_of(waiting.id).get("changed.call", 0) < MAX_HELD_OF_A_RUN:
        time.sleep(0.01)
    assert bench.run(fan_out("same.call", 50)).output == {"count": 50}
    assert pool.waiting_of(waiting.id)["changed.call"] < 2 * MAX_HELD_OF_A_RUN
    (report,) = bench.proxy.pools().get(timeout=PATIENCE)
    assert report["waiting"] == items, json.dumps(report)
    write_actions(tmp_path / "theirs", "")
    bench.proxy.drain_pool("compute").get(timeout=PATIENCE)  # the next worker reads the files anew
    assert outcome_of(waiting).output == {"count": items}
    assert not pool.held_up


def test_the_other_tasks_of_the_run_do_not_wait_for_held_items(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Only the items of the action that no worker has do, and the run says that of all of them."""
    theirs = write_actions(tmp_path / "theirs", " + 1", "other_")
    bench = start_bench(
        actions=write_actions(tmp_path / "ours", "", "other_"), pools={"compute": PoolOptions(slots=2, actions=theirs)}
    )
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    items = 6 * MAX_HELD_OF_A_RUN
    run = bench.submit(TWO_TASKS, {"items": [*range(items)]})
    while pool.waiting_of(run.id).get("other_changed.call", 0) < MAX_HELD_OF_A_RUN:
        time.sleep(0.01)
    while not waits_for_event(bench, run.id):
        time.sleep(0.01)
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    answer_of(services.events.accept(event(None, type="begin", at=services.now())))
    while bench.proxy.status(run.id).get(timeout=PATIENCE)["tasks"].get("others", {}).get("status") != "succeeded":
        time.sleep(0.01)
    (wait,) = [each for each in bench.proxy.why(run.id).get(timeout=PATIENCE) if each["kind"] == "pool"]
    assert wait["text"] == (
        f"{items} items wait for a worker of compute: 1 of 1 connected, "
        "and none of them has the daemon's other_changed.call, or any"
    )
    write_actions(tmp_path / "theirs", "", "other_")
    bench.proxy.drain_pool("compute").get(timeout=PATIENCE)
    assert outcome_of(run).output == {"held": items, "others": 50}
    assert not pool.held_up


def waits_for_event(bench: Bench, run_id: str) -> bool:
    """Return whether an item of a run waits for an event."""
    return any(each["kind"] == "event" for each in bench.proxy.why(run_id).get(timeout=PATIENCE))
