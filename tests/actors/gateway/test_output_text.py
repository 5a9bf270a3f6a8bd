"""The further text of an output: continued from the newest part that was shown."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.gateway.output_text import ANCHOR, further_text


@given(st.text("ab\0", max_size=12), st.text("ab\0", max_size=12), st.integers(0, 12))
def test_further_text_continues_the_earlier_one(earlier: str, more: str, cut: int) -> None:
    """However much of the beginning is gone, nothing is shown twice, and nothing is left out silently."""
    whole = earlier + more
    further = further_text(earlier, whole[cut:])
    if further is None:
        assert whole[cut:]
    else:
        assert whole[cut:].endswith(further)
        if cut == 0:
            assert further == more


@given(st.integers(1, 3 * ANCHOR), st.integers(1, 3 * ANCHOR), st.integers(0, 4 * ANCHOR))
def test_further_text_is_found_in_long_texts(earlier: int, more: int, cut: int) -> None:
    """By their beginning, whether the overlap is longer than that or shorter."""
    whole = "".join(chr(0x4E00 + number) for number in range(earlier + more))
    found = further_text(whole[:earlier], whole[cut:])
    assert found == (whole[earlier:] if cut < earlier else None if cut < len(whole) else "")


def test_a_text_that_repeats_itself_is_compared_at_a_few_places() -> None:
    """Each place takes a copy of a megabyte, and all of them took a minute: the text is then sent anew."""
    same = "a" * 500_000
    assert further_text(f"{same}c{same}", f"{same}{same}b") is None
    assert further_text(f"{same}c", f"{same}cd") == "d"
