"""`stretto pools` of a daemon."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors import connect
from stretto.actors.cli import main
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.operations import CreateToken
from stretto.actors.pools import PoolOptions, UnknownPool, UnknownWorker
from tests.support.gateways import opened_gateway

POOLS = {"compute": PoolOptions(workers=1, slots=4, actions=("tests.support.pool_actions",))}
FLOW = """
ref: test.far
version: "1.0"
runs_on: compute
tasks:
  - name: fan
    action: pooled.greet
    with_items: [1, 2, 3]
    concurrency: 3
    input: {text: "item {{ item }}"}
output_map: {processes: "{{ task.fan.result | map(attribute='process') | unique | list }}"}
"""


def pools(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["pools", *arguments])
    assert result.exit_code == code, result.stderr
    return result


def run(client: Any, folder: Path) -> list[int]:
    """Run the workflow, and return the processes of its workers."""
    path = folder / "far.yaml"
    path.write_text(FLOW)
    outcome = client.run(str(path))
    assert outcome.status == "succeeded", outcome.errors
    processes: list[int] = outcome.output["processes"]
    return processes


def test_a_pool_is_listed_shown_and_drained(tmp_path: Path) -> None:
    """A drained worker leaves when its items have ended, and another one takes its place."""
    with opened_gateway(tmp_path, pools=POOLS) as opened:
        daemon = ("--daemon", opened.client.url)
        engine = connect(opened.client.url).blocking()
        before = run(engine, tmp_path)
        heading, row = pools("list", *daemon).stdout.splitlines()
        assert heading.split() == ["POOL", "WORKERS", "SLOTS", "IN", "FLIGHT", "WAITING", "LOST"]
        assert row.split() == ["compute", "1", "of", "1", "4", "0", "0", "0"]
        shown = json.loads(pools("show", "compute", "--json", *daemon).stdout)
        (worker,) = shown["workers"]
        assert [worker["process"], worker["state"]] == [*before, "connected"]
        assert "pooled.greet" in worker["actions"]
        assert worker["worker"] in pools("show", "compute", *daemon).stdout
        drained = pools("drain", "compute", worker["worker"], "--note", "new code", "--json", *daemon)
        assert json.loads(drained.stdout) == {"workers": 1}
        assert run(engine, tmp_path) != before
        with pytest.raises(ProcessLookupError):
            os.kill(before[0], 0)
        audit = next(each for each in engine.audit()["entries"] if each["operation"] == "drain_pool")
        assert (audit["operation"], audit["target"], audit["note"]) == (
            "drain_pool", f"compute {worker['worker']}", "new code",
        )  # fmt: skip


def test_mistakes_name_the_nearest_pool_and_worker(tmp_path: Path) -> None:
    """2 for a wrong request. A store has no pools."""
    with opened_gateway(tmp_path, pools=POOLS) as opened:
        daemon = ("--daemon", opened.client.url)
        run(connect(opened.client.url).blocking(), tmp_path)
        assert "did you mean 'compute'?" in pools("show", "comptue", *daemon, code=2).stderr
        assert "did you mean 'compute'?" in pools("drain", "comptue", *daemon, code=2).stderr
        assert (
            "has no worker 'compute-9'; did you mean" in pools("drain", "compute", "compute-9", *daemon, code=2).stderr
        )
    url = f"sqlite:///{tmp_path}/runs.db"
    open_store(url, keyring_for(url, None)).close()
    assert "a store has no daemons and pools" in pools("list", "--store", url, code=2).stderr


def test_only_an_administrator_drains_a_pool(tmp_path: Path) -> None:
    """A viewer sees it. Each error is the engine's own."""
    with opened_gateway(tmp_path, store=f"sqlite:///{tmp_path}/runs.db", pools=POOLS) as opened:
        made: Any = opened.client.ask(CreateToken("eye", "viewer"))
        viewer = connect(opened.url, made.text).blocking()
        assert [pool["pool"] for pool in viewer.pools()] == ["compute"]
        with pytest.raises(Exception, match="this needs"):
            viewer.drain_pool("compute")
        owner = connect(opened.client.url).blocking()
        with pytest.raises(UnknownPool):
            owner.drain_pool("comput")
        with pytest.raises(UnknownWorker):
            owner.drain_pool("compute", "nobody")


def test_a_daemon_without_pools_says_how_to_make_them(tmp_path: Path) -> None:
    """To people only."""
    with opened_gateway(tmp_path) as opened:
        daemon = ("--daemon", opened.client.url)
        assert pools("list", *daemon).stderr == "no pools: the section `pools` of the settings makes them\n"
        assert json.loads(pools("list", "--json", *daemon).stdout) == []
        for arguments in (("show", "compute"), ("drain", "compute")):
            assert "there is no pool 'compute'; there is none\n" in pools(*arguments, *daemon, code=2).stderr
