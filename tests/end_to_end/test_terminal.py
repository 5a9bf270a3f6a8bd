"""`stretto run` in a real pseudo-terminal: the live view, and Ctrl-C."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.harness import fifo, write_workflow
from tests.support.terminals import COLOURS, CTRL_C, terminal

GATED = """
parameters: {gate: {type: string}}
tasks:
  - name: many
    action: core.echo
    with_items: "{{ range(50) | list }}"
    input: {message: "{{ item }}"}
    next: [{do: [wait]}]
  - name: wait
    action: core.local
    input: {cmd: 'read -r line < "$GATE"', env: {GATE: "{{ parameters.gate }}"}}
    next: [{do: [done]}]
  - {name: done, action: core.noop}
output_map: {count: "{{ task.many.result | length }}"}
"""


def test_the_view_appears_grows_and_ends_with_the_final_state(tmp_path: Path) -> None:
    """Tasks show as they start; the last drawing has them all; data is on standard output only."""
    workflow = write_workflow(tmp_path, "gated", GATED)
    with fifo(tmp_path / "gate") as gate, terminal(workflow, f"gate={gate.path}") as shown:
        shown.read_until(r"\+ many +succeeded .*50/50")
        shown.read_until(r"> wait +running +0/1")
        shown.read_until("running: 1 of 3 tasks ended")
        with gate.path.open("w") as end:
            end.write("on\n")
        code, output = shown.end()
        assert (code, json.loads(output)) == (0, {"count": 50})
        assert "\x1b[32m" in shown.shown
        names = [line.split()[:3] for line in shown.last_drawing]
        assert names[:3] == [["+", "many", "succeeded"], ["+", "wait", "succeeded"], ["+", "done", "succeeded"]]
        assert shown.last_drawing[3].startswith("succeeded: 3 of 3 tasks ended")
        assert shown.last_drawing[4].endswith("of gated: succeeded")


def test_json_on_standard_output_leaves_the_view_on_the_terminal(tmp_path: Path) -> None:
    """--json is for what reads standard output."""
    workflow = write_workflow(tmp_path, "quick", "tasks: [{name: only, action: core.noop}]\n")
    with terminal(workflow, "--json") as shown:
        code, output = shown.end()
        assert (code, json.loads(output)["status"]) == (0, "succeeded")
        assert shown.last_drawing[-1].startswith("succeeded: 1 of 1 task ended")


@pytest.mark.parametrize(("variables", "view"), [({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, False)])
def test_the_terminals_wishes_are_followed(tmp_path: Path, variables: dict[str, str], view: bool) -> None:
    """NO_COLOR: no colours. A dumb terminal: no view."""
    workflow = write_workflow(tmp_path, "quick", "tasks: [{name: only, action: core.noop}]\n")
    with terminal(workflow, rows=30, columns=100, **variables) as shown:
        assert shown.end()[0] == 0
        assert not COLOURS.search(shown.shown)
        assert ("1 of 1 task ended" in shown.shown) == view


def test_a_small_terminal_is_not_overrun(tmp_path: Path) -> None:
    """No drawing has more rows, or wider lines, than there are."""
    tasks = "".join(f"  - {{name: task_{number}_{'x' * 40}, action: core.noop}}\n" for number in range(30))
    with terminal(write_workflow(tmp_path, "wide", f"tasks:\n{tasks}"), rows=8, columns=30) as shown:
        assert shown.end()[0] == 0
        drawing = shown.last_drawing[:-1]
        assert len(drawing) < 8
        assert all(len(line) < 30 for line in drawing)
        assert drawing[-2] == "  ... 25 more"


def test_the_view_follows_a_resize(tmp_path: Path) -> None:
    """The next drawing fits, without any news of the run: a drawing is renewed each second."""
    workflow = write_workflow(tmp_path, "gated", GATED)
    with fifo(tmp_path / "gate") as gate, terminal(workflow, f"gate={gate.path}", columns=150) as shown:
        shown.read_until(r"running: 1 of 3 tasks ended .* run [0-9a-f]{8}-[0-9a-f-]{27}")
        shown.resize(rows=20, columns=40)
        shown.read_until(r"\nrunning: 1/3 tasks  [^\r\n]* run [0-9a-f]{8}\r")
        with gate.path.open("w") as end:
            end.write("on\n")
        assert shown.end()[0] == 0
        assert all(len(line) < 40 for line in shown.last_drawing[:-2])


PRINTING = """from stretto.actors import action
import sys, threading

@action("terminal.talk")
def talk(told: str, gate: str) -> None:
    print("printed \\x1b[31mred\\x1b[2J")
    thread = threading.Thread(target=print, args=("of a thread",))
    thread.start()
    thread.join()
    with open(told, "w") as line:
        line.write("up\\n")
    open(gate).read()
