"""Functions in both forms, their names, and expressions for each member of a list."""

from typing import Any

import pytest

from stretto.definitions.validation import references_of
from tests.support.evaluating import compiled, evaluate, failure_of, findings_in, plain

SERVERS = [{"name": "a", "load": 3}, {"name": "b", "load": 1}]

VALUES: list[tuple[str, Any]] = [
    ("map(servers, s, s.name ~ '!')", ["a!", "b!"]),
    ("servers|map(s, s.load * 2)|sum", 8),
    ("servers|map(attribute='name')|list", ["a", "b"]),
    ("map(['a'], 'upper')|list", ["A"]),
    ("select(servers, s, s.load > 2)", SERVERS[:1]),
    ("servers|reject(s, s.load > 2)", SERVERS[1:]),
    ("select([1, 2, 3], 'odd')|list", [1, 3]),
    ("[1, 2, 3]|select('gt', 1)|list", [2, 3]),
    ("map([1, 2], a, map([3, 4], b, a * b))", [[3, 4], [6, 8]]),
    ("map([1, 2], a, map([3], a, a))", [[3], [3]]),
    ("map([1], item, item + index)", [8]),
    ("map(range(3), product, product)|join", "012"),
    ("product.name ~ map([1], n, product.name)", 'p["p"]'),
    ("product([1], [product.name])", [[1, "p"]]),
    ("product is defined and quote is undefined", True),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_an_expression_is_evaluated_for_each_member(text: str, value: Any) -> None:
    """Its name hides others in the expression only; the names of the functions are not reserved."""
    variables: dict[str, Any] = {"servers": SERVERS, "product": {"name": "p"}, "index": 7}
    assert plain(evaluate(f"{{{{ {text.replace('index', 'workflow.index')} }}}}", **variables)) == value


def test_statements_can_use_an_expression_for_each_member() -> None:
    """In the list of a loop, and in a variable."""
    text = "{% set names = map(servers, s, s.name) %}{% for n in select(names, n, n != 'b') %}{{ n }};{% endfor %}"
    assert evaluate(text, servers=SERVERS) == "a;"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("map(servers, s, s.nothing)", "the object has no field 'nothing'; there are: load, name"),
        ("map({'a': 1}, s, s)", "map() takes a list, got a value of type object"),
        ("select(5, s, s)", "select() takes a list, got a value of type number"),
        ("reject('ab', s, s)", "reject() takes a list, got a value of type string"),
        ("map([1], s, serves)", "'serves' is not known here"),
        ("[s]|map(s, s)", "'s' is not known here"),
    ],
)
def test_a_failure_in_an_expression_for_each_member_says_why(text: str, reason: str) -> None:
    """As in any other expression."""
    assert reason in failure_of(f"{{{{ {text} }}}}", servers=SERVERS).reason


def test_an_expression_for_each_member_pays_for_each() -> None:
    """A product of lists is bounded."""
    text = "{{ map(range(3000), a, map(range(3000), b, a * b)) | length }}"
    assert failure_of(text).code == "limit_exceeded"


def test_a_reserved_name_cannot_be_that_of_a_member() -> None:
    """It would hide a function."""
    (finding,) = findings_in("{{ map([1], now, now) }}")
    assert "'now' is reserved and cannot be the name of a member" in finding.message


def test_the_first_argument_has_no_name() -> None:
    """It is the operand of the filter."""
    messages = [findings_in(f"{{{{ {text} }}}}")[0].message for text in ("sha256()", "sha256(value='a')")]
    assert "sha256() takes arguments, got none" in messages[0]
    assert "sha256() takes its first argument without a name" in messages[1]


def test_the_name_of_a_member_is_no_reference() -> None:
    """Validation checks the other names, of which those in the expression may not be read."""
    (expression,) = compiled("{{ map(workflow.a, s, s.b + workflow.c) }}").expressions()
    assert [(each.path, each.certain) for each in references_of(expression)] == [
        (("workflow", "a"), True),
        (("workflow", "c"), False),
    ]
