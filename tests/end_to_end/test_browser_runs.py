"""The list of runs in a real browser: its filters, and several runs at once with the keyboard alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from stretto.actors.operations import Cancel, CreateEnterCode, Status, Submit, Watch
from tests.support.chromium import needs_chromium, opened_chromium
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
SLEEP: Final = """ref: test.sleep
version: "1"
cancellation_policy: cancel_running
tasks: [{name: sleep, action: core.sleep, input: {seconds: 1000}}]
"""
CALLS: Final = 'ref: test.calls\nversion: "1"\ntasks: [{name: call, action: test.echo}]\n'
ECHO: Final = 'ref: test.echo\nversion: "1"\ntasks: [{name: echo, action: core.noop}]\n'


@pytest.fixture
def daemon(tmp_path: Any) -> Iterator[Opened]:
    """A gateway with a store and definitions."""
    (tmp_path / "definitions").mkdir()
    for name, text in (("sleep", SLEEP), ("calls", CALLS), ("echo", ECHO)):
        (tmp_path / "definitions" / f"{name}.yaml").write_text(text)
    store = f"sqlite:///{tmp_path}/runs.db"
    with opened_gateway(tmp_path, store=store, definitions=str(tmp_path / "definitions")) as opened:
        yield opened


@pytest.fixture
def page(daemon: Opened) -> "Iterator[Page]":
    """The list, which says nothing on its console."""
    with opened_chromium() as browser:
        made = browser.new_page()
        said: list[str] = []
        made.on("console", lambda message: said.append(message.text))
        made.on("pageerror", lambda error: said.append(str(error)))
        code: Any = daemon.client.ask(CreateEnterCode())
        made.goto(code.url)
        made.wait_for_url(f"{daemon.url}/")
        yield made
        assert said == []


def started(daemon: Opened, ref: str, **fields: Any) -> str:
    """Start a run and return its id."""
    accepted: Any = daemon.client.ask(Submit(ref, **fields))
    run: str = accepted.run
    return run


def status_of(daemon: Opened, run: str) -> str:
    answer: Any = daemon.client.ask(Status(run))
    status: str = answer.run["status"]
    return status


def test_several_runs_are_selected_paused_and_cancelled_with_the_keyboard_alone(page: "Page", daemon: Opened) -> None:
    """Without a selection the buttons do nothing."""
    runs = [started(daemon, "test.sleep") for _ in range(3)]
    page.reload()
    assert page.get_by_role("button", name="Cancel…").is_disabled()
    page.keyboard.press("p")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.get_by_text("With 2 selected runs:").wait_for()
    page.keyboard.press("p")
    page.get_by_role("heading", name="Pause 2 runs?").wait_for()
    page.get_by_role("button", name="Pause 2 runs").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{daemon.url}/")
    assert [status_of(daemon, run) for run in runs] == ["running", "pausing", "pausing"]
    page.locator("#all input").focus()
    page.keyboard.press("Space")
    page.get_by_text("With 3 selected runs:").wait_for()
    page.keyboard.press("c")
    page.get_by_role("button", name="Cancel 3 runs").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{daemon.url}/")
    for run in runs:
        list(daemon.client.answers(Watch(run)))
        assert status_of(daemon, run) == "cancelled"


def test_the_list_leads_to_sub_workflows_and_to_what_someone_has_started(page: "Page", daemon: Opened) -> None:
    """And `s` to the definitions, from which a run is started."""
    top = started(daemon, "test.calls", labels={"env": "prod"})
    list(daemon.client.answers(Watch(top)))
    sleep = started(daemon, "test.sleep")
    page.reload()
    page.get_by_role("link", name="+ 1 sub-workflow").click()
    page.get_by_role("heading", name="Sub-workflows of").wait_for()
    page.get_by_role("link", name="test.echo").wait_for()
    page.go_back()
    page.locator(f"tr[data-run='{top}']").get_by_role("link", name="env=prod").click()
    page.wait_for_url("**label=env*")
    assert page.locator("tbody tr").count() == 1
    page.locator("tbody .c-by a").click()
    page.wait_for_url("**by=*")
    page.locator("summary").filter(has_text="Workflow").click()
    page.get_by_label("Other workflow").fill("test.none")
    page.keyboard.press("Escape")
    page.get_by_label("Other workflow").wait_for(state="hidden")
    page.locator("summary").filter(has_text="Workflow").click()
    page.locator("details[open]").get_by_role("link", name="test.calls").wait_for()
    page.locator("details[open]").get_by_role("button", name="Show").click()
    page.get_by_text("No run matches these filters.").wait_for()
    page.keyboard.press("s")
    page.wait_for_url("**/definitions")
    daemon.client.ask(Cancel(sleep))
    list(daemon.client.answers(Watch(sleep)))
