"""Sensors of packs as another user: `packs.run_as`. This needs root, as the setting does."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.actors import Engine
from tests.support.sensors import QUICK, WORK, Sensing, await_end, watched

USER = "nobody"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of another user")
PROBE = """#!/bin/sh
echo "{\\"event\\": \\"t.said\\", \\"payload\\": [\\"$(id -un)\\", \\"$HOME\\", $$]}"
exec sleep 1000
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can read: pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="stretto-sensors-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_sensor_of_a_pack_runs_as_the_user_and_ends_with_the_engine(shared: Path) -> None:
    (shared / "p" / "sensors").mkdir(parents=True)
    (shared / "p" / "pack.yaml").write_text("ref: p\nlabel: P\nversion: 1.0.0\n")
    (shared / "p" / "sensors" / "who.yaml").write_text("ref: p.who\nrunner_type: shell\nentry_point: who.sh\n")
    (shared / "p" / "sensors" / "who.sh").write_text(PROBE)
    (shared / "d").mkdir()
    (shared / "d" / "work.yaml").write_text(WORK)
    (shared / "d" / "rule.yaml").write_text("on: {event: t.said}\nrun: t.work\ninput: {said: '{{ payload }}'}\n")
    with Engine.open(definitions=shared / "d", packs=[shared / "p"], run_packs_as=USER, sensors=QUICK) as engine:
        user, _home, pid = Sensing(engine).said()
        assert user == USER
        with watched(pid) as process:
            engine.stop()
            await_end(process)
