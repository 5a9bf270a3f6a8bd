"""Child processes of a carrier: what a dead one has left is found."""

import os
import subprocess
from pathlib import Path

from stretto.actors.actions.core.local import INHERITED
from stretto.actors.pools import children

MARK = "STRETTO_TEST_MARK=found"


def test_a_process_is_found_while_it_takes_up_another_program(tmp_path: Path) -> None:
    """For a moment it shows no environment at all."""
    again = tmp_path / "again.sh"
    again.write_text('exec sh "$0"\n')
    name, value = MARK.split("=")
    # It replaces itself by a new program all the time.
    with subprocess.Popen(["sh", str(again)], env={**os.environ, name: value}) as process:
        try:
            assert all(process.pid in children._marked(MARK.encode()) for _ in range(100))
        finally:
            process.kill()


def test_a_command_has_the_mark_of_its_worker() -> None:
    """Its environment is not the worker's own."""
    assert children.MARK_VARIABLE in INHERITED
