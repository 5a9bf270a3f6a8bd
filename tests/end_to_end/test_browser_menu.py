"""The counts of the menu in a real browser: they follow what happens, without a reload."""

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors import SensorLimits
from stretto.actors.operations import PauseSchedule, RestartSensor, Sensor, Submit
from stretto.actors.operations.events import DisableRule
from tests.support.accessibility import sideways, violations
from tests.support.chromium import enter, needs_chromium, watched_context
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_chromium
FILES = {
    "echo": 'version: "1.0.0"\nref: test.echo\ntasks: [{name: wait, action: core.ask}]\n',
    "probe": "sensor: probe\ncommand: [sh, -c, 'exec sleep 1000']\nevent: greeted\n",
    "greet": "on: greeted\nrun: core.noop\n",
    "nightly": "schedule: {at: '2999-01-01'}\nrun: core.noop\n",
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway with a sensor, which is not started again by itself, a rule and a schedule."""
    folder = tmp_path_factory.mktemp("menu")
    (folder / "definitions").mkdir()
    for name, text in FILES.items():
        (folder / "definitions" / f"{name}.yaml").write_text(text)
    settings: dict[str, Any] = {
        "store": f"sqlite:///{folder}/runs.db", "definitions": str(folder / "definitions"),
        "sensors": SensorLimits(first_wait=1000, longest_wait=1000),
    }  # fmt: skip
    with opened_gateway(folder, **settings) as opened:
        yield opened


@pytest.fixture
def page(chromium: "Browser", daemon: Opened) -> "Iterator[Page]":
    """The page of runs, whose stream is open."""
    with watched_context(chromium, daemon.url) as context:
        page = enter(context, daemon.client, daemon.url)
        page.locator("#live").wait_for()
        yield page


def count(page: "Page", name: str, number: str) -> "Locator":
    """Return the count of a name, if it shows a number."""
    return page.locator(f"[data-menu={name}]").get_by_text(number, exact=True)


def test_the_counts_of_an_open_page_follow_what_happens(page: "Page", daemon: Opened) -> None:
    """A sensor that dies and is started again, a rule that is disabled, a schedule that is paused."""
    for name in ("sensors", "rules", "schedules"):
        count(page, name, "1").wait_for()
    page.evaluate("window.isTheSame = true")
    shown: Any = daemon.client.ask(Sensor("probe"))
    os.kill(shown.sensor["pid"], signal.SIGKILL)
    page.locator("[data-menu=sensors]").wait_for(state="hidden")
    daemon.client.ask(RestartSensor("probe"))
    count(page, "sensors", "1").wait_for()
    daemon.client.ask(DisableRule("greet"))
    page.locator("[data-menu=rules]").wait_for(state="hidden")
    daemon.client.ask(PauseSchedule("nightly"))
    page.locator("[data-menu=schedules]").wait_for(state="hidden")
    assert page.evaluate("window.isTheSame"), "the page was not loaded again"


@pytest.mark.parametrize("width", [400, 900, 1600])
def test_a_menu_with_counts_fits(page: "Page", daemon: Opened, width: int) -> None:
    """Also with numbers of the greatest length."""
    run: Any = daemon.client.ask(Submit("test.echo"))
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{daemon.url}/runs/{run.run}")
    page.locator("#live").wait_for()
    page.evaluate("""() => {
        for (const each of document.querySelectorAll('[data-menu]')) {
            each.hidden = false;
            each.firstElementChild.textContent = '999k';
        }
    }""")
    assert not sideways(page)
    assert not violations(page)
