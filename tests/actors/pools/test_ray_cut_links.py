"""A Ray node in a network of its own, whose link is cut in the middle of a fan-out, and mended."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import RunHandle
from stretto.actors.pools import Pool, PoolOptions, RayPlace
from tests.support.cut_links import Link
from tests.support.engines import Bench, outcome_of
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

pytestmark = needs_ray
BEAT = 1.0
ITEMS = 8
A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.1}}]"
FAN = """
runs_on: compute
output_map: {texts: "{{ task.fan.result }}"}
tasks:
  - name: fan
    action: pooled.note_and_wait
    delivery: DELIVERY
    with_items: "{{ range(8) }}"
    concurrency: 8
    input: {text: "item {{ item }}", starts: STARTS, mark: MARK}
"""
TEXTS = [f"item {number}" for number in range(ITEMS)]
GREET = """
runs_on: compute
output_map: {processes: "{{ task.fan.result | map(attribute='process') | list }}"}
tasks: [{name: fan, action: pooled.greet, with_items: "{{ range(8) }}", concurrency: 8, input: {text: x}}]
"""
LONGER_THAN_THE_TEST = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",  # a node without its head
    "RAY_health_check_failure_threshold": "3600",  # a head without its node
}
"""How long Ray waits before it says that a node is gone."""
AFTER_SECONDS = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "500",
    "RAY_health_check_failure_threshold": "12",
}
"""The same, so that a test can wait for it. It is longer than three beats."""
MOST_SECONDS = 30.0
"""Until the items of a node that is cut off are at other workers: three beats, and what a busy machine takes."""


class Cluster:
    """A head on this machine and a node behind a link, with a place for one worker on each.

    Args:
        link: The link.
        patience: How long Ray waits for nodes, as variables of its processes.
    """

    def __init__(self, link: Link, patience: dict[str, str]) -> None:
        self.link = link
        self.ray = RayCluster(cpus=1, environment=patience, host=link.here)
        try:
            self.node = self.ray.add_node(1, f"--node-ip-address={link.there}", inside=link.inside)
        except BaseException:
            self.ray.stop()
            raise


class Fan:
    """A fan-out of eight items over both workers, which wait for a file.

    Args:
        start_bench: Starts an engine.
        cluster: The cluster.
        folder: The folder of the files.
    """

    def __init__(self, start_bench: Callable[..., Bench], cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._starts, self._mark = folder / "starts", folder / "mark"
        place = RayPlace(address=cluster.ray.address)
        self._bench = start_bench(
            pools={
                "compute": PoolOptions(
                    workers=2, slots=ITEMS, actions=("tests.support.pool_actions",), ray=place, beat=BEAT, insecure=True
                )
            }
        )
        self.pool: Pool = self._bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]

    def starts(self) -> Counter[str]:
        """Return how often each item has started."""
        return Counter(self._starts.read_text().splitlines()) if self._starts.exists() else Counter()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Let the engine run other items until something is so."""
        while not is_so():
            assert self._bench.run(A_MOMENT).status == "succeeded"

    def behind(self) -> dict[int, int]:
        """Return how many items each connected worker behind the link has, by its process."""
        node = set(self._cluster.node.processes())
        workers = self.pool.report()["workers"]
        return {each["process"]: each["in_flight"] for each in workers if each["process"] in node}

    def begin(self, delivery: str) -> RunHandle:
        """Start the run. Return once all items have started."""
        self.wait_until(lambda: self.pool.connected == 2)
        assert len(self.behind()) == 1
        text = FAN.replace("DELIVERY", delivery)
        for name, path in (("STARTS", self._starts), ("MARK", self._mark)):
            text = text.replace(name, json.dumps(str(path)))
        handle = self._bench.submit(text)
        self.wait_until(lambda: self.starts().total() == ITEMS)
        return handle

    def cut(self) -> int:
        """Cut the link, and wait until the worker behind it is lost. Return how many items it had."""
        ((cut_off, items),) = self.behind().items()
        assert 0 < items < ITEMS
        self._cluster.link.cut()
        self.wait_until(lambda: bool(self.pool.notes.losses()))
        assert self.pool.notes.losses() == {"silent": 1}
        assert cut_off not in self.behind()
        return items

    def mend(self) -> None:
        """Mend the link, and wait until a worker behind it runs items."""
        self._cluster.link.mend()
        self.wait_until(lambda: self.pool.connected == 2)
        ((process, _),) = self.behind().items()
        outcome = self._bench.run(GREET)
        assert outcome.output is not None
        processes: Any = outcome.output["processes"]
        assert process in processes

    def go_on(self) -> None:
        """Let the items end."""
        self._mark.write_text("go on")


@pytest.fixture
def cluster(link: Link) -> Iterator[Cluster]:
    """A cluster with a node behind the link."""
    cluster = Cluster(link, LONGER_THAN_THE_TEST)
    yield cluster
    cluster.ray.stop()


@pytest.fixture
def impatient_cluster(link: Link) -> Iterator[Cluster]:
    """The same, on which Ray gives a silent node up after some seconds."""
    cluster = Cluster(link, AFTER_SECONDS)
    yield cluster
    cluster.ray.stop()


def test_items_of_a_cut_off_node_run_elsewhere_and_the_node_is_used_again(
    cluster: Cluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Each of them starts a second time, at the other worker, and never a third time."""
    fan = Fan(start_bench, cluster, tmp_path)
    handle = fan.begin("at_least_once")
    lost = fan.cut()
    fan.go_on()
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": TEXTS}, outcome.errors
    fan.mend()
    assert Counter(fan.starts().values()) == {1: ITEMS - lost, 2: lost}


def test_items_of_a_cut_off_node_that_must_not_run_twice_may_have_run(
    cluster: Cluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """They have run once, behind the cut link, and nothing starts them again when it is mended."""
    fan = Fan(start_bench, cluster, tmp_path)
    handle = fan.begin("at_most_once")
    lost = fan.cut()
    fan.go_on()
    codes = Counter(each["code"] for each in outcome_of(handle).errors)
    assert codes == {"may_have_run": lost, "items_failed": 1}
    fan.mend()
    assert set(fan.starts().values()) == {1}


def test_a_node_that_stays_cut_off_is_lost_after_three_beats_and_replaced(
    impatient_cluster: Cluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Its items do not wait until Ray gives the node up. The next worker may, which starts on another node."""
    fan = Fan(start_bench, impatient_cluster, tmp_path)
    handle = fan.begin("at_least_once")
    began = time.monotonic()
    lost = fan.cut()
    fan.wait_until(lambda: fan.starts().total() == ITEMS + lost)
    seconds = time.monotonic() - began
    assert fan.pool.notes.losses() == {"silent": 1}
    assert 2 * BEAT <= seconds < MOST_SECONDS, "the last beat may be as old as a beat when the link is cut"
    fan.go_on()
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": TEXTS}, outcome.errors
    spare = impatient_cluster.ray.add_node(1, f"--node-ip-address={impatient_cluster.link.here}")
    fan.wait_until(lambda: fan.pool.connected == 2)
    assert {each["process"] for each in fan.pool.report()["workers"]} & set(spare.processes())
