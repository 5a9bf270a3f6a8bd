"""Text files from some byte on: only regular ones, and only as they were."""

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
    """A pipe or a device is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert problem_of(tmp_path / "pipe") == f"{tmp_path}/pipe is no regular file"
    assert problem_of("/dev/zero") == "/dev/zero is no regular file"
    assert "is no regular file" in problem_of(tmp_path) or "directory" in problem_of(tmp_path)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """The system says why."""
    assert problem_of(tmp_path / "none") == f"{tmp_path}/none cannot be read: No such file or directory"


def test_a_file_that_was_changed_while_it_was_read(tmp_path: Path) -> None:
    """Where reading was to go on, there is no line's begin any more, or nothing."""
    path = tmp_path / "file"
    path.write_text("one\ntwo\n")
    assert list(read_items("lines", str(path), 4, 1).items) == ["two"]
    assert problem_of(path, 5) == f"{path} was changed while it was read: no line ends at byte 5"
    assert problem_of(path, 9) == f"{path} was cut: 9 bytes were read, and it has 8"


def test_the_length_of_a_line_is_bounded(tmp_path: Path) -> None:
    """So is that of a row with line ends in it; many lines may be longer together."""
    path = tmp_path / "file"
    with mock.patch.object(text_lines, "MAX_LINE_BYTES", 10):
        path.write_text("1234567890\n" * 3)
        assert len(read_items("lines", str(path)).items) == 3
        path.write_text("1234567890\n12345678901\n")
        assert problem_of(path) == f"{path}, line 2: a line, or row, is longer than 10 bytes"
        path.write_text('a,b\n1,2\n"\n\n\n\n\n\n\n\n\n\n\n",3\n')
        with pytest.raises(UnreadableSource, match="is longer than 10 bytes"):
            read_items("csv", str(path))
