"""What the page of a run shows of its sub-workflows and inquiries."""

import asyncio
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.related import Children
from stretto.actors.operations import Cancel, Inquiries, Runs, Watch
from tests.actors.gateway.pages.test_runs import entered, start, text_of, with_runs

ASKS = """version: "1.0.0"
ref: test.asks
tasks:
  - {name: ask, action: core.ask, input: {prompt: "<b>Go on?</b>"}}
"""
CALLS = """version: "1.0.0"
ref: test.calls_some
tasks:
  - {name: call, with_items: [1, 2, 3], action: test.echo}
"""


async def inquiry_of(client: Client, run: str) -> str:
    """Return the inquiry that a run waits for, as soon as it is listed."""
    while True:
        found: Any = await asyncio.to_thread(client.ask, Inquiries(run))
        if found.inquiries:
            return str(found.inquiries[0]["id"])


def test_a_run_shows_the_question_that_it_waits_for(tmp_path: Path) -> None:
    """With a link to its form, of which a viewer has only the words. Its text is no markup. An ended run has none."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.asks")
        inquiry = await inquiry_of(client, run)
        for token, label in (({}, "Answer…"), ({"name": "eve", "role": "viewer"}, "Show")):
            page = await text_of(await entered(client, url, **token), f"/runs/{run}")
            assert f'<a class="b" href="/inquiries/{inquiry}">{label}' in page
            assert "<q>&lt;b&gt;Go on?&lt;/b&gt;</q>" in page
        await asyncio.to_thread(client.ask, Cancel(run))
        await asyncio.to_thread(list, client.answers(Watch(run)))
        assert f"/inquiries/{inquiry}" not in await text_of(await entered(client, url), f"/runs/{run}")

    with_runs(tmp_path, test, files={"asks": ASKS})


def test_a_run_and_its_sub_workflows_lead_to_each_other(tmp_path: Path) -> None:
    """From the list beside the graph and from the item, and back to the item."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "test.calls_some", to_the_end=True)
        found: Any = await asyncio.to_thread(client.ask, Runs(parent=run))
        assert len(found.runs) == 3
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{run}")
        for child in found.runs:
            index = child["parent_item"]["index"]
            item = f"/runs/{run}?task=call&amp;item={index}"
            assert f'href="/runs/{child["id"]}"' in page
            assert item in page
            assert item in await text_of(browser, f"/runs/{child['id']}")
            panel = await text_of(browser, f"/runs/{run}?task=call&item={index}")
            of_item = panel.partition("Run of the sub-workflow")[2].partition("</div>")[0]
            assert f'href="/runs/{child["id"]}"' in of_item

    with_runs(tmp_path, test, files={"calls": CALLS})


def test_the_run_of_an_item_is_the_newest_one() -> None:
    """Of its attempts. Others are of other items or tasks."""
    runs = [
        {"id": name, "parent_item": {"task": task, "visit": 1, "index": index}}
        for name, task, index in (("c", "call", 1), ("b", "call", 1), ("a", "call", 0))
    ]
    children = Children(12, runs)
    found = children.of_item("call", 1)
    assert found is not None
    assert found["id"] == "c"
    assert children.of_item("call", 2) is None
    assert children.of_item("other", 1) is None
    assert Children(1, [{"id": "x", "parent_item": None}]).of_item("call", 0) is None
