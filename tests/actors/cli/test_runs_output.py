"""`stretto runs output`: what is printed of an item's output, and what `--follow` adds."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.cli.runs import options, output
from stretto.actors.gateway import RequestRefused
from stretto.actors.operations import ItemOutput, OutputAnswer, Refused

Report = dict[str, Any]


def report(stdout: str | None, **given: Any) -> Report:
    usual = {"task": "t", "visit": 1, "index": 0, "attempt": 1, "outcome": None, "stderr": "", "cut": 0}
    return {**usual, "stdout": stdout, "truncated": bool(given.get("cut")), **given}


class Answers:
    """A source that has these answers, in their order."""

    def __init__(self, *answers: Report | RequestRefused) -> None:
        self._answers = list(answers)

    def ask(self, request: ItemOutput, _kind: type[Any]) -> OutputAnswer:
        assert request == ItemOutput("r", "t", 0)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return OutputAnswer(answer)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command with such a source."""

    def show(*answers: Report | RequestRefused, given: tuple[str, ...] = ("--follow",)) -> Result:
        monkeypatch.setattr(output, "FOLLOW_SECONDS", 0.0)
        source = Answers(*answers)

        class Opened:
            def __enter__(self) -> Answers:
                return source

            def __exit__(self, *_error: object) -> None:
                assert not source._answers

        monkeypatch.setattr(options, "_opened", lambda *_given: Opened())
        return CliRunner().invoke(cast("Any", output.output), ["r", "t", *given])

    return show


REFUSED = RequestRefused(Refused("item_not_in_flight", "the item has just ended"))


def test_a_text_is_shown_with_what_is_not_kept(shown: Callable[..., Result]) -> None:
    """On standard error, apart from the text."""
    result = shown(report("end\n", cut=70_000, outcome="succeeded"), given=())
    assert (result.stdout, result.stderr) == ("end\n", "... 70,000 bytes before this are not kept\n")
    result = shown(report("", cut=70_000, outcome="succeeded"), given=())
    assert result.stdout == ""
    assert result.stderr == (
        "... 70,000 bytes before this are not kept: the outputs of its run have more than engine.max_output_bytes\n"
    )


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(None, "it has not written any so far, or is not captured"), ("succeeded", "none is kept")],
)
def test_the_reason_for_no_output_is_shown(shown: Callable[..., Result], outcome: str | None, reason: str) -> None:
    """An attempt in flight may still write some."""
    result = shown(report(None, stderr=None, outcome=outcome), given=())
    assert (result.stdout, result.stderr) == ("", f"no output: {reason}\n")


def test_the_streams_of_a_process_are_kept_apart(shown: Callable[..., Result]) -> None:
    """With a note where the beginning is missing."""
    result = shown(report("out\n", stderr="err\n", truncated=True, outcome="failed"), given=())
    assert (result.stdout, result.stderr) == ("out\n", "(the beginning is cut off)\nerr\n")


def test_further_text_is_followed_to_the_end_of_the_attempt(shown: Callable[..., Result]) -> None:
    """Each part once, also when the beginning is lost meanwhile and as the attempt ends."""
    result = shown(
        report("one\n"), report("one\ntwo\n"), REFUSED, report("wo\nthree\n", cut=5),
        report("ree\n", cut=9, stderr="", outcome="succeeded"),
    )  # fmt: skip
    assert (result.stdout, result.exit_code) == ("one\ntwo\nthree\n", 0)


def test_text_that_came_too_fast_is_reported(shown: Callable[..., Result]) -> None:
    """The rest follows."""
    result = shown(report("abc"), report("xyz", cut=50, outcome="succeeded"))
    assert (result.stdout, "some output is left out" in result.stderr) == ("abcxyz", True)


def test_following_ends_with_its_attempt(shown: Callable[..., Result]) -> None:
    """The next one is another output."""
    result = shown(report("abc"), report("x", attempt=2))
    assert (result.stdout, result.stderr) == ("abc", "(attempt 1 has ended, and the next one has begun)\n")


def test_an_end_that_leaves_nothing_is_an_error(shown: Callable[..., Result]) -> None:
    """Once the answer has had the time to change."""
    result = shown(report(None, stderr=None), REFUSED, REFUSED)
    assert (result.exit_code, "the item has just ended" in result.stderr) == (2, True)


def test_programs_get_a_line_for_each_change(shown: Callable[..., Result]) -> None:
    """And none for an answer that says the same."""
    last = report("ab", outcome="succeeded")
    result = shown(report("a"), report("a"), last, given=("--follow", "--json"))
    assert list(map(json.loads, result.stdout.splitlines())) == [report("a"), last]


@given(st.text("ab\0", max_size=12), st.text("ab\0", max_size=12), st.integers(0, 12))
def test_further_text_continues_the_earlier_one(earlier: str, more: str, cut: int) -> None:
    """However much of the beginning is gone, nothing is shown twice, and nothing is left out silently."""
    whole = earlier + more
    further = output.further_text(earlier, whole[cut:])
    if further is None:
        assert whole[cut:]
    else:
        assert whole[cut:].endswith(further)
        if cut == 0:
            assert further == more
