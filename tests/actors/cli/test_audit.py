"""`stretto audit`: from a store and from a daemon."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.journal.audit import Requester
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Audited
from tests.support.conducted import Conducted

WAITING = "ref: test.waiting\ntasks: [{name: only, delay: 3000, action: core.noop}]\n"
USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a store with a run and three entries."""
    monkeypatch.delenv("STRETTO_DAEMON", raising=False)
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url, keyring_for(url, None)) as store:
        for at, who in ((1_000.0, "mira"), (2_000.0, "ci"), (3_000.0, "mira")):
            by = Requester(who=who, via="api", source="10.0.0.1", note="over\nnight")
            store.writer.write([Audited(by.asks("pause", f"run-{at:g}", at))])
    return url


def invoke(*arguments: str) -> Any:
    result = CliRunner().invoke(main, [*arguments])
    assert result.exit_code == 0, result.stderr
    return result


def entries(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(invoke("audit", "--json", *arguments).stdout)["entries"]
    return found


def test_entries_are_shown_the_newest_first(url: str) -> None:
    """One a line."""
    heading, *rows = invoke("audit", "--utc", "--store", url).stdout.splitlines()
    assert heading.split() == ["AT", "WHO", "FROM", "VIA", "WHAT", "ON", "RESULT", "NOTE"]
    assert [row.split() for row in rows] == [
        ["1970-01-01", time, who, "10.0.0.1", "api", "pause", run, "done", "over", "night"]
        for time, who, run in (
            ("00:50:00Z", "mira", "run-3000"), ("00:33:20Z", "ci", "run-2000"), ("00:16:40Z", "mira", "run-1000"),
        )
    ]  # fmt: skip


def test_entries_are_chosen(url: str) -> None:
    """By who and when, a page at a time."""
    assert [each["target"] for each in entries("--store", url, "--who", "ci")] == ["run-2000"]
    assert [each["target"] for each in entries("--store", url, "--since", "1970-01-01T00:40:00Z")] == ["run-3000"]
    page = invoke("audit", "--store", url, "--limit", "2")
    assert len(page.stdout.splitlines()) == 3
    cursor = page.stderr.removeprefix("more: --cursor ").strip()
    assert [each["target"] for each in entries("--store", url, "--cursor", cursor)] == ["run-1000"]
    assert invoke("audit", "--store", url, "--who", "no one").stderr == "no changes\n"


def test_a_command_that_changes_a_store_leaves_an_entry(url: str) -> None:
    """In the commit of the change, under the user's name."""
    with open_store(url, keyring_for(url, None)) as store:
        run, other = Conducted(store, WAITING), Conducted(store, WAITING)
    invoke("runs", "pause", run.id, "--store", url)
    invoke("runs", "cancel", run.id, "--store", url)
    new = json.loads(invoke("runs", "rerun", run.id, "--json", "--store", url).stdout)["run"]
    invoke("runs", "cancel", other.id, "--store", url)
    invoke("runs", "prune", "--older-than", "1000d", "--store", url)
    found = entries("--store", url, "--who", USER)
    assert [(each["operation"], each["target"], each["result"]) for each in found[::-1]] == [
        ("pause", run.id, "done"),
        ("cancel", run.id, "done"),
        ("rerun", run.id, f"run {new}"),
        ("cancel", other.id, "done"),
        ("prune", "runs that ended more than 86400000 s ago", "done"),
    ]
    assert {(each["source"], each["via"]) for each in found} == {("local", "cli")}
    shown = json.loads(invoke("runs", "show", new, "--json", "--store", url).stdout)
    assert shown["requested_by"] == {"who": USER, "via": "cli"}
    assert f"by        {USER} (cli)" in invoke("runs", "show", new, "--store", url).stdout
