"""`concurrency_key` and `limit` of tasks."""

from stretto.definitions.dialects import MAX_KEY_LIMIT, read_with_findings, read_workflow
from stretto.definitions.dialects.key_limits import MAX_KEY_LENGTH
from stretto.definitions.expressions import Constant

TEXT = """
version: "1.0.0"
tasks:
  - name: a
    action: core.noop
    concurrency_key: KEY
    limit: 20
"""


def test_a_task_has_the_limit_of_its_key() -> None:
    limit = read_workflow(TEXT.replace("KEY", "db"), "a.yaml").tasks["a"].key_limit
    assert limit is not None
    assert isinstance(limit.key, Constant)
    assert (limit.key.value, limit.limit, limit.place.line) == ("db", 20, 6)


def test_a_key_may_read_the_item() -> None:
    text = TEXT.replace("KEY", '"db-{{ item }}"').replace("action", "with_items: [1, 2]\n    action")
    assert read_workflow(text, "a.yaml").tasks["a"].key_limit is not None


def test_a_task_without_a_key_has_no_limit() -> None:
    text = TEXT.replace("    concurrency_key: KEY\n    limit: 20\n", "")
    assert read_workflow(text, "a.yaml").tasks["a"].key_limit is None


def test_keys_and_limits_are_bounded() -> None:
    text = TEXT.replace("KEY", "k" * (MAX_KEY_LENGTH + 1)).replace("limit: 20", f"limit: {MAX_KEY_LIMIT + 1}")
    findings = read_with_findings(text, "a.yaml").findings
    assert [each.code for each in findings] == ["wrong_type", "wrong_type"]
