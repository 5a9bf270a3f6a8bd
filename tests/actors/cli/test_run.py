"""The command line."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from tests.support.waiting import PATIENCE

ECHO = """version: "1.0.0"
ref: test.echo
parameters:
  text: {type: string}
  number: {type: number, default: 1}
  flag: {type: boolean}
  rows: {type: array}
  thing: {type: object}
  any: {}
tasks:
  - name: say
    action: core.echo
    input: {message: {text: "{{ parameters.text }}", number: "{{ parameters.number }}", flag: "{{ parameters.flag }}",
                      rows: "{{ parameters.rows }}", thing: "{{ parameters.thing }}", any: "{{ parameters.any }}"}}
output_map: {said: "{{ task.say.result }}"}
"""
FAILING = 'version: "1.0.0"\ntasks: [{name: only, action: core.fail, input: {message: no good}}]\n'
NAP = """version: "1.0.0"
tasks:
  - {name: shout, action: test.shout}
  - {name: nap, action: core.sleep, input: {seconds: 1000}}
cancellation_policy: cancel_running
"""
SHOUT = """from stretto.actors import action

@action("test.shout")
def shout():
    print("awake", flush=True)
"""

DOUBLE = """from stretto.actors import action

@action("clitest.double")
def double(n: int) -> int:
    return n * 2
"""


@pytest.fixture
def echo(tmp_path: Path) -> str:
    path = tmp_path / "echo.yaml"
    path.write_text(ECHO)
    return str(path)


def stretto(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


@pytest.mark.parametrize(
    ("text", "value"), [("[1, 2]", [1, 2]), ('{"a": 1}', {"a": 1}), ("[no list", "[no list"), ("true", "true")]
)
def test_what_is_of_any_type_may_be_a_list_or_an_object(echo: str, text: str, value: object) -> None:
    """A text that only looks like one stays what it is."""
    result = stretto("run", echo, "text=5", "number=2.5", "flag=true", "rows=[]", "thing={}", f"any={text}", "--json")
    assert json.loads(result.stdout)["output"]["said"]["any"] == value


def test_values_are_read_by_their_parameters_types(echo: str) -> None:
    """KEY=VALUE is text for a string or an untyped parameter, JSON for the rest."""
    result = stretto(
        "run", echo, "text=5", "number=2.5", "flag=true", "rows=[1]", 'thing={"a": null}', "any=7", "--json"
    )
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["output"]["said"] == {
        "text": "5", "number": 2.5, "flag": True, "rows": [1], "thing": {"a": None}, "any": "7",
    }  # fmt: skip
    assert (told["workflow"], told["status"], told["errors"]) == ("test.echo", "succeeded", [])
    assert set(told) == {"run", "workflow", "status", "output", "errors"}


def test_the_output_is_data_on_stdout_and_the_rest_on_stderr(echo: str) -> None:
    """Without --json the output is printed as JSON that can be piped on; the summary is on standard error."""
    result = stretto("run", echo, "text=hi")
    assert json.loads(result.stdout)["said"]["text"] == "hi"
    assert "of test.echo: succeeded" in result.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [("inputs.json", '{"text": "from a file", "number": 3}'), ("inputs.yaml", "text: from a file\nnumber: 3\n")],
)
def test_inputs_come_from_a_file_and_assignments_win(echo: str, tmp_path: Path, name: str, text: str) -> None:
    """JSON and YAML files are read; the same key given as an assignment wins."""
    path = tmp_path / name
    path.write_text(text)
    result = stretto("run", echo, "number=4", "--inputs", str(path), "--json")
    said = json.loads(result.stdout)["output"]["said"]
    assert (said["text"], said["number"]) == ("from a file", 4)


def test_inputs_come_from_standard_input(echo: str) -> None:
    """`--inputs -` reads JSON."""
    result = stretto("run", echo, "--inputs", "-", "--json", stdin='{"text": "piped"}')
    assert json.loads(result.stdout)["output"]["said"]["text"] == "piped"


def test_a_failed_run_exits_with_1_and_tells_where(tmp_path: Path) -> None:
    """The error names file, line and column."""
    path = tmp_path / "failing.yaml"
    path.write_text(FAILING)
    result = stretto("run", str(path))
    assert result.exit_code == 1
    assert f"{path}:2:30: " in result.stderr
    assert "no good [action_failed]" in result.stderr
    assert result.stdout == ""


def test_an_invalid_definition_exits_with_1_and_every_finding(tmp_path: Path) -> None:
    """All errors of the file are told, each with its place and code."""
    path = tmp_path / "bad.yaml"
    path.write_text("tasks:\n  - {name: a, acton: core.noop}\n  - {name: a, action: noop}\n")
    result = stretto("run", str(path))
    assert result.exit_code == 1
    for expected in ("did you mean 'action'?", "[missing_field]", "[bad_action]"):
        assert expected in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("nope",),
            "none are known: give the path of a file, such as nope.yaml, or a folder with --definitions",
        ),
        (("nope.yaml",), "cannot read the workflow 'nope.yaml'"),
        (("ECHO", "txt=1"), "did you mean 'text'?"),
        (("ECHO", "text"), "an input must be KEY=VALUE, got 'text'"),
        (("ECHO", "number=many"), "'number' must be a number, got other text"),
        (("ECHO", "rows=[1"), "'rows' must be a JSON list"),
        (("ECHO", "flag=1"), "'flag' must be of type boolean, got integer"),
        (("ECHO", "--inputs", "nope.json"), "cannot read the inputs 'nope.json'"),
        (("ECHO", "--actions", "no_such_module_x"), "no_such_module_x"),
        (("ECHO", "--definitions", "no_such_folder"), "no folder of definitions 'no_such_folder'"),
        (
            ("ECHO", "--log-level", "LOUD"),
            "Invalid value for '--log-level': 'LOUD' is not one of 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'",
        ),
        (("ECHO", "--frob"), "No such option"),
        ((), "Missing argument"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(echo: str, arguments: tuple[str, ...], expected: str) -> None:
    """No traceback for a user's mistake."""
    result = stretto("run", *(echo if each == "ECHO" else each for each in arguments))
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("text", "expected"), [("[1]", "must be an object"), ("{", "must be JSON"), ("\n", "are empty")]
)
def test_inputs_that_are_no_object_are_wrong_usage(echo: str, text: str, expected: str) -> None:
    """A list, or broken JSON, cannot be a run's inputs."""
    result = stretto("run", echo, "--inputs", "-", stdin=text)
    assert (result.exit_code, expected in result.stderr) == (2, True)


