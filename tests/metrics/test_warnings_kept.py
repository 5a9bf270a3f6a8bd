"""The last warnings of the log, for whoever looks at the daemon."""

import io
import logging

import pytest

from stretto.metrics import configure_logging, get_logger, last_warnings, mask_run, unmask_run
from stretto.metrics.warnings_kept import MAX_CHARACTERS, MAX_WARNINGS

pytestmark = pytest.mark.usefixtures("restored_logging")


class Broken:
    def __str__(self) -> str:
        raise RuntimeError


def test_the_last_warnings_and_errors_are_kept_the_newest_first() -> None:
    """Those of other loggers, too; lines of lower levels are not, and secrets are masked as in the log."""
    configure_logging("INFO", io.StringIO())
    logger = get_logger("stretto.test")
    mask_run("r1", lambda value: "***" if value == "hush" else value)
    logger.warning("first", run_id="r1", said="hush", broken=Broken())
    unmask_run("r1")
    logger.info("between")
    logging.getLogger("other").error("second %s", "one")
    logger.error("third", text="x" * 1000, exc_info=ValueError("no"))
    third, second, first = last_warnings()[:3]
    assert (first.event, first.level, first.logger) == ("first", "warning", "stretto.test")
    assert first.fields == "run_id=r1 said=*** broken=<Broken>"
    assert first.at.endswith("Z")
    assert (second.event, second.level, second.logger, second.fields) == ("second one", "error", "other", "")
    assert len(third.fields) == MAX_CHARACTERS
    assert "Traceback" not in third.fields


@pytest.mark.parametrize("style", ["json", "console"])
def test_only_some_are_kept(style: str) -> None:
    """In each style of the log."""
    configure_logging("INFO", io.StringIO(), style=style)  # type: ignore[arg-type]
    for number in range(MAX_WARNINGS + 5):
        get_logger("stretto.test").warning(f"{style} {number}")
    assert [each.event for each in last_warnings()] == [f"{style} {number}" for number in range(24, 4, -1)]
