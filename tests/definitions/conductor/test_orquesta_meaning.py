"""What Orquesta's definitions mean: all that the table says comes of its workflows, in the real engine."""

from typing import Any

import pytest

from tests.support.orquesta_cases import CASES, FILES, outcome_of, summary_of


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_comes_of_a_workflow(case: dict[str, Any]) -> None:
    """All that the case tells of it, and no output or error besides."""
    expected = {"status": "succeeded", "output": None, "errors": [], **case["expect"]}
    told = summary_of(outcome_of(case))
    assert {key: told[key] for key in expected} == expected


def test_each_case_has_a_name_of_its_own() -> None:
    """None is lost in the table."""
    assert len(CASES) == sum(file.read_text(encoding="utf-8").count("- name: ") for file in FILES)
