"""The semantics of the dialects: each field differs between them and is used."""

import re
from dataclasses import fields, replace
from typing import Any, get_args

import pytest

from stretto.actors.rehearsal import Rehearsal, Rehearsed
from stretto.definitions.model.semantics import NATIVE, ORQUESTA, Semantics
from tests.support.orquesta_cases import CASES, REHEARSER, outcome_of, summary_of

NAMES = [field.name for field in fields(Semantics)]
SHOWN_BY = {
    "publish": "a-task-sees-its-branch-only",
    "edges": "two-edges-of-one-task-count-once",
    "broken_expression": "an-error-in-publish-skips-its-edge",
    "arrivals": "a-join-gathers-each-route-by-itself",
    "starts": "when-one-ready-task-cannot-be-rendered-none-starts",
    "retries": "a-condition-of-a-retry-holds-after-a-success-too",
    "failed_items": "one-at-a-time-stops-at-the-first-failure",
    "failed_results": "the-other-items-finish-when-one-has-failed",
    "time_outs": "a-timeout-is-a-failure-without-a-record",
    "fail_fast": "a-branch-that-fails-alone-fails-the-run-and-its-join",
    "after_the_end": "what-ends-after-the-failure-is-evaluated-all-the-same",
    "cancelled_action": "an-action-that-was-cancelled-cancels-the-run",
    "final_failure": "a-run-that-fails-can-no-longer-be-cancelled",
    "paused_end": "a-paused-run-in-which-nothing-is-left-waits-to-be-resumed",
    "output": "entries-of-the-output-see-the-earlier-ones",
    "undeclared_inputs": "undeclared-inputs-are-dropped",
}
"""A case of the table that ends otherwise when the field has the native dialect's value."""
OF_ACTIONS = {"core_actions"}
"""Fields that no case shows, as its actions are scripted: the registry of actions is asked with them."""
OF_FACTS = {"facts"}
"""Fields that no case shows, as Orquesta alone has no such variable: test_stackstorm_facts does."""
OF_PERMITS = {"commanded_items"}
"""Fields that no case shows, as in a rehearsal nothing waits for permits: test_engine does."""
OF_REQUESTS = {"skips"}
"""Fields that no case shows, as it cannot make the request: test_item_requests does."""


class NativeIn:
    """Performs rehearsals of Orquesta's workflows with the native meaning of one field."""

    def __init__(self, name: str) -> None:
        self._native = {name: getattr(NATIVE, name)}

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Rehearse a run."""
        semantics = replace(rehearsal.workflow.semantics, **self._native)
        return REHEARSER.perform(replace(rehearsal, workflow=replace(rehearsal.workflow, semantics=semantics)))


@pytest.mark.parametrize("name", NAMES)
def test_the_dialects_choose_differently(name: str) -> None:
    """A field in which they agree is no difference; and each value that there is to choose is somebody's."""
    chosen: list[Any] = [getattr(each, name) for each in (NATIVE, ORQUESTA)]
    there_are = {field.name: field.type for field in fields(Semantics)}[name]
    assert set(chosen) == ({True, False} if there_are is bool else set(get_args(there_are)))


def test_each_choice_of_the_conductor_is_shown_by_a_case() -> None:
    """A new field needs one."""
    assert set(NAMES) - OF_ACTIONS - OF_FACTS - OF_PERMITS - OF_REQUESTS == SHOWN_BY.keys()


@pytest.mark.parametrize("name", SHOWN_BY)
def test_each_choice_is_looked_up(name: str) -> None:
    """A run ends otherwise when the choice is the other dialect's: otherwise, not in a crash."""
    case = CASES[SHOWN_BY[name]]
    summary = summary_of(outcome_of(case, NativeIn(name)))
    assert summary["status"] != "error", summary
    assert summary != summary_of(outcome_of(case))


@pytest.mark.parametrize("name", NAMES)
def test_each_choice_is_explained(name: str) -> None:
    """Each field has an entry in the docstring."""
    assert re.search(rf"^ *{name}: ", Semantics.__doc__ or "", re.MULTILINE)  # 3.13 strips the indentation
