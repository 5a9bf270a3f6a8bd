"""Runs that a daemon keeps in a store: asked for, followed and controlled, before and after its end.

The daemon is a process; so are commands that have to be interrupted, or to wait while the test goes on.
"""

import json
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from stretto.actors.cli import main
from tests.support.daemons import STRETTO, Gate, Served, serving
from tests.support.forked_programs import ForkedProgram
from tests.support.harness import PATIENCE


def stretto(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, list(map(str, arguments)))


def at(served: Served, *arguments: object) -> Result:
    """Run a command with --daemon."""
    return stretto(*arguments, "--daemon", served.client.url)


def told(done: Result) -> Any:
    """Return what a command has printed as JSON."""
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def begun(served: Served, gate: Gate) -> str:
    """Start a run of two items that wait at the gate; return its id."""
    done = at(served, "run", "test.gate", f"gate={gate.path}", "count=2", "--detach")
    assert done.exit_code == 0, done.output
    gate.arrivals(2)
    return done.stdout.strip()


def watching(served: Served, run: str) -> "subprocess.Popen[str]":
    """Follow a run in a process of its own, which has been told its progress when this returns."""
    command = [*STRETTO, "runs", "watch", run, "--json", "--daemon", served.client.url]
    process = ForkedProgram(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["type"], first["run"], first["tasks"]["wait"]["items"]["running"]) == ("progress", run, 2)
    return process


def test_a_run_is_looked_at_while_it_runs_and_after(tmp_path: Path, gate: Gate) -> None:
    """Through the daemon, and in its store beside it: the same is told."""
    store = f"sqlite:///{tmp_path}/store.db"
    with serving(tmp_path, "--store", store) as served:
        run = begun(served, gate)
        for where in (("--daemon", served.client.url), ("--store", store)):
            listed = told(stretto("runs", "list", "--json", *where))
            assert [(each["id"], each["status"]) for each in listed["runs"]] == [(run, "running")]
            reasons = told(stretto("runs", "why", run, "--json", *where))
            assert [(each["kind"], each["index"]) for each in reasons] == [("item_in_flight", 0), ("item_in_flight", 1)]
        following = watching(served, run)
        gate.open()
        last = json.loads(following.communicate(timeout=PATIENCE)[0].splitlines()[-1])
        assert (following.returncode, last["type"], last["status"]) == (0, "outcome", "succeeded")
        shown = told(at(served, "runs", "show", run, "--json"))
        assert shown == told(stretto("runs", "show", run, "--json", "--store", store))
        assert shown["output"] == {"waited": 2}
        assert told(at(served, "runs", "items", run, "--json"))["items"][0]["outcome"] == "succeeded"
        assert at(served, "runs", "export", run).stdout == stretto("runs", "export", run, "--store", store).stdout
        assert at(served, "runs", "watch", run).exit_code == 0


def test_a_run_that_outlasts_its_daemon_is_controlled_in_its_store(tmp_path: Path, gate: Gate) -> None:
    """Who followed it is told that it goes on; it is cancelled without a daemon, and the next one ends it."""
    store = f"sqlite:///{tmp_path}/store.db"
    with serving(tmp_path, "--store", store, STRETTO__SERVE__DRAIN_SECONDS="0") as served:
        run = begun(served, gate)
        refused = stretto("runs", "cancel", run, "--store", store)
        assert (refused.exit_code, "--daemon URL" in refused.stderr) == (3, True)
        following = watching(served, run)
        served.signal(signal.SIGTERM)
        _, why = following.communicate(timeout=PATIENCE)
        assert (following.returncode, "continues when a daemon opens its store again" in why) == (3, True)
        assert served.ended() == 0
    assert stretto("runs", "cancel", run, "--store", store).exit_code == 0
    with serving(tmp_path, "--store", store) as served:
        done = at(served, "runs", "watch", run, "--json")
        last = json.loads(done.stdout.splitlines()[-1])
        assert (done.exit_code, last["status"]) == (1, "cancelled")


def test_a_rerun_that_was_asked_for_without_a_daemon_is_performed(tmp_path: Path) -> None:
    """The next daemon that opens the store performs it."""
    store = f"sqlite:///{tmp_path}/store.db"
    with serving(tmp_path, "--store", store) as served:
        ended = json.loads(at(served, "run", "test.echo", "n=3", "--json").stdout)["run"]
    again = stretto("runs", "rerun", ended, "--store", store).stdout.strip()
    with serving(tmp_path, "--store", store) as served:
        done = at(served, "runs", "watch", again)
        assert json.loads(done.stdout) == {"said": 3}
        assert told(at(served, "runs", "show", again, "--json"))["rerun_of"] == ended


