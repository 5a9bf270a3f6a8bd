"""Three daemons share a PostgreSQL store through kills and freezes. Nothing is lost, and nothing recorded twice.

`python -m tests.support.crashes.sharing` does the same for any number of faults, and shows that it notices daemons
that are not fenced.
"""

from contextlib import ExitStack
from pathlib import Path

from tests.support.crashes.sharing import Sharing


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
