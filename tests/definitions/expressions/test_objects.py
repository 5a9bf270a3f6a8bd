"""Objects as lists and back, objects combined, and lists combined."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.evaluating import JSON, SOME, TEXTS, evaluate, failure_of, plain

VALUES: list[tuple[str, Any]] = [
    ("dict2items({'b': 1, 'a': [2]})", [{"key": "b", "value": 1}, {"key": "a", "value": [2]}]),
    ("{'a': 1}|dict2items(key_name='name', value_name='load')", [{"name": "a", "load": 1}]),
    ("items2dict([{'name': 'a', 'load': 1}], key_name='name', value_name='load')", {"a": 1}),
    ("items2dict([])", {}),
    ("combine({'a': 1}, {'a': 2}, {'b': 3})", {"a": 2, "b": 3}),
    ("combine({'a': {'x': 1}}, {'a': {'y': 2}})", {"a": {"y": 2}}),
    ("{'a': {'x': {'p': 1}, 'q': 0}}|combine({'a': {'x': {'r': 2}}}, recursive=true)",
     {"a": {"x": {"p": 1, "r": 2}, "q": 0}}),
    ("product([1, 2], [])", []),
    ("[1, 2]|product([3], 'ab'|list)", [[1, 3, "a"], [1, 3, "b"], [2, 3, "a"], [2, 3, "b"]]),
]  # fmt: skip

REFUSALS = [
    ("dict2items([1])", "dict2items() takes a value of type object, got array"),
    ("dict2items({}, 1)", "dict2items() takes a value of type string, got number"),
    ("items2dict({})", "items2dict() takes a list, got a value of type object"),
    ("items2dict([1])", "items2dict() takes a list of objects; member 0 is of type number"),
    ("items2dict([{'keys': 1, 'value': 2}])", "finds no field 'key' in member 0; did you mean 'keys'?"),
    ("items2dict([{'key': 1, 'value': 2}])", "takes strings as keys; 'key' of member 0 is of type number"),
    ("combine({}, 1)", "combine() takes a value of type object, got number"),
    ("combine({}, deep=true)", "combine() takes (objects, recursive), got 2 arguments"),
    ("product([1], 2)", "product() takes a list, got a value of type number"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_function_gives_its_value(text: str, value: Any) -> None:
    """In either form."""
    assert plain(evaluate(f"{{{{ {text} }}}}")) == value


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_a_refusal_names_the_function_and_what_is_wrong(text: str, reason: str) -> None:
    """So that the author finds it."""
    assert reason in failure_of(f"{{{{ {text} }}}}").reason


def test_a_large_product_is_refused_before_it_is_made() -> None:
    """Its size is known from the sizes of the lists."""
    error = failure_of("{{ product(range(9999), range(9999), range(9999)) | length }}")
    assert error.code == "limit_exceeded"


@given(st.dictionaries(TEXTS, JSON, max_size=4))
@SOME
def test_items2dict_undoes_dict2items(value: dict[str, Any]) -> None:
    """For all objects."""
    assert plain(evaluate("{{ items2dict(dict2items(workflow.v)) }}", v=value)) == value


@given(st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=3))
@SOME
def test_the_product_is_that_of_itertools(lists: list[list[int]]) -> None:
    """In the same order."""
    arguments = ", ".join(map(str, lists))
    assert plain(evaluate(f"{{{{ product({arguments}) }}}}")) == [list(row) for row in itertools.product(*lists)]
