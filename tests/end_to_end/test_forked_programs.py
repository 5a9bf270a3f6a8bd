"""Programs that tests fork do what they do as processes of an interpreter of their own."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.forked_programs import PROGRAM, SCRIPT, ForkedProgram, run_program

pytestmark = pytest.mark.own_process("it is about processes, not about items")
FAILING = "ref: test.failing\ntasks: [{name: a, action: core.fail, input: {message: no luck}}]\n"
READS = "ref: test.reads\ntasks: [{name: a, action: core.local, input: {argv: [sh, -c, 'pwd; echo $STRETTO_SAID']}}]\n"
READS += 'output_map: {said: "{{ task.a.result.stdout }}"}\n'


@pytest.mark.parametrize("beginning", [PROGRAM, [SCRIPT]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["nonsense"], ["run", "failing.yaml", "--json"], ["run", "reads.yaml"],
        ["validate", "failing.yaml"], ["rehearse", "--jsonl"], ["serve", "--port", "99999"],
    ],
)  # fmt: skip
def test_a_forked_program_says_what_another_one_says(
    tmp_path: Path, beginning: list[str], arguments: list[str]
) -> None:
    """Its exit code, and its output but for the id of a run."""
    (tmp_path / "failing.yaml").write_text(FAILING)
    (tmp_path / "reads.yaml").write_text(READS)
    environment = {**os.environ, "STRETTO_SAID": "hello"}
    usual = subprocess.run(
        [*beginning, *arguments], input="nonsense\n", cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    forked = run_program([*beginning, *arguments], text="nonsense\n", cwd=tmp_path, environment=environment)
    assert (forked.returncode, without_ids(forked.stdout), without_ids(forked.stderr)) == (
        usual.returncode,
        without_ids(usual.stdout),
        without_ids(usual.stderr),
    )


def without_ids(text: str) -> list[list[str]]:
    """Return the words of each line without ids of runs and times."""
    return [
        [word for word in line.split() if word.count("-") < 4 and "seconds" not in word] for line in text.splitlines()
    ]


def test_a_forked_program_is_a_child_with_its_signals_and_streams(tmp_path: Path) -> None:
    """It is killed, waited for and read from like any other."""
    with ForkedProgram([*PROGRAM, "rehearse", "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        streams: Any = process.stdin, process.stdout
        streams[0].write(b"nonsense\n")
        streams[0].flush()
        assert b'"error"' in streams[1].readline()
        assert process.poll() is None
        parent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1]
        assert int(parent) == os.getpid()
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert streams[1].read() == b""


def test_a_program_that_is_not_of_stretto_is_started_as_usual() -> None:
    """So is one with settings that only a new process can have."""
    with ForkedProgram(["sh", "-c", "echo $0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0] == "sh\n"
    with ForkedProgram([*PROGRAM, "--help"], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert os.getsid(process.pid) == process.pid
        assert process.communicate()[0]
