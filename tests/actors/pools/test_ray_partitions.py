"""A Ray cluster that is cut off: a node that freezes as in a partition, and a head that is gone for a time."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stretto.actors import RunHandle
from stretto.actors.pools import Pool, PoolOptions, RayPlace
from tests.support.engines import Bench, outcome_of
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

pytestmark = needs_ray
ACTIONS = "tests.support.pool_actions"
A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.1}}]"
BEAT = 1.0
FAN = """
runs_on: compute
output_map: {texts: "{{ task.fan.result }}"}
tasks:
  - name: fan
    action: pooled.wait_for_file
    with_items: "{{ range(8) }}"
    concurrency: 8
    input: {text: "item {{ item }}", mark: MARK}
"""


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """A cluster that the test breaks."""
    cluster = RayCluster()
    yield cluster
    cluster.stop()


def pool_of(bench: Bench) -> Pool:
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    return pool


def options(cluster: RayCluster, workers: int) -> PoolOptions:
    place = RayPlace(address=cluster.address, cpus=0.5)
    return PoolOptions(workers=workers, slots=4, actions=(ACTIONS,), ray=place, beat=BEAT)


def test_the_workers_of_a_node_that_is_cut_off_are_lost_by_their_beats(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Ray itself says so after a minute. The node thaws, and its workers' ends come too late for the run."""
    node = cluster.add_node()
    bench = start_bench(pools={"compute": options(cluster, 2)})
    mark = tmp_path / "mark"
    os.mkfifo(began := tmp_path / "mark.began")
    handle = bench.submit(FAN.replace("MARK", json.dumps(str(mark))))
    assert began.read_text().startswith("item")
    pool = pool_of(bench)
    while pool.connected < 2 or pool.report()["in_flight"] < 8:
        assert bench.run(A_MOMENT).status == "succeeded"
    frozen = set(node.processes())
    lost = {each["worker"] for each in pool.report()["workers"] if each["process"] in frozen}
    assert lost, "one of the workers runs on the node"
    node.signal(signal.SIGSTOP)
    while pool.notes.losses().get("silent", 0) < len(lost):
        assert bench.run(A_MOMENT).status == "succeeded"
    assert not lost & {each["worker"] for each in pool.report()["workers"]}
    mark.write_text("go on")
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": [f"item {number}" for number in range(8)]}, outcome.errors
    node.signal(signal.SIGCONT)


def without_head(cluster: RayCluster, start_bench: Callable[..., Bench], folder: Path) -> tuple[Bench, RunHandle]:
    """Return a run whose items wait for the file `mark` on a worker of a cluster, whose head has just ended."""
    bench = start_bench(pools={"compute": options(cluster, 1)})
    os.mkfifo(began := folder / "mark.began")
    handle = bench.submit(FAN.replace("MARK", json.dumps(str(folder / "mark"))))
    assert began.read_text().startswith("item")
    cluster.head.kill()
    return bench, handle


def test_a_head_that_is_gone_holds_up_its_pool_only_and_the_run_continues(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine lives on, `why` names the pool, and the head's return is enough."""
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")  # else the gateway tries for a minute
    bench, handle = without_head(cluster, start_bench, tmp_path)
    pool = pool_of(bench)
    waits: list[str] = []
    while pool.connected or not any("0 of 1 connected" in each for each in waits):
        assert bench.run(A_MOMENT).status == "succeeded"
        waits = [each["text"] for each in bench.proxy.why(handle.id).get(timeout=PATIENCE)]
    cluster.start_head()
    (tmp_path / "mark").write_text("go on")
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": [f"item {number}" for number in range(8)]}, outcome.errors


def test_a_head_that_is_back_before_ray_gives_it_up_gets_a_new_gateway(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """It knows nothing of the driver that was connected, and Ray itself waits for it for a minute."""
    _, handle = without_head(cluster, start_bench, tmp_path)
    cluster.start_head()
    (tmp_path / "mark").write_text("go on")
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": [f"item {number}" for number in range(8)]}, outcome.errors
