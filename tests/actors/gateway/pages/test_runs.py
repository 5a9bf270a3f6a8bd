"""The list of runs and the page of a run, as a browser without script gets them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages import overview
from stretto.actors.gateway.pages import runs as runs_page
from stretto.actors.gateway.pages.grouping import MOST_GROUPS, like_errors, like_waits
from stretto.actors.gateway.pages.progress import Progress, progress_of
from stretto.actors.gateway.pages.runs import Filters, filters_of
from stretto.actors.journal.sql import run_rows, run_search
from stretto.actors.operations import Cancel, CreateEnterCode, CreateToken, Pause, Run, Runs, Status, Submit, Watch, Why
from tests.support.browsing import Browser
from tests.support.gateways import with_port

HOSTILE = "<script>alert(1)</script>&amp;\"'"
DEFINITIONS = {
    "test.echo": "tasks: [{name: echo, action: core.echo, input: {message: hello}}]\n"
    'parameters: {text: {type: string, default: a}, password: {type: string, secret: true, default: hush-hush}}\n'
    'output_map: {said: "{{ task.echo.result }}"}\n',
    "test.calls": "tasks: [{name: call, action: test.echo}]\n",
    "test.items": "tasks: [{name: each, with_items: [1, 2, 0, 0], action: core.echo, "
    'input: {message: "{{ 1 / item }}"}}]\n',
    "test.sleep": "cancellation_policy: cancel_running\n"
    "tasks: [{name: sleep, with_items: [1, 2, 3], concurrency: 2, action: core.sleep, input: {seconds: 1000}}]\n",
    "test.published": "vars: {said: nothing}\n"
    "tasks: [{name: echo, action: core.echo, input: {message: '{{ parameters.text }}'}, next: "
    "[{when: '{{ succeeded() }}', publish: [{said: '{{ result() }}'}], do: [last]}]}, "
    "{name: last, action: core.noop}]\n"
    "parameters: {text: {type: string}, password: {type: string, secret: true, default: hush-hush}}\n",
    "test.limited": "cancellation_policy: cancel_running\ntimeout: 3600\n"
    "tasks: [{name: sleep, with_items: [1, 2, 3, 4, 5], concurrency: 2, max_failures: 20%, action: core.sleep, "
    "input: {seconds: 1000}}]\n",
}  # fmt: skip
NO_FILES: Mapping[str, str] = {}


def with_runs(
    folder: Path,
    test: Callable[[Client, str], Awaitable[None]],
    *,
    store: bool = True,
    files: Mapping[str, str] = NO_FILES,
) -> None:
    """Run a test with the definitions, and a store. `files` are further definitions, by the names of their files."""
    definitions = folder / "definitions"
    definitions.mkdir()
    for ref, text in DEFINITIONS.items():
        (definitions / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    for name, text in files.items():
        (definitions / f"{name}.yaml").write_text(text)
    settings: dict[str, Any] = {"store": f"sqlite:///{folder}/runs.db"} if store else {}
    with_port(folder, test, folder / "tokens", definitions=str(definitions), **settings)


async def start(client: Client, ref: str, *, to_the_end: bool = False, **fields: Any) -> str:
    """Start a run and return its id."""
    accepted: Any = await asyncio.to_thread(client.ask, Submit(ref, **fields))
    if to_the_end:
        await asyncio.to_thread(list, client.answers(Watch(accepted.run)))
    run: str = accepted.run
    return run


async def entered(client: Client, url: str, **token: Any) -> Browser:
    """Return a browser of an administrator, or of a new token."""
    browser = Browser(url)
    if token:
        made: Any = await asyncio.to_thread(client.ask, CreateToken(**token))
        await browser.log_in(token=made.text)
    else:
        code: Any = await asyncio.to_thread(client.ask, CreateEnterCode())
        await browser.log_in(code=code.url.partition("#")[2])
    return browser


async def text_of(browser: Browser, path: str, status: int = 200) -> str:
    """Return the text of a page."""
    reply = await browser.open(path)
    assert reply.status == status, reply
    return reply.body.decode()


def shown(page: str) -> list[str]:
    """Return the ids of the runs that a list shows."""
    return re.findall(r'<tr data-run="([^"]+)">', page)


def test_the_list_has_its_filters_in_its_address(tmp_path: Path) -> None:
    """Labels and workflows lead to more of them. Data are never markup."""

    async def test(client: Client, url: str) -> None:
        labels = {"env": "prod", "by": HOSTILE[:20]}
        ended = await start(client, "test.echo", to_the_end=True, labels=labels)
        failed = await start(client, "test.items", to_the_end=True)
        running = await start(client, "test.sleep")
        browser = await entered(client, url)
        page = await text_of(browser, "/")
        assert shown(page) == [running, failed, ended]
        assert HOSTILE[:20] not in page
        assert "/?label=by%3D%3Cscript%3Ealert%281%29%3C" in page
        assert 'class="bar"' in page
        assert await text_of(browser, "/?status=failed") != page
        for query, runs in (
            ("status=failed", [failed]),
            ("status=succeeded&since=1h", [ended]),
            ("workflow=test.sleep", [running]),
            ("label=env%3Dprod", [ended]),
            ("q=ITEMS", [failed]),
            ("since=24h", [running, failed, ended]),
            ("workflow=test.none", []),
        ):
            assert shown(await text_of(browser, f"/?{query}")) == runs, query
        assert re.search(r"Failed\s*<b>1</b>", await text_of(browser, "/?since=24h"))
        assert "No run matches" in await text_of(browser, "/?workflow=test.none")
        assert "did you mean" in await text_of(browser, "/?workflw=a", 400)
        urgent = await start(client, "test.echo", to_the_end=True, priority="urgent")
        page = await text_of(browser, "/?priority=urgent")
        assert shown(page) == [urgent]
        assert "<option selected>urgent</option>" in page
        assert shown(await text_of(browser, "/?priority=normal")) == [running, failed, ended]
        assert "did you mean &#39;high&#39;?" in await text_of(browser, "/?priority=hihg", 400)
        await text_of(browser, "/?cursor=nonsense", 422)
        await asyncio.to_thread(client.ask, Pause(running))

    with_runs(tmp_path, test)


def test_a_run_shows_its_tasks_errors_waits_and_values(tmp_path: Path) -> None:
    """Secrets are masked, and like entries are one."""

    async def test(client: Client, url: str) -> None:
        echo = await start(client, "test.echo", to_the_end=True, inputs={"text": HOSTILE})
        items = await start(client, "test.items", to_the_end=True)
        sleep = await start(client, "test.sleep")
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{echo}")
        assert "<title>succeeded: test.echo" in page
        assert HOSTILE not in page
        assert 'aria-current="page">Overview</a>' in page
        assert "hush-hush" not in page
        assert "Cancel…" not in page
        failed = await text_of(browser, f"/runs/{items}")
        assert failed.count("division by zero") <= 3
        assert "50.00 %" in failed
        assert "each" in failed
        waiting = await text_of(browser, f"/runs/{sleep}")
        assert "0 of 3" in waiting
        assert "is in flight" in waiting
        assert "and 1 more" in waiting
        await text_of(browser, "/runs/nobody", 404)
        above = await browser.open("/runs?status=failed")
        assert (above.status, above.headers["location"]) == (303, "/?status=failed")

    with_runs(tmp_path, test)


def test_the_filters_offer_what_there_is_and_a_parent_leads_to_its_sub_workflows(tmp_path: Path) -> None:
    """A drawing has the last 24 hours, and an operator starts a run from here."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        empty = await text_of(browser, "/")
        assert "No run yet." in empty
        assert f"--daemon {url}<" in empty
        assert 'href="/definitions">Start one here</a>' in empty
        top = await start(client, "test.calls", to_the_end=True, labels={"env": "prod"})
        await start(client, "test.items", to_the_end=True)
        children: Any = await asyncio.to_thread(client.ask, Runs(parent=top))
        page = await text_of(browser, "/")
        assert '<li><a href="/?workflow=test.calls">test.calls</a></li>' in page
        assert '<li><a href="/?label=env%3Dprod">env=prod</a></li>' in page
        assert re.search(r'<li><a href="/\?by=(\w+)">\1</a></li>', page)
        chosen = await text_of(browser, "/?label=env%3Dprod")
        assert '<li><a href="/">any</a></li><li><a href="/?label=env%3Dprod" aria-current="true">' in chosen
        assert f'href="/?parent={top}"' in page
        assert shown(await text_of(browser, f"/?parent={top}")) == [children.runs[0]["id"]]
        who = children.runs[0]["requested_by"]["who"]
        assert top in shown(await text_of(browser, f"/?by={who}"))
        assert shown(await text_of(browser, "/?by=nobody")) == []
        assert re.search(r"Succeeded\s*<b>1</b>", await text_of(browser, "/?since=24h&workflow=test.calls"))
        assert 'data-key="s" href="/definitions"' in page
        viewer = await entered(client, url, name="eve", role="viewer", workflows=["test.calls"])
        seen = await text_of(viewer, "/")
        assert "Start a run" not in seen
        assert "last-day" not in seen
        assert "test.items" not in seen

    with_runs(tmp_path, test)


