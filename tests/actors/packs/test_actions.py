"""Warnings of one kind are one finding with a count."""

from stretto.actors.packs.actions import gathered
from stretto.definitions.errors import Finding, Place


def warning(code: str, message: str, line: int = 1) -> Finding:
    return Finding(code, message, Place("pack.yaml", line, 1), severity="warning")


def test_warnings_that_differ_in_quoted_names_are_one_with_a_count() -> None:
    found = [
        warning("secret_in_argv", f"'{name}' is secret, and all users see it", line) for line, name in enumerate("abc")
    ]
    (one,) = gathered(found)
    assert (one.message, one.place.line) == ("'a' is secret, and all users see it, and 2 more like it", 0)


def test_fields_that_are_not_acted_on_are_one_finding_each() -> None:
    """Also where they stand in many parameters."""
    found = [
        warning("not_acted_on", "'notify' is not acted on"),
        warning("not_acted_on", "'notify' is not acted on"),
        warning("not_acted_on", "'content_version' is not acted on"),
        *(warning("not_acted_on", f"'format' of the parameter '{name}' is not acted on") for name in "abc"),
    ]
    assert [each.message for each in gathered(found)] == [
        "'notify' is not acted on, and 1 more like it",
        "'content_version' is not acted on",
        "'format' of the parameter 'a' is not acted on, and 2 more like it",
    ]


def test_warnings_of_different_codes_stay_apart() -> None:
    found = [warning("not_loaded", "x"), warning("secret_in_env", "x")]
    assert gathered(found) == found
