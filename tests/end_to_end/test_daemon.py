"""The real daemon: `stretto serve` as a process, real signals, real sockets. Tests wait for log lines, none sleeps."""

import json
import os
import signal
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import connect
from stretto.actors.gateway.wire import RequestRefused
from stretto.actors.operations import answers
from stretto.actors.operations.answers import Accepted, Ended
from stretto.actors.operations.requests import Definition, Status, Submit, Watch
from tests.support.daemons import ECHO, STRETTO, Gate, serving
from tests.support.forked_programs import ForkedProgram, run_program
from tests.support.harness import PATIENCE, scrape


def test_500_items_in_flight_are_drained(tmp_path: Path, gate: Gate) -> None:
    """SIGTERM takes no new runs, waits for 500 items in flight, tells their run's outcome, and exits with 0."""
    with serving(tmp_path) as daemon, ThreadPoolExecutor() as threads:
        answers = daemon.client.answers(Submit("test.gate", {"gate": str(gate.path), "count": 500}))
        assert isinstance(next(answers), Accepted)
        outcome = threads.submit(lambda: list(answers)[-1])
        gate.arrivals(500)
        assert daemon.probe("/readyz") == (200, "ready")
        assert scrape(f"{daemon.url}/metrics").value("items_in_flight") == 500
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("draining")
        daemon.wait_for("engine_stopping")
        assert daemon.probe("/readyz") == (503, "draining")
        assert daemon.probe("/healthz")[0] == 200
        with pytest.raises(RequestRefused) as raised:
            daemon.client.ask(Submit("test.echo", {"n": 1}))
        assert raised.value.refusal.code == "engine_stopping"
        assert daemon.run("test.echo", "n=1").returncode == 3
        gate.open()
        ended = outcome.result(PATIENCE)
        assert isinstance(ended, Ended)
        assert (ended.status, ended.output) == ("succeeded", {"waited": 500})
        assert daemon.ended() == 0
        assert not daemon.socket.exists()


def test_runs_that_outlast_the_drain_are_abandoned(tmp_path: Path, gate: Gate) -> None:
    """After drain_seconds what has not ended is given up: its outcome says so, and the exit code is 1."""
    with serving(tmp_path, STRETTO__SERVE__DRAIN_SECONDS="0") as daemon:
        answers = daemon.client.answers(Submit("test.gate", {"gate": str(gate.path), "count": 5}))
        assert isinstance(next(answers), Accepted)
        gate.arrivals(5)
        daemon.signal(signal.SIGTERM)
        ended = list(answers)[-1]
        assert isinstance(ended, Ended)
        assert (ended.status, ended.errors[0]["code"]) == ("failed", "engine_stopped")
        assert daemon.wait_for("stopped")["abandoned"] == 1
        assert daemon.ended() == 1


def test_a_second_signal_stops_at_once(tmp_path: Path, gate: Gate) -> None:
    """A second SIGTERM or SIGINT does not wait for drain_seconds."""
    with serving(tmp_path, STRETTO__SERVE__DRAIN_SECONDS="100000") as daemon:
        daemon.client.ask(Submit("test.gate", {"gate": str(gate.path), "count": 1}))
        gate.arrivals(1)
        daemon.signal(signal.SIGINT)
        daemon.wait_for("draining")
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("stopping_at_once")
        assert daemon.ended() == 1


