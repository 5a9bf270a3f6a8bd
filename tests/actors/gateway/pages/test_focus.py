"""The task that a page shows first."""

from typing import Any

import pytest

from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.focus import facts_of, focus_of
from stretto.definitions import read_workflow


def report(status: str, total: int | None = 1, failed: int = 0, visits: int = 1) -> dict[str, Any]:
    """Return a task in a run's status."""
    return {"status": status, "visits": visits, "items": {"total": total, "failed": failed}}


@pytest.mark.parametrize(
    ("tasks", "shown"),
    [
        ({"a": report("succeeded"), "b": report("failed"), "c": report("running", 1000)}, "b"),
        ({"a": report("failed", 10, 1), "b": report("timed_out", 10, 7)}, "b"),
        ({"a": report("running"), "b": report("running", 9), "c": report("succeeded", 99)}, "b"),
        ({"a": report("running"), "b": report("running", None)}, "b"),
        ({"a": report("succeeded"), "b": report("running")}, "b"),
        ({"a": report("succeeded"), "b": report("succeeded", 7), "c": report("not_started", 0, 0, 0)}, "b"),
        ({}, None),
    ],
)
def test_what_asks_for_attention_is_shown_first(tasks: dict[str, Any], shown: str | None) -> None:
    """A failure, then what runs, then what is large."""
    assert focus_of(tasks, "") == shown


def test_the_address_decides() -> None:
    """About a task that exists."""
    tasks = {"check": report("succeeded"), "b": report("failed")}
    assert focus_of(tasks, "check") == "check"
    with pytest.raises(Problem, match="check") as refused:
        focus_of(tasks, "chek")
    assert refused.value.code == "unknown_task"


def test_facts_are_those_of_the_definition() -> None:
    """In short texts."""
    workflow = read_workflow(
        "ref: a.b\nversion: '1'\ntasks:\n"
        "  - name: check\n    action: core.noop\n    with_items: '{{ parameters.servers }}'\n    concurrency: 50\n"
        "    max_failures: 2%\n    timeout: 5\n    retry: {count: 2}\n"
        "  - {name: plain, action: core.noop}\n"
        "  - {name: few, action: core.noop, with_items: [1, 2], max_failures: 1}\n",
        "a.yaml",
    )
    check, plain, few = (facts_of(workflow.tasks[name]) for name in ("check", "plain", "few"))
    assert (check.action, check.over, check.window) == ("core.noop", "parameters.servers", "50")
    assert (check.timeout, check.attempts, check.allowed) == ("5", "3", "2 %")
    assert (check.allowed_of(1000), check.allowed_of(None)) == (20, None)
    assert (plain.fans_out, plain.over, plain.attempts) == (False, "", "")
    assert (few.over, few.allowed, few.allowed_of(2)) == ("a list", "1", 1)
