"""The input of a failed attempt in a record: masked, bounded, and at a cost that does not grow with the input."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import freeze, thaw
from stretto.definitions.conductor.inputs import LEVELS_AROUND_AN_INPUT, MAX_INPUT_BYTES, masked_input
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import MAX_DEPTH, Data, weigh

TOKEN = "-".join(("s3cr3t", "value"))
NO_SECRETS = Mask()
TEXTS = st.text(max_size=5) | st.builds(
    lambda text, times: text * times,
    st.sampled_from(["a", '"', "\x01", "\U0001f600", f" {TOKEN} "]),
    st.integers(0, 3000),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS,
    lambda of: st.lists(of, max_size=8) | st.dictionaries(TEXTS, of, max_size=8),
    max_leaves=12,
).map(freeze)


def json_of(data: Data) -> str:
    return msgspec.json.encode(data).decode()


def large(member: Any) -> Data:
    """Return data of 5 MB that begins with a member."""
    return freeze({"first": member, "rest": [{"number": number, "text": "y" * 1000} for number in range(5000)]})


@pytest.mark.parametrize("value", [None, 7, "text", {"x": [1, {"y": None}]}, {"x": "y" * 4000}, [1] * 2000])
def test_an_input_that_fits_is_unchanged(value: Any) -> None:
    """With its types; so much as has 4 KiB as JSON, whatever it weighs."""
    assert thaw(masked_input(freeze(value), NO_SECRETS)) == value


def test_of_what_is_large_the_beginning_of_its_json_is_shown_and_its_size() -> None:
    """The count is that of the data's weight, which is known without writing it down."""
    data = large("x")
    shown = masked_input(data, NO_SECRETS)
    assert isinstance(shown, str)
    text, _, rest = shown.rpartition("... ")
    assert rest == f"(about {weigh(data):,} bytes)"
    assert json_of(data).startswith(text)
    assert len(text) > MAX_INPUT_BYTES * 3 // 4


def test_only_as_much_is_looked_at_as_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand items that fail over the same five megabytes cost a thousand times some kilobytes."""
    encoded: list[int] = []

    def encode(data: Any) -> bytes:
        json = msgspec.json.Encoder().encode(data)
        encoded.append(len(json))
        return json

    data = large("x")
    text = freeze({"text": "y" * 5_000_000})
    monkeypatch.setattr("msgspec.json.encode", encode)
    masked_input(data, NO_SECRETS)
    masked_input(text, NO_SECRETS)
    assert sum(encoded) < 16 * MAX_INPUT_BYTES


def test_what_is_too_deep_for_a_record_is_shown_as_a_text() -> None:
    """The record is data itself, and its containers count."""
    deep: Any = 1
    for _ in range(MAX_DEPTH - LEVELS_AROUND_AN_INPUT):
        deep = [deep]
    assert thaw(masked_input(freeze(deep), NO_SECRETS)) == deep
    shown = masked_input(freeze([deep]), NO_SECRETS)
    assert isinstance(shown, str)
    assert shown.startswith("[" * (MAX_DEPTH - LEVELS_AROUND_AN_INPUT + 1) + "1]")


@pytest.mark.parametrize("before", [0, 1, 4060, 4085, 4090, 4096, 8180, 8185, 8192])
def test_no_part_of_a_secret_is_left_where_it_is_cut(before: int) -> None:
    """Whether the input is cut within it, or only its text before it is looked for."""
    shown = masked_input(freeze({"text": "y" * before + TOKEN + "y" * 9000}), Mask([TOKEN]))
    assert "s3cr" not in str(shown)


def test_a_secret_as_long_as_an_input_shows_nothing_of_itself() -> None:
    """A bundle of keys, for one."""
    bundle = "".join(f"line {number}\n" for number in range(3000))
    shown = masked_input(freeze({"bundle": bundle}), Mask([bundle]))
    assert shown == f'{{"bundle":"... (about {len(bundle) + 12:,} bytes)'


@given(VALUES)
def test_a_masked_input_is_short_and_without_secrets_and_unchanged_by_another_masking(data: Data) -> None:
    """The item masks it for the journal, and the record masks it again, also in a replay."""
    mask = Mask([TOKEN])
    shown = masked_input(data, mask)
    assert len(json_of(shown).encode()) <= MAX_INPUT_BYTES
    assert TOKEN not in json_of(shown)
    assert masked_input(shown, mask) == shown
    masked = mask.data(data)
    if shown != masked:
        assert isinstance(shown, str)
        assert len(json_of(masked).encode()) > MAX_INPUT_BYTES or weigh(data) > 2 * MAX_INPUT_BYTES
