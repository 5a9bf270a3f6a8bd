"""Pages are followed as a newcomer would: their files written, their commands run, their outputs compared."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import DOCS

STRETTO = Path(sys.executable).with_name("stretto")
STEP = re.compile(r"`([\w.]+)`:\n\n```[\w ]+\n(.*?)```|```console\n(.*?)```", re.DOTALL)
CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}|\d+\.\d\d s\b")
"""A run's id, a time, a duration."""


def steps(page: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Write each file of a page as it comes; yield each command, the output that is shown, and the real one."""
    for name, content, session in STEP.findall(page):
        if name:
            (folder / name).write_text(content)
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
            program, *arguments = shlex.split(command)
            assert program == "stretto"
            done = subprocess.run(
                [STRETTO, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                check=False,
            )  # fmt: skip
            yield command, shown, done.stdout


@pytest.mark.parametrize(("page", "least"), [("tutorial.md", 8), ("rehearsals.md", 2)])
def test_every_command_of_a_page_prints_what_is_shown(page: str, least: int, tmp_path: Path) -> None:
    """Only ids, times and durations differ from run to run."""
    done = 0
    for command, shown, real in steps((DOCS / page).read_text(), tmp_path):
        assert CHANGING.sub("...", real) == CHANGING.sub("...", shown), command
        done += 1
    assert done >= least
