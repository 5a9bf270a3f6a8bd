"""Log records of workers: they keep their call's ids, and are bounded."""

import json
import logging

import pytest
import structlog

from stretto.actors.runners import worker_logs
from stretto.actors.runners.worker_logs import WorkerLog
from stretto.metrics.logging import CallIds

IDS = CallIds("run", "ops.flow", "task", 3)


def test_a_call_writes_a_bounded_number_of_records(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says that there were more. Garbage is dropped."""
    monkeypatch.setattr(worker_logs, "MAX_RECORDS", 3)
    caplog.set_level(logging.WARNING, "own")
    log = WorkerLog(IDS)
    with structlog.testing.capture_logs() as lines:
        log.write(b"garbage")
        for number in range(5):
            log.write(json.dumps([logging.WARNING, "own", f"record {number} %s"]).encode())
    written = [each.getMessage() for each in caplog.records if each.name == "own"]
    assert written == ["record 0 %s", "record 1 %s", "record 2 %s"]
    assert [each["event"] for each in lines] == ["log_records_dropped"]
