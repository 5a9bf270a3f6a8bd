"""The comparison of two outcomes: it must see every difference that matters, and no other."""

from typing import Any

import pytest

from tests.support.differential.outcomes import differences

OUTCOME: dict[str, Any] = {
    "status": "failed",
    "output": {"x": 1},
    "task_results": [
        {"task": "a", "status": "succeeded", "result": {"k": [1, 2]}},
        {"task": "noop", "status": "succeeded", "result": None},
    ],
    "actions": [{"task": "a", "item": None, "action": "core.noop", "input": {}}],
    "errors": [{"type": "error", "message": "as the engine says it", "task_id": "a"}],
}
INVALID: dict[str, Any] = {"status": "invalid", "inspection": {"syntax": [{"message": "no", "spec_path": "tasks"}]}}


def test_an_outcome_agrees_with_itself() -> None:
    """Nothing differs from itself."""
    assert differences(OUTCOME, OUTCOME) == {}
    assert differences(INVALID, INVALID) == {}


def test_messages_order_and_engine_commands_do_not_count() -> None:
    """Another wording, another order of tasks and other command entries agree."""
    other = OUTCOME | {
        "errors": [{"type": "error", "message": "otherwise", "task_id": "a"}],
        "task_results": [
            {"task": "continue", "status": "succeeded", "result": None},
            {"task": "a", "status": "succeeded", "result": {"k": [1, 2]}},
        ],
    }
    assert differences(OUTCOME, other) == {}


@pytest.mark.parametrize(
    ("view", "change"),
    [
        ("status", {"status": "succeeded"}),
        ("output", {"output": {"x": 2}}),
        ("results", {"task_results": [{"task": "a", "status": "succeeded", "result": {"k": [2, 1]}}]}),
        ("results", {"task_results": []}),
        ("actions", {"actions": OUTCOME["actions"] * 2}),
        ("actions", {"actions": [OUTCOME["actions"][0] | {"delay": 1}]}),
        ("failed tasks", {"errors": []}),
    ],
)
def test_each_view_sees_its_difference(view: str, change: dict[str, Any]) -> None:
    """A change of one part of an outcome shows in the view of that part alone."""
    assert list(differences(OUTCOME, OUTCOME | change)) == [view]


def test_of_an_invalid_definition_the_categories_count() -> None:
    """Paths and messages of inspection are the engine's own, its categories are not."""
    elsewhere = {"status": "invalid", "inspection": {"syntax": [{"message": "other", "spec_path": "."}]}}
    assert differences(INVALID, elsewhere) == {}
    assert list(differences(INVALID, INVALID | {"inspection": {"context": []}})) == ["inspection"]
