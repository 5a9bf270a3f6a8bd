"""The form that starts a run, as a browser without script gets and sends it."""

import asyncio
import html
import re
from pathlib import Path
from typing import Any

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages import start_fields
from stretto.actors.operations import Audit, Run, Runs, Watch
from stretto.definitions.context import MASK
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs

DEPLOY = """ref: ops/deploy
version: "1"
parameters:
  servers:
    type: array
    required: true
    items: {type: object, properties: {host: {type: string}, port: {type: integer}}}
  times: {type: integer, default: 2, maximum: 5}
  region: {type: string, enum: [eu, us], default: eu}
  sure: {type: boolean, default: true}
  token: {type: string, secret: true}
  text: {type: string}
tasks: [{name: each, with_items: "{{ parameters.servers }}", action: core.echo, input: {message: "{{ item.host }}"}}]
output_map: {said: "{{ task.each.result }}", times: "{{ parameters.times }}"}
"""
FILES = {"deploy": DEPLOY}
PATH = "/definitions/ops/deploy/start"
GOOD = {"in.servers": '[{"host": "a"}]', "in.times": "3", "in.region": '"us"', "in.token": "hush-hush", "do": "start"}


def key_in(page: str) -> str:
    """Return the idempotency key of a form."""
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def told(page: str) -> list[str]:
    """Return the errors at the fields of a form."""
    return [html.unescape(each) for each in re.findall(r'class="wrong" id="[^"]+"><svg.*?</svg>(.*?)</p>', page)]


async def run_of(client: Client, location: str) -> dict[str, Any]:
    """Return the run that a form has led to, at its end."""
    run = location.removeprefix("/runs/")
    await asyncio.to_thread(list, client.answers(Watch(run)))
    answer: Any = await asyncio.to_thread(client.ask, Run(run))
    found: dict[str, Any] = answer.run
    return found


async def started(client: Client) -> int:
    """Return how many runs there are."""
    answer: Any = await asyncio.to_thread(client.ask, Runs())
    return len(answer.runs)


def test_a_form_starts_one_run_however_often_it_is_sent(tmp_path: Path) -> None:
    """With its labels and its note, as the page's user. Other inputs under its key are another run, which is asked."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        page = await text_of(browser, PATH)
        assert 'value="2"' in page
        assert 'type="password"' in page
        assert "object" in page
        fields = {**GOOD, "key": key_in(page), "labels": "env=prod\r\nteam=a b", "note": "for the release"}
        assert (await browser.submit(PATH, **fields)).status == 403
        sent = await browser.submit(PATH, **fields, csrf=browser.csrf)
        again = await browser.submit(PATH, **fields, csrf=browser.csrf)
        assert (sent.status, again.headers["location"]) == (303, sent.headers["location"])
        run = await run_of(client, sent.headers["location"])
        assert (run["status"], run["output"]) == ("succeeded", {"said": ["a"], "times": 3})
        assert run["labels"] == {"env": "prod", "team": "a b"}
        assert run["inputs"] == {
            "servers": [{"host": "a"}], "times": 3, "region": "us", "sure": False, "token": MASK, "text": None,
        }  # fmt: skip
        audit: Any = await asyncio.to_thread(client.ask, Audit(limit=1))
        entry = audit.entries[0]
        assert (entry["operation"], entry["note"], entry["via"]) == ("submit", "for the release", "page")
        other = await browser.submit(PATH, **{**fields, "in.times": "4"}, csrf=browser.csrf)
        shown = other.body.decode()
        assert (other.status, "Send it again to start another run" in shown) == (422, True)
        assert key_in(shown) != fields["key"]
        assert await started(client) == 1

    with_runs(tmp_path, test, files=FILES)


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(tmp_path: Path) -> None:
    """But secrets, which are never sent back. The words are those of the command line."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        wrong = {"in.servers": '[{"host": "a"}\r\n {"host": "b"}]', "in.times": "two", "in.text": HOSTILE}
        sent = await browser.submit(PATH, **{**GOOD, **wrong}, labels="prod", note=HOSTILE, csrf=browser.csrf)
        page = sent.body.decode()
        assert sent.status == 422
        assert told(page) == [
            "line 2: expected ',' or ']'", "'times' must be a number, got other text",
            "a label must be KEY=VALUE, got 'prod'",
        ]  # fmt: skip
        assert "3 fields need another value" in page
        assert HOSTILE not in page
        assert page.count(html.escape(HOSTILE, quote=False)[:8]) >= 2
        for kept in ('value="two"', "&#34;b&#34;}]</textarea>", "prod</textarea>", 'value="&#34;us&#34;" checked'):
            assert kept in page, kept
        assert "hush-hush" not in page
        assert "A secret is not kept" in page
        checked = {"in.servers": '[{"host": 5}]', "in.times": "9", "in.region": ""}
        refused = await browser.submit(PATH, **{**GOOD, **checked}, csrf=browser.csrf)
        assert told(refused.body.decode()) == [
            "'servers[0].host' must be of type string, got integer", "'times' must be at most 5",
        ]  # fmt: skip
        empty = await browser.submit(PATH, csrf=browser.csrf)
        assert told(empty.body.decode()) == ["the parameter 'servers' is required"]
        assert await started(client) == 0

    with_runs(tmp_path, test, files=FILES)


