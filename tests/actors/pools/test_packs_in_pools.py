"""Actions of packs on the workers of a pool: which of them leave the daemon, and which files must be the same."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.packs import digests, read_packs
from stretto.actors.pools import Pool, PoolOptions, RayPlace
from tests.support.engines import Bench, outcome_of
from tests.support.pack_files import write_pack
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

A_MOMENT = "tasks: [{name: a, action: core.sleep, input: {seconds: 0.05}}]"
METADATA = """
ref: tools.{name}
runner_type: {runner}
entry_point: {file}
parameters: {{text: {{type: string, required: true}}, level: {{type: string, enum: [low, high], default: low}}}}
"""
FUNCTION = """
import os, sys
from beside import shout
def say(text, level):
    print("printed", text)
    return {"text": shout(text), "process": os.getpid(), "parent": os.getppid(), "folder": os.getcwd()}
"""
SCRIPT = """
import json, os, sys
given = json.load(sys.stdin)
print(json.dumps({"text": given["text"], "process": os.getpid(), "parent": os.getppid(), "folder": os.getcwd()}))
"""
SHELL = """#!/bin/sh
read given
printf '{"text": "%s", "process": %s, "parent": %s, "folder": "%s"}' "$ATTUNE_PACK_REF" $$ $PPID "$PWD"
"""


def write_tools(folder: Path) -> Path:
    """Write a pack with an action of each kind."""
    kinds = {
        "kept": ("python", "talk.py:say", "isolation: worker\n"),
        "alone": ("python", "talk.py:say", "isolation: fresh\n"),
        "script": ("python", "script.py", "output_format: json\n"),
        "warm": ("python", "script.py", "isolation: worker\noutput_format: json\n"),
        "shell": ("shell", "shell.sh", "output_format: json\n"),
    }
    files = {
        f"actions__{name}.yaml": METADATA.format(name=name, runner=runner, file=file) + more
        for name, (runner, file, more) in kinds.items()
    }
    return write_pack(
        folder, **files, actions__talk_dot_py=FUNCTION, actions__script_dot_py=SCRIPT, actions__shell_dot_sh=SHELL,
        lib__beside_dot_py="def shout(text):\n    return text.upper()\n",
    )  # fmt: skip


def fan(action: str, **more: Any) -> str:
    """Return a workflow that runs an action on the pool twice."""
    return f"""
runs_on: compute
output_map: {{results: "{{{{ task.fan.result }}}}"}}
tasks: [{{name: fan, action: {action}, with_items: [a, b], concurrency: 2, input: {{text: "{{{{ item }}}}", {more or ""}}}}}]
"""  # noqa: E501


@pytest.fixture(params=["processes", pytest.param("ray", marks=needs_ray)])
def start(request: pytest.FixtureRequest, start_bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """Start an engine with the pool `compute` on each carrier, whose workers have these packs."""
    place: RayPlace | None = None
    if request.param == "ray":
        cluster: RayCluster = request.getfixturevalue("ray_cluster")
        place = RayPlace(address=cluster.address, cpus=0.5)

    def start(theirs: tuple[str, ...], **settings: Any) -> Bench:
        bench: Bench = start_bench(pools={"compute": PoolOptions(slots=4, packs=theirs, ray=place)}, **settings)
        return bench

    return start


def pool_of(bench: Bench) -> Pool:
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    return pool


@pytest.mark.parametrize("has_pack", [True, False], ids=["known here", "known by announcement"])
def test_actions_of_each_kind_run_on_the_worker(start: Callable[..., Bench], has_pack: bool, tmp_path: Path) -> None:
    """From the files that are installed there, whether the daemon has the pack or not."""
    pack = write_tools(tmp_path / "worker" / "tools")
    packs = [str(shutil.copytree(pack, tmp_path / "daemon" / "tools"))] if has_pack else []
    bench = start((str(pack),), packs=packs)
    for name, text in (("kept", "A"), ("alone", "A"), ("script", "a"), ("warm", "a"), ("shell", "tools")):
        outcome = bench.run(fan(f"tools.{name}"))
        assert outcome.status == "succeeded", (name, outcome.errors)
        assert outcome.output is not None
        results: Any = outcome.output["results"]
        assert results[0]["text"] == text
        assert all(each["folder"] == str(pack) for each in results), name
    assert pool_of(bench).report()["items_sent"] == 10
    printed = bench.run("tasks: [{name: t, action: tools.kept, runs_on: compute, input: {text: x, level: odd}}]")
    assert "level" in printed.errors[0]["message"]


def test_a_worker_whose_pack_differs_gets_none_of_its_items(start: Callable[..., Bench], tmp_path: Path) -> None:
    """A library beside the action counts, too. `why` names the action."""
    pack = write_tools(tmp_path / "worker" / "tools")
    mine = shutil.copytree(pack, tmp_path / "daemon" / "tools")
    (mine / "lib" / "beside.py").write_text("def shout(text):\n    return text\n")
    bench = start((str(pack),), packs=[str(mine)])
    handle = bench.submit(fan("tools.kept"))
    found: list[str] = []
    while not any("tools.kept" in each for each in found):
        assert bench.run(A_MOMENT).status == "succeeded"
        found = [each["text"] for each in bench.proxy.why(handle.id).get(timeout=PATIENCE)]
    assert pool_of(bench).report()["items_sent"] == 0
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "cancelled"


def test_in_a_pool_without_packs_their_actions_run_in_the_daemon(start: Callable[..., Bench], tmp_path: Path) -> None:
    """As if the task had no `runs_on`."""
    pack = write_tools(tmp_path / "tools")
    bench = start((), packs=[str(pack)])
    assert bench.run(fan("tools.kept")).status == "succeeded"
    assert pool_of(bench).report()["items_sent"] == 0


def test_the_digest_of_a_pack_is_that_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are. Compiled and hidden files do not count, and too many files have none."""

    def digest_in(folder: Path) -> str:
        (pack,) = read_packs([folder])
        return digests.pack_digest(pack.manifest)

    first = write_tools(tmp_path / "a" / "tools")
    second = write_tools(tmp_path / "b" / "tools")
    (second / "actions" / "__pycache__").mkdir()
    (second / "actions" / "__pycache__" / "talk.cpython-311.pyc").write_bytes(b"x")
    (second / ".git").mkdir()
    (second / ".git" / "HEAD").write_text("x")
    assert digest_in(first) == digest_in(second) != ""
    (second / "lib" / "beside.py").write_text("shout = str.lower\n")
    assert digest_in(first) != digest_in(second)
    monkeypatch.setattr(digests, "MAX_DIGEST_BYTES", 100)
    assert digest_in(first) == ""
