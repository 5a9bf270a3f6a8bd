"""`stretto runs list`: which runs it shows, how they are named, and how a run is found by a part of its id."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.journal.encryption import new_key
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import ItemKey, ParentItem, Rerun
from stretto.actors.journal.sql.store import Store
from stretto.definitions.data.frozen import EMPTY_OBJECT
from tests.support.conducted import Conducted
from tests.support.forked_programs import PROGRAM, ForkedProgram
from tests.support.recording import acceptance
from tests.support.waiting import PATIENCE

ONE = "ref: tests.one\ntasks: [{name: only, action: core.noop}]\n"
LONG = f"ref: {'a_long_pack.' * 8}work\ntasks: [{{name: only, action: core.noop}}]\n"
SHOUT = """import sys

from stretto.actors import action

@action("test.shout")
def shout():
    print("awake", file=sys.__stdout__, flush=True)  # not captured
"""
LONG_NAP = """version: "1.0.0"
tasks:
  - {name: shout, action: test.shout}
  - {name: nap, action: core.sleep, input: {seconds: 1000}}
cancellation_policy: allow_finish
"""
PRESSED_AGAIN = """import importlib, os, signal

from stretto.actors.cli import main
from stretto.actors.cli.progress import modes

importlib.import_module("stretto.actors.cli.run").STOP_SECONDS = %s
say = modes.Watching.say

def say_and_press(self, text):
    say(self, text)
    os.kill(os.getpid(), signal.SIGINT)  # no user is faster

modes.Watching.say = say_and_press
main()
"""
ACTION = """import sys
from pathlib import Path
from threading import Event

from stretto.actors import action

@action("test.nap")
def nap():
    # The first time it never ends.
    seen = Path(__file__).with_suffix(".seen")
    if seen.exists():
        return "well"
    seen.touch()
    print("asleep", file=sys.__stdout__, flush=True)  # not captured
    Event().wait()
"""
NAP = """version: "1.0.0"
ref: tests.nap
tasks:
  - {name: nap, action: test.nap}
output_map: {slept: "{{ task.nap.result }}"}
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a store that does not exist yet, with its key beside it."""
    key = tmp_path / "store.db.key"
    key.write_text(new_key())
    key.chmod(0o600)
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Return a store that this process has open."""
    with open_store(url, None) as opened:
        yield opened


def runs(url: str, *arguments: str) -> Result:
    """Run `stretto runs ... --store URL`."""
    return CliRunner().invoke(main, ["runs", *arguments, "--store", url])


