"""The printed texts of a run without a store."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal import KeptOutput, OutputsInMemory

MOST = 100


def output(index: int, size: int, outcome: str = "succeeded", attempt: int = 1) -> KeptOutput:
    return KeptOutput("t", 1, index, attempt, outcome, "x" * size, size, 0)


def test_the_last_attempt_that_printed_is_found() -> None:
    """It takes the place of the earlier ones, and their room."""
    outputs = OutputsInMemory(MOST)
    outputs.add(output(0, 60, "failed"))
    outputs.add(output(0, 70, attempt=2))
    assert outputs.find("t", 0) == output(0, 70, attempt=2)
    assert (outputs.size, outputs.find("t", 1), outputs.find("u", 0)) == (70, None, None)


def test_failed_attempts_have_the_room_of_succeeded_ones() -> None:
    """The oldest make room first; what is not kept leaves its size."""
    outputs = OutputsInMemory(MOST)
    for index in range(3):
        outputs.add(output(index, 30))
    outputs.add(output(3, 40, "failed"))
    assert outputs.find("t", 0) == KeptOutput("t", 1, 0, 1, "succeeded", "", 0, 30)
    assert outputs.find("t", 1) == output(1, 30)
    outputs.add(output(4, 20))
    assert outputs.find("t", 4) == KeptOutput("t", 1, 4, 1, "succeeded", "", 0, 20)
    assert outputs.size == MOST


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 60), st.sampled_from(["succeeded", "failed", "timed_out"])),
        max_size=40,
    )
)
def test_the_bound_holds_whatever_is_printed(added: list[tuple[int, int, str]]) -> None:
    """And a failed attempt is dropped only when failed ones alone fill the room."""
    outputs = OutputsInMemory(MOST)
    for index, size, outcome in added:
        outputs.add(output(index, size, outcome))
        found = [each for each in (outputs.find("t", number) for number in range(10)) if each is not None]
        assert outputs.size == sum(each.size for each in found) <= MOST
        last = outputs.find("t", index)
        assert last is not None
        if outcome != "succeeded" and last.cut:
            failed = sum(each.size for each in found if each.outcome != "succeeded")
            assert failed + size > MOST
