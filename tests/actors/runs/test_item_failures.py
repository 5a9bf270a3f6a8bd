"""The failures of items whose input or result cannot be used."""

from stretto.actors.runs.item_failures import too_large_message


def test_a_result_that_is_too_large_names_the_setting() -> None:
    """And another way."""
    assert too_large_message(2000, 1000) == (
        "the action's result must have at most 1,000 bytes as JSON (engine.max_result_bytes), got about 2,000; "
        "write it to a file, and return the path"
    )