def test_a_broken_file_keeps_the_old_version(tmp_path: Path) -> None:
    """SIGHUP reads the definitions again; one that is wrong now goes on as it was, and the log says so."""
    with serving(tmp_path) as daemon:
        (tmp_path / "definitions" / "echo.yaml").write_text("tasks: 3\n")
        (tmp_path / "definitions" / "new.yaml").write_text(ECHO.replace("test.echo", "test.new"))
        (tmp_path / "definitions" / "gate.yaml").unlink()
        daemon.signal(signal.SIGHUP)
        assert daemon.wait_for("definition_kept")["workflow"] == "test.echo"
        assert daemon.wait_for("definitions_reloaded")["workflows"] == 2
        assert connect(daemon.client.url).blocking().workflows() == ("test.echo", "test.new")
        assert json.loads(daemon.run("test.echo", "n=3").stdout) == {"said": 3}
        changed = ECHO.replace("said:", "answered:")
        (tmp_path / "definitions" / "echo.yaml").write_text(changed)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("definitions_reloaded")
        assert json.loads(daemon.run("test.echo", "n=3").stdout) == {"answered": 3}
        # The folder itself gone: everything stays as it was.
        (tmp_path / "definitions").rename(tmp_path / "elsewhere")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reload_failed")
        assert daemon.run("test.echo", "n=3").returncode == 0


def test_100_runs_at_once_are_all_answered(tmp_path: Path) -> None:
    """100 clients at once, ten of them `stretto run --daemon` processes, all get their own outcome."""
    with serving(tmp_path) as daemon, ThreadPoolExecutor(100) as threads:

        def in_process(number: int) -> Any:
            ended = list(daemon.client.answers(Submit(Definition("echo.yaml", ECHO), {"n": number})))[-1]
            assert isinstance(ended, Ended)
            return ended.output["said"]

        def process(number: int) -> Any:
            command = [*STRETTO, "run", "test.echo", f"n={number}", "--json", "--daemon", daemon.client.url]
            run = run_program(command)
            assert run.returncode == 0, run.stderr
            return json.loads(run.stdout)["output"]["said"]

        processes = [threads.submit(process, number) for number in range(10)]
        clients = [threads.submit(in_process, number) for number in range(10, 100)]
        assert [each.result(PATIENCE) for each in (*processes, *clients)] == list(range(100))


def test_run_at_a_daemon_as_here(tmp_path: Path) -> None:
    """`stretto run --daemon` prints what a local run prints, and exits as it does; the file's text is what is sent."""
    failing = tmp_path / "failing.yaml"
    failing.write_text('version: "1.0.0"\ntasks: [{name: a, action: core.fail, input: {message: no luck}}]\n')
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("tasks:\n  - {name: a, acton: core.noop}\n")
    echo = tmp_path / "echo.yaml"
    echo.write_text(ECHO)
    with serving(tmp_path) as daemon:
        for arguments in ([echo, "n=3"], [failing], [wrong], [echo, "n=x"], [echo, "m=1"], [tmp_path / "none.yaml"]):
            here = run_program([*STRETTO, "run", *arguments])
            there = daemon.run(*arguments)
            assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr
            assert "Traceback" not in there.stderr
            assert there.stderr.split(" of ")[-1] == here.stderr.split(" of ")[-1]  # but for the run's id
            if arguments == [wrong]:
                assert "2 |   - {name: a, acton: core.noop}" in there.stderr


def test_detached_runs_go_on(tmp_path: Path, gate: Gate) -> None:
    """`--detach` prints the accepted run's id and leaves."""
    with serving(tmp_path) as daemon:
        left = daemon.run("test.gate", f"gate={gate.path}", "count=2", "--detach")
        assert left.returncode == 0
        run = left.stdout.strip()
        gate.arrivals(2)
        told = daemon.client.ask(Status(run))
        assert isinstance(told, answers.StatusAnswer)
        assert (told.run["id"], told.run["status"]) == (run, "running")
        gate.open()
        assert daemon.wait_for("run_ended")["run_id"] == run

        ended = list(daemon.client.answers(Watch(run)))[-1]
        assert isinstance(ended, Ended)
        assert ended.status == "succeeded"


