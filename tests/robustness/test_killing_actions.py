"""Actions that end the daemon's process: what clients see, what the next start makes of it, and the ways out."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.daemons import STRETTO, serving
from tests.support.forked_programs import run_program
from tests.support.harness import write_workflow

ACTIONS = """
import ctypes
import os
import signal
from stretto.actors import action

@action("kill.exit")
def exit(code: int) -> None:
    os._exit(code)

@action("kill.exit_async")
async def exit_async(code: int) -> None:
    os._exit(code)

@action("kill.crash")
def crash(code: int) -> None:
    ctypes.string_at(code)
"""
ONE = "ref: kill.run\ntasks: [{{name: one, action: {action}, input: {{code: 0}}, delivery: {delivery}}}]\n"
LOCAL = 'ref: kill.local\ntasks: [{name: one, action: core.local, input: {argv: [sh, -c, "kill -9 $$"]}}]\n'


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, ...]:
    """Return the daemon's arguments, of a folder with actions that end it."""
    (tmp_path / "kill_actions.py").write_text(ACTIONS)
    return "--actions", str(tmp_path / "kill_actions.py"), "--store", f"sqlite:///{tmp_path}/own.db"


def stretto(*words: str) -> subprocess.CompletedProcess[str]:
    return run_program([*STRETTO, *words])


@pytest.mark.parametrize(("action", "code"), [("kill.exit_async", 0), ("kill.crash", -11)])
def test_an_item_that_ended_the_daemon_is_not_repeated_if_it_must_not_be(
    tmp_path: Path, given: tuple[str, ...], action: str, code: int
) -> None:
    """With `delivery: at_most_once` its run fails at the next start, and the daemon becomes ready."""
    workflow = write_workflow(tmp_path, "one", ONE.format(action=action, delivery="at_most_once"))
    with serving(tmp_path, *given) as daemon:
        done = daemon.run(workflow)
        # The item may end the daemon before the answer that its run is accepted has been sent.
        assert (done.returncode, "the daemon at unix://" in done.stderr) == (3, True), done.stderr
        assert daemon.ended() == code
    with serving(tmp_path, *given) as daemon:
        assert [each["outcome"] for each in daemon.log if each["event"] == "run_ended"] == ["failed"]
        assert daemon.run("test.echo", "n=5").returncode == 0
        (run,) = re.findall(r"\S+(?=  kill\.run)", stretto("runs", "list", "--daemon", daemon.client.url).stdout)
        assert "may_have_run" in stretto("runs", "show", run, "--daemon", daemon.client.url).stdout


def test_an_item_that_ends_the_daemon_at_each_start_can_be_cancelled(tmp_path: Path, given: tuple[str, ...]) -> None:
    """Items run at least once, so it runs again, and the daemon is ready for a moment at most.

    A cancel needs no daemon.
    """
    workflow = write_workflow(tmp_path, "one", ONE.format(action="kill.exit", delivery="at_least_once"))
    with serving(tmp_path, *given) as daemon:
        assert daemon.run(workflow).returncode == 3
        assert daemon.ended() == 0
    try:
        with serving(tmp_path, *given) as daemon:
            assert daemon.ended() == 0
    except AssertionError as never_ready:
        assert "run_recovered" in str(never_ready)  # noqa: PT017 - either may happen
    store = f"sqlite:///{tmp_path}/own.db"
    (run,) = re.findall(r"\S+(?=  kill\.run)", stretto("runs", "list", "--store", store).stdout)
    assert stretto("runs", "cancel", run, "--store", store).returncode == 0
    with serving(tmp_path, *given) as daemon:
        assert daemon.probe("/readyz") == (200, "ready")
        assert f"{run}  kill.run  cancelled" in stretto("runs", "list", "--daemon", daemon.client.url).stdout


def test_a_process_ends_alone(tmp_path: Path) -> None:
    """What a command does to itself is its item's failure."""
    with serving(tmp_path) as daemon:
        done = daemon.run(write_workflow(tmp_path, "local", LOCAL))
        assert (done.returncode, "sh was killed by SIGKILL" in done.stderr) == (1, True), done.stderr
        assert daemon.probe("/readyz") == (200, "ready")
