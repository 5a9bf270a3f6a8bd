"""The part of a run that an address asks for."""

import pytest

from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.asked import Asked, asked_of


def test_an_address_has_what_it_asks_for() -> None:
    """And nothing that is as it is without it."""
    asked = asked_of("r1", [("task", "a & b"), ("item", "7"), ("state", "failed"), ("first", "0")])
    assert asked == Asked("r1", task="a & b", item=7, state="failed")
    assert asked.url() == "/runs/r1?task=a+%26+b&item=7&state=failed"
    assert asked.url(item=None, state="") == "/runs/r1?task=a+%26+b"
    assert Asked("r1").url() == "/runs/r1"
    assert Asked("r1").url(item=0) == "/runs/r1?item=0"
    assert Asked("r1").url_of_definition(3) == "/runs/r1/definition#L3"


def test_another_filter_begins_at_the_first_item() -> None:
    """The next page of the table keeps the filter."""
    asked = Asked("r1", task="a", first=100, view="table")
    assert asked.url(state="failed") == "/runs/r1?task=a&state=failed&view=table"
    assert asked.url(first=200) == "/runs/r1?task=a&first=200&view=table"


@pytest.mark.parametrize(
    ("name", "value"),
    [("tusk", "a"), ("item", "-1"), ("item", ""), ("item", "9" * 30), ("item", "٣"), ("first", "x"), ("state", "late"),
     ("view", "list"), ("errors", "some"), ("run", "r2")],
)  # fmt: skip
def test_an_address_with_something_else_is_refused(name: str, value: str) -> None:
    """With the nearest name, or what is allowed."""
    with pytest.raises(Problem) as refused:
        asked_of("r1", [(name, value)])
    assert refused.value.code == "bad_request"
