"""A misspelled choice is refused with all of them, and the nearest one."""

import re

import msgspec
import pytest

from stretto.actors.operations import ROUTES, BadRequest, request_of
from stretto.actors.operations.choices import check_choices
from stretto.actors.operations.requests import RunCounts, Runs


def refusal(method: str, path: str, query: tuple[str, str] | None = None, body: bytes = b"") -> str:
    route = next(each for each in ROUTES if (each.method, each.path) == (method, path))
    fields = dict.fromkeys(re.findall(r"{(\w+)}", path), "x")
    with pytest.raises(BadRequest) as refused:
        request_of(route, fields, () if query is None else (query,), body)
    return str(refused.value)


@pytest.mark.parametrize(
    ("path", "name", "value", "expected"),
    [
        ("/runs", "children", "fold", "`children` must be one of folded, listed, got 'fold'; did you mean 'folded'?"),
        ("/runs/counts", "by", "week", "`by` must be one of hour, workflow, got 'week'"),
        ("/runs/{run}/items", "order", "end", "`order` must be one of ended, index, got 'end'; did you mean 'ended'?"),
        ("/keys", "scope", "packs", "`scope` must be one of pack, system, user, got 'packs'; did you mean 'pack'?"),
    ],
)
def test_a_choice_of_a_query(path: str, name: str, value: str, expected: str) -> None:
    """In the lists, whichever they are."""
    assert refusal("GET", path, (name, value)) == expected


def test_a_choice_of_a_body() -> None:
    """A long text is cut. Another type is refused as such."""
    assert "did you mean 'failed_tasks'?" in refusal("POST", "/runs/{run}/rerun", body=b'{"scope":"failed_task"}')
    assert len(refusal("POST", "/runs/{run}/rerun", body=b'{"scope":"' + b"x" * 5000 + b'"}')) < 250
    assert "`scope` must be a text" in refusal("POST", "/runs/{run}/rerun", body=b'{"scope":7}')


def test_other_fields_take_any_text() -> None:
    """A status is checked where the list is read: it may be several."""
    check_choices({"status": msgspec.Raw(b'"wrong"'), "workflow": msgspec.Raw(b'"x"')}, Runs)
    check_choices(
        {"since": msgspec.Raw(b"1.0"), "by": msgspec.Raw(b'"hour"'), "children": msgspec.Raw(b"7")}, RunCounts
    )
