"""Inputs are checked against the workflow's parameters."""

from typing import Any

import pytest

from stretto.definitions import InvalidInput, freeze
from stretto.definitions.context.secrecy import secret_fields
from stretto.definitions.dialects.parameters import BOUNDS
from stretto.definitions.model.parameters import bind
from tests.support.evaluating import findings_of, reading


def bound(parameters: str, **inputs: Any) -> Any:
    """Bind inputs to the parameters of a definition."""
    return bind(reading(f"version: '1'\nparameters: {parameters}\ntasks: {{t: {{action: core.noop}}}}"), inputs)


def test_what_is_not_given_is_the_default_else_null() -> None:
    """A default stands in, an optional parameter is null, and a given null counts as given."""
    parameters = "{a: {type: string, default: x}, b: {type: integer}, c: {default: 1}}"
    assert bound(parameters, c=None) == {"a": "x", "b": None, "c": None}
    assert bound(parameters, a=None, b=2) == {"a": None, "b": 2, "c": 1}


PROBLEMS: list[tuple[str, dict[str, Any], str]] = [
    ("{a: {required: true}}", {}, "'a' is required"),
    ("{a: {required: true}}", {"a": None}, "cannot be null"),
    ("{servers: {}}", {"server": 1}, "did you mean 'servers'"),
    ("{}", {"x": 1}, "there is no parameter 'x'"),
    ("{a: {type: string}}", {"a": 1}, "of type string, got integer"),
    ("{a: {type: integer}}", {"a": 1.0}, "got number"),
    ("{a: {type: integer}}", {"a": True}, "got boolean"),
    ("{a: {type: number}}", {"a": True}, "got boolean"),
    ("{a: {type: boolean}}", {"a": 1}, "got integer"),
    ("{a: {type: array}}", {"a": "x"}, "got string"),
    ("{a: {type: object}}", {"a": []}, "got array"),
    ("{a: {enum: [x, y]}}", {"a": "z"}, "must be one of 'x', 'y', got 'z'"),
    ("{a: {enum: [low, high]}}", {"a": "hgh"}, r"must be one of 'low', 'high', got 'hgh'; did you mean 'high'\?"),
    ("{a: {secret: true, enum: [low, high]}}", {"a": "hgh"}, "must be one of 'low', 'high'$"),
    ("{a: {enum: [1]}}", {"a": True}, "must be one of 1, got True"),
    ("{a: {minimum: 3}}", {"a": 2}, "at least 3"),
    ("{a: {type: string, max_length: 2}}", {"a": "abc"}, "a length of at most 2"),
    ("{a: {type: array, min: 1}}", {"a": []}, "a length of at least 1"),
    ("{a: {type: array, items: {type: integer}}}", {"a": [1, "x"]}, r"a\[1\]' must be of type integer, got string"),
    ("{a: {type: array, minItems: 1}}", {"a": []}, "a length of at least 1"),
    ("{a: {type: array, maxItems: 1}}", {"a": [1, 2]}, "a length of at most 1"),
    ("{a: {type: string, minLength: 2}}", {"a": "x"}, "a length of at least 2"),
    ("{a: {type: string, maxLength: 2}}", {"a": "xyz"}, "a length of at most 2"),
    ("{a: {type: object, minProperties: 1}}", {"a": {}}, "a length of at least 1"),
    ("{a: {type: object, max: 1}}", {"a": {"x": 1, "y": 2}}, "a length of at most 1"),
    ("{a: {type: string, pattern: '^x+$'}}", {"a": "xxy"}, r"must match the pattern '\^x\+\$', got 'xxy'"),
    ("{a: {secret: true, pattern: '^x+$'}}", {"a": "xxy"}, "must match the pattern '\\^x\\+\\$'$"),
    ("{a: {properties: {b: {type: integer}}}}", {"a": {"b": "x"}}, r"'a.b' must be of type integer, got string"),
    ("{a: {properties: {b: {required: true}}}}", {"a": {}}, "'a' needs the field 'b'"),
    ("{a: {properties: {b: {}}, required: [b]}}", {"a": {"b": None}}, "'a.b' is required and cannot be null"),
    ("{a: {properties: {name: {}}, additionalProperties: false}}", {"a": {"nam": 1}}, "did you mean 'name'"),
    ("{a: {additionalProperties: {type: integer}}}", {"a": {"b": "x"}}, "'a.b' must be of type integer, got string"),
    ("{a: {secret: true, items: {enum: [1]}}}", {"a": ["xyz"]}, "must be one of 1$"),
    ("{a: {}}", {"a": {1}}, "a is a set"),
    ("{a: {}}", {"a": float("nan")}, "not a JSON number"),
    ("{a: {}}", {"a": 2**70}, "71 bits"),
]


