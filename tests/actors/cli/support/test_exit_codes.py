"""The ends of commands: with a message in place of a traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stretto.actors.cli.support.exit_codes import FAILED, is_of_output
from tests.support.waiting import PATIENCE

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["actions", "list"], ["actions", "list", "--json"], ["config", "show"]])
def test_output_to_a_full_disk_ends_with_a_message(arguments: list[str]) -> None:
    """Not with a traceback, and nothing is said of what Python does at its end."""
    with FULL.open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "stretto.actors.cli", *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
    expected = f"stretto: cannot write the output: {os.strerror(errno.ENOSPC)}\n"
    assert (ended.returncode, ended.stderr) == (FAILED, expected)


def test_only_errors_of_writing_are_of_the_output() -> None:
    """An error that names a file is one of that file. A closed pipe is click's."""
    assert is_of_output(OSError(errno.ENOSPC, "full"))
    assert not is_of_output(OSError(errno.ENOSPC, "full", "results.jsonl"))
    assert not is_of_output(BrokenPipeError(errno.EPIPE, "closed"))
