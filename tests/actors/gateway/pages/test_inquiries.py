"""The pages of inquiries, and the form of an answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.inquiry_form import InquiryForm
from stretto.actors.operations import Inquiries
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, start, text_of, with_runs

ASK = """
version: "1.0.0"
ref: test.asks
tasks:
  - name: approve
    action: core.ask
    input:
      prompt: "Deploy %s?"
      schema:
        type: object
        properties:
          approve: {type: boolean}
          window: {type: string, enum: [now, tonight]}
          hosts: {type: integer, minimum: 1, description: "How many at first"}
        required: [approve, hosts]
output_map: {answer: "{{ task.approve.result.response }}", by: "{{ task.approve.result.answered_by }}"}
"""
FILES = {"asks": ASK % HOSTILE.replace('"', "")}


async def asked(client: Client) -> dict[str, Any]:
    """Start a run that asks, and return the inquiry when its page has it."""
    await start(client, "test.asks")
    while True:
        found: Any = await asyncio.to_thread(client.ask, Inquiries(status="pending"))
        if found.inquiries:
            inquiry: dict[str, Any] = found.inquiries[0]
            return inquiry


def test_an_inquiry_is_listed_counted_in_the_menu_and_answered_by_its_form(tmp_path: Path) -> None:
    """The form has a field for each member. What is wrong stands at its field, and all that was typed stays."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url, name="mira", role="operator")
        assert "No run waits for an answer." in await text_of(browser, "/inquiries")
        inquiry = await asked(client)
        where = f"/inquiries/{inquiry['id']}"
        listed = await text_of(browser, "/inquiries")
        assert where in listed
        assert 'data-menu="inquiries" title="wait"><span>1</span>' in listed
        page = await text_of(browser, where)
        assert 'name="in.approve"' in page
        assert "How many at first" in page
        wrong = await browser.submit(where, csrf=browser.csrf, **{"in.approve": "true", "in.hosts": "0"})
        assert wrong.status == 422
        assert "&#39;hosts&#39; must be at least 1" in wrong.body.decode()
        assert 'value="0"' in wrong.body.decode()
        right = {"in.approve": "true", "in.hosts": "2", "in.window": '"now"', "note": "tests are green"}
        assert (await browser.submit(where, csrf="wrong", **right)).status == 403
        reply = await browser.submit(where, csrf=browser.csrf, **right)
        assert (reply.status, reply.headers["location"]) == (303, f"/runs/{inquiry['run']}")
        answered = await text_of(browser, where)
        assert "mira" in answered
        late = await browser.submit(where, csrf=browser.csrf, **right)
        assert late.status == 409
        assert "was answered by mira (" in late.body.decode()
        assert HOSTILE not in listed + page + answered

    with_runs(tmp_path, test, files=FILES)


def test_a_viewer_sees_the_form_and_is_refused(tmp_path: Path) -> None:
    """With the reason, on the same page."""

    async def test(client: Client, url: str) -> None:
        browser = await entered(client, url, name="vera", role="viewer")
        inquiry = await asked(client)
        where = f"/inquiries/{inquiry['id']}"
        reply = await browser.submit(where, csrf=browser.csrf, **{"in.approve": "true", "in.hosts": "2"})
        assert reply.status == 403
        assert "must be answered by an operator, got vera" in reply.body.decode()
        assert (await browser.open("/inquiries?status=nope")).status == 400
        assert (await browser.open("/inquiries/nope")).status == 404

    with_runs(tmp_path, test, files=FILES)


@pytest.mark.parametrize(
    ("schema", "values", "response"),
    [
        ({"type": "string"}, {"answer": "now"}, "now"),
        ({"type": "array", "items": {"type": "integer"}}, {"answer": [1, 2]}, [1, 2]),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": 1}),
        ({}, {"answer": None}, None),
    ],
)
def test_a_form_gives_an_answer_of_any_type(schema: Any, values: dict[str, Any], response: Any) -> None:
    """An answer that is no object has one field."""
    assert InquiryForm(schema).response(values) == response