def test_many_failed_items_are_grouped_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with many of them is there at once, and has a link."""
    monkeypatch.setattr(overview, "MOST_GROUPED_AT_ONCE", 1)

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{items}")
        assert "Group the 2 failed items" in page
        assert 'class="kind"' not in page
        assert 'class="kind"' in await text_of(browser, f"/runs/{items}?errors=all")

    with_runs(tmp_path, test)


def test_a_run_is_paused_resumed_and_cancelled_by_forms(tmp_path: Path) -> None:
    """A cancellation says first what it stops. Without the session's token nothing happens."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)

        async def status() -> str:
            answer: Any = await asyncio.to_thread(client.ask, Status(run))
            found: str = answer.run["status"]
            return found

        for csrf in ("", "0" * 64):
            assert (await browser.submit(f"/runs/{run}/pause", csrf=csrf)).status == 403
        assert await status() == "running"
        for path, after in (("pause", "pausing"), ("resume", "running")):
            assert f'action="/runs/{run}/{path}"' in await text_of(browser, f"/runs/{run}")
            done = await browser.submit(f"/runs/{run}/{path}", csrf=browser.csrf)
            assert (done.status, done.headers["location"], await status()) == (303, f"/runs/{run}", after)
        asked = await text_of(browser, f"/runs/{run}/cancel")
        assert "<b>2</b> items in flight are stopped, <b>1</b> is not started" in asked
        assert (await browser.submit(f"/runs/{run}/cancel", csrf=browser.csrf)).status == 303
        await asyncio.to_thread(list, client.answers(Watch(run)))
        assert await status() == "cancelled"
        again = await browser.submit(f"/runs/{run}/pause", csrf=browser.csrf)
        assert (again.status, b"illegal_transition" in again.body) == (409, True)

    with_runs(tmp_path, test)


