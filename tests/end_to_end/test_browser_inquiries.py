"""Journeys in a real browser: a run asks, every open page says so, and somebody answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from stretto.actors.operations import AnswerInquiry, Cancel, Inquiries, LinkInquiry, ShowInquiry, Submit
from tests.support.accessibility import sideways, violations, violations_of_colours
from tests.support.chromium import enter, needs_chromium, watched_context
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
PROMPT: Final = "Restart <b>14</b> hosts?"
DEFINITIONS: Final = {
    "test.asks": "tasks: [{name: first, action: core.noop, next: [{do: [ask]}]}, {name: ask, action: core.ask, "
    f"input: {{prompt: '{PROMPT}', schema: {{type: object, properties: {{go: {{type: boolean}}}}, "
    "required: [go]}}}]\n",
    "test.calls": "tasks: [{name: call, action: test.asks}]\n",
}


WAITS: Final = (
    "cancellation_policy: cancel_running\n"
    "tasks: [{name: wait, with_items: [1, 2, 3], action: core.sleep, input: {seconds: 1000}}]\n"
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway with a store and the definitions."""
    folder = tmp_path_factory.mktemp("inquiries")
    (folder / "definitions").mkdir()
    for ref, text in DEFINITIONS.items():
        (folder / "definitions" / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    with opened_gateway(folder, store=f"sqlite:///{folder}/runs.db", definitions=str(folder / "definitions")) as opened:
        yield opened


@pytest.fixture
def page(chromium: "Browser", daemon: Opened) -> "Iterator[Page]":
    """The page of an administrator."""
    with watched_context(chromium, daemon.url) as context:
        yield enter(context, daemon.client, daemon.url)


def test_an_open_page_counts_what_is_asked_and_answered_meanwhile(page: "Page", daemon: Opened) -> None:
    """By its stream, which only says that there is news."""
    page.locator("#live").wait_for()
    count = page.locator("[data-menu=inquiries]")
    assert count.is_hidden()
    run: Any = daemon.client.ask(Submit("test.asks"))
    count.get_by_text("1", exact=True).wait_for()
    daemon.client.ask(Cancel(run.run))
    count.wait_for(state="hidden")


def test_a_page_without_a_stream_asks_from_time_to_time(page: "Page", daemon: Opened) -> None:
    """As long as it is seen."""
    page.clock.install()
    page.goto(f"{daemon.url}/keys")
    with page.expect_response("**/menu") as asked:
        page.clock.fast_forward(15_000)
    assert asked.value.json()["inquiries"] == ""
    run: Any = daemon.client.ask(Submit("test.asks"))
    other = page.context.new_page()
    other.goto(f"{daemon.url}/runs/{run.run}")
    other.locator("#questions a.b").wait_for()
    page.clock.fast_forward(15_000)
    page.locator("[data-menu=inquiries]").get_by_text("1", exact=True).wait_for()
    daemon.client.ask(Cancel(run.run))
    page.clock.fast_forward(15_000)
    page.locator("[data-menu=inquiries]").wait_for(state="hidden")


def test_a_daemon_without_a_store_shows_questions_and_items_as_well(chromium: "Browser", tmp_path: Path) -> None:
    """It has neither a list of runs nor stored states of items, and is not asked for them."""
    for ref, text in (DEFINITIONS | {"test.waits": WAITS}).items():
        (tmp_path / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    with (
        opened_gateway(tmp_path, tmp_path / "tokens", definitions=str(tmp_path)) as daemon,
        watched_context(chromium, daemon.url) as context,
    ):
        run: Any = daemon.client.ask(Submit("test.asks"))
        page = enter(context, daemon.client, daemon.url)
        page.goto(f"{daemon.url}/runs/{run.run}")
        page.locator("#live").wait_for()
        page.locator("#questions").get_by_text(PROMPT).wait_for()
        daemon.client.ask(Cancel(run.run))
        page.locator("[data-menu=inquiries]").wait_for(state="hidden")
        waits: Any = daemon.client.ask(Submit("test.waits"))
        page.goto(f"{daemon.url}/runs/{waits.run}")
        page.locator("#live").wait_for()
        page.locator("#marks").focus()
        page.keyboard.press("Home")
        page.locator("#tip").get_by_text("0 · running").wait_for()
        daemon.client.ask(Cancel(waits.run))


@pytest.mark.parametrize("ref", ["test.asks", "test.calls"])
def test_the_page_of_a_run_shows_the_question_as_soon_as_it_is_asked(page: "Page", daemon: Opened, ref: str) -> None:
    """Its own, and that of a sub-workflow. It leads to the form; an answer from elsewhere takes it away."""
    run: Any = daemon.client.ask(Submit(ref))
    page.goto(f"{daemon.url}/runs/{run.run}")
    questions = page.locator("#questions")
    questions.get_by_text(PROMPT).wait_for()
    assert questions.locator("q b").count() == 0
    questions.get_by_role("link", name="Answer…").click()
    page.get_by_role("heading", name=PROMPT).wait_for()
    inquiry = page.url.rpartition("/")[2]
    page.go_back()
    questions.get_by_text(PROMPT).wait_for()
    page.locator("#live").wait_for()
    daemon.client.ask(AnswerInquiry(inquiry, {"go": True}))
    page.locator("#run[data-ended=true]").wait_for()
    assert questions.is_hidden()


def test_a_person_answers_by_a_link_without_a_token(chromium: "Browser", daemon: Opened) -> None:
    """The code leaves the address before anything is sent. Opening the link changes nothing."""
    run: Any = daemon.client.ask(Submit("test.asks"))
    while not (waiting := daemon.client.ask(Inquiries(run.run)).inquiries):  # type: ignore[union-attr]
        pass
    made: Any = daemon.client.ask(LinkInquiry(waiting[0]["id"], "mira"))
    asked: list[str] = []
    with watched_context(chromium, daemon.url) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
        page.goto(made.link["url"])
        page.get_by_role("heading", name=PROMPT).wait_for()
        code = made.link["url"].partition("#")[2]
        assert page.url == made.link["url"].partition("#")[0]
        assert not [each for each in asked if code in each.partition("#")[0]]
        assert (violations(page), sideways(page)) == ([], [])
        page.emulate_media(color_scheme="dark")
        assert violations_of_colours(page) == []
        page.locator("input[name='in.go'][value=true]").check()
        page.get_by_role("button", name="Answer").click()
        page.get_by_role("heading", name="Thank you, mira").wait_for()
        assert (violations(page), sideways(page)) == ([], [])
        page.goto(f"{daemon.url}/answer/{waiting[0]['id']}")
        page.get_by_label("Code of the link").wait_for()
        assert (violations(page), sideways(page)) == ([], [])
    answered: Any = daemon.client.ask(ShowInquiry(waiting[0]["id"]))
    assert (answered.inquiry["answered_by"], answered.inquiry["answered_via"]) == ("mira", "link")
