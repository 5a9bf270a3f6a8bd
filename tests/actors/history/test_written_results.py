"""The lines of a results file when its run is rebuilt: no more is kept than what was not noted as written."""

from stretto.actors.history.written_results import ReplayedResults
from stretto.actors.journal.records import ResultsWritten
from stretto.definitions.conductor import OpenResults, StreamFailed, TaskEnded, WriteResult


def line(index: int) -> WriteResult:
    """Return what is written of an item."""
    return WriteResult("task", 1, index, "succeeded", index, None)


def opened() -> ReplayedResults:
    """Return a run with a file that lacks three lines."""
    results = ReplayedResults()
    results.commanded(OpenResults("task", 1, "results", "items"))
    for index in range(3):
        results.commanded(line(index))
    return results


def test_lines_are_kept_until_they_are_noted() -> None:
    """Later lines are what the file lacks."""
    results = opened()
    results.written(ResultsWritten("task", 1, 2, 50, whole=False, at=1.0))
    results.commanded(line(3))
    file = results.files["task", 1]
    assert (file.path, file.source, file.lines, file.size, file.whole) == ("results", "items", 2, 50, False)
    assert [each.index for each in file.lacking] == [2, 3]
    results.written(ResultsWritten("task", 1, 4, 90, whole=True, at=2.0))
    assert (list(file.lacking), file.whole) == ([], True)


def test_a_task_that_has_ended_has_no_file_any_more() -> None:
    """Nor has one whose file could not be written; that its items could not be read says nothing of it."""
    results = opened()
    results.commanded(TaskEnded("task", 1, "succeeded", 3, 0, 1.0, {}))
    assert results.files == {}
    results.written(ResultsWritten("task", 1, 4, 90, whole=True, at=2.0))
    results = opened()
    results.failed(StreamFailed("task", 1, "unreadable_source", "no", 1.0))
    assert list(results.files) == [("task", 1)]
    results.failed(StreamFailed("task", 1, "unwritable_results", "no", 1.0))
    assert results.files == {}