def listed(url: str, *arguments: str) -> list[dict[str, Any]]:
    """Return the runs of a list as JSON."""
    result = runs(url, "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["runs"]
    return found


def ids(url: str, *arguments: str) -> list[str]:
    return [run["id"] for run in listed(url, *arguments)]


def child(run_id: str) -> dict[str, Any]:
    return {"parent": ParentItem(run_id, ItemKey("t", 1, 0), 1, EMPTY_OBJECT), "depth": 1}


# ---- lists


def test_children_are_folded_unless_all_runs_are_listed(url: str, store: Store) -> None:
    """Their number is shown, and with --all whose item they are; ids are shown by their ends, and whole in JSON."""
    top = Conducted(store, ONE)
    store.writer.write([below := acceptance(None, **child(top.id))])
    lines = [line.split() for line in runs(url, "list").stdout.splitlines()]
    assert lines[0] == ["RUN", "WORKFLOW", "STATUS", "ACCEPTED", "CHILDREN"]
    assert [(line[0], line[-1]) for line in lines[1:]] == [(top.id[-8:], "1")]
    every = [line.split() for line in runs(url, "list", "--all").stdout.splitlines()]
    assert every[0][-4:] == ["CHILDREN", "CHILD", "OF", "ITEM"]
    assert [(line[0], *line[-2:]) for line in every[1:]] == [
        (below.run_id[-8:], top.id[-8:], "t[0]"), (top.id[-8:], every[2][-2], "1"),
    ]  # fmt: skip
    assert ids(url, "--all") == [below.run_id, top.id]
    assert [run["child_count"] for run in listed(url, "--all")] == [0, 1]


def test_runs_are_listed_by_label_time_and_text(url: str, store: Store) -> None:
    """All conditions must hold."""
    store.writer.write(
        [
            acceptance("old", accepted_at=1000.0, labels={"team": "web"}),
            acceptance("new", accepted_at=90_000.0, labels={"team": "web", "env": "prod"}, priority="high"),
        ]
    )
    assert ids(url, "--label", "team=web") == ["new", "old"]
    assert ids(url, "--label", "team=web", "--label", "env=prod") == ["new"]
    assert ids(url, "--since", "1970-01-02T00:00:00Z") == ["new"]
    assert ids(url, "--since", "1h") == []
    assert ids(url, "--by", "nobody") == []
    assert ids(url, "--search", "PROD") == ["new"]
    assert (ids(url, "--priority", "high"), ids(url, "--priority", "normal")) == (["new"], ["old"])
    assert ids(url, "--search", "tests.pro", "--label", "team=web", "--since", "1970-01-01T00:00:00Z") == ["new", "old"]
    assert listed(url)[0]["labels"] == {"env": "prod", "team": "web"}
    assert "env=prod team=web" in runs(url, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "yesterday"), "or a duration before now such as 2h, got 'yesterday'"),
        (("--priority", "hihg"), "'hihg' is not one of 'low', 'normal', 'high', 'urgent'"),
        (("--label", "team"), "a label must be KEY=VALUE, got 'team'"),
        (("--label", "a=1", "--label", "a=2"), "the label 'a' must have one value, got '1' and '2'"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(
    url: str, store: Store, arguments: tuple[str, ...], message: str
) -> None:
    """With what was expected."""
    result = runs(url, "list", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize(("options", "line"), [(("--priority", "urgent"), "priority  urgent"), ((), None)])
def test_a_run_shows_a_priority_that_is_not_normal(
    url: str, store: Store, tmp_path: Path, options: tuple[str, ...], line: str | None
) -> None:
    """The one that `stretto run` was given."""
    store.close()
    workflow = tmp_path / "one.yaml"
    workflow.write_text("version: '1'\nref: t.one\ntasks: [{name: a, action: core.noop}]\n")
    assert CliRunner().invoke(main, ["run", str(workflow), "--store", url, *options]).exit_code == 0
    assert listed(url)[0]["priority"] == (options or ("", "normal"))[1]
    lines = [each for each in runs(url, "show", "@latest").stdout.splitlines() if "priority" in each]
    assert lines == ([] if line is None else [line])


def test_a_wrong_priority_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    """Before anything runs."""
    workflow = tmp_path / "one.yaml"
    workflow.write_text("version: '1'\nref: t.one\ntasks: [{name: a, action: core.noop}]\n")
    result = CliRunner().invoke(main, ["run", str(workflow), "--priority", "urgnt"])
    assert result.exit_code == 2
    assert "priority must be one of low, normal, high, urgent, got 'urgnt'" in result.stderr
    assert "'urgent'" in result.stderr


def test_a_list_fits_100_columns(url: str, store: Store) -> None:
    """With every column; long refs keep their end, long labels their beginning."""
    top = Conducted(store, LONG)
    labels = {"ticket": "x" * 100, "team": "web"}
    store.writer.write(
        [
            acceptance(None, workflow=top.accepted.workflow, labels=labels, rerun=Rerun(top.id, "everything")),
            acceptance(None, labels=labels, **child(top.id)),
        ]
    )
    for arguments in ((), ("--all",), ("--utc",), ("--label", "team=web")):
        lines = runs(url, "list", *arguments).stdout.splitlines()
        assert len(lines) > 1
        assert max(map(len, lines)) <= 100
    shown = runs(url, "list").stdout
    assert "..." in shown
    assert "team=" in shown


# ---- parts of ids


def test_a_run_is_found_by_the_beginning_or_end_of_its_id(url: str, store: Store) -> None:
    """At least 6 digits; all commands understand it."""
    first, second = Conducted(store, ONE), Conducted(store, ONE)
    for part in (
        first.id,
        first.id[-8:],
        first.id[-8:].upper(),
        first.id[-6:],
        first.id[:34],
        first.id.replace("-", "")[-20:],
    ):
        assert json.loads(runs(url, "show", part, "--json").stdout)["id"] == first.id
    store.close()
    assert json.loads(runs(url, "pause", second.id[-8:], "--json").stdout) == {"run": second.id, "done": "pause"}
    assert runs(url, "why", second.id[-12:]).exit_code == 0


def test_an_ambiguous_part_names_the_runs(url: str, store: Store) -> None:
    """The newest first, and only a few of many."""
    begin = "01941f29-8469-7a53-902c-"
    store.writer.write([acceptance(f"{begin}{number:012x}") for number in range(8)])
    result = runs(url, "show", "01941f29")
    assert result.exit_code == 2
    named = [f"{begin}{number:012x}" for number in range(7, 2, -1)]
    assert result.stderr == f"stretto: the run '01941f29' is ambiguous, give more digits: {', '.join(named)}, ...\n"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("abcdef", "there is no run 'abcdef': no id begins or ends with these digits"),
        ("abcde", "there is no run 'abcde' in the store"),
        ("latest", "there is no run 'latest' in the store"),
    ],
)
def test_a_part_of_no_id_is_an_unknown_run(url: str, store: Store, part: str, message: str) -> None:
    """Too few digits are no part of an id."""
    store.writer.write([acceptance("01941f29-8469-7a53-902c-000000abcde0")])
    result = runs(url, "show", part)
    assert (result.exit_code, result.stderr) == (2, f"stretto: {message}\n")


def test_the_latest_run_is_a_top_level_one(url: str, store: Store) -> None:
    """However many runs of sub-workflows came later."""
    assert "@latest: there is no run yet" in runs(url, "show", "@latest").stderr
    top = Conducted(store, ONE)
    store.writer.write([acceptance(None, **child(top.id)) for _ in range(3)])
    assert json.loads(runs(url, "show", "@latest", "--json").stdout)["id"] == top.id


