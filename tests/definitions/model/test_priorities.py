"""Priorities and their weights."""

from stretto.definitions.dialects import read_with_findings, read_workflow
from stretto.definitions.model import NORMAL_WEIGHT, PRIORITIES, weight_of

TEXT = """
version: "1.0.0"
priority: high
tasks: [{name: a, action: core.noop}]
"""


def test_each_priority_has_twice_the_weight_of_the_one_below() -> None:
    assert [weight_of(each) for each in PRIORITIES] == [1, 2, 4, 8]
    assert weight_of("normal") == NORMAL_WEIGHT


def test_a_definition_has_a_priority_or_a_normal_one() -> None:
    assert read_workflow(TEXT, "a.yaml").priority == "high"
    assert read_workflow(TEXT.replace("priority: high\n", ""), "a.yaml").priority == "normal"


def test_an_unknown_priority_is_a_finding_with_the_nearest_one() -> None:
    (finding,) = read_with_findings(TEXT.replace("high", "hihg"), "a.yaml").findings
    assert (finding.code, finding.expected) == ("bad_choice", "low, normal, high, urgent")
    assert "'high'" in finding.hint