def test_lists_are_written_one_a_line_or_as_csv(tmp_path: Path) -> None:
    """As the form says."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        for written, text in (
            ("csv", "host,port\r\na,80\r\nb,\r\n"),
            ("lines", '{"host": "a", "port": 80}\r\n{"host": "b"}'),
        ):
            fields = {**GOOD, "in.servers": text, "as.servers": written}
            sent = await browser.submit(PATH, **fields, csrf=browser.csrf)
            assert sent.status == 303, sent.body.decode()
            run = await run_of(client, sent.headers["location"])
            assert run["inputs"]["servers"] == [{"host": "a", "port": 80}, {"host": "b"}]

    with_runs(tmp_path, test, files=FILES)


def test_the_form_is_json_as_well(tmp_path: Path) -> None:
    """It takes over what was typed, both ways, and starts the same run. Secrets keep a field of their own."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        assert '<textarea id="json"' in await text_of(browser, f"{PATH}?as=json")
        sent = await browser.submit(PATH, **{**GOOD, "do": "as_json"}, csrf=browser.csrf)
        page = sent.body.decode()
        assert (sent.status, "&#34;times&#34;: 3" in page, "hush-hush" in page) == (200, True, False)
        text = '{"servers": [{"host": "c"}], "times": 4}'
        fields = {"json": text, "in.token": "hush-hush", "csrf": browser.csrf}
        back = await browser.submit(PATH, **fields, do="as_fields")
        assert (back.status, 'value="4"' in back.body.decode()) == (200, True)
        long = "x" * 100_000
        turned = await browser.submit(
            PATH, json=f'{{"servers": [{{"host": "{long}"}}]}}', csrf=browser.csrf, do="as_fields"
        )
        assert long in turned.body.decode()
        refused = await browser.submit(PATH, **{"in.servers": f'"{long}"', "in.times": "two"}, csrf=browser.csrf)
        assert (refused.status, long in refused.body.decode()) == (422, True)
        ran = await browser.submit(PATH, **fields, do="start")
        run = await run_of(client, ran.headers["location"])
        assert (run["output"]["times"], run["inputs"]["token"]) == (4, MASK)
        for wrong, error in (
            ('{"servers": []\r\n "times": 4}', "line 2: expected ',' or '}'"),
            ("[1]", "'inputs' must be a JSON object, got other text"),
            ('{"servers": 5}', "'servers' must be of type array, got integer"),
        ):
            refused = await browser.submit(PATH, json=wrong, csrf=browser.csrf)
            assert (refused.status, told(refused.body.decode())) == (422, [error])
        unknown = await browser.submit(PATH, json='{"servers": [], "tims": 4}', csrf=browser.csrf)
        assert b"there is no parameter" in unknown.body

    with_runs(tmp_path, test, files=FILES)


def test_a_rehearsal_shows_on_the_page_what_would_happen(tmp_path: Path) -> None:
    """It starts nothing, and the form keeps what was typed."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url)
        sent = await browser.submit(PATH, **{**GOOD, "do": "rehearse"}, csrf=browser.csrf)
        page = sent.body.decode()
        assert sent.status == 200
        assert "rehearsal of ops/deploy: succeeded" in page
        assert 'value="3"' in page
        assert "hush-hush" not in page
        assert await started(client) == 0

    with_runs(tmp_path, test, files=FILES)


def test_a_form_begins_with_the_inputs_of_an_earlier_run(tmp_path: Path, monkeypatch: Any) -> None:
    """A large value is not sent to the browser and back. One with masked secrets in it cannot be taken over."""
    monkeypatch.setattr(start_fields, "MAX_PREFILLED", 100)

    async def test(client: Client, url: str) -> None:
        servers = [{"host": f"host-{number}"} for number in range(30)]
        inputs = {"servers": servers, "times": 5, "token": "hush-hush"}
        earlier = await start(client, "ops/deploy", to_the_end=True, inputs=inputs, labels={"env": "prod"})
        browser = await entered(client, url)
        page = await text_of(browser, f"{PATH}?from={earlier}")
        assert 'value="5"' in page
        assert "env=prod" in page
        assert "host-7" not in page
        kept = re.search(r'name="keep.servers" value="(\d+)" checked', page)
        assert kept
        fields = {"from": earlier, "keep.servers": kept[1], "in.servers": "", "in.times": "5", "csrf": browser.csrf}
        sent = await browser.submit(PATH, **fields)
        run = await run_of(client, sent.headers["location"])
        assert run["inputs"]["servers"] == servers
        turned = await browser.submit(PATH, **fields, do="as_json")
        assert b"has no place in JSON" in turned.body
        masked = await start(client, "ops/deploy", to_the_end=True, inputs={**inputs, "servers": [{"host": MASK}] * 9})
        refused = await browser.submit(PATH, **{**fields, "from": masked})
        assert told(refused.body.decode()) == [
            f"the earlier run keeps secrets in 'servers' as {MASK}: write the value again"
        ]
        await text_of(browser, f"{PATH}?from=nobody", 404)
        for shown in ("values", "rerun"):
            assert f'href="{PATH}?from={earlier}"' in await text_of(browser, f"/runs/{earlier}/{shown}")

    with_runs(tmp_path, test, files=FILES)


def test_who_may_not_start_runs_gets_no_form(tmp_path: Path) -> None:
    """And a refused definition leads to its errors."""

    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="eve", role="viewer")
        assert "A viewer cannot start runs." in await text_of(viewer, PATH)
        assert (await viewer.submit(PATH, **GOOD, csrf=viewer.csrf)).status == 403
        browser = await entered(client, url)
        broken = await browser.open("/definitions/test.broken/start")
        assert (broken.status, broken.headers["location"]) == (303, "/definitions/test.broken")
        await text_of(browser, "/definitions/test.none/start", 404)
        too_large = await browser.submit(PATH, **{"in.text": "x" * (4 * 1024 * 1024)}, csrf=browser.csrf)
        assert (too_large.status, b"MAX_START_BYTES" in too_large.body) == (413, True)

    with_runs(
        tmp_path, test, files={**FILES, "broken": 'ref: test.broken\nversion: "1"\ntasks: [{name: a, action: no.ne}]\n'}
    )
