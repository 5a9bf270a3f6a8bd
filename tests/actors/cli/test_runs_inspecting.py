"""`stretto runs errors`, `history` and `definition` on a store in a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.journal.opening import open_store
from tests.support.conducted import Conducted

ITEMS = """
ref: tests.items
tasks:
  - {name: probe, action: core.noop, with_items: [1, 2, 3], concurrency: 3}
"""


class Kept:
    """A store with one run, of which two items failed."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/store.db"
        with open_store(self.url, None) as store:
            self.run = Conducted(store, ITEMS)
            self.run.succeed("probe", 1, {"up": True})
            self.run.fail("probe", 0, "no answer within 5 s")
            self.run.fail("probe", 2, "no answer within 6 s")

    def runs(self, *arguments: str) -> Result:
        """Run `stretto runs COMMAND RUN ... --store URL`."""
        command, *rest = arguments
        return CliRunner().invoke(main, ["runs", command, self.run.id, *rest, "--store", self.url])

    def told(self, *arguments: str) -> Any:
        """Run it with --json, and return what it prints."""
        result = self.runs(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_like_failures_are_one_line(kept: Kept) -> None:
    """With their number and the first of them."""
    heading, line = kept.runs("errors", "--utc").stdout.splitlines()
    assert heading.split() == ["COUNT", "TASK", "KIND", "GROUP", "FIRST", "ENDED", "MESSAGE"]
    group = kept.told("errors")["groups"][0]["id"]
    assert line.split() == [
        "2", "probe", "failed", group, "0", "1970-01-01", "00:16:42Z", "w.yaml:5:27:",
        *["no", "answer", "within", "#", "s"],
    ]  # fmt: skip
    told = kept.told("errors", "--task", "probe")
    assert ([each["count"] for each in told["groups"]], told["others"]) == ([2], 0)
    unknown = kept.runs("errors", "--task", "prob")
    assert unknown.exit_code == 2
    assert "did you mean 'probe'" in unknown.stderr


def test_entries_are_listed(kept: Kept) -> None:
    """By pages; standard error says how to go on."""
    result = kept.runs("history", "--limit", "2", "--utc")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["NUMBER", "AT", "TYPE", "TASK", "INDEX", "FIELDS"]
    assert lines[1].split()[:6] == ["0", "1970-01-01", "00:16:41Z", "item_completed", "probe", "1"]
    assert result.stderr == "more: --after 1\n"
    told = kept.told("history", "--after", "1")
    assert ([each["number"] for each in told["entries"]], told["next"]) == ([2], None)
    nothing = kept.runs("history", "--kind", "cancel_requested")
    assert (nothing.stdout, nothing.stderr) == ("", "no entries\n")


def test_items_are_listed_in_their_order(kept: Kept) -> None:
    """Several outcomes may be given, and a least number of attempts."""
    listed = kept.told("items", "--order", "index", "--outcome", "failed", "--outcome", "succeeded")["items"]
    assert [each["index"] for each in listed] == [0, 1, 2]
    assert kept.told("items", "--min-attempts", "2", "--visit", "1", "--task", "probe")["items"] == []
    assert kept.told("items", "--task", "probe", "--index", "1")["neighbours"] == {
        "previous_failed": 0, "next_failed": 2,
    }  # fmt: skip


def test_a_rerun_is_only_counted_if_asked_so(kept: Kept) -> None:
    """Nothing is written: there is no other run."""
    result = kept.runs("rerun", "--failed-items", "--dry-run")
    assert result.stdout == "1 task with 2 items would run again\n"
    assert kept.told("rerun", "--dry-run") == {"tasks": 1, "items": 3}
    listed = CliRunner().invoke(main, ["runs", "list", "--json", "--store", kept.url])
    assert len(json.loads(listed.stdout)["runs"]) == 1


def test_the_context_is_printed(kept: Kept) -> None:
    """All of it, or one value."""
    assert kept.told("context", "--at", "0")["at"] == 0
    assert json.loads(kept.runs("context", "tasks", "probe", "outcome").stdout) == "failed"
    unknown = kept.runs("context", "task")
    assert unknown.exit_code == 2
    assert "did you mean 'tasks'" in unknown.stderr


def test_the_definition_is_printed(kept: Kept) -> None:
    """As it is; without a daemon nobody knows another one."""
    result = kept.runs("definition")
    assert result.stdout == kept.run.accepted.workflow.text
    assert kept.told("definition")["same_as_now"] is None
