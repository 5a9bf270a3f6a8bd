"""`stretto rehearse`, as it is called."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.waiting import PATIENCE

STRETTO = Path(sys.executable).with_name("stretto")
WORKFLOW = """\
ref: test.deploy
version: "1"
parameters:
  hosts: {type: array, required: true}
tasks:
  - name: check
    action: core.http
    with_items: "{{ parameters.hosts }}"
    input: {url: "https://{{ item }}"}
    next:
      - {when: "{{ succeeded() }}", do: [deploy]}
  - {name: deploy, action: ops.deploy}
output_map: {answers: "{{ task.check.result }}"}
"""
GOOD = """\
workflow: deploy.yaml
inputs: {hosts: [a]}
script: [{task: check, result: up}]
expect: {status: succeeded, output: {answers: [up]}}
"""
BAD = """\
workflow: deploy.yaml
inputs: {hosts: [a]}
expect: {status: failed, sequence: [check]}
"""
CASE = {"workflow": 'version: "1"\ntasks: [{name: a, action: x.y}]\n'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deploy.yaml").write_text(WORKFLOW)
    return tmp_path


def stretto(folder: Path, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, in the test's process."""
    command = ["rehearse", *arguments]
    with contextlib.chdir(folder):
        done = CliRunner().invoke(main, command, input=given, env={"NO_COLOR": ""})
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


def test_a_workflow_is_rehearsed_and_told(folder: Path) -> None:
    """What it did, then its errors and its output; no request leaves the machine."""
    (folder / "script.yaml").write_text("- {task: check, item: 1, status: failed, result: down}\n- {task: chek}\n")
    done = stretto(folder, "deploy.yaml", "--script", "script.yaml", 'hosts=["a", "b"]')
    assert done.returncode == 1
    assert done.stdout.startswith(
        "rehearsal of test.deploy: failed\n\ntasks, in the order of their start:\n  check: failed\n"
    )
    assert '      1 s  check[1]: core.http {"url":"https://b"}\n      2 s    failed: "down"\n' in done.stdout
    assert (
        "errors:\n  deploy.yaml:7:13: 1 of 2 items: scripted to end as failed (item 1) [action_failed]\n" in done.stdout
    )
    assert done.stdout.endswith('output:\n{\n  "answers": [\n    null,\n    null\n  ]\n}\n')
    assert done.stderr == (
        "stretto: script.yaml:2:3: warning: rule 2 never matched: test.deploy has no task 'chek'; "
        "did you mean 'check'?\n"
    )


def test_a_workflow_needs_no_script(folder: Path) -> None:
    """Everything succeeds, and gives null; `--json` prints one object."""
    (folder / "inputs.json").write_text('{"hosts": ["a"]}')
    done = stretto(folder, "deploy.yaml", "--inputs", "inputs.json", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["workflow"], told["status"], told["output"]) == ("test.deploy", "succeeded", {"answers": [None]})
    assert [each["task"] for each in told["sequence"]] == ["check", "deploy"]


def test_known_actions_and_workflows_can_be_given(folder: Path) -> None:
    """Then inputs are checked, and what is a workflow runs as one."""
    (folder / "acts.py").write_text(
        "from stretto.actors import action\n@action('rehearsetest.act')\ndef act(n: int) -> None: ...\n"
    )
    (folder / "flows").mkdir()
    (folder / "flows" / "child.yaml").write_text(
        'ref: test.child\nversion: "1"\nparameters: {n: {}}\n'
        'tasks: [{name: c, action: rehearsetest.act, input: {n: "{{ parameters.n }}"}}]\n'
    )
    (folder / "parent.yaml").write_text('version: "1"\ntasks: [{name: p, action: test.child, input: {n: many}}]\n')
    alone = stretto(folder, "parent.yaml")
    assert (alone.returncode, 'p: test.child {"n":"many"}' in alone.stdout) == (0, True)
    both = stretto(folder, "parent.yaml", "--definitions", "flows", "--actions", "acts.py")
    assert both.returncode == 1
    assert "n must be an integer, got a string" in both.stdout


