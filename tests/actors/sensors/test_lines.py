"""Lines of a bounded length."""

import pytest

from stretto.actors.sensors.lines import LineCutter


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_come_whole_however_they_arrive(size: int) -> None:
    data = b"one\n\ntwo three\nlast"
    cutter = LineCutter(20)
    lines = [line for at in range(0, len(data), size) for line in cutter.feed(data[at : at + size])]
    assert [*lines, *cutter.end()] == [b"one", b"", b"two three", b"last"]
    assert list(cutter.end()) == []


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_line_that_is_too_long_is_one_notice(size: int) -> None:
    data = b"good\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\n" + b"z" * 500
    cutter = LineCutter(10)
    lines = [line for at in range(0, len(data), size) for line in cutter.feed(data[at : at + size])]
    assert [*lines, *cutter.end()] == [b"good", None, b"y" * 10, None]
