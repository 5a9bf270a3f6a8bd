"""What Ray keeps of a run with secrets: all of its files are searched, while the run's actions run and after that."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal import new_key
from stretto.actors.pools import PoolOptions, RayPlace
from stretto.actors.runs.item_output import ItemNotInFlight
from tests.support.engines import Bench, outcome_of
from tests.support.pack_files import write_pack
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

pytestmark = needs_ray
SECRET = "s3cr3t-of-all-files"
A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.05}}]"
ACTIONS = ("pooled.leak", "tools.kept", "tools.alone", "tools.script", "tools.shell")
FLOW = """
runs_on: compute
parameters: {mark: {type: string}, token: {type: string, secret: IS_SECRET}}
output_map: {result: "{{ task.only.result | length }}"}
tasks:
  - name: only
    action: ACTION
    input: {text: "it is {{ parameters.token }}!", mark: "{{ parameters.mark }}"}
"""
METADATA = """
ref: tools.{name}
runner_type: {runner}
entry_point: {file}
parameters: {{text: {{type: string, required: true}}, mark: {{type: string, required: true}}}}
"""
FUNCTION = """
import sys, time
from pathlib import Path
def leak(text, mark):
    print(text, flush=True)
    print(text, file=sys.stderr, flush=True)
    while not Path(mark).exists():
        time.sleep(0.01)
    return text * 20_000
"""
SCRIPT = f"""
import json, sys
{FUNCTION}
given = json.load(sys.stdin)
print(json.dumps(leak(**given)))
"""
SHELL = """#!/bin/sh
text=$(cat)
echo "$text"
echo "$text" >&2
while ! test -e MARK; do sleep 0.05; done
echo "$text"
"""


def write_tools(folder: Path, mark: Path) -> Path:
    """Write a pack whose actions of each kind write their input and wait for a file."""
    kinds = {
        "kept": ("python", "talk.py:leak", "isolation: worker\n"),
        "alone": ("python", "talk.py:leak", "isolation: fresh\n"),
        "script": ("python", "script.py", ""),
        "shell": ("shell", "shell.sh", ""),
    }
    files = {
        f"actions__{name}.yaml": METADATA.format(name=name, runner=runner, file=file) + more
        for name, (runner, file, more) in kinds.items()
    }
    return write_pack(
        folder, **files, actions__talk_dot_py=FUNCTION, actions__script_dot_py=SCRIPT,
        actions__shell_dot_sh=SHELL.replace("MARK", str(mark)),
    )  # fmt: skip


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """A cluster whose files are of the test alone."""
    cluster = RayCluster()
    yield cluster
    cluster.stop()


def files_of(cluster: RayCluster) -> Iterator[Path]:
    """Yield the files in Ray's folder, and the removed ones that its processes have open: its store of objects."""
    yield from (path for path in cluster.folder.rglob("*") if path.is_file())
    for process in cluster.head.processes():
        with contextlib.suppress(OSError):  # it has ended
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                if "plasma" in str(descriptor.readlink()):
                    yield descriptor


def files_with_the_secret(cluster: RayCluster) -> list[str]:
    """Return which of Ray's files have the secret."""
    found = []
    for path in files_of(cluster):
        with contextlib.suppress(FileNotFoundError):
            if SECRET.encode() in path.read_bytes():
                found.append(str(path))
    return found


def wait_for_output(bench: Bench, run: str) -> None:
    """Wait until the item's live output is shown, without the secret."""
    while True:
        with contextlib.suppress(ItemNotInFlight):
            report: dict[str, Any] = bench.proxy.item_output(run, "only", 0).get(timeout=PATIENCE)
            if report["stdout"]:
                assert "it is " in report["stdout"]
                assert SECRET not in str(report)
                return
        assert bench.run(A_MOMENT).status == "succeeded"


def test_no_file_of_ray_has_a_secret_that_actions_write_and_return(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """However they write it: on threads of their own, past Python's streams, and by commands."""
    mark, key = tmp_path / "mark", tmp_path / "pool.key"
    key.write_text(new_key())
    key.chmod(0o600)
    place = RayPlace(address=cluster.address, cpus=0.5, key_file=str(key))
    pack = write_tools(tmp_path / "tools", mark)
    options = PoolOptions(slots=4, actions=("tests.support.pool_actions",), packs=(str(pack),), ray=place)
    bench = start_bench(pools={"compute": options})
    for action in ACTIONS:
        definition = FLOW.replace("ACTION", action).replace("IS_SECRET", "true")
        handle = bench.submit(definition, {"mark": str(mark), "token": SECRET})
        wait_for_output(bench, handle.id)
        assert files_with_the_secret(cluster) == [], action
        mark.write_text("go on")
        assert outcome_of(handle).status == "succeeded", (action, outcome_of(handle).errors)
        mark.unlink()
    bench.proxy.stop().get(timeout=PATIENCE)
    assert files_with_the_secret(cluster) == []


def test_the_search_finds_what_a_pool_without_a_key_leaves(
    cluster: RayCluster, start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """So the other test would see a secret. Here it is no secret of the run, or the run would be refused."""
    mark = tmp_path / "mark"
    mark.write_text("go on")
    place = RayPlace(address=cluster.address, cpus=0.5)
    bench = start_bench(pools={"compute": PoolOptions(actions=("tests.support.pool_actions",), ray=place)})
    definition = FLOW.replace("ACTION", "pooled.leak").replace("IS_SECRET", "false")
    assert bench.run(definition, {"mark": str(mark), "token": SECRET}).status == "succeeded"
    assert files_with_the_secret(cluster) != []
