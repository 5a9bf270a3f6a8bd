"""Operators: Jinja's meaning, exact quotients, and bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.evaluating import MANY, evaluate, failure_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10 / 5", 2),
        ("7 / 2", 3.5),
        ("-6 / 3", -2),
        ("1.0 / 1", 1.0),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("2 ** 10", 1024),
        ("2 ** 0.5", 2**0.5),
        ("2 ** 63", 2**63),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("'ab' * 3", "ababab"),
        ("[0] * 3", [0, 0, 0]),
        ("'%s-%03d' % ('a', 7)", "a-007"),
        ("1 ~ null ~ true", "1true"),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("1 and 0", 0),
        ("0 or 'x'", "x"),
        ("not []", True),
        ("1 in [1]", True),
        ("'a' not in {'a': 1}", False),
        ("1 == 1.0", True),
        ("null == none", True),
        ("true and null", None),
        ("+5", 5),
        ("- 5", -5),
        ("[1, 2, 3][1:]", [2, 3]),
        ("'abc'[-1]", "c"),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("1 if null else 2", 2),
        ("[] ~ {}", "[]{}"),
    ],
)
def test_operators_mean_what_jinja_means(text: str, value: Any) -> None:
    """Each operator gives Python's value, apart from an exact quotient of integers."""
    result = evaluate(f"{{{{ {text} }}}}")
    assert result == value
    assert isinstance(value, list) or type(result) is type(value)


@given(st.integers(-(2**40), 2**40), st.integers(-(2**20), 2**20).filter(bool))
@MANY
def test_quotients_of_integers_are_exact(left: int, right: int) -> None:
    """The value of a * b / b is the integer a; a / b is a float if it is not exact."""
    assert evaluate("{{ workflow.a * workflow.b / workflow.b }}", a=left, b=right) == left
    result = evaluate("{{ workflow.a / workflow.b }}", a=left, b=right)
    assert result == (left // right if left % right == 0 else left / right)
    assert type(result) is (int if left % right == 0 else float)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 + 'a'", "unsupported operand"),
        ("'a' * 'b'", "can't multiply"),
        ("1 / 0", "division by zero"),
        ("2 ** 64", "the maximum is 64"),
        ("0 - 2 ** 63 - 1", "the maximum is 64"),
        ("(2 ** 600) * (2 ** 600)", "1,024 bits"),
        ("2 ** 1025", "1,024 bits"),
        ("1e308 * 10", "not a JSON number"),
        ("1e308 * 10 - 1e308 * 10", "not a JSON number"),
        ("(0 - 8) ** 0.5", "complex"),
        ("2.0 ** 5000", "too large"),
        ("'x' * 67108865", "67,108,864 bytes (the setting expressions.max_bytes)"),
        ("[0] * 10000000", "67,108,864 bytes (the setting expressions.max_bytes)"),
        ("'%d' % 'a'", "format"),
        ("'%1001d' % 1", "1,000"),
        ("{} + {}", "unsupported"),
    ],
)
def test_failed_computations_are_reported(text: str, reason: str) -> None:
    """A wrong operand, an overflow and a bound are errors with a reason."""
    assert reason in failure_of(f"{{{{ {text} }}}}").reason


def test_a_text_at_the_bound_passes() -> None:
    """Sixty-four mebi characters are allowed, one more is not."""
    assert evaluate("{{ ('x' * 67108864)|length }}") == 67108864
