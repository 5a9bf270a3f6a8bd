"""The list of definitions and the page of one, as a browser without script gets them."""

import re
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages import definitions as definitions_page
from stretto.actors.gateway.pages.definition import described_type, parameter_rows
from stretto.actors.gateway.pages.definitions import Place, place_of
from stretto.actors.gateway.pages.past_runs import PastRuns
from tests.actors.gateway.pages.test_runs import DEFINITIONS, HOSTILE, entered, start, text_of, with_runs

BROKEN = 'ref: test.broken\nversion: "1"\ntasks: [{name: a, action: core.ech}]\n'
SLASHED = """ref: ops/deploy
label: Deploy <b>it</b>
description: Brings a version to a region & waits
version: "1.2.0"
tags: [ops]
parameters:
  region: {type: string, required: true, enum: [eu, us], description: Where}
  token: {type: string, secret: true, default: hush-hush}
tasks:
  - {name: first, action: core.noop, next: [{when: "{{ succeeded() }}", do: [last]}]}
  - {name: last, action: core.noop}
"""
FILES = {"broken": BROKEN, "deploy": SLASHED, "junk": "[1, 2"}


def listed(page: str) -> list[str]:
    """Return the refs of a list, in its order."""
    return re.findall(r'<a class="row" href="/definitions/[^"]+">([^<]+)</a>', page)


def test_definitions_are_listed_with_refused_ones_first(tmp_path: Path) -> None:
    """With their findings, the last run, and how the last ones have ended. Data are never markup."""

    async def test(client: Client, url: str) -> None:
        await start(client, "test.echo", to_the_end=True)
        await start(client, "test.items", to_the_end=True)
        last = await start(client, "test.echo", to_the_end=True)
        browser = await entered(client, url)
        page = await text_of(browser, "/definitions")
        assert listed(page) == ["test.broken", "ops/deploy", *sorted(DEFINITIONS)]
        assert "2 definitions refused" in page
        assert "there is no action &#39;core.ech&#39;; did you mean &#39;core.echo&#39;" in page
        assert "junk.yaml" in page
        assert "Deploy &lt;b&gt;it&lt;/b&gt;" in page
        assert f'href="/runs/{last}"' in page
        assert 'aria-label="2 of the last 2 succeeded"' in page
        assert 'aria-label="0 of the last 1 succeeded"' in page
        assert 'href="/definitions/ops/deploy/start"' in page
        found = await text_of(browser, "/definitions?q=region")
        assert listed(found) == ["ops/deploy"]
        assert "No definition has" in await text_of(browser, f"/definitions?q={HOSTILE[1:7]}")
        assert "did you mean" in await text_of(browser, "/definitions?pages=2", 400)
        viewer = await entered(client, url, name="eve", role="viewer", workflows=["test.echo"])
        seen = await text_of(viewer, "/definitions")
        assert listed(seen) == ["test.echo"]
        assert "/start" not in seen

    with_runs(tmp_path, test, files=FILES)


def test_every_definition_is_on_some_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page links to the next one."""
    monkeypatch.setattr(definitions_page, "ROWS", len(DEFINITIONS) - 1)

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        first = await text_of(browser, "/definitions")
        second = await text_of(browser, "/definitions?page=2")
        assert listed(first) + listed(second) == sorted(DEFINITIONS)
        assert 'href="/definitions?page=2" rel="next"' in first
        assert 'href="/definitions" rel="prev"' in second
        assert "shorter" in await text_of(browser, "/definitions?page=9")

    with_runs(tmp_path, test)


def test_without_a_store_nothing_is_known_of_runs(tmp_path: Path) -> None:
    """The definitions are there."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        assert listed(await text_of(browser, "/definitions")) == sorted(DEFINITIONS)
        assert "No run yet" in await text_of(browser, "/definitions/test.echo")

    with_runs(tmp_path, test, store=False)


