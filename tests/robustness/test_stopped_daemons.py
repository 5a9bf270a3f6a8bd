"""SIGSTOP and SIGCONT of the daemon: what became due meanwhile happens once, and clients get their answers."""

import signal
import subprocess
from pathlib import Path

from tests.support.daemons import STRETTO, serving
from tests.support.forked_programs import ForkedProgram
from tests.support.harness import PATIENCE, fifo, write_workflow

STOPPED = """
tasks:
  - name: clock
    action: core.local
    input: {{argv: [sh, -c, 'echo begun > "$0"; sleep 1; echo over > "$0"', "{pipe}"]}}
    next: [{{do: [after]}}]
  - name: timed
    action: core.sleep
    input: {{seconds: 1000}}
    timeout: 0.4
    retry: {{count: 1, delay: 0.1}}
    next: [{{when: "{{{{ timed_out() }}}}", do: [after]}}]
  - name: retried
    action: core.local
    input: {{argv: [sh, -c, 'echo retried >> "$0"; exit 1', "{ledger}"]}}
    retry: {{count: 2, delay: 0.3}}
    next: [{{when: "{{{{ failed() }}}}", do: [after]}}]
  - name: delayed
    delay: 0.5
    action: core.local
    input: {{argv: [sh, -c, 'echo delayed >> "$0"', "{ledger}"]}}
    next: [{{do: [after]}}]
  - name: after
    join: all
    action: core.local
    input: {{argv: [sh, -c, 'echo after >> "$0"', "{ledger}"]}}
"""


def test_a_stopped_daemon_continues(tmp_path: Path, durable_url: str) -> None:
    """A process of an item tells when its second is over: it is not stopped, and the daemon's time-outs are shorter."""
    ledger = tmp_path / "ledger"
    with fifo(tmp_path / "pipe") as pipe, serving(tmp_path, "--store", durable_url) as daemon:
        workflow = write_workflow(tmp_path, "stopped", STOPPED.format(pipe=pipe.path, ledger=ledger))
        command = [*STRETTO, "run", str(workflow), "--daemon", daemon.client.url]
        following = ForkedProgram(command, stderr=subprocess.PIPE, text=True)
        assert pipe.lines(1) == ["begun"]
        daemon.signal(signal.SIGSTOP)
        other = ForkedProgram([*STRETTO, "run", "test.echo", "n=5", "--daemon", daemon.client.url])
        assert pipe.lines(1) == ["over"]
        daemon.signal(signal.SIGCONT)
        _, shown = following.communicate(timeout=PATIENCE)
        assert following.returncode == 0, shown
        assert other.wait(PATIENCE) == 0
        assert sorted(ledger.read_text().split()) == ["after", "delayed", "retried", "retried", "retried"]
        assert shown.count("it took longer than 0.4 s") == 1
        assert daemon.probe("/healthz") == (200, "healthy: 0 runs in progress")
        assert daemon.probe("/readyz") == (200, "ready")
