"""Scalars of YAML 1.1, as PyYAML reads them, without values that are not JSON data."""

from typing import Any

import pytest

from stretto.definitions.errors import Finding
from stretto.definitions.source.yaml_scalars import YAML_1_1
from stretto.definitions.source.yaml_source import compose, to_data


def read(text: str) -> tuple[Any, list[Finding]]:
    """Return the data and findings of a text in YAML 1.1."""
    findings: list[Finding] = []
    root = compose(text, "f", findings.append, YAML_1_1)
    assert root is not None
    return to_data(root), findings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("Off", False), ("n", "n"), ("~", None), ("010", 8), ("0b11", 3), ("1_000", 1000),
        ("1:30", 90), ("0x1F", 31), (".5", 0.5), ("1.5e+3", 1500.0), ("1e3", "1e3"), ("'yes'", "yes"),
        ("!!str 5", "5"), ("!!int '7'", 7), ("0o10", "0o10"),
    ],
)  # fmt: skip
def test_a_scalar_is_read_by_yaml_1_1(text: str, value: Any) -> None:
    """Booleans of many words, octals with a zero, minutes."""
    data, findings = read(f"a: {text}\n")
    assert (data, findings) == ({"a": value}, [])
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "code", "severity"),
    [
        ("2020-01-01", "yaml_date", "warning"), ("<<", "yaml_merge", "error"), (".inf", "yaml_number", "error"),
        ("0x", "", ""), ("!!int x", "yaml_number", "error"), ("1" * 200, "yaml_number", "error"),
        ("1_" * 100, "yaml_number", "error"), ("!!python/none x", "yaml_tag", "error"),
    ],
)  # fmt: skip
def test_values_that_are_not_data_are_reported(text: str, code: str, severity: str) -> None:
    """Dates, merges, what is not finite or too large, and other tags."""
    _, findings = read(f"a: {text}\n")
    assert [(each.code, each.severity) for each in findings] == ([(code, severity)] if code else [])


def test_a_key_that_is_no_text_becomes_one_with_a_warning() -> None:
    """Its text in JSON."""
    data, findings = read("{yes: 1, 010: 2, ~: 3}\n")
    assert data == {"true": 1, "8": 2, "null": 3}
    assert {(each.code, each.severity) for each in findings} == {("yaml_key", "warning")}