def test_a_definition_has_its_source_graph_parameters_and_runs(tmp_path: Path) -> None:
    """Also one whose ref has a slash. Secrets are masked."""

    async def test(client: Client, url: str) -> None:
        run = await start(client, "ops/deploy", to_the_end=True, inputs={"region": "eu"})
        browser = await entered(client, url)
        page = await text_of(browser, "/definitions/ops/deploy")
        assert "<h1>Deploy" in await text_of(browser, "/definitions/ops%2Fdeploy")
        assert "<h1>Deploy &lt;b&gt;it&lt;/b&gt;</h1>" in page
        assert "hush-hush" not in page
        assert '<li id="L10">' in page
        assert '<span class="expression">{{ succeeded() }}</span>' in page
        assert 'class="drawing"' in page
        assert "first leads to last" in page
        assert re.search(r"<code>region</code> <span class=\"must\">required", page)
        assert f'href="/definitions/ops/deploy/start?from={run}"' in page
        broken = await text_of(browser, "/definitions/test.broken")
        assert 'class="error"' in broken
        assert "there is no action" in broken
        assert "Start…" not in broken
        assert 'href="/definitions/ops/deploy"' in await text_of(browser, "/definitions/ops/deplo", 404)
        viewer = await entered(client, url, name="eve", role="viewer", workflows=["ops/deploy"])
        seen = await text_of(viewer, "/definitions/ops/deploy")
        assert "A viewer cannot start runs." in seen
        assert "Use these inputs" not in seen
        await text_of(viewer, "/definitions/test.echo", 404)

    with_runs(tmp_path, test, files=FILES)


def test_a_place_in_the_list_is_that_of_the_address() -> None:
    """A page is a number."""
    assert place_of([("q", " a "), ("page", "2")]) == Place("a", 2)
    assert Place("a b", 2).url(3) == "/definitions?q=a+b&page=3"
    assert Place().url(1) == "/definitions"
    for page in ("0", "-1", "x", "1" * 9):
        with pytest.raises(Problem):
            place_of([("page", page)])


def test_the_last_runs_are_marks() -> None:
    """The newest at the right. The height says how much a run needs you."""
    past = PastRuns([{"status": status, "id": status} for status in ("running", "failed", "succeeded", "cancelled")])
    assert [mark.shape for mark in past.marks] == ["running", "failed", "succeeded", "cancelled"]
    assert [mark.x for mark in past.marks] == [21, 14, 7, 0]
    assert past.summary == "1 of the last 3 succeeded"
    assert PastRuns([]).last is None


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "any"),
        ({"type": ["array", "null"], "items": {"type": "string"}, "maxItems": 3}, "array of string, at most 3 items"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer, 1 to 9"),
        ({"type": "string", "writeOnly": True, "minLength": 8}, "secret string, at least 8 characters"),
        ({"type": ["string", "null"], "enum": ["a", "b", None]}, 'one of "a", "b"'),
    ],
)
def test_a_parameter_has_its_type_in_words(schema: dict[str, Any], words: str) -> None:
    """With its bounds."""
    assert described_type(schema) == words
    (row,) = parameter_rows({"properties": {"p": schema}, "required": ["p"]})
    assert (row.name, row.type, row.required, row.default) == ("p", words, True, "")


def test_a_ref_that_ends_like_the_address_of_a_form_has_its_page(tmp_path: Path) -> None:
    """The links to it say that they mean the definition, where the same address is that of another one's form."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        page = await text_of(browser, "/definitions")
        assert 'href="/definitions/ops/deploy/start?show=definition">ops/deploy/start</a>' in page
        meant = await text_of(browser, "/definitions/ops/deploy/start?show=definition")
        assert "<h1>ops/deploy/start</h1>" in meant
        assert 'href="/definitions/ops/deploy/start/start"' in meant
        assert "<h1>Start Deploy" in await text_of(browser, "/definitions/ops/deploy/start")
        assert "<h1>only/start</h1>" in await text_of(browser, "/definitions/only/start")
        assert "<h1>Start only/start</h1>" in await text_of(browser, "/definitions/only/start/start")
        assert "no/such" in await text_of(browser, "/definitions/no/such/start", 404)

    text = 'version: "1.0.0"\nref: {}\ntasks: [{{name: a, action: core.noop}}]\n'
    files = {"deploy": SLASHED, "a": text.format("ops/deploy/start"), "b": text.format("only/start")}
    with_runs(tmp_path, test, files=files)


def test_a_viewer_sees_names_of_files_and_no_paths(tmp_path: Path) -> None:
    """In the list, on the page of a definition, and in its findings; through the API as well."""

    async def test(client: Client, url: str) -> None:
        owner = await entered(client, url)
        viewer = await entered(client, url, name="eve", role="viewer")
        for path in ("/definitions", "/definitions/test.broken", "/definitions/test.echo"):
            assert str(tmp_path) in await text_of(owner, path)
            page = await text_of(viewer, path)
            assert str(tmp_path) not in page, path
            assert "test.echo.yaml" in page or "broken.yaml" in page
            for end in ("", "/source") if path.count("/") > 1 else ("",):
                assert str(tmp_path).encode() not in (await viewer.fetch("GET", f"{path}{end}")).body

    with_runs(tmp_path, test, files=FILES)