def test_ctrl_c_cancels_the_run_at_the_daemon(tmp_path: Path, gate: Gate) -> None:
    """Ctrl-C at `stretto run --daemon` cancels the run by its policy, and exits with 130."""
    with serving(tmp_path) as daemon:
        command = [*STRETTO, "run", "test.gate", f"gate={gate.path}", "count=3", "--daemon", daemon.client.url]
        with ForkedProgram(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            gate.arrivals(3)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE)
        assert (process.returncode, stdout) == (130, "")
        assert "cancelling" in stderr
        assert daemon.wait_for("run_ended")["outcome"] == "cancelled"


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, abstract: bool) -> None:
    """READY when requests are taken, RELOADING and READY around a reload, STOPPING when it drains."""
    name = f"\0stretto-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(PATIENCE)
        with serving(tmp_path, NOTIFY_SOCKET=name.replace("\0", "@")) as daemon:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=ready: 2 workflows")
            daemon.signal(signal.SIGHUP)
            assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(4096) == b"READY=1"
            daemon.signal(signal.SIGTERM)
            assert manager.recv(4096).startswith(b"STOPPING=1")
            assert daemon.ended() == 0


def test_systemds_watchdog_is_told_as_long_as_the_engine_answers(tmp_path: Path, gate: Gate) -> None:
    """Again and again from READY on, also while runs are drained."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        with serving(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="20000") as daemon:
            while not manager.recv(4096).startswith(b"READY=1"):
                pass
            assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            daemon.client.ask(Submit("test.gate", {"gate": str(gate.path), "count": 1}))
            gate.arrivals(1)
            daemon.signal(signal.SIGTERM)
            while not manager.recv(4096).startswith(b"STOPPING=1"):
                pass
            assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            gate.open()
            assert daemon.ended() == 0


def test_sigusr1_shows_threads_and_actors(tmp_path: Path, gate: Gate) -> None:
    """SIGUSR1 logs every thread's stack and how many actors there are."""
    with serving(tmp_path) as daemon:
        daemon.client.ask(Submit("test.gate", {"gate": str(gate.path), "count": 7}))
        gate.arrivals(7)
        daemon.signal(signal.SIGUSR1)
        assert daemon.wait_for("actors_alive")["actors"] == {"Engine": 1, "RunSupervisor": 1, "ItemActor": 7}
        stacks = {line["thread"]: line["stack"] for line in daemon.log if line["event"] == "thread_stack"}
        assert "log_diagnostics" in stacks["MainThread"]


def test_the_socket_belongs_to_one_daemon(tmp_path: Path) -> None:
    """The socket has mode 600; a second daemon is refused, a socket left by a killed one is taken over."""
    with serving(tmp_path) as daemon:
        assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(daemon.socket.parent.stat().st_mode) == 0o700
        second = run_program([*STRETTO, "serve", "--socket", daemon.socket, "--port", "0"])
        assert second.returncode == 2
        assert f"another daemon, process {daemon.process.pid} (" in second.stderr
        daemon.process.kill()
        daemon.ended()
        assert daemon.socket.exists()
    with serving(tmp_path) as daemon:
        assert daemon.run("test.echo", "n=1").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--host", "0.0.0.0"], 2, "set serve.tls_cert and serve.tls_key, or serve.behind_proxy"),
        (["--port", "99999"], 2, "the flag --port"),
        (["--store", "mysql://x"], 3, "its URL begins with 'mysql:'"),
        (["--store", "sqlite:////nowhere/x.db"], 3, "/nowhere/x.db"),
        (["--store", "sqlite://", "--store-key", "/nowhere"], 3, "/nowhere: the key file cannot be read"),
        (["--definitions", "/nowhere"], 2, "/nowhere"),
        (["--packs", "/nowhere"], 2, "no pack in '/nowhere': the folder does not exist"),
        (["--keystore", "/nowhere.yaml"], 2, "/nowhere.yaml:1:1: error: cannot read keystore"),
        (["--config", "/nowhere.yaml"], 2, "/nowhere.yaml"),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    """Wrong settings (2), and a store that cannot be opened (3), are told in a sentence, and leave nothing behind."""
    process = run_program([*STRETTO, "serve", "--socket", tmp_path / "run" / "s", "--port", "0", *arguments])
    assert process.returncode == code, process.stderr
    assert told in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "run" / "s").exists()


