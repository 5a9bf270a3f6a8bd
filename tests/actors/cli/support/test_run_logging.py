"""The log of `stretto run`, as people see it."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.cli.support.run_logging import core_log_line, log_run
from stretto.metrics import get_logger

pytestmark = pytest.mark.usefixtures("restored_logging")

SAYS = """\
ref: test.says
tasks:
  - {name: each, action: core.log, with_items: [a, b], input: {message: "hi {{ item }}"}, next: [{do: [last]}]}
  - {name: last, action: core.log, input: {message: {free: 3}, level: warning}, next: [{do: [quiet]}]}
  - {name: quiet, action: core.log, input: {message: unseen, level: debug}}
"""
WARNING = """\
warning[missing_version]: the workflow has no version
 --> says.yaml:1:1
  |
1 | ref: test.says
  | ^^^
  = help: write version: "1.0.0"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "says.yaml").write_text(SAYS)
    return tmp_path


def stretto(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


@pytest.mark.usefixtures("folder")
def test_what_core_log_writes_and_warnings_are_seen_on_standard_error() -> None:
    """With task and item, from INFO on; warnings of the definition as `validate` shows them; none in --json."""
    done = stretto("says.yaml", "--json")
    assert done.stderr == f'{WARNING}\neach[0]: hi a\neach[1]: hi b\nlast: warning: {{"free":3}}\n'
    assert json.loads(done.stdout)["status"] == "succeeded"


def test_a_task_that_waits_for_answers_says_once_who_accepts_them(folder: Path) -> None:
    """The run would seem to hang, as only a daemon accepts answers."""
    asks = "{name: ask, action: core.ask, with_items: [1, 2], concurrency: 2, timeout: 0.01}"
    (folder / "asks.yaml").write_text(f'ref: test.asks\nversion: "1"\ntasks: [{asks}]\n')
    done = stretto("asks.yaml", "--json")
    assert done.stderr == "ask: waits for an answer, which only a daemon accepts: run it with --daemon URL\n"
    assert [each["message"] for each in json.loads(done.stdout)["errors"]] != []


@pytest.mark.usefixtures("folder")
def test_a_given_level_holds_for_all_and_leaves_lines_as_they_are() -> None:
    """At WARNING, core.log's lines below it are left out."""
    done = stretto("says.yaml", "--log-level", "WARNING")
    *lines, end = done.stderr.splitlines()
    assert end.endswith("of test.says: succeeded")
    assert [json.loads(line)["event"] for line in lines] == ["definition_doubtful", "action_logged"]


def test_definitions_that_are_left_out_are_counted(folder: Path) -> None:
    """Their errors are shown if they are asked for."""
    (folder / "bad.yaml").write_text("ref: test.bad\ntasks: [{name: a, acton: core.noop}]\n")
    left_out = "bad.yaml is left out: it has 2 errors, see stretto validate bad.yaml\n"
    assert stretto("test.says", "--definitions", ".").stderr.startswith(left_out)
    asked_for = stretto("test.bad", "--definitions", ".")
    assert asked_for.exit_code == 1
    assert "\nerror[unknown_field]: the task 'a' has no field 'acton'\n --> bad.yaml:2:" in asked_for.stderr


def test_a_line_cannot_move_the_cursor() -> None:
    """Control characters are replaced, and further lines are indented."""
    event = {"level": "info", "task": "t", "item_index": None, "message": "a\x1b[2J\nb"}
    assert core_log_line(event) == "t: a\N{REPLACEMENT CHARACTER}[2J\n  b"


def test_other_loggers_keep_their_level_and_their_lines() -> None:
    """Below WARNING nothing else is shown; other events of the catalogue are JSON lines."""
    stream = io.StringIO()
    log_run(None, stream)
    get_logger("stretto.runs").info("run_started")
    get_logger("stretto.runs").warning("run_slow")
    get_logger("stretto.catalogue").info("unseen")
    get_logger("stretto.catalogue").warning("definition_kept", file="a.yaml")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["run_slow", "definition_kept"]


PACK = "ref: {ref}\nlabel: x\nworker_a: 1\n{more}"
FLOW = "ref: {ref}\nworker_a: 1\ntasks:\n  - {{name: a, action: core.noop}}\n"


def test_findings_of_packs_are_one_line_a_pack_except_those_of_the_workflow_that_is_run(tmp_path: Path) -> None:
    """Warnings in a pack's manifest and of its other workflows lead to `stretto validate`."""
    for pack, more in (("one", "worker_b: 1\n"), ("two", "")):
        (tmp_path / pack / "workflows").mkdir(parents=True)
        (tmp_path / pack / "pack.yaml").write_text(PACK.format(ref=pack, more=more))
        for name in ("run", "rest"):
            (tmp_path / pack / "workflows" / f"{name}.yaml").write_text(FLOW.format(ref=f"{pack}.{name}"))
    done = stretto("one.run", "--packs", str(tmp_path), "--json")
    assert done.exit_code == 0, done.stderr
    first, second, warning, *rest = done.stderr.splitlines()
    assert first == f"{tmp_path}/one has findings: 0 errors, 2 kinds of warnings; see stretto validate {tmp_path}/one"
    assert second.startswith(f"{tmp_path}/two has findings: 0 errors, 1 kind of warnings;")
    assert warning.startswith("warning[ignored_field]: 'worker_a' is known")
    assert not [line for line in rest if "has findings" in line or "warning" in line]
