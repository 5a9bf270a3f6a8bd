"""Journeys in a real browser: from the definitions through the form to the end of a run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from stretto.actors.operations import CreateEnterCode, Runs
from tests.support.chromium import needs_chromium
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
GREET: Final = """ref: ops/greet
label: Greet <b>people</b>
version: "1"
parameters:
  names: {type: array, required: true, items: {type: string}}
  times: {type: integer, default: 2, maximum: 5}
  tone: {type: string, enum: [warm, cold], default: warm}
  loud: {type: boolean, default: false}
  token: {type: string, secret: true}
tasks: [{name: each, with_items: "{{ parameters.names }}", action: core.echo, input: {message: "Hello {{ item }}"}}]
output_map: {said: "{{ task.each.result }}", tone: "{{ parameters.tone }}", loud: "{{ parameters.loud }}"}
"""
BROKEN: Final = 'ref: ops.broken\nversion: "1"\ntasks: [{name: a, action: core.ech}]\n'
PATH: Final = "/definitions/ops/greet/start"
WIDTHS: Final = (320, 390, 768, 1180, 1440)
REFUSED: Final = "the server responded with a status of 422"
"""What the browser itself says of a form that is shown again."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway with a store and definitions."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "definitions").mkdir()
    for name, text in (("greet", GREET), ("broken", BROKEN)):
        (folder / "definitions" / f"{name}.yaml").write_text(text)
    with opened_gateway(folder, store=f"sqlite:///{folder}/runs.db", definitions=str(folder / "definitions")) as opened:
        yield opened


@pytest.fixture
def page(chromium: "Browser", daemon: Opened) -> "Iterator[Page]":
    """A page that is logged in, and that says nothing on its console and asks nobody else."""
    context = chromium.new_context()
    made = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    made.on("console", lambda message: said.append(message.text))
    made.on("pageerror", lambda error: said.append(str(error)))
    made.on("request", lambda request: asked.append(request.url))
    code: Any = daemon.client.ask(CreateEnterCode())
    made.goto(code.url)
    made.wait_for_url(f"{daemon.url}/")
    yield made
    context.close()
    assert [text for text in said if REFUSED not in text] == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(daemon.url).netloc}


def started(daemon: Opened) -> int:
    """Return how many runs there are."""
    answer: Any = daemon.client.ask(Runs())
    return len(answer.runs)


def at_the_end(page: "Page", status: str = "Succeeded") -> None:
    """Wait until the page shows the end of a run: it loads itself again for that."""
    page.wait_for_url("**/runs/*")
    page.locator("#run[data-ended=true]").wait_for()
    page.locator("#status").get_by_text(status).wait_for()


def test_a_run_is_started_from_the_form_and_watched_to_its_end(page: "Page", daemon: Opened) -> None:
    """From the list of definitions. A file fills a field."""
    page.get_by_role("link", name="Definitions").click()
    page.get_by_role("link", name="Start ops/greet").click()
    page.get_by_text("Choose a file").first.wait_for()  # the script shows it
    page.set_input_files("[data-for=p1]", {"name": "names.txt", "mimeType": "text/plain", "buffer": b"Ada\nAlan\n"})
    page.get_by_label("names").and_(page.locator("textarea")).wait_for()
    while "Alan" not in page.locator("#p1").input_value():
        pass
    assert page.locator("[name='as.names']").input_value() == "lines"
    page.get_by_label("cold").check()
    page.get_by_label("loud").check()
    page.get_by_label("Labels").fill("env=prod")
    page.get_by_role("button", name="Start", exact=True).click()
    at_the_end(page)
    run: Any = daemon.client.ask(Runs(limit=1))
    assert run.runs[0]["labels"] == {"env": "prod"}
    page.goto(f"{page.url}/values")
    page.get_by_text('"Hello Alan"').wait_for()
    page.get_by_text('"tone": "cold"').last.wait_for()