def test_a_folder_of_rehearsals_is_run_like_tests(folder: Path) -> None:
    """File by file, with the differences of those that fail; exit 1 if one does."""
    (folder / "good.yaml").write_text(GOOD)
    passed = stretto(folder, ".")
    assert (passed.returncode, passed.stdout) == (0, "pass good.yaml\n1 rehearsal: all as expected\n")
    (folder / "bad.yaml").write_text(BAD)
    failed = stretto(folder, ".")
    assert failed.returncode == 1
    assert failed.stdout == (
        "FAIL bad.yaml\n"
        '  status:\n    --- expected\n    +++ found\n    @@ -1 +1 @@\n    -"failed"\n    +"succeeded"\n'
        "  sequence:\n    --- expected\n    +++ found\n    @@ -1 +1,2 @@\n     - check\n    +- deploy\n"
        "pass good.yaml\n2 rehearsals: 1 failed\n"
    )  # fmt: skip
    one = stretto(folder, "good.yaml", "bad.yaml", "--json")
    assert one.returncode == 1
    told = json.loads(one.stdout)
    assert (told["passed"], told["failed"]) == (1, 1)
    assert told["rehearsals"][0] == {"file": "good.yaml", "passed": True, "problems": [], "differences": []}
    assert told["rehearsals"][1]["differences"][0] == {"what": "status", "expected": "failed", "found": "succeeded"}


def test_a_rehearsal_file_shows_its_transcript_if_that_is_wanted(folder: Path) -> None:
    """Behind its verdict, as that of a workflow with a script. One object has no lines."""
    (folder / "good.yaml").write_text(GOOD)
    result = CliRunner().invoke(main, ["rehearse", str(folder / "good.yaml"), "--transcript"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("pass ")
    assert lines[1].startswith("rehearsal of ")
    assert "actions, as they were launched:" in lines
    assert CliRunner().invoke(main, ["rehearse", str(folder), "--transcript", "--json"]).exit_code == 2


def test_differences_are_coloured_on_a_terminal_unless_that_is_not_wanted(folder: Path) -> None:
    """Red is what was expected, green what was found."""
    (folder / "bad.yaml").write_text(BAD)

    def shown(no_colour: str) -> bytes:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "NO_COLOR": no_colour, "TERM": "xterm"}
        subprocess.run([STRETTO, "rehearse", "bad.yaml"], cwd=folder, stdout=theirs, env=environment, check=False)
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 65536):
                told += part
        except OSError:  # the terminal's other side is closed, and all is read
            pass
        os.close(ours)
        return told

    assert b'\x1b[31m-"failed"\x1b[0m' in shown("")
    assert b'\x1b[32m+"succeeded"\x1b[0m' in shown("")
    assert b"\x1b" not in shown("1")


PACKED = """\
ref: zoo.feed
version: "1"
tasks:
  - name: feed
    action: zoo.count
    input: {n: "{{ config.animals }}", token: "{{ keystore.token }}", key: "{{ keystore.key }}"}
    next: [{when: "{{ result() == none }}", do: [stop]}]
  - {name: stop, action: core.fail, input: {message: "no food"}}
output_map: {is_secret: "{{ keystore.token == 'made up' and keystore.key == 'from the file' }}"}
"""


@pytest.fixture
def zoo(folder: Path) -> Path:
    """A pack with an action and a setting, a workflow that uses both, and a keystore."""
    (folder / "packs/zoo/actions").mkdir(parents=True)
    (folder / "packs/zoo/pack.yaml").write_text(
        'ref: zoo\nversion: "1"\nconf_schema: {animals: {type: integer, default: 3}}\n'
    )
    (folder / "packs/zoo/actions/count.yaml").write_text(
        "ref: zoo.count\nentry_point: count.sh\n"
        "parameters: {n: {type: integer}, token: {type: string}, key: {type: string}}\n"
    )
    (folder / "packs/zoo/actions/count.sh").write_text("exit 1\n")
    (folder / "feed.yaml").write_text(PACKED)
    (folder / "config.yaml").write_text("zoo: {animals: 7}\n")
    (folder / "keys.yaml").write_text("token: the real one\nkey: from the file\n")
    return folder


