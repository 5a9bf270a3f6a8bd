"""Rehearsal files run like tests."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal import Rehearser, scripted_catalogue
from stretto.actors.rehearsal.expectations import Difference
from stretto.actors.rehearsal.suite import judge, rehearsals_in

REHEARSER = Rehearser(scripted_catalogue(ActionRegistry.registered()))
WORKFLOW = """\
ref: ops.deploy
version: "1"
parameters:
  token: {type: string, default: "", secret: true}
tasks:
  - name: check
    action: core.http
    input: {url: "https://example.org"}
    next:
      - {when: "{{ succeeded() }}", do: [deploy]}
      - {when: "{{ failed() }}", do: [report]}
  - {name: deploy, action: ops.release, input: {token: "{{ parameters.token }}"}}
  - {name: report, action: core.echo, input: {message: bad}}
output_map: {deployed: "{{ task.check.outcome == 'succeeded' }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deploy.yaml").write_text(WORKFLOW)
    return tmp_path


def verdict(folder: Path, text: str) -> tuple[list[str], list[Difference]]:
    """Return the problems and differences of a rehearsal of the workflow."""
    path = folder / "rehearsal.yaml"
    path.write_text(f"workflow: deploy.yaml\n{text}")
    judged = judge(path, REHEARSER)
    assert judged.passed is (not judged.problems and not judged.differences)
    return judged.problems, judged.differences


def test_what_comes_as_expected_passes(folder: Path) -> None:
    """Only what is expected is looked at, of actions and errors as well."""
    assert verdict(
        folder,
        "script: [{task: check, status: failed, result: {code: 500}}]\n"
        "expect:\n"
        "  status: succeeded\n"
        "  output: {deployed: false}\n"
        "  sequence: [check, report]\n"
        "  tasks: {report: succeeded}\n"
        "  actions: [{task: check, outcome: failed, delay: 0}, {input: {message: bad}, result: bad}]\n"
        "  errors: [{code: action_failed, task: check, handled: true}]\n",
    ) == ([], [])


@pytest.mark.parametrize(
    ("expect", "expected", "found"),
    [
        ("status: failed", "failed", "succeeded"),
        ("output: {deployed: 1}", {"deployed": 1}, {"deployed": True}),
        ("sequence: [check]", ["check"], ["check", "deploy"]),
        ("tasks: {report: succeeded}", {"report": "succeeded"}, {"report": "never started"}),
        (
            "actions: [{task: check, attempt: 2}]",
            [{"task": "check", "attempt": 2}],
            [{"task": "check", "attempt": 1}, {"task": "deploy", "attempt": 1}],
        ),
        ("errors: [{code: action_failed}]", [{"code": "action_failed"}], []),
    ],
)
def test_what_differs_is_told_beside_what_was_expected(folder: Path, expect: str, expected: Any, found: Any) -> None:
    """Types count: true is not 1."""
    problems, (difference,) = verdict(folder, f"expect: {{{expect}}}\n")
    assert problems == []
    assert (difference.what, difference.expected, difference.found) == (
        expect.split(":", maxsplit=1)[0],
        expected,
        found,
    )
    assert [line[0] for line in difference.diff()[3:]].count("+") >= 1


def test_a_status_that_was_not_expected_is_told_with_the_errors_that_led_to_it(folder: Path) -> None:
    script = "script: [{task: deploy, status: failed}]\n"
    problems, _ = verdict(folder, script + "expect: {status: succeeded}\n")
    assert len(problems) == 1
    assert "deploy.yaml:12:" in problems[0]
    assert problems[0].endswith("[action_failed]")
    assert verdict(folder, script + "expect: {status: failed}\n") == ([], [])


def test_a_rule_that_never_matched_fails_the_rehearsal(folder: Path) -> None:
    """It says where the rule stands, and the nearest task there is."""
    problems, _ = verdict(folder, "script:\n  - {task: chek}\n  - {task: report}\nexpect: {status: succeeded}\n")
    assert problems == [
        f"{folder}/rehearsal.yaml:3:5: rule 1 never matched: ops.deploy has no task 'chek'; did you mean 'check'?",
        (
            f"{folder}/rehearsal.yaml:4:5: rule 2 never matched: "
            "no attempt agrees with it, or an earlier rule matched first"
        ),
    ]


def test_a_request_that_was_refused_fails_the_rehearsal(folder: Path) -> None:
    """The reason is the engine's."""
    problems, _ = verdict(folder, "controls: [{before_completion: 9, request: cancel}]\nexpect: {status: succeeded}\n")
    assert len(problems) == 1
    assert problems[0].startswith("a request was refused: cannot cancel the run")


