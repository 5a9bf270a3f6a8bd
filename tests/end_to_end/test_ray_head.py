"""A daemon whose Ray cluster loses its head: probes and commands say so, and the run goes on when the head is back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from click.testing import CliRunner

from stretto.actors import connect
from stretto.actors.cli import main
from tests.support.daemons import Served, serving
from tests.support.paths import ROOT
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

pytestmark = needs_ray
ITEMS = 8
LACKS = "items wait for a worker of compute: 0 of 1 connected"
FAN = """
version: "1.0"
ref: test.fan
runs_on: compute
output_map: {texts: "{{ task.fan.result }}"}
tasks:
  - name: fan
    action: pooled.note_and_wait
    with_items: "{{ range(8) }}"
    concurrency: 8
    input: {text: "item {{ item }}", starts: STARTS, mark: MARK}
"""


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """A cluster that the test breaks."""
    cluster = RayCluster()
    yield cluster
    cluster.stop()


def wait_until(daemon: Served, is_so: Callable[[], bool]) -> None:
    """Let the daemon run other items until something is so."""
    limit = monotonic() + PATIENCE
    while not is_so():
        assert monotonic() < limit, daemon.probe("/readyz")
        assert daemon.run("test.echo", "n=1").returncode == 0


def lack(daemon: Served) -> str:
    """Return what `/readyz` says of the pool without a worker, always with a reason, or "" if it has one."""
    status, text = daemon.probe("/readyz")
    assert status == 200
    state, _, pool = text.partition("; ")
    assert state == "ready"
    assert not pool or pool.startswith("the pool compute has no worker: "), pool
    return pool


def why(daemon: Served, run: str) -> str:
    """Return what `stretto runs why` prints."""
    result = CliRunner().invoke(main, ["runs", "why", run, "--daemon", daemon.client.url])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_daemon_without_rays_head_is_ready_says_what_it_lacks_and_goes_on(
    cluster: RayCluster, tmp_path: Path
) -> None:
    """Its other runs do not wait. `/readyz` stays 200, because a proxy should send it work."""
    starts, mark = tmp_path / "starts", tmp_path / "mark"
    (tmp_path / "definitions").mkdir()
    fan = FAN.replace("STARTS", json.dumps(str(starts))).replace("MARK", json.dumps(str(mark)))
    (tmp_path / "definitions" / "fan.yaml").write_text(fan)
    pool = {
        "carrier": "ray", "address": cluster.address, "workers": 1, "slots": ITEMS, "beat": 1.0,
        "actions": [str(ROOT / "tests" / "support" / "pool_actions.py")],
    }  # fmt: skip
    config = tmp_path / "stretto.yaml"
    config.write_text(json.dumps({"pools": {"compute": pool}}))
    # Ray's own time without a head is a minute. This cluster has no token, also if that of the whole suite has one.
    own = {"RAY_gcs_rpc_server_reconnect_timeout_s": "10", "RAY_AUTH_MODE": "disabled"}
    with serving(tmp_path, "--config", str(config), **own) as daemon:
        wait_until(daemon, lambda: not lack(daemon))
        with connect(daemon.client.url).blocking() as engine:
            handle = engine.submit("test.fan")
            wait_until(daemon, lambda: starts.exists() and len(starts.read_text().splitlines()) == ITEMS)
            cluster.head.kill()
            wait_until(daemon, lambda: bool(lack(daemon)) and f"8 {LACKS}" in why(daemon, handle.id))
            wait_until(daemon, lambda: "the gateway to Ray" in lack(daemon))
            assert f"{LACKS}: the gateway to Ray at {cluster.address} has ended" in why(daemon, handle.id)
            cluster.start_head()
            wait_until(daemon, lambda: not lack(daemon))
            mark.write_text("go on")
            outcome = handle.outcome.get(timeout=PATIENCE)
            assert outcome.output == {"texts": [f"item {number}" for number in range(ITEMS)]}, outcome.errors
