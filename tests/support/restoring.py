"""Logging is set up once for a process: each test leaves it as it found it."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from stretto.metrics import configure_logging

LIBRARIES = ("", "pykka", "httpx", "httpcore", "asyncio")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Undo what a test configured for the whole process."""
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    before = [(logger, logger.level, logger.handlers.copy()) for logger in loggers]
    yield
    # Lets go of the test's stream, in loggers that cached it too.
    configure_logging()
    structlog.reset_defaults()
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