def test_several_runs_are_changed_together(tmp_path: Path) -> None:
    """A page says first what would happen. Runs that cannot be changed are named with the reason."""

    async def test(client: Client, url: str) -> None:
        runs = [await start(client, "test.sleep") for _ in range(2)]
        ended = await start(client, "test.echo", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, "/")
        assert re.findall(r'name="run" value="([^"]+)"', page) == runs[::-1]
        query = "&".join(f"run={run}" for run in runs)
        asked = await text_of(browser, f"/several?do=cancel&{query}")
        assert "Cancel 2 runs?" in asked
        assert asked.count("2 items in flight are stopped, 1 is not started") == 2
        assert (await browser.submit("/several", do="pause", runs=" ".join(runs))).status == 403
        done = await browser.submit("/several", do="pause", runs=" ".join(runs), csrf=browser.csrf)
        assert (done.status, done.headers["location"]) == (303, "/")
        assert shown(await text_of(browser, "/?status=paused")) == runs[::-1]
        partly = await browser.submit("/several", do="cancel", runs=f"{ended} {runs[0]}", csrf=browser.csrf)
        assert (partly.status, b"1 run was not changed" in partly.body) == (409, True)
        await asyncio.to_thread(list, client.answers(Watch(runs[0])))
        for wrong in ("do=delete&run=a", "do=pause", "do=pause&" + "run=a&" * 51):
            await text_of(browser, f"/several?{wrong}", 400)

    with_runs(tmp_path, test)


def test_a_sub_workflow_is_seen_by_who_sees_the_top_of_its_tree(tmp_path: Path) -> None:
    """A token for the workflow of the sub-workflow alone does not see it. The page links to the parent."""

    async def test(client: Client, url: str) -> None:
        top = await start(client, "test.calls", to_the_end=True)
        children: Any = await asyncio.to_thread(client.ask, Runs(parent=top))
        child = children.runs[0]["id"]
        for workflow, status in (("test.calls", 200), ("test.echo", 404)):
            browser = await entered(client, url, name=workflow, role="viewer", workflows=[workflow])
            page = await text_of(browser, f"/runs/{child}", status)
            assert (f'href="/runs/{top}?task=call&amp;item=0"' in page) == (status == 200)

    with_runs(tmp_path, test)


