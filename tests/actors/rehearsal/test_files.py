"""Rehearsal files, and what is wrong with them."""

from pathlib import Path

import pytest

from stretto.actors.rehearsal import Control, Rule
from stretto.actors.rehearsal.files import is_rehearsal, read_rehearsal, read_script
from stretto.actors.rehearsal.script import InquiryAnswer, SentEvent
from stretto.definitions.errors import InvalidDefinition

GOOD = """\
workflow: ../flows/deploy.yaml
inputs: {host: web1}
script:
  - {task: check, visit: 2, attempt: 1, item: 0, route: 1, status: timed_out, result: {code: 7}, duration: 0.5}
  - {workflow: ops.child, action: core.http, result: null}
controls:
  - {before_completion: 2, request: pause}
  - {at: 60, answer: {task: ask, item: 1, response: {ok: true}, by: mira, role: admin}}
  - {at: 61.5, event: {type: payment, payload: {order: 17}}}
expect:
  status: failed
  output: null
  sequence: [check, deploy]
  tasks: {check: failed}
  actions: [{task: check, input: {a: 1}}]
  errors: [{code: action_failed, handled: true}]
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_gives_a_rehearsal_and_what_is_expected(tmp_path: Path) -> None:
    """The workflow's path counts from the file's folder; where each rule stands is kept."""
    file = read_rehearsal(written(tmp_path, GOOD))
    assert file.workflow == str(tmp_path.parent / "flows" / "deploy.yaml")
    assert file.inputs == {"host": "web1"}
    assert file.script.rules == [
        Rule(task="check", visit=2, attempt=1, item=0, route=1, status="timed_out", result={"code": 7}, duration=0.5),
        Rule(workflow="ops.child", action="core.http", result=None),
    ]
    assert [place.line for place in file.script.places] == [4, 5]
    assert file.script.controls == [
        Control(2, "pause"),
        Control(at=60, answer=InquiryAnswer("ask", {"ok": True}, item=1, by="mira", role="admin")),
        Control(at=61.5, event=SentEvent("payment", {"order": 17})),
    ]
    assert file.expect == {
        "status": "failed",
        "output": None,
        "sequence": ["check", "deploy"],
        "tasks": {"check": "failed"},
        "actions": [{"task": "check", "input": {"a": 1}}],
        "errors": [{"code": "action_failed", "handled": True}],
    }


def test_a_workflow_can_be_named_by_its_ref(tmp_path: Path) -> None:
    """Only what ends as a file does is a path."""
    assert (
        read_rehearsal(written(tmp_path, "workflow: ops.deploy\nexpect: {status: failed}\n")).workflow == "ops.deploy"
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("workflow:", "worfklow:", "did you mean 'workflow'?"),
        ("inputs: {host: web1}", "inputs: 3", "'inputs' of the rehearsal has the wrong type"),
        ("visit: 2", "vist: 2", "rule 1 has no field 'vist'"),
        ("visit: 2", "visit: 0", "an integer of at least 1"),
        ("status: timed_out", "status: late", "'status' of rule 1 has an invalid value"),
        ("duration: 0.5", "duration: -1", "a number of seconds from 0"),
        ("action: core.http", "action: 3", "'action' of rule 2 has the wrong type"),
        ("request: pause", "request: stop", "'request' of control 1 has an invalid value"),
        ("before_completion: 2", "before_completion: two", "an integer of at least 1"),
        ("before_completion: 2, ", "", "control 1: a control must have either `before_completion` or `at`"),
        ("task: ask, item", "tsk: ask, item", "did you mean 'task'?"),
        ("role: admin", "role: boss", "viewer, operator, admin"),
        ("at: 60,", "at: soon,", "'at' of control 2 has the wrong type"),
        ("at: 60,", "at: -1,", "`at` must be from 0 to 3,162,240,000 seconds (MAX_AT_SECONDS), got -1"),
        ("type: payment,", "typ: payment,", "did you mean 'type'?"),
        ("event: {type", "request: cancel, event: {type", "must have one of `request`, `answer` and `event`"),
        ("status: failed", "stats: failed", "did you mean 'status'?"),
        ("status: failed", "status: done", "succeeded, failed, cancelled, paused, waiting, refused"),
        ("tasks: {check: failed}", "tasks: {check: bad}", "'check' in 'tasks' of 'expect' has an invalid value"),
        ("{task: check, input", "{tsk: check, input", "did you mean 'task'?"),
        ("{code: action_failed", "{kode: action_failed", "did you mean 'code'?"),
        ("sequence: [check, deploy]", "sequence: check", "'sequence' of 'expect' has the wrong type"),
        ("[{task: check, input: {a: 1}}]", "[check]", "number 1 of 'actions' of 'expect' has the wrong type"),
    ],
)
def test_each_mistake_is_told_with_its_place(tmp_path: Path, before: str, after: str, told: str) -> None:
    """File, line and column, and what could stand there."""
    assert GOOD.count(before) >= 1
    path = written(tmp_path, GOOD.replace(before, after, 1))
    with pytest.raises(InvalidDefinition) as raised:
        read_rehearsal(path)
    line = GOOD[: GOOD.index(before)].count("\n") + 1
    assert told in str(raised.value)
    assert any(each.place.line in {1, line} for each in raised.value.findings)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """In the file's order."""
    text = GOOD.replace("visit: 2", "vist: 2").replace("status: failed", "stats: failed").replace("inputs", "input")
    with pytest.raises(InvalidDefinition) as raised:
        read_rehearsal(written(tmp_path, text))
    assert [each.place.line for each in raised.value.findings] == [2, 4, 11]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("workflow: a.b\n", "needs the field 'expect'"),
        ("workflow: a.b\nexpect: {}\n", "'expect' expects nothing"),
        ("- workflow\n", "the file has the wrong type"),
        ("", "the file is empty"),
        ("workflow: [\n", "this is not valid YAML"),
    ],
)
def test_a_file_that_expects_nothing_is_none(tmp_path: Path, text: str, told: str) -> None:
    """A rehearsal that can never fail is a mistake, too."""
    with pytest.raises(InvalidDefinition, match=told):
        read_rehearsal(written(tmp_path, text))


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """As it is of a definition."""
    path = tmp_path / "one.yaml"
    path.write_bytes(b"workflow: \xff\n")
    with pytest.raises(InvalidDefinition, match="not UTF-8 text: byte 10"):
        read_rehearsal(path)


def test_a_script_is_a_list_of_rules_or_has_controls_beside_them(tmp_path: Path) -> None:
    """JSON is YAML."""
    alone = read_script(written(tmp_path, '[{"task": "a", "result": 1}]'))
    assert (alone.rules, alone.controls) == ([Rule(task="a", result=1)], [])
    both = read_script(written(tmp_path, "script: [{task: a}]\ncontrols: [{before_completion: 1, request: cancel}]\n"))
    assert (both.rules, both.controls) == ([Rule(task="a")], [Control(1, "cancel")])
    with pytest.raises(InvalidDefinition, match="did you mean 'script'"):
        read_script(written(tmp_path, "scrip: []\n"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD, True),
        ("worfklow: a\nexpect: {}\n", True),
        ("workflow: [\n", True),
        ('version: "1"\ntasks: []\nworkflow: x\n', False),
        ("name: pack\n", False),
        ("- {task: a}\n", False),
    ],
)
def test_rehearsals_are_told_from_what_stands_beside_them(tmp_path: Path, text: str, told: bool) -> None:
    """A definition is none; what cannot be read is one, so that somebody says what is wrong with it."""
    assert is_rehearsal(written(tmp_path, text)) is told
