"""A pack's actions as processes: delivery of parameters, conversion of output, and limits."""

import json
import os
import select
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Outcome
from stretto.actors.packs import InvalidPackConfig
from tests.support.engines import Bench
from tests.support.pack_files import write_pack
from tests.support.waiting import PATIENCE

Try = Callable[..., Outcome]


@pytest.fixture
def attempt(start_bench: Callable[..., Bench], tmp_path: Path) -> Try:
    """Write a pack's action and run it in a workflow."""

    def run(name: str, code: str, fields: str = "", given: dict[str, Any] | None = None, task: str = "") -> Outcome:
        folder = tmp_path / "tools"
        (folder / "actions").mkdir(parents=True)
        (folder / "pack.yaml").write_text('ref: tools\nversion: "1"\n')
        runner = {".py": "python", ".sh": "shell", ".js": "nodejs"}.get(Path(name).suffix, "native")
        (folder / "actions" / name).write_text(code)
        (folder / "actions" / name).chmod(0o755)
        (folder / "actions" / "go.yaml").write_text(f"ref: go\nrunner_type: {runner}\nentry_point: {name}\n{fields}\n")
        return start_bench(packs=folder).run(
            f"tasks:\n- {{name: t, action: tools.go, input: {json.dumps(given or {})}{task}}}\n"
            "output_map: {result: '{{ task.t.result }}'}"
        )

    return run


def result_of(outcome: Outcome) -> Any:
    """Return the action's result."""
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    return outcome.output["result"]


def message_of(outcome: Outcome) -> str:
    """Return why the action failed."""
    assert outcome.status == "failed"
    return str(outcome.errors[0]["message"])


SCHEMA = (
    "parameters: {text: {type: string}, list: {type: array}, left: {type: integer}, "
    "more: {type: object, default: {a: {b: 1}}}}\n"
)
GIVEN = {"text": "it's $(id) `id`", "list": [1, "two"]}
FILLED = {**GIVEN, "left": None, "more": {"a": {"b": 1}}}


@pytest.mark.parametrize(
    ("fields", "code", "expected"),
    [
        ("output_format: json", "cat", FILLED),
        ("parameter_format: yaml\noutput_format: yaml", "cat", FILLED),
        ("parameter_delivery: file\noutput_format: json", 'cat "$ATTUNE_PARAMETER_FILE"', FILLED),
        ("parameter_format: dotenv", "cat", "text='it'\\''s $(id) `id`'\nlist='[1,\"two\"]'\nmore.a.b='1'\n"),
        ("parameter_delivery: argv",
         'for each in "$@"; do echo "$each"; done',
         '--text=it\'s $(id) `id`\n--list=[1,"two"]\n--more={"a":{"b":1}}\n'),
        ("parameter_delivery: env",
         "env | grep ^ATTUNE_ACTION_ | sort; cat",
         'ATTUNE_ACTION_LIST=[1,"two"]\nATTUNE_ACTION_MORE={"a":{"b":1}}\nATTUNE_ACTION_TEXT=it\'s $(id) `id`\n'),
    ],
)  # fmt: skip
def test_parameters_are_delivered_as_the_action_asks(attempt: Try, fields: str, code: str, expected: Any) -> None:
    """Defaults are filled in, data stays data, and null is left out of formats without null."""
    result = result_of(attempt("go.sh", code, SCHEMA + fields, GIVEN))
    assert (result["stdout"] if isinstance(expected, str) else result) == expected


@pytest.mark.parametrize(
    ("output_format", "written", "expected"),
    [
        ("text", "a\nb", {"exit_code": 0, "stdout": "a\nb", "stderr": ""}),
        ("json", "", None),
        ("jsonl", '{"a": 1}\n\n[2]\n', [{"a": 1}, [2]]),
        ("jsonl", "", []),
        ("yaml", "a: [1, no]", {"a": [1, "no"]}),
    ],
)
def test_output_is_read_in_the_declared_format(attempt: Try, output_format: str, written: str, expected: Any) -> None:
    """Text, JSON, JSON lines and YAML."""
    code = f"import sys\nsys.stdout.write({written!r})"
    assert result_of(attempt("go.py", code, f"output_format: {output_format}")) == expected


@pytest.mark.parametrize(
    ("output_format", "reason"),
    [
        ("json", "standard output is not JSON"),
        ("jsonl", "line 1 of standard output is not JSON"),
        ("yaml", "standard output is not valid YAML"),
    ],
)
def test_output_in_another_format_than_declared_is_a_failure(attempt: Try, output_format: str, reason: str) -> None:
    """The message has the reason, and does not quote the output."""
    message = message_of(attempt("go.sh", "echo '{ broken'", f"output_format: {output_format}"))
    assert reason in message
    assert "broken" not in message


def test_a_failing_process_fails_with_the_end_of_its_stderr(attempt: Try) -> None:
    """Its exit code and output are in the task's result."""
    outcome = attempt("go.sh", "echo out; echo why >&2; exit 3")
    assert message_of(outcome) == "tools.go exited with 3: why"
    assert outcome.output == {"result": {"exit_code": 3, "stdout": "out\n", "stderr": "why\n"}}


