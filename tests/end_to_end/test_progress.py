"""The progress of runs without a terminal: plain lines on standard error, from a run here, in a daemon, or watched."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support.daemons import Gate, Served, serving
from tests.support.harness import PATIENCE

IMPATIENT = (
    "import sys\nfrom stretto.actors.cli.progress import views\n"
    "views.LINE_SECONDS = 0.01\nviews.QUIET_SECONDS = 0.01\n"
    "from stretto.actors.cli import main\nmain(sys.argv[1:])"
)
"""The command line, with lines at once and not each few seconds."""


@contextmanager
def started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start an impatient command."""
    command = [sys.executable, "-c", IMPATIENT, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line_of(stream: IO[str] | None, expected: str) -> str:
    """Read lines until one matches a pattern, and return it."""
    assert stream is not None
    for line in stream:
        if re.match(expected, line):
            return line
    raise AssertionError(f"no line like {expected!r}")


IN_PROGRESS = r"run [0-9a-f]{8}: running( for \S+( s)?)?, 0 of 1 task ended; wait 0/2\n"
"""The line. Only a run here or in a store has a known time."""


@pytest.mark.parametrize("where", ["here", "daemon"])
def test_a_run_shows_life_without_a_terminal(tmp_path: Path, gate: Gate, where: str) -> None:
    """On standard error; standard output has the result alone."""
    with serving(tmp_path) as served:
        at = {
            "here": ("--definitions", str(tmp_path / "definitions"), "--actions", str(tmp_path / "gate_actions.py")),
            "daemon": ("--daemon", served.client.url),
        }[where]
        with started("run", "test.gate", f"gate={gate.path}", "count=2", "--json", *at) as process:
            gate.arrivals(2)
            line = line_of(process.stderr, IN_PROGRESS)
            assert "running for" in line
            gate.open()
            output, errors = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, errors
            assert json.loads(output)["run"].endswith(line.split()[1].rstrip(":"))


def begun(served: Served, gate: Gate) -> str:
    """Start a run of two items that wait at the gate; return its id."""
    run = served.run("test.gate", f"gate={gate.path}", "count=2", "--detach").stdout.strip()
    gate.arrivals(2)
    return run


@pytest.mark.parametrize("has_store", [True, False])
def test_a_watched_run_shows_life_without_a_terminal(tmp_path: Path, gate: Gate, has_store: bool) -> None:
    """Also in a daemon without a store, which does not know when the run began."""
    with serving(tmp_path, *(("--store", f"sqlite:///{tmp_path}/store.db") if has_store else ())) as served:
        run = begun(served, gate)
        with started("runs", "watch", run, "--daemon", served.client.url) as process:
            assert ("running for" in line_of(process.stderr, IN_PROGRESS)) == has_store
            gate.open()
            output, errors = process.communicate(timeout=PATIENCE)
            assert (process.returncode, json.loads(output)) == (0, {"waited": 2}), errors
            assert f"run {run} of test.gate: succeeded\n" in errors


@pytest.mark.parametrize("options", [(), ("--progress", "plain")])
def test_json_lines_of_a_watch_have_no_other_lines_unless_they_are_wanted(
    tmp_path: Path, gate: Gate, options: tuple[str, ...]
) -> None:
    """They show life themselves."""
    with serving(tmp_path) as served:
        run = begun(served, gate)
        with started("runs", "watch", run, "--json", "--daemon", served.client.url, *options) as process:
            line_of(process.stdout, r'\{"type":"progress"')
            if options:
                line_of(process.stderr, IN_PROGRESS)
            gate.open()
            output, errors = process.communicate(timeout=PATIENCE)
            assert (process.returncode, json.loads(output.splitlines()[-1])["type"]) == (0, "outcome"), errors
            assert options or not errors
