"""How and where runs ended, in words."""

from stretto.actors.history import explain_end_of_tasks
from stretto.actors.history.ends import explain_end


def test_why_of_a_run_that_succeeded_or_was_cancelled_says_that() -> None:
    """With the failures that a successful run tolerated; a task without errors has only the run's end."""
    tolerated = {"task": "a", "message": "no luck", "code": "action_failed", "handled": True}
    texts = [each["text"] for each in explain_end("succeeded", "2026-01-01T00:00:00Z", [tolerated])]
    assert texts == ["the run succeeded at 2026-01-01T00:00:00Z", "tolerated: 'a': no luck"]
    assert [each["text"] for each in explain_end("cancelled", None, [])] == ["the run was cancelled"]
    request = {"at": "2026-01-01T00:00:00Z", "by": "ann", "late": False}
    assert explain_end("cancelled", "2026-01-01T00:00:02Z", [], cancelled=request) == [
        {
            "kind": "ended", "text": "the run was cancelled by ann at 2026-01-01T00:00:02Z", "status": "cancelled",
            "since": "2026-01-01T00:00:02Z", "cancelled": request,
        }
    ]  # fmt: skip
    late, unknown = {**request, "by": None, "late": True}, {**request, "by": None}
    texts = [explain_end("cancelled", None, [], cancelled=each)[0]["text"] for each in (late, unknown)]
    assert texts == ["the run was cancelled by its deadline", "the run was cancelled"]
    errors = [tolerated, {**tolerated, "task": "b", "handled": False}]
    assert [each["text"] for each in explain_end("failed", None, errors)] == [
        "the run failed",
        "no luck [action_failed]",
    ]
    assert len(explain_end("failed", None, errors, "c")) == 1


def test_without_the_errors_the_failed_tasks_are_named() -> None:
    """An engine without a store remembers no errors of ended runs."""
    tasks = {
        "a": {"status": "failed", "items": {"total": 1000, "failed": 12}},
        "b": {"status": "timed_out", "items": {"total": None, "failed": 1}},
        "c": {"status": "succeeded", "items": {"total": 1, "failed": 0}},
    }
    assert [each["text"] for each in explain_end_of_tasks("failed", tasks, tasks)] == [
        "the run failed",
        "the task 'a' failed: 12 items failed",
        "the task 'b' timed out: 1 item failed",
    ]
    assert len(explain_end_of_tasks("failed", tasks, ["c"])) == 1