def test_python_is_isolated_and_finds_its_neighbours(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither PYTHONPATH nor secrets of the daemon's environment reach it. Its working directory is the pack's."""
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaked")
    code = "import json, os, sys\nprint(json.dumps([dict(os.environ), sys.path, os.getcwd(), __name__, sys.argv]))"
    environment, path, folder, name, argv = result_of(attempt("go.py", code, "output_format: json"))
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert environment["ATTUNE_ACTION"] == "tools.go"
    assert "/nowhere" not in path
    assert path[:2] == [f"{folder}/actions", f"{folder}/lib"]
    assert (name, argv) == ("__main__", [f"{folder}/actions/go.py"])


def test_a_native_program_is_executed_directly(attempt: Try) -> None:
    """Its first line does not matter."""
    assert result_of(attempt("go", "#!/bin/sh\necho native\n"))["stdout"] == "native\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node_runs_where_it_is_present(attempt: Try) -> None:
    """Standard input works as for other runners."""
    code = "console.log(JSON.stringify({got: JSON.parse(require('fs').readFileSync(0, 'utf8'))}))"
    fields = "output_format: json\nparameters: {a: {type: integer}}"
    assert result_of(attempt("go.js", code, fields, {"a": 1})) == {"got": {"a": 1}}


def test_without_node_the_action_names_what_is_missing(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack loads, and a call of the action fails."""
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert "`node` is not on the PATH" in message_of(attempt("go.js", ""))


def test_input_that_does_not_fit_is_refused_before_the_process_starts(attempt: Try) -> None:
    """Bounds and members are checked, and a secret's value is not shown."""
    fields = "parameters: {list: {type: array, items: {type: integer, maximum: 5}}, key: {secret: true, enum: [a]}}"
    message = message_of(attempt("go.sh", "touch ran", fields, {"list": [1, 9], "key": "hidden"}))
    assert "'list[1]' must be at most 5" in message
    assert "hidden" not in message


def test_a_flood_of_output_is_stopped(attempt: Try) -> None:
    """A process that writes without end is stopped at the bound."""
    assert "wrote more than 1,048,576 bytes" in message_of(attempt("go.sh", "exec yes"))


def test_memory_is_bounded(attempt: Try) -> None:
    """A process that allocates four gigabytes fails, and the machine is not affected."""
    assert "MemoryError" in message_of(attempt("go.py", "bytearray(4 << 30)"))


def test_a_time_limit_kills_a_process_that_ignores_sigterm(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """The action's own timeout kills the process when its grace is over."""
    monkeypatch.setattr("stretto.actors.packs.process.GRACE_SECONDS", 0.05)
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()"
    assert message_of(attempt("go.py", code, "timeout: 0.5")) == "tools.go took longer than 0.5 s and was stopped"


def test_children_that_are_left_are_killed(attempt: Try) -> None:
    """Processes that an action has forked end with it, even those that hold none of its pipes."""
    code = "sleep 600 > /dev/null 2>&1 & echo $!"
    process = int(result_of(attempt("go.sh", code))["stdout"])
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return  # it has ended, and been reaped
    try:
        assert select.select([descriptor], [], [], PATIENCE)[0]
    finally:
        os.close(descriptor)


def test_a_python_program_that_raises_has_its_frames_in_the_error(attempt: Try) -> None:
    """They come from its standard error; those of the interpreter's start are left out."""
    code = "def look_up(names, name):\n    return names[name]\n\nlook_up({}, 'nokey')\n"
    outcome = attempt("go.py", code)
    assert message_of(outcome).endswith("KeyError: 'nokey'")
    frames = outcome.errors[0]["traceback"]
    assert [(frame["line"], frame["function"], frame["code"]) for frame in frames] == [
        (4, "<module>", "look_up({}, 'nokey')"),
        (2, "look_up", "return names[name]"),
    ]
    assert frames[0]["file"].endswith("/actions/go.py")


def test_actions_leave_files_for_others_in_the_folder_of_artifacts(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """One engine has one folder for all packs. Without it, the variable is not set."""
    code = 'cd "$ATTUNE_ARTIFACTS_DIR" && cat seen; echo here > seen'
    metadata = "ref: tools.greet\nrunner_type: shell\nentry_point: go.sh\n"
    pack = write_pack(tmp_path / "tools", actions__go_dot_sh=code, actions__greet_dot_yaml=metadata)
    (tmp_path / "artifacts").mkdir()
    text = (
        "tasks:\n- {name: a, action: tools.greet, next: [{do: [b]}]}\n- {name: b, action: tools.greet}\n"
        "output_map: {result: '{{ task.b.result.stdout }}'}"
    )
    assert result_of(start_bench(packs=pack, artifacts=tmp_path / "artifacts").run(text)) == "here\n"
    assert (tmp_path / "artifacts" / "seen").read_text() == "here\n"


def test_the_folder_of_artifacts_must_be_there(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """An engine does not start without it."""
    with pytest.raises(InvalidPackConfig, match="artifacts must be a folder that this process can write to"):
        start_bench(artifacts=tmp_path / "none")
