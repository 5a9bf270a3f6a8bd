"""Large results and a limit of memory: the item or the run fails with a message, and the daemon serves on."""

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.actors import ActionFailed, action
from tests.support.daemons import NEW_INTERPRETER, serving
from tests.support.engines import Bench
from tests.support.harness import write_workflow

MIB = 2**20
MEMORY_LEFT = 120 * MIB
"""What the daemon may still allocate. One result fits, all of them do not."""
ACTIONS = """
from stretto.actors import action

@action("large.text")
def text(mib: int) -> str:
    return "x" * (mib * 2**20)

@action("large.forever")
def forever() -> None:
    kept = []
    while True:
        kept.append("x" * 2**20 + str(len(kept)))
"""
FAN = """
tasks:
  - name: fan
    action: {action}
    with_items: "{{{{ range(8) }}}}"
    concurrency: 8
    input: {input}
"""
ONE = "tasks: [{{name: one, action: {name}, input: {{size: {size}}}, retry: {{count: 3}}}}]"


@action("sized.plain")
def plain(size: int) -> str:
    """Return so many bytes."""
    return "x" * size


@action("sized.async")
async def coroutine(size: int) -> list[str]:
    """Return so many bytes."""
    return ["x" * size]


@action("sized.failing")
def failing(size: int) -> None:
    """Fail with so many bytes."""
    raise ActionFailed("no luck", result={"text": "x" * size})


@pytest.mark.parametrize("name", ["sized.plain", "sized.async", "sized.failing"])
def test_a_result_that_is_too_large_fails_its_item(start_bench: Callable[..., Bench], name: str) -> None:
    """It is dropped, and the attempt is not retried. The message has the setting, the size and a way out."""
    bench = start_bench(max_result_bytes=1000)
    outcome = bench.run(ONE.format(name=name, size=2000))
    (error,) = outcome.errors
    assert (error["code"], error["attempt"]) == ("result_too_large", 1)
    assert "at most 1,000 bytes as JSON (engine.max_result_bytes), got about 2,0" in error["message"]
    assert error["message"].endswith("write it to a file, and return the path")
    assert bench.run(ONE.format(name="sized.plain", size=1000)).status == "succeeded"


@pytest.mark.parametrize(
    ("name", "given"), [("large.text", "{mib: 60}"), ("large.text", "{mib: 200}"), ("large.forever", "{}")]
)
def test_a_daemon_survives_a_lack_of_memory(tmp_path: Path, name: str, given: str) -> None:
    """Eight items need more memory than the process may have. Their run fails, and others succeed."""
    (tmp_path / "large_actions.py").write_text(ACTIONS)
    workflow = write_workflow(tmp_path, "large", FAN.format(action=name, input=given))
    arguments = ["--actions", str(tmp_path / "large_actions.py"), "--store", f"sqlite:///{tmp_path}/own.db"]
    with serving(tmp_path, *arguments, program=NEW_INTERPRETER) as daemon:
        process = daemon.process.pid
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY_LEFT
        unlimited = resource.prlimit(process, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        done = daemon.run(workflow)
        assert done.returncode == 1
        assert any(each in done.stderr for each in ("MemoryError", "not enough memory", "max_result_bytes")), (
            done.stderr
        )
        resource.prlimit(process, resource.RLIMIT_AS, unlimited)
        assert daemon.run("test.echo", "n=5").returncode == 0
        assert daemon.probe("/readyz") == (200, "ready")
