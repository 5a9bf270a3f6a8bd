"""Journeys in a real browser: a run is cancelled, adjusted and run again, and all of its tabs are read."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.run_head import TABS
from stretto.actors.operations import Audit, Cancel, CreateEnterCode, CreateToken, PauseTask, Status, Submit, Watch
from tests.support.chromium import needs_chromium
from tests.support.daemons import serving
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
DEFINITIONS: Final = {
    "test.halves": "tasks: [{name: halve, with_items: [1, 2, 0, 0], action: core.echo, "
    'input: {message: "{{ 1 / item }}"}}]\n',
    "test.published": "vars: {said: nothing}\ntasks: [{name: one, action: core.echo, input: {message: hello}, "
    "next: [{publish: [{said: '{{ result() }}'}], do: [two]}]}, {name: two, action: core.noop}]\n",
    "test.sleep": "cancellation_policy: cancel_running\n"
    "tasks: [{name: sleep_with_" + "a_long_name_" * 6 + ", with_items: [1, 2, 3, 4, 5], concurrency: 2, "
    "action: core.sleep, input: {seconds: 1000}}]\n",
}
WIDTHS: Final = (320, 820, 1440)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway with a store and definitions."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "definitions").mkdir()
    for ref, text in DEFINITIONS.items():
        (folder / "definitions" / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    with opened_gateway(folder, store=f"sqlite:///{folder}/runs.db", definitions=str(folder / "definitions")) as opened:
        yield opened


def entered(browser: "Browser", client: Client, said: list[str], asked: list[str]) -> "Page":
    """Return a page that is logged in. The lists get what its console says and whom it asks."""
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    code: Any = client.ask(CreateEnterCode())
    page.goto(code.url)
    page.wait_for_url("**/")
    return page


@pytest.fixture
def page(chromium: "Browser", daemon: Opened) -> "Iterator[Page]":
    """A page that is logged in, says nothing on its console, and asks nobody else."""
    said: list[str] = []
    asked: list[str] = []
    made = entered(chromium, daemon.client, said, asked)
    yield made
    made.context.close()
    assert said == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(daemon.url).netloc}


def started(daemon: Opened, ref: str) -> str:
    """Start a run."""
    accepted: Any = daemon.client.ask(Submit(ref))
    run: str = accepted.run
    return run


def ended(daemon: Opened, run: str) -> str:
    """Return the status with which a run has ended."""
    return str(list(daemon.client.answers(Watch(run)))[-1].status)  # type: ignore[union-attr]


def test_the_failed_items_of_a_run_are_run_again(page: "Page", daemon: Opened) -> None:
    """With the keyboard alone. The page says before how much that is, and leads to the new run."""
    run = started(daemon, "test.halves")
    assert ended(daemon, run) == "failed"
    page.goto(f"{daemon.url}/runs/{run}")
    page.keyboard.press("r")
    page.get_by_text("1 task with 2 items again, the rest is taken over").first.wait_for()
    failed = page.locator("[value=failed_items]")
    assert failed.is_checked()
    failed.focus()
    page.keyboard.press("Tab")
    page.keyboard.type("the divisor is mended")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/runs/" in url and run not in url)
    page.locator("#run[data-ended=true]").wait_for()
    page.get_by_role("link", name=run[-8:]).click()
    page.wait_for_url(f"{daemon.url}/runs/{run}")


def test_the_window_of_a_fan_out_is_turned_while_it_runs(page: "Page", daemon: Opened) -> None:
    """The run starts the items that it then may."""
    run = started(daemon, "test.sleep")
    page.goto(f"{daemon.url}/runs/{run}")
    page.get_by_role("link", name="Adjust…").click()
    window = page.get_by_label("Window")
    assert window.input_value() == "2"
    window.fill("4")
    page.get_by_label("Failures allowed").fill("1")
    page.get_by_label("Note").first.fill("more workers")
    page.get_by_role("button", name="Change").click()
    page.get_by_text("4 in flight").wait_for()
    status: Any = daemon.client.ask(Status(run))
    (task,) = status.run["tasks"].values()
    assert task["window"] == {"concurrency": 4, "max_failures": 1}
    found: Any = daemon.client.ask(Audit())
    notes = {entry["operation"]: entry["note"] for entry in found.entries[:2]}
    assert notes == dict.fromkeys(("set_concurrency", "set_max_failures"), "more workers")
    daemon.client.ask(Cancel(run))
    assert ended(daemon, run) == "cancelled"


def test_what_is_changed_has_its_note_in_the_audit(page: "Page", daemon: Opened) -> None:
    """Of a pause, a resume, a cancellation and a rerun, typed at their buttons. The counts are those of the run."""
    run = started(daemon, "test.sleep")
    page.goto(f"{daemon.url}/runs/{run}")
    for act, after in (("Pause", "Pausing"), ("Resume", "Running")):
        form = page.locator(f"form[action='/runs/{run}/{act.lower()}']")
        form.get_by_text("Note", exact=True).click()
        form.get_by_placeholder("for the audit").fill(f"{act.lower()} by hand")
        form.get_by_role("button", name=act).click()
        page.locator("#status").get_by_text(after).wait_for()
    page.get_by_role("link", name="Cancel…").click()
    dialog = page.locator("#cancel")
    dialog.get_by_text("2 items in flight are stopped, 3 are not started").wait_for()
    dialog.get_by_label("Note").fill("cancel by hand")
    dialog.get_by_role("button", name="Cancel the run").click()
    assert ended(daemon, run) == "cancelled"
    page.locator("#run[data-ended=true]").wait_for()
    status: Any = daemon.client.ask(Status(run))
    (task,) = status.run["tasks"].values()
    assert (task["items"]["running"], task["items"]["succeeded"]) == (0, 0)
    page.get_by_role("link", name="Rerun…").click()
    page.get_by_label("Labels").fill("why=again")
    page.get_by_label("Note").fill("rerun by hand")
    page.get_by_role("button", name="Start the rerun").click()
    page.locator(".facts .label").get_by_text("why=again").wait_for()
    again = page.url.rpartition("/")[2]
    found: Any = daemon.client.ask(Audit())
    notes = {entry["operation"]: entry["note"] for entry in found.entries if entry["target"] == run}
    wanted = ("pause", "resume", "cancel", "rerun")
    assert {name: notes[name] for name in wanted} == {name: f"{name} by hand" for name in wanted}
    daemon.client.ask(Cancel(again))
    assert ended(daemon, again) == "cancelled"


def test_the_slider_leads_to_the_version_at_which_it_is_let_go(page: "Page", daemon: Opened) -> None:
    """With the keyboard: its text says the version before the page does."""
    run = started(daemon, "test.published")
    assert ended(daemon, run) == "succeeded"
    page.goto(f"{daemon.url}/runs/{run}/context")
    slider = page.get_by_role("slider")
    newest = slider.input_value()
    assert slider.get_attribute("max") == newest
    assert page.locator("#version-text").inner_text() == f"v{int(newest) + 1}"
    slider.focus()
    with page.expect_navigation():
        page.keyboard.press("ArrowLeft")
    page.locator(f"a[data-version=v{newest}][aria-current=true]").wait_for()
    assert page.locator("#version-text").inner_text() == f"v{newest}"
    assert "?at=" in page.url


def test_a_run_is_cancelled_with_the_keyboard_alone(page: "Page", daemon: Opened) -> None:
    """A dialog says what that stops. Escape leaves it. The head of every tab follows the run."""
    run = started(daemon, "test.sleep")
    page.goto(f"{daemon.url}/runs/{run}/history")
    page.locator("#live").wait_for()
    dialog = page.locator("#cancel")
    page.keyboard.press("c")
    dialog.get_by_text("2 items in flight are stopped, 3 are not started").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.keyboard.press("p")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    page.locator("#live").wait_for()
    page.keyboard.press("c")
    dialog.get_by_text("2 items in flight are stopped").wait_for()
    page.keyboard.type("not needed")
    page.keyboard.press("Enter")
    assert ended(daemon, run) == "cancelled"
    page.locator("#status").get_by_text("Cancelled").wait_for()
    page.get_by_role("link", name="Rerun…").wait_for()


def test_another_tab_sees_that_a_run_has_ended(page: "Page", daemon: Opened) -> None:
    """Its buttons change with its status."""
    run = started(daemon, "test.sleep")
    page.goto(f"{daemon.url}/runs/{run}/values")
    page.locator("#live").wait_for()
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    daemon.client.ask(Cancel(run))
    page.locator("#status").get_by_text("Cancelled").wait_for()
    page.get_by_role("link", name="Rerun…").wait_for()
    page.get_by_role("button", name="Pause", exact=True).wait_for(state="hidden")
    page.get_by_role("link", name="Cancel…").wait_for(state="hidden")


def test_every_tab_fits_every_width(page: "Page", daemon: Opened) -> None:
    """With long names."""
    failed = started(daemon, "test.halves")
    ended(daemon, failed)
    run = started(daemon, "test.sleep")
    paths = [f"/runs/{run}/{tab.name}" for tab in TABS if tab.name != "items"]
    for path in (
        *paths,
        f"/runs/{failed}/items",
        f"/runs/{run}/adjust",
        f"/runs/{failed}/rerun",
        f"/runs/{run}/cancel",
    ):
        page.goto(daemon.url + path.rstrip("/"))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    daemon.client.ask(Cancel(run))
    assert ended(daemon, run) == "cancelled"


def test_without_script_every_tab_is_read_and_a_run_is_cancelled(chromium: "Browser", daemon: Opened) -> None:
    """The page that asks says what the dialog says."""
    made: Any = daemon.client.ask(CreateToken("no-script-steering", "operator"))
    run = started(daemon, "test.sleep")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{daemon.url}/runs/{run}")
    page.get_by_label("Token").fill(made.text)
    page.get_by_role("button", name="Log in").click()
    for tab in TABS:
        page.locator(".tabs").get_by_role("link", name=tab.label).click()
        page.wait_for_url(f"{daemon.url}/runs/{run}{'/' if tab.name else ''}{tab.name}")
        page.locator(".tabs [aria-current=page]").get_by_text(tab.label).wait_for()
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_text("2 items in flight are stopped, 3 are not started").wait_for()
    page.get_by_label("Note").fill("without script")
    page.get_by_role("button", name="Cancel the run").click()
    assert ended(daemon, run) == "cancelled"
    page.reload()
    page.get_by_role("link", name="Rerun…").click()
    page.get_by_role("button", name="Start the rerun").wait_for()
    context.close()


def test_a_daemon_that_comes_back_is_followed_again(chromium: "Browser", tmp_path: Path) -> None:
    """While it is away, the page keeps what it has and says so. The session is in the store."""
    store = f"sqlite:///{tmp_path}/runs.db"
    (tmp_path / "definitions").mkdir()
    for ref, text in DEFINITIONS.items():
        (tmp_path / "definitions" / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    with serving(tmp_path, "--store", store) as served:
        accepted: Any = served.client.ask(Submit("test.sleep"))
        port = str(urlsplit(served.url).port)
        page = entered(chromium, served.client, [], [])
        page.goto(f"{served.url}/runs/{accepted.run}/items")
        page.locator("#live:not(.off)").wait_for()
        served.signal(signal.SIGKILL)
        served.ended()
        page.locator("#lost").get_by_text("No connection to the daemon.").wait_for()
        page.locator("#status").get_by_text("Running").wait_for()
    with serving(tmp_path, "--store", store, "--port", port) as served:
        page.locator("#live:not(.off)").wait_for()
        page.locator("#lost").wait_for(state="hidden")
        served.client.ask(Cancel(accepted.run))
        page.locator("#status").get_by_text("Cancelled").wait_for()
    page.context.close()


def test_one_task_is_paused_resumed_and_cancelled_with_the_keyboard(page: "Page", daemon: Opened) -> None:
    """Its buttons change with it, also when somebody else changes it. The page that asks says what it stops."""
    run = started(daemon, "test.sleep")
    page.goto(f"{daemon.url}/runs/{run}")
    acts = page.locator("#task-acts")
    for key, after in (("P", "Resume task"), ("P", "Pause task")):
        page.locator("#live").wait_for()
        page.keyboard.press(key)
        acts.get_by_role("button", name=after).wait_for()
        assert acts.get_by_role("button").count() == 1
    status: Any = daemon.client.ask(Status(run))
    (task,) = status.run["tasks"]
    page.locator("#live").wait_for()
    daemon.client.ask(PauseTask(run, task))
    acts.get_by_role("button", name="Resume task").wait_for()
    page.keyboard.press("C")
    page.get_by_text("2 items in flight are stopped, 3 are not started").wait_for()
    page.get_by_label("Note").focus()
    page.keyboard.type("of no use")
    page.keyboard.press("Enter")
    assert ended(daemon, run) == "failed"
    page.locator("#run[data-ended=true]").wait_for()
    page.locator(".taskline").get_by_text("Cancelled").wait_for()
    assert acts.count() == 0
    found: Any = daemon.client.ask(Audit())
    assert (found.entries[0]["operation"], found.entries[0]["note"]) == ("cancel_task", "of no use")