def test_a_form_with_errors_at_three_fields_keeps_what_was_typed(page: "Page", daemon: Opened) -> None:
    """The first of them has the focus. Then it starts."""
    before = started(daemon)
    page.goto(daemon.url + PATH)
    page.locator("#p1").fill('[\n  "Ada"\n  "Alan"\n]')
    page.locator("#p2").fill("two")
    page.locator("#p5").fill("hush-hush")
    page.get_by_label("Labels").fill("prod")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("3 fields need another value.").wait_for()
    assert page.locator(".wrong").all_inner_texts() == [
        "line 3: expected ',' or ']'", "'times' must be a number, got other text",
        "a label must be KEY=VALUE, got 'prod'",
    ]  # fmt: skip
    page.locator("#p1:focus").wait_for()
    assert page.locator("#p1").get_attribute("aria-describedby") == "p1-about p1-error"
    assert (page.locator("#p2").input_value(), page.locator("#p5").input_value()) == ("two", "")
    assert started(daemon) == before
    page.locator("#p1").fill("- Ada")
    page.locator("#p2").fill("3")
    page.get_by_label("Labels").fill("")
    page.get_by_role("button", name="Start", exact=True).click()
    at_the_end(page)


def test_a_form_that_is_sent_twice_starts_one_run(page: "Page", daemon: Opened) -> None:
    """Also one that was shown again with an error."""
    before = started(daemon)
    page.goto(daemon.url + PATH)
    page.locator("#p1").fill("[1]")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("'names[0]' must be of type string").wait_for()
    page.locator("#p1").fill('["Ada"]')
    page.get_by_role("button", name="Start", exact=True).dblclick()
    at_the_end(page)
    assert started(daemon) == before + 1


def test_a_run_is_rehearsed_started_and_started_again_with_the_keyboard_alone(page: "Page", daemon: Opened) -> None:
    """By the keys that the page of keys lists, and by Tab, Space and Enter."""
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/definitions")
    page.keyboard.press("/")
    page.keyboard.type("greet")
    page.keyboard.press("Enter")
    page.wait_for_url("**/definitions?q=greet")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/definitions/ops/greet")
    page.keyboard.press("s")
    page.wait_for_url("**/start")
    page.locator("#p1").focus()
    page.keyboard.type('["Ada"]')

    def tab_to(name: str) -> None:
        while name not in page.evaluate("document.activeElement.innerText"):
            page.keyboard.press("Tab")

    tab_to("Rehearse first…")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Rehearsal").wait_for()
    page.get_by_text("rehearsal of ops/greet: succeeded").wait_for()
    page.locator("#p2").focus()
    page.keyboard.press("Enter")
    at_the_end(page)
    first = page.url
    page.goto(f"{daemon.url}/definitions/ops/greet")
    page.locator("a", has_text="Use these inputs").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/start?from=*")
    assert page.locator("#p1").input_value() == '["Ada"]'
    page.locator("#p2").focus()
    page.keyboard.press("Enter")
    at_the_end(page)
    assert page.url != first


def test_without_script_a_run_is_started_as_json(chromium: "Browser", daemon: Opened) -> None:
    """After the form has been turned into JSON, with what was typed."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    with_script = chromium.new_context()
    entering = with_script.new_page()
    code: Any = daemon.client.ask(CreateEnterCode())
    entering.goto(code.url)
    entering.wait_for_url(f"{daemon.url}/")
    context.add_cookies(_portable(with_script.cookies(), daemon.url))
    page.goto(daemon.url + PATH)
    assert page.get_by_text("Choose a file").is_hidden()
    page.locator("#p1").fill('["Ada"]')
    page.get_by_role("switch", name="as JSON").click()
    assert '"Ada"' in page.locator("#json").input_value()
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/runs/*")
    context.close()
    with_script.close()


def _portable(cookies: Any, url: str) -> Any:
    """Return what a context takes of another one's cookies."""
    return [{name: each[name] for name in ("name", "value", "httpOnly", "sameSite")} | {"url": url} for each in cookies]


def test_the_pages_fit_every_width(page: "Page", daemon: Opened) -> None:
    """Without scrolling sideways, and with focus and targets that are large enough."""
    for path in ("/definitions", "/definitions/ops/greet", "/definitions/ops.broken", PATH, f"{PATH}?as=json"):
        page.goto(daemon.url + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
