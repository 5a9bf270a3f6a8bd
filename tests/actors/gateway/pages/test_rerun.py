"""The page that asks what is to run again, as a browser without script gets it."""

import asyncio
import re
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.operations import Audit, Errors, Run, Runs, Watch
from tests.actors.gateway.pages.test_runs import entered, start, text_of, with_runs


async def rerun_of(client: Client, run: str) -> dict[str, Any]:
    """Return a run that has ended."""
    await asyncio.to_thread(list, client.answers(Watch(run)))
    answer: Any = await asyncio.to_thread(client.ask, Run(run))
    found: dict[str, Any] = answer.run
    return found


def test_each_choice_says_in_numbers_what_runs_again(tmp_path: Path) -> None:
    """The failed items are chosen first. A choice that is not possible has the reason."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        echo = await start(client, "test.echo", to_the_end=True)
        sleep = await start(client, "test.sleep")
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{items}/rerun")
        assert re.search(r'value="failed_items" required checked>', page)
        assert "1 task with 2 items again, the rest is taken over" in page
        assert "1 task with 4 items again</span>" in page
        assert re.search(
            r'value="everything" required checked>', await text_of(browser, f"/runs/{items}/rerun?choice=everything")
        )
        succeeded = await text_of(browser, f"/runs/{echo}/rerun")
        assert re.search(r'value="failed_items" required disabled>', succeeded)
        assert "nothing to rerun" in succeeded
        assert "has not ended" in await text_of(browser, f"/runs/{sleep}/rerun")
        assert f'href="/runs/{items}/rerun"' in await text_of(browser, f"/runs/{items}")

    with_runs(tmp_path, test)


def test_a_form_that_is_sent_twice_starts_one_run(tmp_path: Path) -> None:
    """Its key was made when it was shown. The note is in the audit."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        key = re.search(r'name="key" value="(\w+)"', await text_of(browser, f"/runs/{items}/rerun"))
        assert key is not None
        fields = {"csrf": browser.csrf, "key": key[1], "choice": "failed_items", "note": "disk is mended"}
        first, second = [await browser.submit(f"/runs/{items}/rerun", **fields) for _ in range(2)]
        assert (first.status, first.headers["location"]) == (303, second.headers["location"])
        run = await rerun_of(client, first.headers["location"].rpartition("/")[2])
        assert (run["rerun_of"], run["rerun_scope"]) == (items, "failed_items")
        runs: Any = await asyncio.to_thread(client.ask, Runs())
        assert len(runs.runs) == 2
        audit: Any = await asyncio.to_thread(client.ask, Audit())
        assert next(entry["note"] for entry in audit.entries if entry["operation"] == "rerun") == "disk is mended"
        assert f'href="/runs/{items}"' in await text_of(browser, f"/runs/{run['id']}")

    with_runs(tmp_path, test)


def test_a_rerun_has_the_labels_of_the_form(tmp_path: Path) -> None:
    """Which begins with those of the old run. Without the field, as a program sends it, they are those."""

    async def test(client: Client, url: str) -> None:
        echo = await start(client, "test.echo", to_the_end=True, labels={"env": "prod", "team": "a b"})
        browser = await entered(client, url)
        assert ">env=prod\nteam=a b</textarea>" in await text_of(browser, f"/runs/{echo}/rerun")
        fields = {"csrf": browser.csrf, "choice": "everything"}
        for given, labels in (
            ({}, {"env": "prod", "team": "a b"}),
            ({"labels": ""}, {}),
            ({"labels": "env=stage\r\n"}, {"env": "stage"}),
        ):
            done = await browser.submit(f"/runs/{echo}/rerun", **fields, **given)
            assert (await rerun_of(client, done.headers["location"].rpartition("/")[2]))["labels"] == labels
        for wrong in ("prod", "a=1\na=2", "=x"):
            refused = await browser.submit(f"/runs/{echo}/rerun", **fields, labels=wrong)
            assert refused.status == 422, wrong

    with_runs(tmp_path, test)


def test_one_group_of_errors_or_one_item_runs_again(tmp_path: Path) -> None:
    """The address chooses it."""

    async def test(client: Client, url: str) -> None:
        items = await start(client, "test.items", to_the_end=True)
        browser = await entered(client, url)
        errors: Any = await asyncio.to_thread(client.ask, Errors(items))
        group = errors.groups[0]["id"]
        for query, choice, number in (
            (f"error_group={group}", "error_group", 2),
            ("task=each&item=3", "item", 1),
        ):
            page = await text_of(browser, f"/runs/{items}/rerun?{query}")
            assert re.search(rf'value="{choice}" required checked>', page)
            assert f"1 task with {number} item" in page
            hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
            fields = {**hidden, "csrf": browser.csrf, "choice": choice}
            done = await browser.submit(f"/runs/{items}/rerun", **fields)
            run = await rerun_of(client, done.headers["location"].rpartition("/")[2])
            assert run["rerun_scope"] == "items"
        unknown = await text_of(browser, f"/runs/{items}/rerun?error_group=00")
        assert re.search(r'value="error_group" required disabled>', unknown)
        await text_of(browser, f"/runs/{items}/rerun?task=each&item=x", 400)
        assert (await browser.submit(f"/runs/{items}/rerun", csrf=browser.csrf, choice="all")).status == 400

    with_runs(tmp_path, test)
