"""Text files from a given byte: only regular files that did not change."""

import os
from pathlib import Path
from unittest import mock

import pytest

from stretto.actors.files import UnreadableSource, read_items, text_lines


def problem_of(path: Path | str, start: int = 0) -> str:
    """Return why a file's lines cannot be read."""
    with pytest.raises(UnreadableSource) as raised:
        read_items("lines", str(path), start)
    assert raised.value.code == "unreadable_source"
    return str(raised.value)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    """Reading never waits for a pipe or a device."""
    os.mkfifo(tmp_path / "pipe")
    assert problem_of(tmp_path / "pipe") == f"{tmp_path}/pipe is not a regular file"
    assert problem_of("/dev/zero") == "/dev/zero is not a regular file"
    assert "is not a regular file" in problem_of(tmp_path) or "directory" in problem_of(tmp_path)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """The message has the system's reason."""
    assert problem_of(tmp_path / "none") == f"{tmp_path}/none cannot be read: No such file or directory"


def test_a_file_that_was_changed_while_it_was_read(tmp_path: Path) -> None:
    """At the byte to continue from, no line begins any longer, or the file has ended."""
    path = tmp_path / "file"
    path.write_text("one\ntwo\n")
    assert list(read_items("lines", str(path), 4, 1).items) == ["two"]
    assert problem_of(path, 5) == f"{path} was changed while it was read: no line ends before byte 5"
    assert problem_of(path, 9) == f"{path} was truncated: it must have at least 9 bytes, got 8"


def test_the_length_of_a_line_is_bounded(tmp_path: Path) -> None:
    """A row with line ends in it is bounded as well. The file as a whole is not."""
    path = tmp_path / "file"
    with mock.patch.object(text_lines, "MAX_LINE_BYTES", 10):
        path.write_text("1234567890\n" * 3)
        assert len(read_items("lines", str(path)).items) == 3
        path.write_text("1234567890\n12345678901\n")
        assert problem_of(path) == f"{path}, line 2: a line or row must have at most 10 bytes"
        path.write_text('a,b\n1,2\n"\n\n\n\n\n\n\n\n\n\n\n",3\n')
        with pytest.raises(UnreadableSource, match="must have at most 10 bytes"):
            read_items("csv", str(path))
