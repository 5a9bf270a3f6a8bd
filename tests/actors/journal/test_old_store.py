"""A store that an older version wrote opens, reports and recovers as that version would have done it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.journal.encryption import read_key_file
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.queries import RunQuery
from stretto.definitions.conductor import ItemCompleted
from tests.actors.journal.stores.f3da086 import make

LACKS_TIMES = '"-" in TOOK: runs that an earlier version of Stretto accepted lack the times of its items'
RUNS: dict[str, str] = json.loads((make.HERE / "runs.json").read_text())


@pytest.fixture
def old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the store, in the working directory, with the files that its runs read and write."""
    monkeypatch.chdir(tmp_path)
    store = make.copied(tmp_path)
    key = str(tmp_path / "store.key")
    upgraded = CliRunner().invoke(main, ["store", "upgrade", f"sqlite:///{store}", "--store-key", key])
    assert upgraded.exit_code == 0, upgraded.output
    return store


def expected(name: str) -> Any:
    """Return what the old version's code said."""
    return json.loads((make.HERE / name).read_text())


def without_what_is_new(reports: dict[str, Any]) -> dict[str, Any]:
    """Return what the old version said, with the times of attempts that it did not record, and no deadline."""
    for report in reports.values():
        for head in (report["show"][0], report["export"][0]):
            head["deadline"] = None
        pages = [*report["show"], *report["items"]]
        attempts = [each for page in pages for each in page["items"]]
        attempts += [each for each in report["export"] if each.get("type") == "item_completed"]
        for attempt in attempts:
            attempt |= {"began_at": None, "seconds": None}
    return reports


def listed(store: Path, *arguments: str) -> Result:
    """Run `stretto runs items` on the store."""
    source = ["--store", f"sqlite:///{store}", "--store-key", str(store.parent / "store.key")]
    return CliRunner().invoke(main, ["runs", "items", *arguments, *source])


def recorded_labels(store: Path) -> set[str]:
    """Return the labels of all items whose success is recorded."""
    found: set[str] = set()
    with closing(open_reader(f"sqlite:///{store}", read_key_file(store.parent / "store.key"))) as reader:
        run_ids = [run.id for run in reader.runs(RunQuery(limit=500)).runs]
        for entry in [entry for run_id in run_ids for entry in reader.entries(run_id, 0, 10_000)]:
            if isinstance(entry, ItemCompleted) and entry.outcome == "succeeded" and isinstance(entry.result, dict):
                found.add(str(entry.result["label"]))
    return found


def test_an_old_store_is_clean(old_store: Path) -> None:
    """Every table, body and reference is what today's code expects."""
    arguments = [f"sqlite:///{old_store}", "--store-key", str(old_store.parent / "store.key")]
    result = CliRunner().invoke(main, ["store", "check", *arguments])
    assert result.exit_code == 0, result.output


def test_ended_runs_are_reported_as_the_old_version_did(old_store: Path) -> None:
    """Show, items and export print the same JSON, and the only origin of then; what was not recorded is null.

    What later versions add of a run is empty, except the number of children.
    """
    found = make.reports(old_store, RUNS)
    for reports in found.values():
        for run in reports["show"]:
            assert run.pop("entries") > 0
        for run in (*reports["show"], reports["export"][0]):
            assert run.pop("origin") == "owner"
            assert (run.pop("labels"), run.pop("rerun_task"), run.pop("priority")) == ({}, None, "normal")
            assert run.pop("child_count") == len(run["children"])
            assert run.pop("requested_by") is None
            assert (run.pop("parent_item") is None) == (run["parent"] is None)
            requests = [each["at"] for each in reports["export"] if each.get("type") == "cancel_requested"]
            assert run.pop("cancelled") == ({"at": requests[0], "by": None, "late": False} if requests else None)
    assert found == without_what_is_new(expected("reports.json"))


def test_items_of_an_old_run_say_that_they_lack_their_times(old_store: Path) -> None:
    """Each has a dash, and one line says why; for programs they are null."""
    shown = listed(old_store, RUNS["succeeded"])
    heading, *rows = shown.stdout.splitlines()
    assert rows
    assert {row[heading.index("TOOK") :].split()[0] for row in rows} == {"-"}
    assert shown.stderr.splitlines() == [LACKS_TIMES]
    told = json.loads(listed(old_store, RUNS["succeeded"], "--json").stdout)["items"]
    assert {(each["began_at"], each["seconds"]) for each in told} == {(None, None)}


def test_unfinished_runs_recover_as_in_the_old_version(old_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They end alike, and no item with a recorded end runs again."""
    ledger = old_store.parent / "ledger"
    monkeypatch.setenv("STRETTO_TEST_LEDGER", str(ledger))
    recorded = recorded_labels(old_store)
    found = make.recover(old_store, RUNS, ledger)
    assert recorded
    assert not recorded & set(found["performed"])
    # What the old version did not say yet.
    assert found["paused before"]["fan"].pop("window") == {"concurrency": 1, "max_failures": None}
    assert found == expected("recovered.json")
    told = json.loads(listed(old_store, RUNS["fan_out"], "--json").stdout)["items"]
    times = [each["seconds"] is not None for each in told]
    assert times == sorted(times), "what ended before the upgrade lacks them"
    assert {*times} == {False, True}
    assert LACKS_TIMES in listed(old_store, RUNS["fan_out"]).stderr


def test_no_name_of_a_module_and_no_secret_is_stored() -> None:
    """Modules may move; secrets are encrypted."""
    content = (make.HERE / "store.db").read_bytes()
    for text in ("stretto.", "actors.", "definitions.", *make.TOKENS, make.KEYSTORE["registry"]):
        assert text.encode() not in content
