"""`rate` of tasks."""

import pytest

from stretto.definitions.dialects import MAX_RATE_LIMIT, MAX_RATE_SECONDS, read_with_findings, read_workflow
from stretto.definitions.expressions import Constant

TEXT = """
version: "1.0.0"
tasks:
  - name: a
    action: core.noop
    rate: {key: api, limit: 100, per: 60}
"""
RATE = "{key: api, limit: 100, per: 60}"


def test_a_task_has_the_rate_of_its_key() -> None:
    """Without a burst one item starts at a time."""
    rate = read_workflow(TEXT, "a.yaml").tasks["a"].rate
    assert rate is not None
    assert isinstance(rate.key, Constant)
    assert (rate.key.value, rate.limit, rate.per, rate.burst, rate.place.line) == ("api", 100, 60, 1, 6)
    assert rate.interval == 0.6


def test_a_burst_is_given_or_that_of_a_tenth_of_a_second() -> None:
    given = TEXT.replace("per: 60", "per: 60, burst: 10")
    fast = TEXT.replace("per: 60", "per: 0.5")
    rates = [read_workflow(text, "a.yaml").tasks["a"].rate for text in (given, fast)]
    assert [each.burst for each in rates if each is not None] == [10, 20]


def test_a_key_may_read_the_item() -> None:
    text = TEXT.replace("api", '"api-{{ item }}"').replace("action", "with_items: [1, 2]\n    action")
    assert read_workflow(text, "a.yaml").tasks["a"].rate is not None


def test_a_task_without_a_rate_has_none() -> None:
    assert read_workflow(TEXT.replace(f"    rate: {RATE}\n", ""), "a.yaml").tasks["a"].rate is None


@pytest.mark.parametrize(
    ("rate", "codes"),
    [
        ("fast", ["wrong_type"]),
        ("{key: api}", ["missing_field", "missing_field"]),
        ("{key: '', limit: 0, per: 0}", ["wrong_type"] * 3),
        (f"{{key: api, limit: {MAX_RATE_LIMIT + 1}, per: {MAX_RATE_SECONDS + 1}}}", ["wrong_type"] * 2),
        ("{key: api, limit: 1, per: .inf}", ["yaml_number", "wrong_type"]),
        ("{key: api, limit: 1, per: 1, burst: 0}", ["wrong_type"]),
        ("{key: api, limit: 10001, per: 1}", ["rate_too_high"]),
        ("{key: api, limit: 100, per: 1, burst: 9}", ["burst_too_small"]),
        ("{key: api, limit: 100, per: 1, bust: 9}", ["unknown_field"]),
    ],
)
def test_a_bad_rate_has_findings(rate: str, codes: list[str]) -> None:
    findings = read_with_findings(TEXT.replace(RATE, rate), "a.yaml").findings
    assert [each.code for each in findings if each.severity == "error"] == codes
