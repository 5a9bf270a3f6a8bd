"""A function written as a filter, or the other way round, is answered with the form to write."""

import pytest

from tests.support.evaluating import findings_in

FORMS = [
    ("x | split(' ')", "split is a function: write split(x, ' ')"),
    ("workflow.a.b | starts_with('c')", "starts_with is a function: write starts_with(workflow.a.b, 'c')"),
    ("(1 + 1) | floor", "floor is a function: write floor(x)"),
    ("x | chunks(1 + 1)", "chunks is a function: write chunks(x, ...)"),
    ("capitalize(x)", "capitalize is a filter: write x | capitalize"),
    ("batch(x, 2)", "batch is a filter: write x | batch(2)"),
    ("first([1])", "first is a filter: write x | first"),
    ("strip(x)", "strip is a method: write x.strip()"),
    ("x | splitlines", "splitlines is a method: write x.splitlines()"),
    ("even(2)", "even is a test: write 2 is even"),
    ("x | divisibleby(3)", "divisibleby is a test: write x is divisibleby(3)"),
]


@pytest.mark.parametrize(("text", "form"), FORMS)
def test_the_form_to_write_is_named(text: str, form: str) -> None:
    """With the operands, if they are short."""
    (finding,) = findings_in(f"{{{{ {text} }}}}")
    assert finding.message == f"invalid expression: {form}"


@pytest.mark.parametrize(("text", "hint"), [("x | from_json", "fromjson"), ("to_json(x)", "tojson")])
def test_any_other_name_gets_the_nearest(text: str, hint: str) -> None:
    """Such as that of Ansible."""
    (finding,) = findings_in(f"{{{{ {text} }}}}")
    assert finding.hint == f"did you mean {hint!r}?"