# ---- interrupted runs


def test_an_interrupted_run_is_shown_as_such_and_continued(url: str, store: Store, tmp_path: Path) -> None:
    """Its process was killed. While one has the store open, the run is not interrupted."""
    store.close()
    action, workflow = tmp_path / "naps.py", tmp_path / "nap.yaml"
    action.write_text(ACTION)
    workflow.write_text(NAP)
    options = ["--store", url, "--actions", str(action)]
    command = [*PROGRAM, "run", str(workflow), "--label", "k=v", *options]
    with ForkedProgram(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asleep\n"
        (running,) = listed(url)
        assert "interrupted" not in running
        process.kill()
    (left,) = listed(url, "--label", "k=v")
    assert (left["status"], left["interrupted"]) == ("running", True)
    assert runs(url, "list").stdout.splitlines()[1].split()[2] == "interrupted"
    assert "status    interrupted" in runs(url, "show", left["id"]).stdout
    resumed = CliRunner().invoke(main, ["run", "--resume", left["id"][-8:], "--json", *options])
    assert resumed.exit_code == 0, resumed.output
    told = json.loads(resumed.stdout)
    assert (told["run"], told["status"], told["output"]) == (left["id"], "succeeded", {"slept": "well"})
    assert "interrupted" not in listed(url)[0]
    again = CliRunner().invoke(main, ["run", "--resume", "@latest", *options])
    assert again.exit_code == 2
    assert again.stderr == f"stretto: the run {left['id']} has ended (succeeded): `stretto runs rerun` runs it again\n"


def interrupted_twice(workflow: Path, action: Path, url: str, stop_seconds: float) -> tuple[int, list[str]]:
    """Run a workflow, press Ctrl-C when its action prints a line, and again as soon as the command answers.

    Returns:
        The exit code, and the lines on standard error.
    """
    command = [sys.executable, "-c", PRESSED_AGAIN % stop_seconds, "run", str(workflow)]
    command += ["--store", url, "--actions", str(action)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    first, *lines = told.splitlines()
    assert first == "cancelling the run; press Ctrl-C again to stop at once"
    return process.returncode, lines


def test_a_run_that_is_interrupted_twice_says_how_to_continue_it(url: str, store: Store, tmp_path: Path) -> None:
    """The first time it is cancelled, which waits for its running items; the second time it is left in the store.

    However soon the second one comes, the cancellation is in the store.
    """
    store.close()
    action, workflow = tmp_path / "shout.py", tmp_path / "long.yaml"
    action.write_text(SHOUT)
    workflow.write_text(LONG_NAP)
    code, lines = interrupted_twice(workflow, action, url, PATIENCE)
    (left,) = listed(url)
    assert (code, left["status"], left["interrupted"]) == (130, "cancelling", True)
    assert lines == [f"stretto: interrupted; `--resume {left['id']}` continues the run"]


def test_an_interrupted_run_whose_action_does_not_stop_can_be_continued_too(
    url: str, store: Store, tmp_path: Path
) -> None:
    """The function is left behind."""
    store.close()
    action, workflow = tmp_path / "naps.py", tmp_path / "nap.yaml"
    action.write_text(ACTION)
    workflow.write_text(NAP)
    code, (line,) = interrupted_twice(workflow, action, url, 0.01)
    (left,) = listed(url)
    assert (code, left["interrupted"]) == (130, True)
    behind = "an action that did not stop was left behind"
    assert line == f"stretto: interrupted; {behind}; `--resume {left['id']}` continues the run"


def test_a_paused_run_is_not_interrupted_and_resuming_it_ends_the_pause(url: str, store: Store) -> None:
    """A user has paused it, and nothing else than a resume would continue it."""
    run = Conducted(store, ONE)
    run.pause()
    store.close()
    assert runs(url, "list").stdout.splitlines()[1].split()[2] == "paused"
    resumed = CliRunner().invoke(main, ["run", "--resume", run.id, "--store", url])
    assert (resumed.exit_code, listed(url)[0]["status"]) == (0, "succeeded")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--resume", "@latest"), "--resume needs --store, which has the run"),
        (("flow.yaml", "--resume", "@latest"), "--resume continues a run as it was started: leave out WORKFLOW"),
        (("--resume", "@latest", "--label", "a=b"), "leave out WORKFLOW"),
        ((), "Missing argument 'WORKFLOW'"),
    ],
)
def test_a_resumed_run_takes_no_argument_of_a_new_one(arguments: tuple[str, ...], message: str) -> None:
    """Its inputs are in the store."""
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr


def test_whether_a_store_is_open_is_known_for_each_kind(durable_url: str) -> None:
    """A file, and a database of PostgreSQL's."""
    with open_store(durable_url, None) as opened:
        Conducted(opened, ONE)
        assert "interrupted" not in listed(durable_url)[0]
    assert listed(durable_url)[0]["interrupted"] is True