def test_nobody_at_the_url_exits_with_3(tmp_path: Path) -> None:
    """A daemon that cannot be reached is exit code 3. Another URL is wrong usage, as are flags that do not fit."""

    def run(*arguments: str) -> int:
        return run_program([*STRETTO, "run", "test.echo", "n=1", *arguments]).returncode

    assert run("--daemon", f"unix://{tmp_path}/nobody") == 3
    assert run("--daemon", "ftp://127.0.0.1:8420") == 2
    assert run("--daemon", f"unix://{tmp_path}/nobody", "--definitions", ".") == 2
    assert run("--detach") == 2


def test_changed_definitions_are_read_by_themselves(tmp_path: Path) -> None:
    """A file that is renamed over an old one, a bad one, and one in a new folder: each as at SIGHUP, but without it."""
    definitions = tmp_path / "definitions"
    with serving(tmp_path, STRETTO__SERVE__WATCH="true") as daemon:
        (tmp_path / "next.yaml").write_text(ECHO.replace("said:", "answered:"))
        (tmp_path / "next.yaml").rename(definitions / "echo.yaml")
        daemon.wait_for("definitions_reloaded")
        assert json.loads(daemon.run("test.echo", "n=3").stdout) == {"answered": 3}
        (definitions / "echo.yaml").write_text(ECHO.replace("core.echo", "core.eco"))
        refused = daemon.wait_for("definition_refused")
        assert "there is no action 'core.eco'; did you mean 'core.echo'? [unknown_action]" in refused["findings"][0]
        assert daemon.wait_for("definition_kept")["workflow"] == "test.echo"
        daemon.wait_for("definitions_reloaded")
        assert json.loads(daemon.run("test.echo", "n=3").stdout) == {"answered": 3}
        (definitions / "below").mkdir()
        (definitions / "below" / "new.yaml").write_text(ECHO.replace("test.echo", "test.new"))
        while daemon.wait_for("definitions_reloaded")["workflows"] != 3:
            pass
        assert json.loads(daemon.run("test.new", "n=3").stdout) == {"said": 3}
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0


def test_a_changed_pack_is_read_by_itself(tmp_path: Path) -> None:
    """`serve --packs`: a new action of a pack can be called without a restart, one that is wrong changes nothing."""
    actions = tmp_path / "packs" / "own" / "actions"
    actions.mkdir(parents=True)
    (actions.parent / "pack.yaml").write_text("ref: own\nlabel: Own\nversion: '1'\n")
    (actions / "one.sh").write_text("echo one\n")
    describe = "ref: own.{0}\nlabel: x\nrunner_type: shell\nentry_point: one.sh\n".format
    (actions / "one.yaml").write_text(describe("one"))
    calls = 'version: "1"\ntasks: [{name: a, action: own.REF}]\noutput_map: {said: "{{ task.a.result.stdout }}"}\n'
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(calls.replace("REF", name))
    with serving(tmp_path, "--packs", str(tmp_path / "packs"), STRETTO__SERVE__WATCH="true") as daemon:
        assert json.loads(daemon.run(tmp_path / "one.yaml").stdout) == {"said": "one\n"}
        refused = daemon.run(tmp_path / "two.yaml")
        assert refused.returncode == 1
        assert "there is no action 'own.two'" in refused.stderr
        (actions / "two.yaml").write_text(describe("two"))
        daemon.wait_for("definitions_reloaded")
        assert json.loads(daemon.run(tmp_path / "two.yaml").stdout) == {"said": "one\n"}
        (actions / "one.yaml").write_text("ref: [\n")
        assert "one.yaml" in daemon.wait_for("reload_failed")["reason"]
        assert json.loads(daemon.run(tmp_path / "one.yaml").stdout) == {"said": "one\n"}
