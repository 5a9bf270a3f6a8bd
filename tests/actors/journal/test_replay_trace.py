"""The place in a replay, as the next process finds it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stretto.actors.journal.location import files_of, trace_file_of
from stretto.actors.journal.records import Suspicion
from stretto.actors.journal.replay_trace import RESTARTED, ReplayTrace

SUSPICION = Suspicion(run_id="r1", noted_at=1234.5, alone=True)
DYING = """
import os, signal, sys
from pathlib import Path
from stretto.actors.journal.records import Suspicion
from stretto.actors.journal.replay_trace import ReplayTrace

trace = ReplayTrace(Path(sys.argv[1]))
trace.begin(Suspicion(run_id="r1", noted_at=1234.5, alone=True))
with trace.at(3):
    pass
if sys.argv[2] == "inside":
    with trace.at(17):
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db-replay"


def die(path: Path, where: str) -> None:
    subprocess.run([sys.executable, "-c", DYING, path, where], check=False)


def test_the_place_outlives_a_killed_process(path: Path) -> None:
    """Also for a process that is killed outside of any place: there is none then."""
    die(path, "inside")
    assert ReplayTrace(path).place_of(SUSPICION) == 17
    die(path, "outside")
    assert ReplayTrace(path).place_of(SUSPICION) is None


def test_restarted_items_outlive_a_killed_process(path: Path) -> None:
    """The place stays after the block in which they were restarted. Their description is cut at its bound."""
    trace = ReplayTrace(path)
    trace.begin(SUSPICION)
    assert ReplayTrace(path).items_of(SUSPICION) == ""
    with trace.at(3):
        trace.mark_restart("item 0 of 'only'")
    found = ReplayTrace(path)
    assert (found.place_of(SUSPICION), found.items_of(SUSPICION)) == (RESTARTED, "item 0 of 'only'")
    trace.mark(RESTARTED - 4)
    assert found.place_of(SUSPICION) == RESTARTED - 4
    trace.mark_restart("x" + "\u00e9" * 400)
    assert found.items_of(SUSPICION) == "x" + "\u00e9" * 255
    trace.begin(SUSPICION)
    assert (found.place_of(SUSPICION), found.items_of(SUSPICION)) == (None, "")
    trace.close()


def test_a_place_is_that_of_one_trial_of_one_run(path: Path) -> None:
    """The file may be older than the note."""
    trace = ReplayTrace(path)
    trace.begin(SUSPICION)
    trace.mark(2)
    assert ReplayTrace(path).place_of(SUSPICION) == 2
    for other in (Suspicion(run_id="r2", noted_at=1234.5), Suspicion(run_id="r1", noted_at=1235.5)):
        assert ReplayTrace(path).place_of(other) is None
    trace.close()
    assert not path.exists()


def test_a_damaged_file_has_no_place(path: Path) -> None:
    """So has none that is missing, or that is a link."""
    assert ReplayTrace(path).place_of(SUSPICION) is None
    path.write_bytes(b"short")
    assert ReplayTrace(path).place_of(SUSPICION) is None
    link = path.with_name("link")
    link.symlink_to(path)
    assert ReplayTrace(link).place_of(SUSPICION) is None


def test_a_folder_that_cannot_be_written_stops_no_recovery(tmp_path: Path) -> None:
    """The trace is in memory then."""
    trace = ReplayTrace(tmp_path / "missing" / "trace")
    trace.begin(SUSPICION)
    with trace.at(5):
        assert trace.place_of(SUSPICION) is None
    trace.close()


def test_the_file_is_beside_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workflows cannot write it. That of PostgreSQL has no password in its name."""
    url = f"sqlite:///{tmp_path}/store.db"
    beside = trace_file_of(url)
    assert beside == tmp_path / "store.db-replay"
    assert beside in files_of(url)
    assert trace_file_of("sqlite://") is None
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")
    remote = trace_file_of("postgresql://user:hunter2@host/database")
    assert remote is not None
    assert remote.parent == tmp_path
    assert remote.name.startswith(f"stretto-{os.getuid()}-")
    assert "hunter2" not in remote.name