def test_a_viewer_looks_and_a_restricted_one_sees_its_own(tmp_path: Path) -> None:
    """Buttons that a role does not have are not shown, and their forms are refused."""

    async def test(client: Client, url: str) -> None:
        echo = await start(client, "test.echo", to_the_end=True)
        sleep = await start(client, "test.sleep")
        viewer = await entered(client, url, name="eve", role="viewer", workflows=["test.sleep", "test.items"])
        page = await text_of(viewer, "/")
        assert shown(page) == [sleep]
        assert "<option selected>test.sleep</option>" in page
        assert 'name="run"' not in page
        shown_run = await text_of(viewer, f"/runs/{sleep}")
        assert "A viewer cannot change runs." in shown_run
        assert "<b>eve</b>" in shown_run
        assert (await viewer.submit(f"/runs/{sleep}/pause", csrf=viewer.csrf)).status == 403
        await text_of(viewer, f"/runs/{echo}", 404)
        left = await viewer.submit("/leave", csrf=viewer.csrf)
        assert (left.status, left.headers["location"]) == (303, "/enter")
        assert (await viewer.open("/")).status == 303

    with_runs(tmp_path, test)


def test_a_cancelled_run_shows_who_has_cancelled_it(tmp_path: Path) -> None:
    """As the history does."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        assert "<dt>Cancelled</dt>" not in await text_of(browser, f"/runs/{run}")
        await asyncio.to_thread(client.ask, Cancel(run))
        shown_run: Any = await asyncio.to_thread(client.ask, Run(run))
        who = shown_run.run["cancelled"]["by"]
        page = await text_of(browser, f"/runs/{run}")
        assert re.search(rf"<dt>Cancelled</dt><dd>.* by {re.escape(who)}</dd>", page)
        reasons: Any = await asyncio.to_thread(client.ask, Why(run))
        assert f" by {who}" in reasons.reasons[0]["text"]

    with_runs(tmp_path, test)


def test_without_a_store_the_list_says_so(tmp_path: Path) -> None:
    """The page of a run shows what the engine knows."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.sleep")
        browser = await entered(client, url)
        assert "no store" in await text_of(browser, "/")
        assert "sleep" in await text_of(browser, f"/runs/{run}")
        await text_of(browser, f"/runs/{run}/cancel")

    with_runs(tmp_path, test, store=False)


def test_filters_are_those_of_the_address() -> None:
    """A changed one begins at the newest run."""
    filters = filters_of([("status", "failed"), ("q", " a b "), ("cursor", "c")])
    assert filters == Filters(status="failed", q="a b", cursor="c")
    assert filters.url(status="") == "/?q=a+b"
    assert filters.url(cursor="d") == "/?status=failed&q=a+b&cursor=d"
    assert Filters(cursor="c").url() == "/"
    assert filters_of([("priority", "high ")]).priority == "high"
    for wrong in (("since", "2h"), ("label", "env"), ("limit", "5"), ("priority", "hihg")):
        with pytest.raises(Problem) as refused:
            filters_of([wrong])
        assert refused.value.code == "bad_request"


def test_progress_is_that_of_all_tasks() -> None:
    """Of those whose items are known."""
    tasks = {
        "a": {"items": {"total": 3, "succeeded": 1, "failed": 1, "running": 1}},
        "b": {"items": {"total": None, "succeeded": 0, "failed": 0, "running": 0}},
        "c": {"items": None},
    }
    assert progress_of(tasks) == Progress(3, 1, 1, 1)
    assert Progress(3, 1, 1, 1).percent == 66
    assert Progress(0, 0, 0, 0).percent == 0
    assert progress_of(None) is None


def test_like_entries_are_one() -> None:
    """And there are not too many."""
    waits = [{"kind": "item_in_flight", "task": "a", "text": str(index)} for index in range(3)]
    (group,) = like_waits(waits)
    assert (group.first["text"], group.count) == ("0", 3)
    errors = [{"code": "x", "message": str(number)} for number in range(2 * MOST_GROUPS)]
    assert len(like_errors(errors)) == MOST_GROUPS


def test_a_search_of_labels_that_differ_too_much_goes_on_with_older_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says how many runs it has searched."""
    monkeypatch.setattr(run_search, "MOST_VALUES", 0)
    for module in (run_rows, runs_page):
        monkeypatch.setattr(module, "MOST_SEARCHED", 1)

    async def test(client: Client, url: str) -> None:
        old = await start(client, "test.echo", to_the_end=True, labels={"build": "a1"})
        await start(client, "test.echo", to_the_end=True, labels={"build": "b2"})
        browser = await entered(client, url)
        page = await text_of(browser, "/?q=a1")
        assert "None of the 1 newest runs matches these filters." in page
        older = re.search(r'href="(/[^"]*cursor=[^"]*)" rel="next">Search older runs', page)
        assert older is not None
        found = await text_of(browser, older[1].replace("&amp;", "&"))
        assert f'href="/runs/{old}"' in found
        assert "Search older runs" not in found

    with_runs(tmp_path, test)
