"""Logging is set up once for a process: each test leaves it as it found it."""

import logging
import threading
from collections.abc import Iterator

import pytest
import structlog

from stretto.metrics import configure_logging
from stretto.metrics import logging as own_logging
from tests.support.waiting import PATIENCE

LIBRARIES = ("", "pykka", "httpx", "httpcore", "asyncio")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Undo what a test configured for the whole process."""
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    before = [(logger, logger.level, logger.handlers.copy()) for logger in loggers]
    # pytest's own handlers serve all tests, and that of the lines does.
    shared = {*logging.getLogger().handlers, own_logging._handler}
    filters = [(handler, handler.level, handler.filters.copy()) for handler in shared]
    yield
    # Nobody waits for an engine that stops by itself, as for want of its store. Its last line belongs to this test.
    for thread in threading.enumerate():
        if thread.name == "stretto-stop":
            thread.join(PATIENCE)
    # Lets go of the test's stream, in loggers that cached it too.
    configure_logging()
    structlog.reset_defaults()
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
    for handler, level, own in filters:
        handler.setLevel(level)
        handler.filters[:] = own
