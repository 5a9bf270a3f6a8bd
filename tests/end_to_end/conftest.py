"""What the tests in a browser share."""

from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import opened_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """One browser, to which all names of example lead to this machine."""
    with opened_chromium() as browser:
        yield browser
