"""Files of results: one owner at a time, complete lines, truncated to the journal's size."""

import errno
import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from stretto.actors.files.results_writer import DiscardedResults, ResultsFiles, UnwritableResults, lines_of
from stretto.definitions.conductor import Failure, WriteResult
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import freeze

KEY = ("run", "task", 1)
OTHER = ("run", "other", 1)


@pytest.fixture
def files() -> Any:
    """Return files that are closed after the test."""
    opened = ResultsFiles()
    yield opened
    opened.close_all()


def written(*results: WriteResult, mask: Mask | None = None) -> list[Any]:
    """Return the parsed lines of items."""
    return [json.loads(line) for line in lines_of(results, mask or Mask()).splitlines()]


def test_a_line_has_the_outcome_of_an_item() -> None:
    """The line has the result, or the outcome and the error."""
    failure = Failure("failed", "no luck", details=freeze({"run": "child"}))  # type: ignore[arg-type]
    assert written(
        WriteResult("task", 1, 0, "succeeded", freeze({"a": [1]}), None),
        WriteResult("task", 1, 2, "timed_out", None, failure),
        WriteResult("task", 1, 1, "skipped", None, None),
    ) == [
        {"index": 0, "result": {"a": [1]}},
        {"index": 2, "outcome": "timed_out", "error": {"kind": "failed", "message": "no luck", "run": "child"}},
        {"index": 1, "outcome": "skipped", "result": None},
    ]


def test_no_line_has_a_secret() -> None:
    """Secrets are masked in results and errors."""
    lines = written(
        WriteResult("task", 1, 0, "succeeded", freeze(["the secret-word"]), None),
        WriteResult("task", 1, 1, "failed", None, Failure("failed", "secret-word is wrong")),
        mask=Mask(["secret-word"]),
    )
    assert [lines[0]["result"], lines[1]["error"]["message"]] == [["the ******"], "****** is wrong"]


def test_lines_are_appended_and_an_existing_file_is_replaced(files: ResultsFiles, tmp_path: Path) -> None:
    """Each append returns the file's size."""
    path = tmp_path / "results"
    path.write_text("from an earlier run\n")
    files.open(KEY, self_ := object(), str(path), 0, None)
    assert path.read_text() == ""
    assert [files.append(KEY, self_, line, durable=True) for line in (b"one\n", b"two\n")] == [4, 8]
    files.close(KEY, self_)
    assert path.read_text() == "one\ntwo\n"


def test_a_file_is_truncated_to_the_journals_size(files: ResultsFiles, tmp_path: Path) -> None:
    """The journal does not know the bytes after that."""
    path = tmp_path / "results"
    path.write_text("one\ntwo\nthr")
    files.open(KEY, self_ := object(), str(path), 8, None)
    files.append(KEY, self_, b"3\n", durable=False)
    assert path.read_text() == "one\ntwo\n3\n"


def test_a_file_that_has_lost_results(files: ResultsFiles, tmp_path: Path) -> None:
    """The error names both sizes, and the file stays unchanged."""
    path = tmp_path / "results"
    path.write_text("one\n")
    with pytest.raises(UnwritableResults, match="has lost results: it must have at least 8 bytes, got 4"):
        files.open(KEY, object(), str(path), 8, None)
    assert path.read_text() == "one\n"


def test_the_last_opener_owns_the_file(files: ResultsFiles, tmp_path: Path) -> None:
    """Writes of a crashed supervisor are refused once another one has opened the file."""
    path = tmp_path / "results"
    first, second = object(), object()
    files.open(KEY, first, str(path), 0, None)
    files.append(KEY, first, b"one\n", durable=False)
    files.open(KEY, second, str(path), 4, None)
    with pytest.raises(UnwritableResults, match="is no longer open"):
        files.append(KEY, first, b"late\n", durable=False)
    files.close(KEY, first)
    files.append(KEY, second, b"two\n", durable=False)
    assert path.read_text() == "one\ntwo\n"


def test_two_tasks_cannot_write_one_file(files: ResultsFiles, tmp_path: Path) -> None:
    """The later one is refused until the first has closed the file."""
    path = str(tmp_path / "results")
    files.open(KEY, self_ := object(), path, 0, None)
    with pytest.raises(UnwritableResults, match="another task is writing "):
        files.open(OTHER, self_, path, 0, None)
    files.close(KEY, self_)
    files.open(OTHER, self_, path, 0, None)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks(files: ResultsFiles, tmp_path: Path, number: int) -> None:
    """The file is written without a lock. Any other error of the lock is reported."""
    path = str(tmp_path / "results")
    with mock.patch("fcntl.flock", side_effect=OSError(number, "no")):
        if number == errno.EIO:
            with pytest.raises(UnwritableResults, match="cannot be written: no"):
                files.open(KEY, object(), path, 0, None)
        else:
            files.open(KEY, object(), path, 0, None)


def test_files_that_cannot_be_results(files: ResultsFiles, tmp_path: Path) -> None:
    """A pipe, a folder, a file in a missing folder, and the file of the items are refused."""
    os.mkfifo(tmp_path / "pipe")
    source = tmp_path / "source"
    source.write_text("one\n")
    os.link(source, tmp_path / "link")
    for path, problem in (
        ("pipe", "is not a regular file"),
        ("", "cannot be written: Is a directory"),
        ("none/results", "cannot be written: No such file or directory"),
        ("link", "is also the file of the items"),
    ):
        with pytest.raises(UnwritableResults) as raised:
            files.open(KEY, object(), str(tmp_path / path), 0, str(source))
        assert str(raised.value) == f"{tmp_path / path} {problem}"
    assert source.read_text() == "one\n"


def test_a_full_disk_leaves_complete_lines(files: ResultsFiles, tmp_path: Path) -> None:
    """The written part of the failed lines is removed."""
    path = tmp_path / "results"
    files.open(KEY, self_ := object(), str(path), 0, None)
    files.append(KEY, self_, b"one\n", durable=False)
    write = os.write

    def partly(descriptor: int, data: Any) -> int:
        if len(data) > 3:
            return write(descriptor, data[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        mock.patch("os.write", side_effect=partly),
        pytest.raises(UnwritableResults, match="cannot be written: No space left on device"),
    ):
        files.append(KEY, self_, b"second\n", durable=False)
    assert path.read_text() == "one\n"


def test_discarded_results_are_counted(tmp_path: Path) -> None:
    """The sizes are those of a real file."""
    files = DiscardedResults()
    files.open(KEY, files, str(tmp_path / "results"), 3, None)
    assert files.append(KEY, files, b"one\n", durable=False) == 7
    files.close(KEY, files)
    files.close_all()
    assert list(tmp_path.iterdir()) == []
