"""The meaning of Orquesta's definitions: the outcomes in the table, in the real engine."""

from typing import Any

import pytest

from tests.support.driving import Drive
from tests.support.orquesta_cases import CASES, FILES, outcome_of, summary_of


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_comes_of_a_workflow(case: dict[str, Any]) -> None:
    """The outcome of the case, and no other output or error."""
    expected = {"status": "succeeded", "output": None, "errors": [], **case["expect"]}
    summary = summary_of(outcome_of(case))
    assert {key: summary[key] for key in expected} == expected


def test_each_case_has_a_name_of_its_own() -> None:
    """None is lost in the table."""
    assert len(CASES) == sum(file.read_text(encoding="utf-8").count("- name: ") for file in FILES)


@pytest.mark.parametrize("call", ["<% task().task_id %>", "{{ task().task_id }}"])
def test_task_without_a_name_is_the_current_task(call: str) -> None:
    """In transitions; elsewhere it has no task to mean."""
    drive = Drive(
        "version: 1.0\ntasks:\n  one:\n    action: a.b\n    next:\n      - publish:\n          - me: '" + call + "'\n"
        "output:\n  - me: <% ctx(me) %>\n  - nobody: '" + call + "'\n"
    )
    drive.completes("one")
    assert drive.finish.output == {"me": "one"}
    assert "refers to the current task" in str(drive.finish.errors[0]["message"])