def test_a_run_is_started_once_by_its_key(tmp_path: Path, gate: Gate) -> None:
    """At a daemon and without one: the same key gives the same run."""
    store = f"sqlite:///{tmp_path}/store.db"
    echo = tmp_path / "definitions" / "echo.yaml"
    with serving(tmp_path, "--store", store) as served:
        first = json.loads(at(served, "run", "test.echo", "n=3", "--json", "--idempotency-key", "k").stdout)
        assert json.loads(at(served, "run", "test.echo", "n=3", "--json", "--idempotency-key", "k").stdout) == first
        conflict = at(served, "run", "test.echo", "n=4", "--idempotency-key", "k")
        assert (conflict.exit_code, "Traceback" in conflict.stderr) == (2, False)
    here = stretto("run", echo, "n=3", "--store", store, "--json", "--idempotency-key", "k")
    assert json.loads(here.stdout) == first
    assert len(told(stretto("runs", "list", "--json", "--store", store))["runs"]) == 1


def test_ctrl_c_leaves_a_run_that_is_watched_alone(tmp_path: Path, gate: Gate) -> None:
    """The command ends with 130; the run goes on."""
    with serving(tmp_path, "--store", f"sqlite:///{tmp_path}/store.db") as served:
        run = begun(served, gate)
        following = watching(served, run)
        following.send_signal(signal.SIGINT)
        _, why = following.communicate(timeout=PATIENCE)
        assert (following.returncode, f"the run {run} continues" in why) == (130, True)
        gate.open()
        assert at(served, "runs", "watch", run).exit_code == 0


def test_a_fan_out_is_controlled_while_it_runs(tmp_path: Path, gate: Gate) -> None:
    """An item is skipped, the concurrency changed, the run paused and resumed, from the command line."""
    with serving(tmp_path, "--store", f"sqlite:///{tmp_path}/store.db") as served:
        run = begun(served, gate)
        for arguments in (("concurrency", run, "wait", 1), ("skip", run, "wait", 0), ("pause", run), ("resume", run)):
            done = at(served, "runs", *arguments)
            assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        output = told(at(served, "runs", "output", run, "wait", 1, "--json"))
        assert (output["index"], output["stdout"]) == (1, None)
        wrong = at(served, "runs", "retry", run, "wait", 9)
        assert (wrong.exit_code, "Traceback" in wrong.stderr) == (2, False)
        gate.open()
        assert at(served, "runs", "watch", run).exit_code == 0
        assert told(at(served, "runs", "prune", "--keep", 0, "--json")) == {"deleted": 1}


def test_a_deadline_is_extended_in_a_daemon_and_in_its_store(tmp_path: Path) -> None:
    """Each extension counts, whoever records it; the daemon that opens the store next has the sum."""
    store, workflow = f"sqlite:///{tmp_path}/store.db", tmp_path / "timed.yaml"
    workflow.write_text(
        "ref: test.timed\ntimeout: 3600\ncancellation_policy: cancel_running\n"
        "tasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n"
    )

    def deadline(*where: str) -> datetime:
        wait = told(stretto("runs", "why", "@latest", "--json", *where))[-1]
        assert wait["kind"] == "deadline"
        return datetime.fromisoformat(wait["until"])

    with serving(tmp_path, "--store", store) as served:
        assert at(served, "run", workflow, "--detach").exit_code == 0
        first = deadline("--daemon", served.client.url)
        done = at(served, "runs", "extend", "@latest", 60)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert deadline("--store", store) - first == timedelta(seconds=60)
        served.signal(signal.SIGTERM)
        served.wait_for("draining")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
    assert stretto("runs", "extend", "@latest", 60, "--store", store).exit_code == 0
    with serving(tmp_path, "--store", store) as served:
        assert deadline("--daemon", served.client.url) - first == timedelta(seconds=120)
        assert at(served, "runs", "cancel", "@latest").exit_code == 0


def test_a_daemon_ends_with_its_store(tmp_path: Path, gate: Gate) -> None:
    """When another file has taken the store's place, nothing can be kept: whoever started it, starts it anew."""
    with serving(tmp_path, "--store", f"sqlite:///{tmp_path}/store.db") as served:
        begun(served, gate)
        (tmp_path / "store.db").rename(tmp_path / "elsewhere.db")
        gate.open()
        assert "removed or replaced" in served.wait_for("store_lost")["reason"]
        assert served.wait_for("engine_ended")["level"] == "critical"
        assert served.ended() == 1


def test_a_daemon_that_is_stopped_at_once_leaves_its_runs_in_the_store(tmp_path: Path, gate: Gate) -> None:
    """It has ended as it was told to: with 0, and nothing in its log is wrong."""
    with serving(tmp_path, "--store", f"sqlite:///{tmp_path}/store.db") as served:
        begun(served, gate)
        served.signal(signal.SIGTERM)
        served.wait_for("draining")
        served.signal(signal.SIGTERM)
        assert served.wait_for("stopped")["abandoned"] == 0
        assert served.ended() == 0
        assert not [line for line in served.log if line["level"] in {"error", "critical"}]
