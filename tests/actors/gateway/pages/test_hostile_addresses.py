"""NUL and names of 10,000 characters, in all addresses and forms: they are refused or not found, and nothing fails."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

from stretto.actors.gateway.client import Client
from tests.actors.gateway.pages.test_runs import entered, start, with_runs

TEXTS: Final = ("a=\0b\0", "x" * 10_000)
ADDRESSES: Final = (
    "/definitions/REF",
    "/definitions/REF/start",
    "/definitions/REF/start?show=definition",
    "/definitions/test.echo/start?from=REF",
    "/definitions?q=REF",
    "/actions/REF",
    "/actions?q=REF",
    "/actions?pack=REF",
    "/audit?who=REF",
    "/problems/REF",
    "/tokens/REF/revoke",
    "/several?do=pause&run=REF",
    "/runs/REF/item/skip?task=REF&item=1",
    "/assets/REF/page.js",
    "/REF",
)
FILTERS: Final = ("q", "workflow", "label", "by", "priority", "parent", "status", "since", "cursor")
TABS: Final = (
    "", "/items", "/timeline", "/context", "/history", "/values", "/definition", "/cancel", "/adjust", "/rerun",
)  # fmt: skip
QUERIES: Final = ("task", "item", "state", "group", "visit", "cursor", "at", "than", "kind", "outcome", "error_group")
FORMS: Final = {
    "RUN/rerun": ("task", "item", "error_group", "note", "key"),
    "RUN/pause": ("note",),
    "RUN/cancel": ("note",),
    "RUN/adjust": ("task", "concurrency", "max_failures", "minutes", "note"),
    "RUN/item/skip": ("task", "item", "note"),
    "/definitions/test.echo/start": ("in.text", "labels", "note", "key", "from", "json"),
    "/tokens": ("name", "role", "workflows", "expires"),
    "/several": ("do", "run", "note"),
    "/enter": ("token", "code"),
}
SHOWN: Final = {200, 303, 400, 404, 409, 413, 422}


def test_no_page_fails_for_nul_or_for_a_very_long_name(tmp_path: Path) -> None:
    """Whether it stands in the path, in the query, or for a run, a task or an item."""

    async def test(client: Client, url: str) -> None:
        run = f"/runs/{await start(client, 'test.items', to_the_end=True)}"
        browser = await entered(client, url)
        for text in TEXTS:
            written = quote(text, safe="")
            addresses = [address.replace("REF", written) for address in ADDRESSES]
            addresses += [f"/?{name}={written}" for name in FILTERS]
            addresses += [f"/runs/{written}{tab}" for tab in TABS]
            addresses += [f"{run}{tab}?{name}={written}" for tab in TABS for name in QUERIES]
            for address in addresses:
                assert (await browser.open(address)).status in SHOWN, address[:100]

    with_runs(tmp_path, test)


def test_no_form_fails_for_nul_or_for_a_very_long_text(tmp_path: Path) -> None:
    """In any of its fields."""

    async def test(client: Client, url: str) -> None:
        run = f"/runs/{await start(client, 'test.items', to_the_end=True)}"
        browser = await entered(client, url)
        for form, names in FORMS.items():
            for name in names:
                for text in TEXTS:
                    fields = {"choice": "item", "do": "pause", "csrf": browser.csrf, name: text}
                    reply = await browser.submit(form.replace("RUN", run), **fields)
                    assert reply.status in {*SHOWN, 401, 429}, (form, name)

    with_runs(tmp_path, test)
