"""`stretto runs output`: what is printed of an item's output, and what `--follow` adds."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli.runs import options, output
from stretto.actors.gateway import StreamEvent
from stretto.actors.operations import FollowOutput, ItemOutput, OutputAnswer

Report = dict[str, Any]


def report(stdout: str | None, **given: Any) -> Report:
    usual = {"task": "t", "visit": 1, "index": 0, "attempt": 1, "outcome": None, "stderr": "", "cut": 0}
    return {**usual, "stdout": stdout, "truncated": bool(given.get("cut")), **given}


class Answers:
    """A source that has this output, and these events."""

    attempt: int | None = None

    def __init__(self, *events: Report) -> None:
        self._events = events

    def ask(self, request: ItemOutput, _kind: type[Any]) -> OutputAnswer:
        assert request == ItemOutput("r", "t", 0)
        return OutputAnswer(self._events[0])

    def follow(self, request: FollowOutput) -> Iterator[StreamEvent]:
        assert request == FollowOutput("r", "t", 0, self.attempt)
        for number, data in enumerate(self._events):
            name = "output" if number == 0 else "ended" if "outcome" in data else "more"
            yield StreamEvent(name, data, None)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command with such a source."""

    def show(*events: Report, given: tuple[str, ...] = ("--follow",)) -> Result:
        monkeypatch.setattr(options, "_opened", lambda *_given: nullcontext(Answers(*events)))
        return CliRunner().invoke(cast("Any", output.output), ["r", "t", *given])

    return show


def more(stdout: str, stderr: str = "", *, left_out: bool = False) -> Report:
    return {"stdout": stdout, "stderr": stderr, "left_out": left_out}


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
    """Each stream to its own; a gap is reported."""
    result = shown(report("one\n"), more("two\n", "bad\n"), more("four\n", left_out=True), {"outcome": "succeeded"})
    assert (result.stdout, result.exit_code) == ("one\ntwo\nfour\n", 0)
    assert result.stderr == "bad\n\n(some output is left out: it came faster than it was read)\n"


def test_one_attempt_is_followed(shown: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is not the last."""
    monkeypatch.setattr(Answers, "attempt", 2)
    result = shown(report("two\n", attempt=2), {"outcome": "failed"}, given=("--follow", "--attempt", "2"))
    assert (result.stdout, result.exit_code) == ("two\n", 0)


def test_programs_get_a_line_for_each_change(shown: Callable[..., Result]) -> None:
    """With all that is known so far."""
    first = report("a", characters={"stdout": 1, "stderr": 0})
    result = shown(first, more("b"), {"outcome": "succeeded"}, given=("--follow", "--json"))
    assert list(map(json.loads, result.stdout.splitlines())) == [
        report("a"), report("ab"), report("ab", outcome="succeeded"),
    ]  # fmt: skip
