"""Three daemons share a PostgreSQL store through kills and freezes. Nothing is lost, and nothing recorded twice.

`python -m tests.support.crashes.sharing` does the same for any number of faults, and shows that it notices daemons
that are not fenced.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

from stretto.actors.journal.opening import open_reader
from tests.support.crashes.sharing import ACTIONS, Sharing
from tests.support.waiting import PATIENCE


def test_daemons_that_are_killed_and_frozen_leave_their_runs_to_others(tmp_path: Path, postgres_url: str) -> None:
    """All acknowledged runs end. Items with `at_most_once` are performed once at most."""
    with ExitStack() as stack:
        sharing = Sharing(tmp_path, postgres_url, 1, stack)
        for fault in (sharing.kill, sharing.freeze):
            for _ in range(3):
                sharing.submit()
            fault()
            sharing.replace_ended()
        sharing.finish()


def test_a_fenced_daemon_ends_with_exit_code_1(tmp_path: Path, postgres_url: str) -> None:
    """Its service manager starts it again, with a new number."""
    with ExitStack() as stack, closing(open_reader(postgres_url, None)) as reader:
        sharing = Sharing(tmp_path, postgres_url, 1, stack)
        frozen = sharing.daemons[0]
        process = f"process {frozen.process.pid} on"
        frozen.signal(signal.SIGSTOP)
        given_up = time.monotonic() + PATIENCE
        while any(each.name.startswith(process) and not each.fenced for each in reader.daemons()):
            assert time.monotonic() < given_up, "nobody fences the frozen daemon"
            sharing.replace_ended()  # on a busy machine the others may miss their lease, too
            time.sleep(0.1)
        frozen.signal(signal.SIGCONT)
        assert frozen.process.wait(PATIENCE) == 1


def test_the_fence_can_be_taken_out() -> None:
    """Else daemons of a campaign with `--unfenced` would not start, and the campaign would show nothing."""
    asserting = "assert 'fenced_by' not in str(engines._RENEW)\nassert engines.forget_fenced(None) is None\n"
    environment = {**os.environ, "STRETTO_SHARED_UNFENCED": "1"}
    command = [sys.executable, "-c", ACTIONS + asserting]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert not done.returncode, done.stderr