@pytest.mark.parametrize(("parameters", "inputs", "message"), PROBLEMS)
def test_invalid_inputs_are_reported(parameters: str, inputs: dict[str, Any], message: str) -> None:
    """Each mismatch raises InvalidInput with the expected value."""
    with pytest.raises(InvalidInput, match=message):
        bound(parameters, **inputs)


def test_all_problems_are_reported_at_once() -> None:
    """One error names all problems, in the order of inputs and parameters."""
    with pytest.raises(InvalidInput) as caught:
        bound("{a: {type: string}, b: {required: true}}", a=1, c=2)
    assert len(caught.value.problems) == 3


def test_the_value_of_a_secret_is_never_shown() -> None:
    """An invalid secret is reported without its value."""
    for parameters in ("{a: {secret: true, enum: [x]}}", "{a: {secret: true, type: integer}}"):
        with pytest.raises(InvalidInput) as caught:
            bound(parameters, a="hunter2")
        assert "hunter2" not in str(caught.value)


def test_frozen_inputs_are_shared() -> None:
    """An input that is frozen already is bound as it is."""
    servers = freeze([1, 2])
    assert bound("{a: {type: array}}", a=servers)["a"] is servers


def test_the_spellings_of_a_bound_have_one_meaning() -> None:
    """Whichever is written for a type, the same bound is read."""
    for side in BOUNDS:
        for spelling, types in BOUNDS[side].items():
            for kind in types:
                text = f"tasks: {{t: {{action: core.noop}}}}\nparameters: {{a: {{type: {kind}, {spelling}: 3}}}}"
                parameter = reading(text).parameters["a"]
                assert (parameter.minimum if side == "min" else parameter.maximum) == 3, (spelling, kind)


def test_what_fits_an_object_is_taken() -> None:
    """Members that are named, others where they may be, and a pattern that is found anywhere."""
    schema = "{a: {type: object, properties: {b: {type: string, pattern: x}}, additionalProperties: {type: integer}}}"
    assert bound(schema, a={"b": "axb", "c": 1}) == {"a": {"b": "axb", "c": 1}}


def test_a_type_that_is_a_list_is_reported() -> None:
    """JSON Schema's way to allow null is not needed here, and the finding says what to write instead."""
    (finding,) = [
        each for each in findings_of("parameters: {a: {type: [string, 'null']}}\ntasks: {t: {action: core.noop}}")
        if each.severity == "error"
    ]  # fmt: skip
    assert (finding.code, finding.place.column) == ("bad_choice", 24)
    assert "null is valid" in finding.hint


def test_what_is_marked_as_secret_is_found_at_any_depth() -> None:
    """In members, in lists of objects; where it can be any member, all of the object is."""
    text = (
        "parameters: {a: {secret: true}, b: {properties: {c: {items: {properties: {d: {secret: true}}}}, e: {}}}, "
        "f: {additionalProperties: {secret: true}}, g: {}}\ntasks: {t: {action: core.noop}}"
    )
    assert secret_fields(reading(text).parameters) == {("a",), ("b", "c", "d"), ("f",)}
