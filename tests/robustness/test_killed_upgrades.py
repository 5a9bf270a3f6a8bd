"""`kill -9` during the upgrade of a store: the next upgrade completes it, and each backup is a whole one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal.sql.schema import SCHEMA
from tests.actors.journal.stores.f3da086 import make
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

RUNS = len(json.loads((make.HERE / "runs.json").read_text()))
STEP = 5
"""Every fifth instant; `python -m tests.support.killed_upgrades URL 1` kills at each."""


def reports(url: str) -> list[dict[str, Any]]:
    """Return what came of each killed upgrade."""
    command = [sys.executable, "-m", "tests.support.killed_upgrades", url, str(STEP)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def check_all(found: list[dict[str, Any]]) -> None:
    """Check that each upgrade was completed, whether it was killed before or after its commit."""
    assert len(found) > 5
    assert [each["killed"] for each in found] == [True] * (len(found) - 1) + [False]
    assert {each["found"] for each in found} == {SCHEMA.revisions[0], SCHEMA.newest}
    assert {each["newest"] for each in found} == {SCHEMA.newest}
    assert not any(each["problems"] for each in found), found


def test_a_file_is_upgraded_after_a_kill(tmp_path: Path) -> None:
    """There is a backup, all of it is there, and no part of one is left."""
    found = reports(f"sqlite:///{tmp_path}/store.db")
    check_all(found)
    assert all(each["backups"] and not each["parts"] for each in found), found
    assert {runs >= RUNS for each in found for runs in each["backups"]} == {True}, found


@pytest.mark.usefixtures("postgres_server")
def test_a_database_is_upgraded_after_a_kill(empty_postgres_url: str) -> None:
    """PostgreSQL rolls the transaction back. A backup is the operator's."""
    check_all(reports(empty_postgres_url))
