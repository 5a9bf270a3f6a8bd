"""Inline parameters are found exactly where Orquesta finds them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.dialects.orquesta.inline import inline_parameters


def found(text: str) -> dict[str, Any]:
    """Return the inline parameters of a text by name."""
    return {each.name: each.value for each in inline_parameters(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("core.echo message=<% ctx(x) %>", {"message": "<% ctx(x) %>"}),
        ("a.b t=\"two words\" u='it'", {"t": "two words", "u": "it"}),
        ("a.b i=5 f=-0.5 g=.5 t=TRUE n=null", {"i": 5, "f": -0.5, "g": ".5", "t": True, "n": None}),
        ("a.b word=bare i=1", {"i": 1}),
        ("a.b z=1.5.2 c=3x", {"z": 1.5, "c": 3}),
        ('a.b s="5" b="true" e=\'\'', {"s": "5", "b": "true", "e": ""}),
        ("a.b j='{\"k\": 1}'", {"j": {"k": 1}}),
        ('a.b x=[1] y="q]"', {"x": '[1] y="q]'}),
        ("a.b x=[1, 2]", {"x": [1, 2]}),
        ("a.b x=[1, NaN]", {"x": "[1, NaN]"}),
        ("a.b x={{ ctx('a') }} y={{ 1 }", {"x": "{{ ctx('a') }}"}),
        ("a.b x=<% 1\n%> y=2", {"y": 2}),
        ("a.b = x =1", {}),
        ("", {}),
    ],
)
def test_a_value_is_what_orquesta_takes_for_one(text: str, expected: dict[str, Any]) -> None:
    """Bare words are dropped, values cut, lists greedy, quoted JSON in braces read."""
    assert found(text) == expected


@given(st.text(alphabet="ab=[]{}<%>\"' \n1."))
def test_each_parameter_has_its_place(text: str) -> None:
    """Values stand one after another, each behind its name and an equals sign."""
    end = 0
    for each in inline_parameters(text):
        assert end < each.start <= each.end
        assert text[: each.start].endswith(f"{each.name}=")
        end = each.end
