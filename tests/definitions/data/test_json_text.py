"""Encoding of data as JSON, and what happens without memory for it."""

import subprocess
import sys

import pytest

from stretto.definitions.data import encode_json, freeze
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