def test_packs_their_configuration_and_secrets_can_be_given(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs of a pack's action are checked; made-up values replace those of the keystore; secrets stay masked."""
    monkeypatch.chdir(zoo)
    command = [
        "rehearse", "feed.yaml", "--packs", "packs", "--pack-config", "config.yaml", "--keystore", "keys.yaml",
        "--keystore-values", "token=made up", "--json",
    ]  # fmt: skip
    done = CliRunner().invoke(main, command)
    told = json.loads(done.stdout)
    assert (done.exit_code, told["status"], told["output"]) == (1, "failed", {"is_secret": True})
    assert told["actions"][0]["input"] == {"n": 7, "token": "******", "key": "******"}
    assert [(each["action"], each["outcome"]) for each in told["actions"]] == [
        ("zoo.count", "succeeded"), ("core.fail", "failed"),
    ]  # fmt: skip
    assert told["errors"][0]["message"] == "no food"
    (zoo / "feed.yaml").write_text(PACKED.replace("{n:", "{m: 1, n:"))
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 1
    assert "error[unknown_input]: zoo.count has no input 'm'" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--packs", "nowhere"), "error[no_pack]: "),
        (("--packs", "packs", "--pack-config", "wrong.yaml"), "the pack 'zoo' has no setting 'anmals'"),
        (("--keystore", "list.yaml"), "list.yaml:1:1: error: keystore must be an object"),
        (("--keystore-values", "token"), "a value of --keystore-values must be KEY=VALUE, got 'token'"),
    ],
)
def test_surroundings_that_cannot_be_used_are_wrong_usage(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    """No line of a keystore is shown."""
    monkeypatch.chdir(zoo)
    (zoo / "wrong.yaml").write_text("zoo: {anmals: 1}\n")
    (zoo / "list.yaml").write_text("- the real one\n")
    done = CliRunner().invoke(main, ["rehearse", "feed.yaml", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert "the real one" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "name a workflow, or rehearsal files"),
        (("nowhere.yaml",), 2, "cannot read the workflow 'nowhere.yaml'"),
        (("nothing",), 2, "there is no workflow 'nothing'"),
        (("empty",), 2, "there is no rehearsal"),
        (("good.yaml", "nowhere.yaml"), 2, "there is no file or folder 'nowhere.yaml'"),
        (("good.yaml", "--inputs", "x.json"), 2, "leave --inputs out"),
        (("deploy.yaml",), 2, "'hosts' is required"),
        (("deploy.yaml", "hosts=x"), 2, "must be a JSON list"),
        (("deploy.yaml", "--script", "nowhere.yaml"), 2, "cannot read the script 'nowhere.yaml'"),
        (
            ("deploy.yaml", "--script", "wrong.yaml"),
            2,
            "error[unknown_field]: rule 1 has no field 'taks'\n --> wrong.yaml:1:4\n",
        ),
        (("broken.yaml", "--script", "wrong.yaml"), 2, "wrong.yaml:1:4"),
        (("broken.yaml",), 1, "\n\nstretto: the definition cannot be used\n"),
        (("deploy.yaml", "--definitions", "nowhere"), 2, "there is no folder of definitions"),
        (("--case", "nowhere.json"), 2, "cannot read the case 'nowhere.json'"),
        (("--case", "x", "--jsonl"), 2, "exclude each other"),
        (("deploy.yaml", "--jsonl"), 2, "exclude each other"),
    ],
)
def test_what_cannot_be_rehearsed_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, told: str
) -> None:
    """On standard error, without a traceback."""
    (folder / "empty").mkdir()
    (folder / "good.yaml").write_text(GOOD)
    (folder / "wrong.yaml").write_text("- {taks: a}\n")
    (folder / "broken.yaml").write_text('version: "1"\ntasks: [{name: a, acton: x.y}]\n')
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, ["rehearse", *arguments])
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr
    assert isinstance(done.exception, SystemExit)


def test_a_case_is_answered(folder: Path) -> None:
    """Also one that is none: its outcome says so."""
    (folder / "case.json").write_text(json.dumps(CASE))
    done = stretto(folder, "--case", "case.json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "succeeded")
    (folder / "case.json").write_text("nothing")
    done = stretto(folder, "--case", "case.json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "error")


def test_cases_are_answered_line_by_line_till_the_end_of_the_input(folder: Path) -> None:
    """In their order, each at once, whatever the one before was."""
    lines = [json.dumps(CASE), "nonsense", "", json.dumps({"workflow": "tasks: ["}), json.dumps(CASE)]
    done = stretto(folder, "--jsonl", given="\n".join(lines))
    statuses = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    assert (done.returncode, statuses) == (0, ["succeeded", "error", "error", "invalid", "succeeded"])
    with subprocess.Popen(
        [STRETTO, "rehearse", "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(json.dumps(CASE) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["status"] == "succeeded"
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_the_limits_on_expressions_are_those_of_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rehearse` and `run` name the setting, the need and the place."""
    monkeypatch.setenv("STRETTO__EXPRESSIONS__MAX_COST", "10000")
    (folder / "heavy.yaml").write_text(
        'version: "1.0.0"\nref: t.heavy\nvars:\n  - x: "{{ range(20000) | sum }}"\n'
        "tasks: [{name: a, action: core.noop}]\n"
    )
    for command in ("rehearse", "run"):
        done = subprocess.run([STRETTO, command, "heavy.yaml"], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "needs at least 2" in done.stdout + done.stderr
        assert "limit of 10,000 units of work (the setting expressions.max_cost)" in done.stdout + done.stderr
        assert "heavy.yaml:4:" in done.stdout + done.stderr
