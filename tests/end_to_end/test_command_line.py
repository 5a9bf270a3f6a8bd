"""`stretto run` as a process: exit codes, inputs, and what goes to which stream."""

import json
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from local_servers import CustomersApi, HealthChecks, LocalServers

from tests.support.forked_programs import SCRIPT, run_program
from tests.support.harness import (
    PATIENCE,
    fifo,
    watched,
    write_customers,
    write_log,
    write_workflow,
)
from tests.support.paths import EXAMPLES
from tests.support.terminals import terminal

LOGS = EXAMPLES / "log_lines"


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `stretto run`."""
    return [SCRIPT, "run", *map(str, arguments)]


def stretto_run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `stretto run` to its end."""
    return run_program(command(*arguments), text=stdin)


def outcome_of(process: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    """Return the one object that --json prints, and check the exit code and that nothing else is told."""
    assert process.returncode == code, process.stderr
    outcome: dict[str, Any] = json.loads(process.stdout)
    assert sorted(outcome) == ["errors", "output", "run", "status", "workflow"]
    assert "Traceback" not in process.stderr
    return outcome


def test_inputs_of_a_file(tmp_path: Path) -> None:
    """`stretto run FILE --inputs FILE --json` checks 1,000 servers, prints one object, and exits with 0."""
    with LocalServers(checks := HealthChecks(), 1000) as servers:
        inputs = tmp_path / "servers.json"
        inputs.write_text(
            json.dumps({"servers": [{**each, "team": "web"} for each in servers.addresses], "timeout": PATIENCE})
        )
        process = stretto_run(
            EXAMPLES / "health_checks" / "health_checks.yaml", "--inputs", inputs, "--json", "--progress", "none"
        )
    outcome = outcome_of(process)
    assert (outcome["workflow"], outcome["status"]) == ("ops.health_checks", "succeeded")
    down = [each["host"] for number, each in enumerate(servers.addresses) if not checks.is_healthy(number)]
    assert [row["host"] for row in outcome["output"]["unhealthy"]] == down
    assert outcome["errors"][0]["message"] == "10 of 1,000 items failed"
    assert process.stderr == ""


def test_values_on_the_command_line(tmp_path: Path) -> None:
    """`stretto run REF key=value --definitions DIR` processes a log, and prints the output as plain JSON."""
    levels, errors = write_log(tmp_path / "app.jsonl", 10_000)
    process = stretto_run(
        "ops.log_lines", f"path={tmp_path / 'app.jsonl'}", f"report={tmp_path / 'errors.jsonl'}",
        "--definitions", LOGS, "--actions", LOGS / "log_actions.py",
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["levels"] == levels
    assert len((tmp_path / "errors.jsonl").read_text().splitlines()) == len(errors)
    assert re.fullmatch(r"run [0-9a-f-]{36} of ops.log_lines: succeeded\n", process.stderr)


def test_inputs_of_standard_input(tmp_path: Path) -> None:
    """`--inputs -` reads standard input, and a key=value beside it wins over the same key."""
    write_customers(tmp_path / "rows.csv", 200)
    with LocalServers(api := CustomersApi()) as servers:
        inputs = {"rows": str(tmp_path / "rows.csv"), "posted": str(tmp_path / "p"), "api": "http://127.0.0.1:1"}
        process = stretto_run(
            EXAMPLES / "csv_to_api" / "csv_to_api.yaml", f"api={servers.url}", "--inputs", "-", "--json",
            stdin=json.dumps(inputs),
        )  # fmt: skip
    assert json.loads(process.stdout)["output"] == {"posted": 200, "refused": []}
    assert len(api.customers) == 200


TYPES = """
parameters:
  text: {type: string}
  whole: {type: integer}
  fraction: {type: number}
  flag: {type: boolean}
  list: {type: array}
  object: {type: object}
  anything: {}
tasks: [{name: only, action: core.noop}]
output_map:
  values: "{{ [parameters.text, parameters.whole, parameters.fraction, parameters.flag,
               parameters.list, parameters.object, parameters.anything] }}"
"""


def test_values_are_read_by_the_parameters_type(tmp_path: Path) -> None:
    """A key=value is read by its parameter's type, else as text."""
    workflow = write_workflow(tmp_path, "types", TYPES)
    values = ["text=007", "whole=7", "fraction=0.5", "flag=true", "list=[1, 2]", 'object={"a": null}', "anything=1=2"]
    outcome = outcome_of(stretto_run(workflow, *values, "--json"))
    assert outcome["output"] == {"values": ["007", 7, 0.5, True, [1, 2], {"a": None}, "1=2"]}


def test_inputs_of_a_yaml_file(tmp_path: Path) -> None:
    """`--inputs` takes a YAML file as well."""
    workflow = write_workflow(tmp_path, "types", TYPES)
    inputs = tmp_path / "inputs.yaml"
    inputs.write_text("text: no\nwhole: 7\nlist: [1, {a: b}]\n")
    outcome = outcome_of(stretto_run(workflow, "--inputs", inputs, "--json"))
    assert outcome["output"] == {"values": ["no", 7, None, None, [1, {"a": "b"}], None, None]}


def test_a_failed_run_exits_with_1(tmp_path: Path) -> None:
    """A failed run exits with 1; its outcome is data, and says what failed and where."""
    workflow = write_workflow(
        tmp_path, "failing", "tasks: [{name: only, action: core.fail, input: {message: no luck}}]\noutput_map: {a: 1}\n"
    )
    outcome = outcome_of(stretto_run(workflow, "--json"), code=1)
    assert (outcome["status"], outcome["output"]) == ("failed", {"a": 1})
    [error] = outcome["errors"]
    assert (error["code"], error["message"], error["task"]) == ("action_failed", "no luck", "only")
    assert (error["where"]["file"], error["where"]["line"]) == (str(workflow), 2)
    process = stretto_run(workflow)
    assert (process.returncode, json.loads(process.stdout)) == (1, {"a": 1})
    assert f"{workflow}:2:" in process.stderr
    assert "no luck" in process.stderr


def test_an_invalid_definition_exits_with_1(tmp_path: Path) -> None:
    """A definition that cannot be used exits with 1. Every finding is on standard error, with its source line."""
    workflow = write_workflow(tmp_path, "wrong", "tasks:\n  - {name: a, acton: core.noop}\n  - {name: a b}\n")
    process = stretto_run(workflow, "--json")
    assert (process.returncode, process.stdout) == (1, "")
    assert len(re.findall(rf" --> {re.escape(str(workflow))}:\d+:\d+\n", process.stderr)) >= 3
    assert "3 |   - {name: a, acton: core.noop}\n  |               ^^^^^\n" in process.stderr
    assert "did you mean 'action'?" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{folder}/types.yaml", "whole"], "whole"),
        (["{folder}/types.yaml", "whole=seven"], "whole"),
        (["{folder}/types.yaml", "hole=7"], "did you mean 'whole'?"),
        (["{folder}/types.yaml", "--no-such-option"], "--no-such-option"),
        (["{folder}/types.yaml", "--inputs", "{folder}/missing.json"], "missing.json"),
        (["{folder}/types.yaml", "--inputs", "{folder}/types.yaml"], "version"),
        (["{folder}/types.yaml", "--actions", "{folder}/missing.py"], "missing.py"),
        (["{folder}/missing.yaml"], "missing.yaml"),
        (["typos", "--definitions", "{folder}"], "did you mean 'types'?"),
        (["types", "--definitions", "{folder}/missing"], "missing"),
        ([], "WORKFLOW"),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path: Path, arguments: Sequence[str], told: str) -> None:
    """Wrong usage exits with 2, says on standard error what is wrong, and prints nothing else."""
    write_workflow(tmp_path, "types", TYPES)
    process = stretto_run(*(each.format(folder=tmp_path) for each in arguments))
    assert (process.returncode, process.stdout) == (2, "")
    assert told in process.stderr
    assert "Traceback" not in process.stderr


def test_progress_goes_to_a_terminal(tmp_path: Path) -> None:
    """With a terminal on standard error, progress is shown there, and standard output holds nothing but the output."""
    write_log(tmp_path / "app.jsonl", 1000)
    inputs = [f"path={tmp_path / 'app.jsonl'}", f"report={tmp_path / 'errors.jsonl'}"]
    with terminal(LOGS / "log_lines.yaml", *inputs, "--actions", LOGS / "log_actions.py") as shown:
        code, output = shown.end()
        assert code == 0
        assert json.loads(output)["entries"] == 1000
        assert "tasks" in shown.plain
        assert "succeeded" in shown.plain


def test_ctrl_c_cancels_the_run(tmp_path: Path) -> None:
    """Ctrl-C cancels the run by its policy: its processes are dead when `stretto run` exits with 130."""
    text = """
parameters: {fifo: {type: string}}
cancellation_policy: cancel_running
tasks:
  - name: sleep
    action: core.local
    input: {cmd: 'echo $$ > "$TOLD"; sleep 1000', env: {TOLD: "{{ parameters.fifo }}"}}
"""
    workflow = write_workflow(tmp_path, "sleeper", text)
    with fifo(tmp_path / "told") as told:
        with (
            subprocess.Popen(
                command(workflow, f"fifo={told.path}"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as process,
            watched(int(told.lines(1)[0])) as ended,
        ):
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE)
            assert ended(0)
        assert (process.returncode, stdout) == (130, "")
        assert "Traceback" not in stderr


FIRST_HOUR = """\
ref: hour.first
version: "1.0.0"
tasks:
  - name: get
    action: core.http
    input: {url: "http://127.0.0.1:1/x"}
    retry: {count: 2, delay: 0, on_error: "{{ result().nothing > 1 }}"}
    next: [{when: "{{ failed() }}", do: [raise]}]
  - name: raise
    action: hour.raises
    with_items: "{{ range(60) }}"
    input: {names: {}, name: nokey}
"""
RAISES = """\
from stretto.actors import action

def look_up(names, name):
    return names[name]

@action("hour.raises")
def raises(names: dict, name: str) -> str:
    return look_up(names, name)
"""


def test_the_errors_of_a_first_hour_say_what_happened(tmp_path: Path) -> None:
    """The action's own error despite a broken on_error, the frames of an exception, and equal errors once."""
    flow, actions = tmp_path / "first.yaml", tmp_path / "raises.py"
    flow.write_text(FIRST_HOUR)
    actions.write_text(RAISES)
    store = f"sqlite:///{tmp_path / 'store.db'}"
    process = stretto_run(flow, "--actions", actions, "--store", store)
    shown = [
        (
            "first.yaml:5:13: handled: GET http://127.0.0.1:1/x failed: Connection refused; also, its retry.on_error "
            f"failed ({flow}:7:44): the object has no field 'nothing'; there are: body, elapsed, headers, json, "
            "status_code [action_failed]"
        ),
        "first.yaml:10:13: 60 of 60 items: KeyError: 'nokey' [action_failed]",
        f"  at {actions}:8 in raises: return look_up(names, name)",
        f"  at {actions}:4 in look_up: return names[name]",
    ]
    assert process.returncode == 1
    assert [line.removeprefix("  ").removeprefix(f"{tmp_path}/") for line in process.stderr.splitlines()[1:]] == shown
    why = subprocess.run(
        [SCRIPT, "runs", "why", "@latest", "--store", store], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert why[0].startswith("the run failed at ")
    assert [line.removeprefix(f"{tmp_path}/") for line in why[1:]] == [line.strip() for line in shown[1:]]
    flow.write_text(FIRST_HOUR.replace("name: nokey", "name: '{{ keystore.smtp_password }}'"))
    refused = stretto_run(flow, "--actions", actions)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f": the namespace 'keystore' has no 'smtp_password'\n  --> {flow}:12:31\n" in refused.stderr
