"""Who may answer an inquiry, and which answers it takes."""

import pytest

from stretto.actors.journal import Question, Requester
from stretto.actors.runs.inquiries import (
    MAX_ANSWER_BYTES,
    MAX_SHOWN_PROBLEMS,
    InvalidAnswer,
    MayNotAnswer,
    check_may_answer,
    checked_answer,
)
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.model import read_answer_schema


def person(name: str, role: str | None = "operator", for_user: str | None = None) -> Requester:
    return Requester(who=name, via="api", source="local", role=role, for_user=for_user)


@pytest.mark.parametrize(
    ("question", "by", "may"),
    [
        (Question(), None, True),
        (Question(), person("x", None), True),
        (Question(), person("x", "viewer"), False),
        (Question(), person("x", "hook"), False),
        (Question(), person("x"), True),
        (Question(users=("mira",)), person("noor", "admin"), False),
        (Question(users=("mira",)), person("mira", "viewer"), True),
        (Question(users=("mira",)), person("proxy", "viewer", "mira"), True),
        (Question(roles=("admin",)), person("x"), False),
        (Question(roles=("operator",)), person("x", "admin"), True),
        (Question(roles=("owners",)), person("x", "admin"), False),
        (Question(not_requester=True), person("asker", "admin"), False),
        (Question(not_requester=True, users=("asker",)), person("asker"), False),
        (Question(not_requester=True), person("other"), True),
    ],
)
def test_who_may_answer(question: Question, by: Requester | None, may: bool) -> None:
    """Those who are named, or operators if none is; and a program in its own process."""
    if may:
        check_may_answer(question, "asker", by)
    else:
        with pytest.raises(MayNotAnswer):
            check_may_answer(question, "asker", by)


def test_an_answer_is_bounded() -> None:
    """In its size, and in the problems that are reported."""
    anything = read_answer_schema({})
    assert checked_answer(anything, {"a": [1]}) == {"a": [1]}
    with pytest.raises(LimitExceeded, match=r"at most 65,536 bytes \(MAX_ANSWER_BYTES\), got 65,539"):
        checked_answer(anything, "x" * (MAX_ANSWER_BYTES + 1))
    numbers = read_answer_schema({"type": "array", "items": {"type": "integer"}})
    with pytest.raises(InvalidAnswer, match="10 more problems") as refused:
        checked_answer(numbers, ["x"] * (MAX_SHOWN_PROBLEMS + 10))
    assert len(refused.value.problems) == MAX_SHOWN_PROBLEMS + 1
