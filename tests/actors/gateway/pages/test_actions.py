"""The pages of the actions."""

import re
from pathlib import Path

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.schemas import MOST_VALUE, Field, fields_of_schema, type_in_words
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs


def test_the_list_has_its_search_and_its_pack_in_its_address(tmp_path: Path) -> None:
    """An unknown parameter is refused with the nearest one."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url, name="eve", role="viewer")
        page = await text_of(browser, "/actions")
        assert '<a class="row" href="/actions/core.echo">core.echo</a>' in page
        assert "Return the message unchanged." in page
        assert '<td class="c-runner" data-label="Runs in">inline</td>' in page
        assert re.search(r'<a href="/actions"[^>]* aria-current="page">', page)
        searched = await text_of(browser, "/actions?q=MESSAGE&pack=core")
        assert "core.echo" in searched
        assert "core.noop" not in searched
        assert 'name="q" value="MESSAGE"' in searched
        nothing = await text_of(browser, "/actions?q=%3Cscript%3Ealert(1)")
        assert "No action matches" in nothing
        assert "<script>alert" not in nothing
        assert "did you mean" in await text_of(browser, "/actions?pak=core", 400)
        assert "MOST_QUERY" in await text_of(browser, "/actions?q=" + "a" * 201, 400)

    with_runs(tmp_path, test)


def test_an_action_shows_its_inputs_and_who_uses_it(tmp_path: Path) -> None:
    """A restricted caller sees its own definitions only. Of an action that does not exist, the nearest is named."""

    async def test(client: Client, url: str) -> None:
        page = await text_of(await entered(client, url), "/actions/core.sleep")
        assert "<code>seconds</code>" in page
        assert '<span class="label">required</span>' in page
        assert '<a class="row" href="/definitions/test.sleep">test.sleep</a>' in page
        restricted = await entered(client, url, name="eve", role="viewer", workflows=["test.echo"])
        page = await text_of(restricted, "/actions/core.sleep")
        assert "test.sleep" not in page
        assert "No definition calls it" in page
        assert 'href="/engine"' not in page
        assert "It takes any input." in await text_of(restricted, "/actions/core.noop")
        assert "core.sleep" in await text_of(restricted, "/actions/core.slep", 404)

    with_runs(tmp_path, test)


def test_a_schema_is_a_table_of_fields() -> None:
    """Long values are cut, and a default of null is none."""
    schema = {
        "properties": {
            "a": {"type": ["string", "null"], "default": None, "description": HOSTILE},
            "b": {"enum": ["x", "y" * 300], "default": {"k": "v" * 300}},
            "c": {"type": "string", "writeOnly": True},
        },
        "required": ["b"],
    }
    a, b, c = fields_of_schema(schema)
    assert a == Field("a", "string or null", required=False, secret=False, description=HOSTILE, default="", values="")
    assert (b.type, b.required, len(b.default), len(b.values)) == ("any value", True, MOST_VALUE + 1, MOST_VALUE)
    assert c.secret
    assert fields_of_schema({}) == []
    assert type_in_words({}) == "any value"
