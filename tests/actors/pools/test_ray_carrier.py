"""Pools on a real Ray cluster: what dies there, what travels there, and which clusters are used."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal import new_key
from stretto.actors.pools import Pool, PoolOptions, RayPlace, ray_carrier
from stretto.actors.pools.ray_carrier import RayCarrier
from tests.support.engines import Bench, outcome_of
from tests.support.ray_clusters import RayCluster, free_port, needs_ray
from tests.support.waiting import PATIENCE

pytestmark = needs_ray
ACTIONS = "tests.support.pool_actions"
FAN = """
runs_on: compute
output_map: {texts: "{{ task.fan.result }}"}
tasks:
  - name: fan
    action: pooled.wait_for_file
    with_items: "{{ range(40) }}"
    concurrency: 40
    input: {text: "item {{ item }}", mark: "MARK"}
"""
A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.1}}]"
"""Waits without taking the processors from Ray."""
ALIVE_SECONDS = 5.0
"""How often a gateway says that it works. Its module imports Ray."""
IDLE = f"tasks: [{{name: a, action: core.sleep, input: {{seconds: {ALIVE_SECONDS + 3.0}}}}}]"
WITH_SECRET = """
parameters: {token: {type: string, secret: true}}
output_map: {length: "{{ task.only.result }}"}
tasks: [{name: only, action: pooled.measure, runs_on: compute, input: {value: ["{{ parameters.token * 100000 }}", 2]}}]
"""


def pool_of(bench: Bench) -> Pool:
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    return pool


def carrier_of(bench: Bench) -> RayCarrier:
    carrier = pool_of(bench)._carrier
    assert isinstance(carrier, RayCarrier)
    return carrier


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """A cluster that the test may break."""
    cluster = RayCluster()
    yield cluster
    cluster.stop()


def options(cluster: RayCluster, workers: int = 1, **more: Any) -> PoolOptions:
    place = RayPlace(address=cluster.address, cpus=0.5, **more)
    return PoolOptions(workers=workers, slots=4, actions=(ACTIONS,), ray=place)


def test_a_gateway_that_is_killed_is_started_again_and_no_item_is_lost(
    start_bench: Callable[..., Bench], ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """The daemon lives on. Ray ends the workers of the gateway, which had no other owner."""
    bench = start_bench(pools={"compute": options(ray_cluster, workers=2)})
    mark = tmp_path / "mark"
    os.mkfifo(began := tmp_path / "mark.began")
    handle = bench.submit(FAN.replace("MARK", str(mark)))
    assert began.read_text().startswith("item")
    gateway = carrier_of(bench).gateway
    assert gateway is not None
    os.kill(gateway, signal.SIGKILL)
    mark.write_text("go on")
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": [f"item {number}" for number in range(40)]}, outcome.errors
    assert set(pool_of(bench).notes.losses()) == {"gateway"}


def test_a_gateway_that_hangs_is_ended_and_started_again(
    start_bench: Callable[..., Bench], ray_cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool had no workers for ever. One that only has nothing to carry says that it works."""
    monkeypatch.setattr(ray_carrier, "SILENT_SECONDS", ALIVE_SECONDS + 2.0)
    bench = start_bench(pools={"compute": options(ray_cluster)})
    greet = "tasks: [{name: a, action: pooled.greet, runs_on: compute, input: {text: x}}]"
    assert bench.run(greet).status == "succeeded"
    gateway = carrier_of(bench).gateway
    assert gateway is not None
    assert bench.run(IDLE).status == "succeeded"
    assert carrier_of(bench).gateway == gateway
    os.kill(gateway, signal.SIGSTOP)
    while carrier_of(bench).gateway == gateway:
        assert bench.run(A_MOMENT).status == "succeeded"
    assert "did not answer" in str(pool_of(bench).trouble)
    assert bench.run(greet).status == "succeeded"


