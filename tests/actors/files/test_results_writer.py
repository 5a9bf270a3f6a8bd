"""Files of results: one owner at a time, whole lines, cut where the journal says."""

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


def told(*results: WriteResult, mask: Mask | None = None) -> list[Any]:
    """Return what is written of items, read again."""
    return [json.loads(line) for line in lines_of(results, mask or Mask()).splitlines()]


def test_a_line_tells_what_came_of_an_item() -> None:
    """Its result, or how it ended and why."""
    failure = Failure("failed", "no luck", details=freeze({"run": "child"}))  # type: ignore[arg-type]
    assert told(
        WriteResult("task", 1, 0, "succeeded", freeze({"a": [1]}), None),
        WriteResult("task", 1, 2, "timed_out", None, failure),
        WriteResult("task", 1, 1, "skipped", None, None),
    ) == [
        {"index": 0, "result": {"a": [1]}},
        {"index": 2, "outcome": "timed_out", "error": {"kind": "failed", "message": "no luck", "run": "child"}},
        {"index": 1, "outcome": "skipped", "result": None},
    ]


def test_no_line_has_a_secret() -> None:
    """Neither in a result nor in an error."""
    lines = told(
        WriteResult("task", 1, 0, "succeeded", freeze(["the secret-word"]), None),
        WriteResult("task", 1, 1, "failed", None, Failure("failed", "secret-word is wrong")),
        mask=Mask(["secret-word"]),
    )
    assert [lines[0]["result"], lines[1]["error"]["message"]] == [["the ******"], "****** is wrong"]


def test_lines_are_appended_and_a_file_that_is_there_is_replaced(files: ResultsFiles, tmp_path: Path) -> None:
    """Its size is told each time."""
    path = tmp_path / "results"
    path.write_text("from an earlier run\n")
    files.open(KEY, self_ := object(), str(path), 0, None)
    assert path.read_text() == ""
    assert [files.append(KEY, self_, line, durable=True) for line in (b"one\n", b"two\n")] == [4, 8]
    files.close(KEY, self_)
    assert path.read_text() == "one\ntwo\n"


def test_a_file_is_cut_where_it_is_to_go_on(files: ResultsFiles, tmp_path: Path) -> None:
    """What came behind that is not known to anybody."""
    path = tmp_path / "results"
    path.write_text("one\ntwo\nthr")
    files.open(KEY, self_ := object(), str(path), 8, None)
    files.append(KEY, self_, b"3\n", durable=False)
    assert path.read_text() == "one\ntwo\n3\n"


def test_a_file_that_has_lost_results(files: ResultsFiles, tmp_path: Path) -> None:
    """It is told, and left as it is."""
    path = tmp_path / "results"
    path.write_text("one\n")
    with pytest.raises(UnwritableResults, match="has lost results: 8 bytes were written, and it has 4"):
        files.open(KEY, object(), str(path), 8, None)
    assert path.read_text() == "one\n"


def test_whoever_opens_it_again_owns_it(files: ResultsFiles, tmp_path: Path) -> None:
    """A supervisor that has crashed may still be writing: what it writes from then on is refused."""
    path = tmp_path / "results"
    first, second = object(), object()
    files.open(KEY, first, str(path), 0, None)
    files.append(KEY, first, b"one\n", durable=False)
    files.open(KEY, second, str(path), 4, None)
    with pytest.raises(UnwritableResults, match="not open any more"):
        files.append(KEY, first, b"late\n", durable=False)
    files.close(KEY, first)
    files.append(KEY, second, b"two\n", durable=False)
    assert path.read_text() == "one\ntwo\n"


def test_two_tasks_cannot_write_one_file(files: ResultsFiles, tmp_path: Path) -> None:
    """The later one is told; when the first has ended, it may."""
    path = str(tmp_path / "results")
    files.open(KEY, self_ := object(), path, 0, None)
    with pytest.raises(UnwritableResults, match="is being written by another task"):
        files.open(OTHER, self_, path, 0, None)
    files.close(KEY, self_)
    files.open(OTHER, self_, path, 0, None)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks(files: ResultsFiles, tmp_path: Path, number: int) -> None:
    """It is written all the same; another error is one."""
    path = str(tmp_path / "results")
    with mock.patch("fcntl.flock", side_effect=OSError(number, "no")):
        if number == errno.EIO:
            with pytest.raises(UnwritableResults, match="cannot be written: no"):
                files.open(KEY, object(), path, 0, None)
        else:
            files.open(KEY, object(), path, 0, None)


def test_files_that_cannot_be_results(files: ResultsFiles, tmp_path: Path) -> None:
    """A pipe, a folder, a file in no folder, the file that is read."""
    os.mkfifo(tmp_path / "pipe")
    source = tmp_path / "source"
    source.write_text("one\n")
    os.link(source, tmp_path / "link")
    for path, problem in (
        ("pipe", "is no regular file"),
        ("", "cannot be written: Is a directory"),
        ("none/results", "cannot be written: No such file or directory"),
        ("link", "is the file that the items are read from"),
    ):
        with pytest.raises(UnwritableResults) as raised:
            files.open(KEY, object(), str(tmp_path / path), 0, str(source))
        assert str(raised.value) == f"{tmp_path / path} {problem}"
    assert source.read_text() == "one\n"


def test_a_full_disk_leaves_whole_lines(files: ResultsFiles, tmp_path: Path) -> None:
    """What could be written of the last ones is taken back."""
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
    """As if there were a file."""
    files = DiscardedResults()
    files.open(KEY, files, str(tmp_path / "results"), 3, None)
    assert files.append(KEY, files, b"one\n", durable=False) == 7
    files.close(KEY, files)
    files.close_all()
    assert list(tmp_path.iterdir()) == []
