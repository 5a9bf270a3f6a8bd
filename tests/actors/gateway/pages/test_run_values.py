"""The page of a run's inputs and output, as a browser without script gets it."""

from pathlib import Path

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.values import shown_value
from stretto.actors.history import MAX_INLINE_BYTES
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs


def test_values_are_shown_with_secrets_masked(tmp_path: Path) -> None:
    """Data are never markup. The output of a run in progress is not known."""

    async def test(client: Client, url: str) -> None:
        echo = await start(client, "test.echo", to_the_end=True, inputs={"text": HOSTILE})
        sleep = await start(client, "test.sleep")
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{echo}/values")
        assert 'aria-current="page">Input and output</a>' in page
        assert HOSTILE not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "hush-hush" not in page
        assert "&#34;said&#34;: &#34;hello&#34;" in page
        assert "The run has not ended." in await text_of(browser, f"/runs/{sleep}/values")
        await text_of(browser, "/runs/nobody/values", 404)

    with_runs(tmp_path, test)


def test_a_large_value_is_a_link(tmp_path: Path) -> None:
    """The address is that of the API, whatever the value looks like."""

    async def test(client: Client, url: str) -> None:
        large = await start(client, "test.echo", to_the_end=True, inputs={"text": "x" * 2 * MAX_INLINE_BYTES})
        browser = await entered(client, url)
        page = await text_of(browser, f"/runs/{large}/values")
        assert f'<a href="/api/v1/runs/{large}/inputs" download="inputs.json">128 KB, download</a>' in page
        assert len(page) < MAX_INLINE_BYTES

    with_runs(tmp_path, test)


def test_without_a_store_no_values_are_known(tmp_path: Path) -> None:
    """The page says so."""

    async def test(client: Client, url: str) -> None:
        sleep = await start(client, "test.sleep")
        browser = await entered(client, url)
        assert "The daemon has no store" in await text_of(browser, f"/runs/{sleep}/values")

    with_runs(tmp_path, test, store=False)


def test_a_value_that_looks_like_a_link_is_a_value() -> None:
    """A link leads to the address that the page knows, never to one in the data."""
    looks = shown_value({"$ref": "javascript:alert(1)", "bytes": 5}, "/x")
    assert looks.text is not None
    assert (looks.href, "javascript:" in looks.text) == ("/x", True)
    assert shown_value("x" * MAX_INLINE_BYTES, "/x").text is None
