"""The forms that pause, resume and cancel one task of a run."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.task_controls import TASK_ACTS, Stopped, stopped_of
from stretto.actors.operations import Audit
from tests.actors.gateway.pages.test_run_controls import status_of
from tests.actors.gateway.pages.test_runs import entered, start, text_of, with_runs


def acts_in(page: str) -> set[str]:
    """Return the labels of the buttons of a task that a page shows."""
    part = page.partition('id="task-acts"')[2].partition("</div>")[0]
    forms = re.findall(r"<form[^>]*?( hidden)?>.*?<button[^>]*>([^<]+)</button>", part)
    links = re.findall(r"<a [^>]*?( hidden)?>([^<]+)</a>", part)
    return {label for hidden, label in [*forms, *links] if not hidden}


def test_a_task_is_paused_resumed_and_cancelled_by_forms(tmp_path: Path) -> None:
    """Each leads back to the task. What cannot be done now is not offered. The notes are in the audit."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        here = f"/runs/{run}?task=sleep"
        assert acts_in(await text_of(browser, here)) == {"Pause task", "Cancel task…"}
        for act, after, offered in (
            ("pause", "pausing", {"Resume task", "Cancel task…"}),
            ("resume", "running", {"Pause task", "Cancel task…"}),
        ):
            note = f"{act} by hand"
            done = await browser.submit(f"/runs/{run}/task/{act}", csrf=browser.csrf, task="sleep", note=note)
            assert (done.status, done.headers["location"]) == (303, here)
            assert (await status_of(client, run))["tasks"]["sleep"]["status"] == after
            assert acts_in(await text_of(browser, here)) == offered
        again = await browser.submit(f"/runs/{run}/task/pause", csrf=browser.csrf, task="slep")
        assert (again.status, "sleep" in again.body.decode()) == (404, True)
        asked = await text_of(browser, f"/runs/{run}/task/cancel?task=sleep")
        assert "<b>2</b> items in flight are stopped, <b>1</b> is not started" in asked
        done = await browser.submit(f"/runs/{run}/task/cancel", csrf=browser.csrf, task="sleep", note="cancel by hand")
        assert done.status == 303
        assert "It cannot be cancelled now" in await text_of(browser, f"/runs/{run}/task/cancel?task=sleep")
        audit: Any = await asyncio.to_thread(client.ask, Audit())
        notes = {entry["operation"]: entry["note"] for entry in audit.entries}
        wanted = ("pause_task", "resume_task", "cancel_task")
        assert {name: notes[name] for name in wanted} == {name: f"{name[:-5]} by hand" for name in wanted}

    with_runs(tmp_path, test)


def test_a_viewer_changes_no_task(tmp_path: Path) -> None:
    """The page has no buttons, the page that asks no form, and what is sent is refused."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        viewer = await entered(client, url, name="eve", role="viewer")
        assert "task-acts" not in await text_of(viewer, f"/runs/{run}?task=sleep")
        assert "A viewer cannot" in await text_of(viewer, f"/runs/{run}/task/cancel?task=sleep")
        for act in ("pause", "resume", "cancel"):
            sent = await viewer.submit(f"/runs/{run}/task/{act}", csrf=viewer.csrf, task="sleep")
            assert sent.status == 403
        assert (await status_of(client, run))["tasks"]["sleep"]["status"] == "running"

    with_runs(tmp_path, test)


def test_an_address_that_fits_no_task_is_refused(tmp_path: Path) -> None:
    """With the nearest name, or with what there is."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        assert "sleep" in await text_of(browser, f"/runs/{run}/task/cancel?task=slep", 404)
        await text_of(browser, f"/runs/{run}/task/cancel", 404)
        await text_of(browser, f"/runs/{run}/task/pause?task=sleep", 405)
        sent = await browser.submit(f"/runs/{run}/task/delete", csrf=browser.csrf, task="sleep")
        assert sent.status == 404

    with_runs(tmp_path, test)


@pytest.mark.parametrize(
    ("report", "stopped"),
    [
        ({"status": "running", "total": 10, "succeeded": 2, "failed": 1, "running": 3}, Stopped(3, 4)),
        ({"status": "running", "total": None, "succeeded": 2, "failed": 0, "running": 3}, Stopped(3, None)),
        ({"status": "failed", "total": 10, "succeeded": 2, "failed": 1, "running": 0}, Stopped(0, 0)),
    ],
)
def test_a_cancellation_stops_what_runs_and_starts_no_more(report: dict[str, Any], stopped: Stopped) -> None:
    """Not all items of a file are known."""
    assert stopped_of({"status": report["status"], "items": report}) == stopped


def test_each_act_has_its_statuses() -> None:
    """A task of a run that is paused itself is not paused or resumed by a button that would be refused."""
    assert TASK_ACTS["pause"].fits("running", "running")
    assert not TASK_ACTS["pause"].fits("running", "paused")
    assert TASK_ACTS["resume"].fits("paused", "paused"), "the run is paused since all of its tasks are"
    assert not TASK_ACTS["resume"].fits("succeeded", "running")
    assert TASK_ACTS["cancel"].fits("paused", "failing")
