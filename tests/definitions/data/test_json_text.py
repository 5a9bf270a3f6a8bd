"""Encoding of data as JSON, and what happens without memory for it."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions.data import encode_json, freeze, json_size, json_text
from tests.support.waiting import PATIENCE

STARVED = """
import resource
from stretto.definitions.data import encode_json
text = "x" * 200_000_000
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 50_000_000,) * 2)
try:
    encode_json([text])
except MemoryError:
    print("out of memory")
"""


def test_data_is_encoded() -> None:
    """The text is compact, and in UTF-8."""
    assert encode_json(freeze({"a": [1, None, "ä"]})) == '{"a":[1,null,"ä"]}'.encode()


def test_a_lone_surrogate_is_refused() -> None:
    """It has no UTF-8."""
    with pytest.raises(UnicodeEncodeError):
        encode_json("\ud800")


def test_a_lack_of_memory_is_an_exception() -> None:
    """The process continues: `msgspec.json.encode` would end it."""
    done = subprocess.run(
        [sys.executable, "-c", STARVED], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (0, "out of memory\n"), done.stderr


LARGE = "ä" * json_text.PART_BYTES


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text() | st.just(LARGE)


@given(st.recursive(SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_size_of_data_is_that_of_its_text(value: Any) -> None:
    """Whether it is frozen or not, and wherever large parts stand."""
    forms: list[Any] = [value, freeze(value), {"result": freeze(value), "errors": []}]
    for each in forms:
        assert json_size(each) == len(encode_json(each))


def test_the_size_of_a_large_part_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand items may have it. The whole text is not made."""
    encoded: list[int] = []

    def counting(value: Any) -> bytes:
        text = encode_json(value)
        encoded.append(len(text))
        return text

    part = freeze({"payload": LARGE, "id": 1})
    value = freeze({"result": [part] * 1000, "outcome": "succeeded"})
    whole = len(encode_json(value))
    monkeypatch.setattr(json_text, "encode_json", counting)
    assert json_size(value) == whole
    assert sum(encoded) < 2 * len(LARGE.encode())
