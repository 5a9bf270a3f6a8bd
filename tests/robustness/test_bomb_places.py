"""A bomb in any place where an expression stands fails its run with `limit_exceeded`, in bounded time.

Other runs go on. The same holds for `validate`, for recovery, and for every command on a store.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.actors.engine import startup
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model import bind
from tests.support.bomb_places import places_of
from tests.support.conducted import Conducted
from tests.support.daemons import STRETTO
from tests.support.engines import Bench, outcome_of
from tests.support.paths import ROOT
from tests.support.recording import acceptance
from tests.support.waiting import PATIENCE

MAX_PLACE_CPU_SECONDS = 2.0
"""The CPU of a run with a bomb and of another run, on a busy machine. An event has about a tenth of a second."""
MAX_CPU_SECONDS = 8.0
"""The CPU of a start with two such runs under the limits by default. An event has about one second."""
MAX_COMMAND_CPU_SECONDS = 12
"""The CPU of a command, most of which is its start. Its bomb would take half a minute without limits."""


@pytest.mark.parametrize("dialect", ["native", "yaql", "jinja"])
def test_no_place_of_a_definition_outlasts_its_limits(dialect: str) -> None:
    """Alone, or as many small expressions that share an event. Another run succeeds meanwhile."""
    places = places_of(dialect)
    assert len(places) >= 30
    child = subprocess.run(
        [sys.executable, "-m", "tests.support.bomb_places"],
        input=dialect,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    results = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(results) == len(places), f"{list(places)[len(results)]} ended the process: {child.stderr[-500:]}"
    for name, seconds, status, errors, other in results:
        assert (status, other) == ("failed", "succeeded"), name
        # Beside the failure of an action, that of its retry is told by its text.
        assert "limit_exceeded" in errors or ("retry" in name and "action_failed" in errors), (name, errors)
        assert "expressions.max_" in errors, (name, errors)
        assert ("the event's budget" in errors) == name.startswith("many"), (name, errors)
        assert seconds < MAX_PLACE_CPU_SECONDS, name


def limited(*command: object) -> "subprocess.CompletedProcess[str]":
    """Run `stretto` in a process that the system ends if it takes too much CPU or memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_COMMAND_CPU_SECONDS, MAX_COMMAND_CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))

    done = subprocess.run(
        [*STRETTO, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode >= 0, f"the system ended {command}: {done.stderr[-500:]}"
    return done


def test_validation_evaluates_nothing(tmp_path: Path) -> None:
    """`validate` reads definitions with a bomb in every place, also bombs of constants only."""
    for dialect in ("native", "yaql", "jinja"):
        for number, text in enumerate(places_of(dialect).values()):
            named = text.replace("ref: bombs.place", f"ref: bombs.{dialect}{number}")
            (tmp_path / f"{dialect}{number}.yaml").write_text(named)
    done = limited("validate", tmp_path)
    assert "limit_exceeded" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


BOMB = """version: "1.0.0"
ref: bombs.stored
parameters: {big: {type: string, required: true}}
vars:
  - x: "{% for i in range(20000) %}{% if match('(a|aa)*b', parameters.big) %}{% endif %}{% endfor %}"
tasks: [{name: a, action: core.noop}]
"""
GOING_ON = """
ref: bombs.going_on
parameters: {big: {type: string, required: true}}
tasks:
  - name: a
    action: core.fail
    input: {message: no}
    retry:
      count: 1
      on_error: "{% for i in range(20000) %}{% if match('(a|aa)*b', parameters.big) %}{% endif %}{% endfor %}"
    next: [{when: "{{ failed() }}", do: [b]}]
  - {name: b, action: core.noop, delay: 3600}
"""
BIG = "a" * 1_000_000


def stored(url: str) -> tuple[str, str]:
    """Return a run that was accepted and has not begun, with a bomb in `vars`, and one that goes on after a bomb."""
    workflow = read_workflow(BOMB, "bomb.yaml")
    with open_store(url, keyring_for(url, None)) as store:
        accepted = acceptance(workflow=workflow, parameters=bind(workflow, {"big": BIG}))
        store.writer.write([accepted])
        going_on = Conducted(store, GOING_ON, {"big": BIG})
        going_on.fail("a")
        assert going_on.finish is None
    return accepted.run_id, going_on.id


@pytest.mark.parametrize(
    "command",
    [("show",), ("why",), ("items",), ("output",), ("export",), ("pause",), ("cancel",)],
    ids=lambda command: command[0],
)
def test_every_command_on_a_store_is_bounded(tmp_path: Path, command: tuple[str, ...]) -> None:
    """What a command replays has the limits of the run."""
    url = f"sqlite:///{tmp_path}/store.db"
    for run in stored(url):
        done = limited("runs", *command, run, "--store", url)
        assert "Traceback" not in done.stderr


def test_a_request_to_a_run_with_a_bomb_is_recorded(tmp_path: Path) -> None:
    """`runs cancel` replays the run that goes on, cancels it, and is refused by the one that has failed."""
    url = f"sqlite:///{tmp_path}/store.db"
    failing, going_on = stored(url)
    assert limited("runs", "cancel", going_on, "--store", url).returncode == 0
    shown = json.loads(limited("runs", "show", going_on, "--store", url, "--json").stdout)
    assert shown["status"] == "cancelled"
    done = limited("runs", "cancel", failing, "--store", url)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_recovery_of_runs_with_bombs_lets_others_go_on(
    tmp_path: Path, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fails as it begins, one is replayed and goes on, and a new run succeeds."""
    # On a busy machine, an evaluation within its budget takes longer than the guard's seconds.
    monkeypatch.setattr(startup, "EVALUATION_SECONDS", PATIENCE)
    url = f"sqlite:///{tmp_path}/store.db"
    failing, going_on = stored(url)
    began = time.process_time()
    bench = start_bench(store=url)
    assert bench.run("ref: bombs.other\ntasks: [{name: a, action: core.noop}]\n").status == "succeeded"
    outcome = outcome_of(bench.proxy.handle(failing).get(timeout=PATIENCE))
    assert outcome.status == "failed"
    assert outcome.errors[0]["code"] == "limit_exceeded"
    status = bench.proxy.status(going_on).get(timeout=PATIENCE)
    assert status["tasks"]["a"]["status"] == "failed"
    assert time.process_time() - began < MAX_CPU_SECONDS