"""


def test_prints_stand_above_the_view_and_cannot_command_the_terminal(tmp_path: Path) -> None:
    """Those of an action, and those of its threads."""
    os.mkfifo(tmp_path / "gate")
    (tmp_path / "talk.py").write_text(PRINTING)
    with fifo(tmp_path / "told") as told:
        text = f'tasks: [{{name: a, action: terminal.talk, input: {{told: "{told.path}", gate: "{tmp_path}/gate"}}}}]\n'
        with terminal(write_workflow(tmp_path, "talk", text), "--actions", tmp_path / "talk.py") as shown:
            told.lines(1)
            shown.read_until("printed red\r\n")
            shown.read_until("of a thread\r\n")
            (tmp_path / "gate").write_text("on")
            assert shown.end() == (0, "")
            assert "\x1b[2J" not in shown.shown
            assert [line for line in shown.last_drawing if "printed" in line] == []


def test_plain_lines_are_possible_on_a_terminal(tmp_path: Path) -> None:
    """Nothing is drawn over."""
    workflow = write_workflow(tmp_path, "quick", "tasks: [{name: only, action: core.noop}]\n")
    with terminal(workflow, "--progress", "plain") as shown:
        assert shown.end()[0] == 0
        assert re.fullmatch(r"run \S+ of quick: succeeded\r\n", shown.shown)


SLEEPER = """
cancellation_policy: {policy}
tasks:
  - name: nap
    action: core.local
    input: {{cmd: 'echo up > "$TOLD"; read -r line < "$GATE"', env: {{TOLD: "{told}", GATE: "{gate}"}}}}
    next: [{{do: [after]}}]
  - {{name: after, action: core.noop}}
"""


def test_one_interrupt_cancels_the_run_by_its_policy(tmp_path: Path) -> None:
    """allow_finish: what runs ends by itself, nothing new starts; the user is told so."""
    with fifo(tmp_path / "told") as told, fifo(tmp_path / "gate") as gate:
        text = SLEEPER.format(policy="allow_finish", told=told.path, gate=gate.path)
        with terminal(write_workflow(tmp_path, "sleeper", text)) as shown:
            told.lines(1)
            shown.type(CTRL_C)
            shown.read_until("press Ctrl-C again to stop at once")
            shown.read_until("cancelling: 0 of 2 tasks ended")
            with gate.path.open("w") as end:
                end.write("on\n")
            assert shown.end() == (130, "")
            assert "+ nap" in shown.plain
            assert "> after" not in shown.plain
            assert shown.last_drawing[-2].startswith("cancelled: 1 of 2 tasks")
            assert shown.last_drawing[-1] == "stretto: interrupted"


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    """A run that would go on for ever ends; its command ends with it."""
    with fifo(tmp_path / "told") as told, fifo(tmp_path / "gate") as gate:
        text = SLEEPER.format(policy="allow_finish", told=told.path, gate=gate.path)
        with terminal(write_workflow(tmp_path, "sleeper", text)) as shown:
            told.lines(1)
            shown.type(CTRL_C)
            shown.read_until("cancelling: 0 of 2 tasks ended")
            shown.type(CTRL_C)
            assert shown.end() == (130, "")
            assert "stretto: interrupted" in shown.plain


STUCK = """from stretto.actors import action
import sys

@action("terminal.stuck")
def stuck(told: str, gate: str) -> None:
    with open(told, "w") as line:
        line.write("up\\n")
    open(gate).read()
"""


def test_a_function_that_cannot_be_stopped_is_left_behind(tmp_path: Path) -> None:
    """Python cannot end a thread, and would wait for it: the process ends all the same."""
    os.mkfifo(tmp_path / "gate")
    (tmp_path / "stuck.py").write_text(STUCK)
    with fifo(tmp_path / "told") as told:
        text = (
            f'tasks: [{{name: a, action: terminal.stuck, input: {{told: "{told.path}", gate: "{tmp_path}/gate"}}}}]\n'
        )
        with terminal(write_workflow(tmp_path, "stuck", text), "--actions", tmp_path / "stuck.py") as shown:
            told.lines(1)
            shown.type(CTRL_C)
            shown.read_until("cancelling: 0 of 1 task ended")
            shown.type(CTRL_C)
            assert shown.end() == (130, "")
            assert "an action that did not stop was left behind" in shown.plain


@pytest.mark.parametrize("by_fifo", [True, False])
def test_ctrl_c_while_actions_load_exits_with_130(tmp_path: Path, by_fifo: bool) -> None:
    """A module that takes for ever to import, whatever it waits on, is left with the exit code of an interrupt."""
    os.mkfifo(tmp_path / "gate")
    waits = f"open({str(tmp_path / 'gate')!r})" if by_fifo else "import threading; threading.Event().wait()"
    with fifo(tmp_path / "told") as told:
        told_up = f"with open({str(told.path)!r}, 'w') as line: line.write('up\\n')\n"
        (tmp_path / "slow.py").write_text(f"{told_up}{waits}\n")
        workflow = write_workflow(tmp_path, "quick", "tasks: [{name: only, action: core.noop}]\n")
        with terminal(workflow, "--actions", tmp_path / "slow.py") as shown:
            told.lines(1)
            shown.interrupt_a_wait()
            assert shown.end() == (130, "")
            assert "stretto: interrupted" in shown.plain
            assert "Aborted" not in shown.plain
