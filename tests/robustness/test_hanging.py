"""Plain functions that never return: later functions still run, and the operator sees which threads are lost."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.actors import action
from stretto.actors.runners import DEFAULT_THREADS
from tests.support.daemons import serving
from tests.support.harness import PATIENCE, running_engine, write_workflow

HANG = """
parameters: {{count: {{type: integer}}}}
tasks:
  - name: hang
    action: {action}
    with_items: "{{{{ range(parameters.count) }}}}"
    concurrency: 1000
    {timeout}
"""
QUICK = "tasks: [{name: quick, action: hang.quick, timeout: 60}]"
ACTIONS = """
import time
from stretto.actors import action

@action("hang.forever")
def forever() -> None:
    time.sleep(600)
"""

_begun = threading.Semaphore(0)
_release = threading.Event()


@action("hang.until_released")
def until_released() -> None:
    """Hang until the test ends."""
    _begun.release()
    _release.wait(PATIENCE)


@action("hang.quick")
def quick() -> str:
    """Return at once."""
    return "done"


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    _release.clear()
    while _begun.acquire(blocking=False):
        pass
    yield
    _release.set()


def hanging(folder: Path, timeout: float | None, name: str = "hang.until_released") -> Path:
    """Write a workflow of items that hang."""
    line = "" if timeout is None else f"timeout: {timeout}"
    return write_workflow(folder, "hang", HANG.format(timeout=line, action=name))


def test_a_thread_left_behind_is_replaced(tmp_path: Path) -> None:
    """All threads hang in functions whose items have timed out. The next function runs on a thread of its own."""
    with running_engine() as bed:
        outcome = bed.run(hanging(tmp_path, 0.05), {"count": DEFAULT_THREADS})
        assert {error["code"] for error in outcome.errors} == {"items_failed", "timed_out"}
        assert bed.metrics().value("threads_left_behind") == DEFAULT_THREADS
        assert bed.run(write_workflow(tmp_path, "quick", QUICK)).status == "succeeded"
        _release.set()


def test_an_item_that_waits_for_a_thread_says_so(tmp_path: Path) -> None:
    """It has a reason of its own, which names the setting. Its timeout has not begun."""
    with running_engine(threads=1) as bed:
        run = bed.submit(hanging(tmp_path, 1000), {"count": 2})
        assert _begun.acquire(timeout=PATIENCE)
        while (reasons := bed.engine.why(run.id).get(timeout=PATIENCE))[1]["kind"] != "thread":
            assert reasons[1]["kind"] in {"item_to_start", "item_in_flight"}, "it is on its way to the runner"
        running, waiting, *_ = reasons
        assert running["kind"] == "item_in_flight"
        assert waiting["text"].endswith("for one of 1 threads (engine.threads), which all run functions")
        _release.set()
        assert run.outcome.get(timeout=PATIENCE).status == "succeeded"


def test_without_any_thread_left_waiting_counts_for_the_timeout(tmp_path: Path) -> None:
    """Two threads are left behind, and no more are made. Functions that wait time out, also those that come later."""
    with running_engine(threads=1, max_threads_left_behind=1) as bed:
        outcome = bed.run(hanging(tmp_path, 0.05), {"count": 5})
        assert {error["code"] for error in outcome.errors} == {"items_failed", "timed_out"}
        assert bed.metrics().value("threads_left_behind") == 2
        assert bed.run(hanging(tmp_path, 0.05), {"count": 1}).status == "failed"
        _release.set()


def test_a_daemon_without_threads_is_not_ready(tmp_path: Path) -> None:
    """`/readyz` says that no function can start, and the log names the limit once."""
    (tmp_path / "hang_actions.py").write_text(ACTIONS)
    workflow = hanging(tmp_path, 0.01, "hang.forever")
    settings = {"STRETTO__ENGINE__THREADS": "1", "STRETTO__ENGINE__MAX_THREADS_LEFT_BEHIND": "3"}
    with serving(tmp_path, "--actions", str(tmp_path / "hang_actions.py"), **settings) as daemon:
        assert daemon.run(workflow, "count=9").returncode == 1
        assert daemon.wait_for("threads_exhausted")["left_behind"] == 4
        expected = (
            "no plain function can start: all 4 threads hang in functions of ended items "
            "(engine.threads and engine.max_threads_left_behind)"
        )
        assert daemon.probe("/readyz") == (503, expected)