def test_inputs_that_are_refused_can_be_expected(folder: Path) -> None:
    """That is a rehearsal as any other."""
    assert verdict(folder, "inputs: {tokn: x}\nexpect: {status: refused, errors: [{code: invalid_input}]}\n") == (
        [],
        [],
    )
    assert len(verdict(folder, "inputs: {tokn: x}\nexpect: {status: succeeded}\n")[1]) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("expect: {stats: failed}\n", "did you mean 'status'?"),
        ("expect: {status: failed}\nscript: [{result: 99999999999999999999}]\n", "99999999999999999999"),
    ],
)
def test_what_cannot_be_rehearsed_is_a_problem(folder: Path, text: str, told: str) -> None:
    """It is told as it is of a definition."""
    problems, differences = verdict(folder, text)
    assert told in " ".join(problems)
    assert differences == []


def test_a_workflow_that_is_missing_or_wrong_is_a_problem(folder: Path) -> None:
    """So is a rehearsal that is not there."""
    (folder / "deploy.yaml").write_text(WORKFLOW.replace("do: [report]", "do: [repport]"))
    assert "did you mean 'report'?" in verdict(folder, "expect: {status: failed}\n")[0][0]
    (folder / "deploy.yaml").unlink()
    assert "cannot read the workflow" in verdict(folder, "expect: {status: failed}\n")[0][0]
    assert judge(folder / "none.yaml", REHEARSER).problems == ["cannot read the file: No such file or directory"]


def test_secrets_are_in_no_difference(folder: Path) -> None:
    """Neither on the side of what was expected."""
    _, (difference,) = verdict(
        folder,
        "inputs: {token: verysecret}\nexpect: {actions: [{}, {input: {token: verysecret, x: 1}}]}\n",
    )
    assert "verysecret" not in str(difference)
    assert "******" in "\n".join(difference.diff())


def test_the_rehearsals_of_a_folder_are_found_and_each_is_run_once(folder: Path) -> None:
    """Definitions beside them are left out; what was named is run, whatever it is."""
    (folder / "sub").mkdir()
    names = ["b.yaml", "a.yml", "sub/c.yaml"]
    for name in names:
        (folder / name).write_text("workflow: deploy.yaml\nexpect: {status: succeeded}\n")
    (folder / "notes.txt").write_text("workflow: x\n")
    found = list(rehearsals_in([folder / "b.yaml", folder, folder / "deploy.yaml"]))
    assert [str(path.relative_to(folder)) for path in found] == ["b.yaml", "a.yml", "sub/c.yaml", "deploy.yaml"]


def test_actions_are_held_against_those_that_they_resemble(folder: Path) -> None:
    """One that was not expected does not shift those after it."""
    _, (difference,) = verdict(
        folder, "script: [{task: check, status: failed}]\nexpect: {actions: [{task: report, input: {message: bad}}]}\n"
    )
    assert difference.found == [
        {"task": "check", "input": {"url": "https://example.org"}},
        {"task": "report", "input": {"message": "bad"}},
    ]
    assert [line for line in difference.diff() if line.startswith("-")] == ["--- expected"]


def test_a_file_of_items_is_beside_the_rehearsal(folder: Path) -> None:
    """A relative path begins at the rehearsal's folder, wherever `rehearse` is typed."""
    (folder / "deploy.yaml").write_text(
        'version: "1"\n'
        'tasks: {greet: {action: core.echo, with_items: {lines: names.txt}, input: {message: "{{ item }}"}}}\n'
        'output_map: {greeted: "{{ task.greet.result }}"}\n'
    )
    (folder / "names.txt").write_text("Ada\nGrace\n")
    assert verdict(folder, "expect: {output: {greeted: [Ada, Grace]}}\n") == ([], [])


def test_a_rule_matches_by_the_input_of_one_of_many_sub_workflows(folder: Path) -> None:
    """The task has the same name in each of them."""
    (folder / "hosts.yaml").write_text(
        'ref: ops.hosts\nversion: "1"\n'
        'tasks: {each: {action: ops.host, with_items: [web, db], concurrency: 2, input: {host: "{{ item }}"}}}\n'
        "output_map: {failed: \"{{ task.each.errors | map(attribute='item') | list }}\"}\n"
    )
    (folder / "host.yaml").write_text(
        'ref: ops.host\nversion: "1"\nparameters: {host: {type: string}}\n'
        'tasks: {check: {action: core.http, input: {url: "https://{{ parameters.host }}", timeout: 5}}}\n'
    )
    path = folder / "one_host.yaml"
    path.write_text(
        'workflow: hosts.yaml\nscript: [{task: check, input: {url: "https://db"}, status: failed}]\n'
        "expect: {status: failed, output: {failed: [db]}}\n"
    )
    assert judge(path, REHEARSER).passed
    path.write_text(path.read_text().replace('{url: "https://db"}', "db"))
    assert "has the wrong type" in judge(path, REHEARSER).problems[0]
