"""Refusals of values, as a client reads them."""

import msgspec
import pytest

from stretto.actors.operations.refusals import in_words

QUERY = {"limit": "x", "wait": "61"}
MEMBERS = {"lasts": msgspec.Raw(b"-1"), "token": msgspec.Raw(b'"s3cr3t"'), "count": msgspec.Raw(b"12")}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Object missing required field `workflow`", "`workflow` is required"),
        ("Object missing required field `text` - at `$.workflow`", "`workflow.text` is required"),
        ("Expected `int`, got `str` - at `$.limit`", "`limit` must be an integer, got 'x'"),
        ("Expected `float` <= 60.0 - at `$.wait`", "`wait` must be a number of at most 60, got '61'"),
        ("Expected `float` > 0.0 - at `$.lasts`", "`lasts` must be a number above 0, got -1"),
        ("Expected `float | null`, got `bool` - at `$.after`", "`after` must be a number or null, got true or false"),
        ("Expected `str`, got `int` - at `$.count`", "`count` must be a text, got 12"),
        ("Expected `int`, got `str` - at `$.token`", "`token` must be an integer, got a text"),
        ("Expected `str` of length <= 1000 - at `$.note`", "`note` must be a text of at most 1000 characters"),
        ("Expected `array` of length >= 2 - at `$.items[0]`", "`items[0]` must be a list of at least 2 elements"),
        ("Expected `object`, got `array` - at `$[...]`", "`[...]` must be an object, got a list"),
        ("Expected `object`, got `array`", "it must be an object, got a list"),
        ("a task needs the scope failed_items", "a task needs the scope failed_items"),
    ],
)
def test_a_value_is_refused_with_its_field_and_what_was_found(message: str, words: str) -> None:
    """A text of a body is not repeated: it may be a secret."""
    assert in_words(message, QUERY, MEMBERS) == words


def test_the_words_are_those_that_msgspec_has_now() -> None:
    """A later version may say it in others, which are then shown as they are."""

    class Asked(msgspec.Struct):
        limit: int

    for body, words in ((b"{}", "`limit` is required"), (b'{"limit": []}', "`limit` must be an integer, got a list")):
        with pytest.raises(msgspec.ValidationError) as refused:
            msgspec.json.decode(body, type=Asked)
        assert in_words(str(refused.value), {}, {}) == words