def test_no_store_is_made_for_a_workflow_that_there_is_not(tmp_path: Path) -> None:
    """A misspelt path leaves no file behind."""
    result = stretto("run", str(tmp_path / "nope.yaml"), "--store", f"sqlite:///{tmp_path}/runs.db")
    assert result.exit_code == 2
    assert f"cannot read the workflow '{tmp_path}/nope.yaml': No such file or directory" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_actions_and_definitions_are_loaded(tmp_path: Path) -> None:
    """--definitions makes refs known, --actions a file's functions."""
    (tmp_path / "w.yaml").write_text(
        'version: "1.0.0"\nref: test.cli\ntasks: [{name: a, action: clitest.double, input: {n: 21}}]\n'
        'output_map: {n: "{{ task.a.result }}"}\n'
    )
    code = (
        'from stretto.actors import action\n\n@action("clitest.double")\ndef double(n: int) -> int:\n    return n * 2\n'
    )
    (tmp_path / "code.py").write_text(code)
    result = stretto(
        "run", "test.cli", "--definitions", str(tmp_path), "--actions", str(tmp_path / "code.py"), "--json"
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["output"] == {"n": 42}


def test_an_interrupt_cancels_the_run_and_exits_with_130(tmp_path: Path) -> None:
    """Ctrl-C on a real process ends the run by its policy."""
    (tmp_path / "nap.yaml").write_text(NAP)
    (tmp_path / "shout.py").write_text(SHOUT)
    command = [sys.executable, "-m", "stretto.actors.cli", "run", str(tmp_path / "nap.yaml")]
    command += ["--actions", str(tmp_path / "shout.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "awake\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors


def test_help_is_quick_because_it_imports_little() -> None:
    """`stretto --help` loads none of the engine's libraries."""
    code = (
        "import sys\nfrom stretto.actors.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('pykka', 'jinja2', 'yaml', 'aiohttp', 'structlog') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_is_kept_in_a_store(echo: str, tmp_path: Path) -> None:
    """It is there afterwards; the same key gives the same run."""
    store = f"sqlite:///{tmp_path}/store.db"
    command = ("run", echo, "text=hi", "number=2", "flag=true", "rows=[]", "thing={}", "any=1", "--json")
    first = json.loads(stretto(*command, "--store", store, "--idempotency-key", "k").stdout)
    assert first["status"] == "succeeded"
    assert json.loads(stretto(*command, "--store", store, "--idempotency-key", "k").stdout) == first
    other = json.loads(stretto(*command, "--store", store).stdout)["run"]
    listed = json.loads(stretto("runs", "list", "--store", store, "--json").stdout)
    assert [run["id"] for run in listed["runs"]] == [other, first["run"]]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--store-key", "x"), 2, "need --store"),
        (("--idempotency-key", "x"), 2, "need --store"),
        (("--daemon", "unix:///x", "--store", "sqlite://"), 2, "the daemon's own settings"),
        (("--store", "mysql://x"), 3, "its URL begins with 'mysql:'"),
        (("--store", "sqlite://", "--store-key", "/nowhere"), 3, "the key file cannot be read"),
        (("--store", "sqlite://", "--idempotency-key", ""), 2, "1 to 255 printable characters"),
    ],
)
def test_a_store_that_cannot_be_had(echo: str, arguments: tuple[str, ...], code: int, expected: str) -> None:
    """Wrong usage is 2, a store that cannot be opened 3."""
    result = stretto("run", echo, *arguments)
    assert (result.exit_code, expected in result.stderr) == (code, True), result.output
    assert "Traceback" not in result.output


def test_a_store_that_is_lost_meanwhile_ends_the_command(tmp_path: Path) -> None:
    """The run goes on when the store is put in order: that is no outcome of it."""
    path = tmp_path / "lose.yaml"
    path.write_text(
        'version: "1.0.0"\ntasks:\n  - {name: lose, action: core.local, input: {cmd: "rm $STORE*", '
        f'env: {{STORE: "{tmp_path}/store.db"}}}}, next: [{{do: [more]}}]}}\n'
        "  - {name: more, action: core.sleep, input: {seconds: 1000}}\n"
    )
    result = stretto("run", str(path), "--store", f"sqlite:///{tmp_path}/store.db", "--log-level", "CRITICAL")
    assert (result.exit_code, "the engine ended before the run" in result.stderr) == (3, True), result.output
    assert "Traceback" not in result.output


def test_help_imports_no_more_than_it_tells() -> None:
    """Neither the engine nor what a database takes."""
    code = (
        "import sys\nfrom stretto.actors.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'stretto.actors.engine.engine', 'sqlalchemy', 'cryptography', 'pykka'} & set(sys.modules)))"
    )
    for arguments in (["--help"], ["runs", "--help"], ["store", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
