"""docs/limits.md and docs/failures.md name only what exists."""

import re

import pytest

from stretto.actors.settings.model import SECTIONS, fields_of
from tests.metrics.test_reference import metrics, named_in
from tests.support.paths import DOCS, ROOT

LIMITS = (DOCS / "limits.md").read_text()
FAILURES = (DOCS / "failures.md").read_text()
ROWS = [line for line in LIMITS.splitlines() if line.startswith("| ") and not line.startswith("| Limit ")]


def code() -> str:
    """Return all product code."""
    folders = ("actors", "definitions", "metrics")
    return "\n".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("text", [LIMITS, FAILURES], ids=["limits.md", "failures.md"])
def test_every_setting_that_the_page_names_exists(text: str) -> None:
    """A misspelled setting would be refused by the daemon."""
    settings = {f"{section}.{key}" for section in SECTIONS for key in fields_of(section)}
    named = {name for name in re.findall(r"`(\w+\.\w+)`", text) if name.split(".")[0] in SECTIONS}
    assert named
    assert named <= settings


@pytest.mark.parametrize("text", [LIMITS, FAILURES], ids=["limits.md", "failures.md"])
def test_every_metric_and_alert_that_the_page_names_exists(text: str) -> None:
    """Of the metrics, too, those in a condition on a label."""
    assert named_in(text) <= metrics()
    alerts = set(re.findall(r"alert: (\w+)", (DOCS / "alerts.yaml").read_text()))
    assert set(re.findall(r"`(Stretto\w+)`", text)) <= alerts


def test_every_constant_and_code_that_the_page_names_exists() -> None:
    """Constants of the second column, and the codes of errors in the fourth."""
    product, columns = code(), [row.split(" | ") for row in ROWS]
    constants = {name for row in columns for name in re.findall(r"`([A-Z_]{4,})`", row[1])}
    assert constants
    assert [name for name in sorted(constants) if not re.search(rf"^{name}\b", product, re.MULTILINE)] == []
    codes = {name for row in columns if len(row) > 3 for name in re.findall(r"`([a-z]+_[a-z_]+)`", row[3])}
    assert codes
    assert [name for name in sorted(codes) if f'"{name}"' not in product] == []


def test_every_bound_of_the_settings_is_in_the_page() -> None:
    """Those that limit a number, a size or a time."""
    bounds = {f"{section}.{key}" for section in SECTIONS for key in fields_of(section) if key.startswith("max_")}
    assert [name for name in sorted(bounds) if f"`{name}`" not in LIMITS] == []
