"""Paths into a payload."""

from typing import Any

import pytest

from stretto.definitions.expressions import ABSENT
from stretto.definitions.rules.payload_paths import read_path
from tests.support.recording import data

PAYLOAD = data(
    {"body": {"name": "a", "items": [{"id": 1}, {"id": 2}]}, "headers": {"X-Github-Event": "push", "a.b": 5}, "n-1": 7}
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trigger.body.name", "a"), ("trigger.body.name#1", "a"), ("trigger.headers['X-Github-Event']", "push"),
        ('trigger.headers["a.b"]', 5), ("trigger.headers.'a.b'", 5), ("trigger.n-1", 7),
        ("trigger.body.items[1].id", 2), ("trigger.body.items[*].id", 1), ("trigger.headers.*", "push"),
        ("trigger.body.items[9].id", ABSENT), ("trigger.nothing", ABSENT), ("trigger.body.name.more", ABSENT),
        ("trigger", PAYLOAD),
    ],
)  # fmt: skip
def test_a_path_finds_the_first_value(text: str, expected: Any) -> None:
    """Or none."""
    path = read_path(text)
    assert path is not None
    assert path.base == "trigger"
    assert path.first(PAYLOAD) == expected


@pytest.mark.parametrize(
    "text", ["", "#1", "[0]", "trigger..a", "trigger.a b", "$.a", "trigger[?(@.a)]", "a" + ".a" * 60]
)
def test_other_texts_are_no_paths(text: str) -> None:
    """Such as JSONPath beyond names and indexes."""
    assert read_path(text) is None