def test_a_node_that_is_killed_loses_no_item(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Its workers start on the other node."""
    node = cluster.add_node()
    bench = start_bench(pools={"compute": options(cluster, workers=2)})
    mark = tmp_path / "mark"
    os.mkfifo(began := tmp_path / "mark.began")
    handle = bench.submit(FAN.replace("MARK", str(mark)))
    assert began.read_text().startswith("item")
    while pool_of(bench).connected < 2:
        assert bench.run(A_MOMENT).status == "succeeded"
    workers = {each["process"] for each in pool_of(bench).report()["workers"]}
    assert workers & set(node.processes()), "one of the workers runs on the node"
    node.kill()
    mark.write_text("go on")
    outcome = outcome_of(handle)
    assert outcome.output == {"texts": [f"item {number}" for number in range(40)]}, outcome.errors


def test_runs_with_secrets_need_the_pools_key(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """With it none of Ray's files has the secret, not even those of large messages."""
    key = tmp_path / "pool.key"
    key.write_text(new_key())
    key.chmod(0o600)
    secret = "s3cr3t-token-of-the-test"
    open_bench = start_bench(pools={"compute": options(cluster)})
    outcome = outcome_of(open_bench.submit(WITH_SECRET, {"token": secret}))
    assert outcome.errors[0]["code"] == "pool_needs_key"
    assert "pools.compute.key_file" in outcome.errors[0]["message"]
    bench = start_bench(pools={"compute": options(cluster, key_file=str(key))})
    outcome = outcome_of(bench.submit(WITH_SECRET, {"token": secret}))
    assert outcome.output == {"length": 2}, outcome.errors
    for folder in (cluster.folder, Path("/dev/shm")):  # noqa: S108 - where Ray keeps large objects
        for path in folder.rglob("*"):
            if path.is_file() and (folder == cluster.folder or "plasma" in path.name):
                assert secret.encode() not in path.read_bytes(), path


def test_a_cluster_with_a_token_is_used_with_the_token(
    start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway has it from the daemon's environment."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
    cluster = RayCluster(environment=token)
    try:
        for name, value in token.items():
            monkeypatch.setenv(name, value)
        bench = start_bench(pools={"compute": options(cluster)})
        outcome = bench.run("tasks: [{name: a, action: pooled.greet, runs_on: compute, input: {text: x}}]")
        assert outcome.status == "succeeded", outcome.errors
        bench.proxy.stop().get(timeout=PATIENCE)
    finally:
        cluster.stop()


def test_a_cluster_that_does_not_answer_is_named(
    start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `runs why`, and by the pool. Everything else goes on."""
    monkeypatch.setattr(ray_carrier, "CONNECT_SECONDS", 0.5)
    place = RayPlace(address=f"127.0.0.1:{free_port()}")
    bench = start_bench(pools={"compute": PoolOptions(workers=2, actions=(ACTIONS,), ray=place)})
    handle = bench.submit("tasks: [{name: a, action: pooled.greet, runs_on: compute, input: {text: x}}]")
    expected = f"0 of 2 connected: Ray at {place.address} does not answer"
    found: list[str] = []
    while not any(expected in each for each in found):
        assert bench.run(A_MOMENT).status == "succeeded"
        found = [each["text"] for each in bench.proxy.why(handle.id).get(timeout=PATIENCE)]
    assert str(pool_of(bench).report()["trouble"]).startswith(f"Ray at {place.address} does not answer")


def test_actions_that_a_node_cannot_load_are_named_before_what_ray_says(
    start_bench: Callable[..., Bench], ray_cluster: RayCluster
) -> None:
    """Without the colours of Ray's text, which an answer in JSON would carry to every terminal."""
    place = RayPlace(address=ray_cluster.address, cpus=0.5)
    bench = start_bench(pools={"compute": PoolOptions(workers=1, actions=("nothing.here",), ray=place)})
    expected = (
        f"the last worker at {place.address} has ended: cannot load actions from the module nothing.here: "
        "no module 'nothing' (The actor died because of an error raised in its creation task, "
        "ray::RayWorker.__init__() "
    )
    trouble = ""
    while not trouble.startswith(expected):
        assert bench.run(A_MOMENT).status == "succeeded"
        trouble = str(pool_of(bench).report()["trouble"])
        assert trouble.isprintable()
        assert "has ended" not in trouble or trouble.startswith(expected), trouble


def test_a_cluster_elsewhere_needs_token_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the operator writes that the network is enough."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    place = RayPlace(address="ray-head.example:6379")
    with pytest.raises(ValueError, match="any program that reaches the ports of the Ray cluster"):
        PoolOptions(ray=place)
    assert PoolOptions(ray=place, insecure=True).ray == place
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert PoolOptions(ray=place).ray == place
