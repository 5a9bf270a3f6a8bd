"""Every page in every state, in a real browser: axe-core's rules, a focus that is seen, narrow screens.

One browser looks at all of them, with the pages of an administrator unless the state says otherwise.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from stretto.actors import SensorLimits
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.menu import MENU_PATH
from stretto.actors.gateway.pages.pages import Pages
from stretto.actors.gateway.pages.task_graph import TaskGraphs
from stretto.actors.operations import (
    AnswerInquiry,
    Inquiries,
    Pause,
    PauseSchedule,
    Runs,
    ShowInquiry,
    Submit,
    TriggerSchedule,
    Watch,
)
from stretto.actors.operations.events import DisableRule
from stretto.actors.pools import PoolOptions
from tests.support.accessibility import sideways, unseen_stops, violations, violations_of_colours
from tests.support.chromium import enter, needs_chromium, watched_context
from tests.support.events import answer_of, event
from tests.support.gateways import Opened, opened_gateway
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
SLEEP: Final = "sleep_" + "so_very_long_" * 6
DEFINITIONS: Final = {
    "test.echo": "parameters: {text: {type: string, default: hello}, token: {type: string, secret: true, default: s}}\n"
    "tasks: [{name: echo, action: core.echo, input: {message: '{{ parameters.text }}'}}]\n"
    'output_map: {said: "{{ task.echo.result }}"}\n',
    "test.items": "tasks: [{name: each, with_items: [1, 2, 0, 0, 3], action: core.echo, "
    'input: {message: "{{ 1 / item }}"}}]\n',
    "test.sleep": "cancellation_policy: cancel_running\n"
    f"tasks: [{{name: {SLEEP}, with_items: [1, 2, 3], concurrency: 2, action: core.sleep, "
    "input: {seconds: 1000}}]\n",
    "test.ask": "tasks: [{name: ask, action: core.ask, input: {prompt: 'Deploy?', users: [mira], roles: [admin], "
    "schema: {type: object, properties: {go: {type: boolean}, when: {type: string, enum: [now, later]}, "
    "hosts: {type: integer, minimum: 1, description: At first}}, required: [go, hosts]}}}]\n",
    "test.later": "schedule: {at: '2999-01-01', overlap: skip}\nrun: test.echo\ndescription: Once\n",
    "test.never": "schedule: {cron: '0 2 * * *'}\nrun: test.echo\n",
    "test.on_greeting": "on: {event: greeted, when: payload.loud}\nrun: test.echo\ndescription: Greets\n"
    "input: {text: '{{ payload.text }}'}\n",
    "test.on_whisper": "on: {event: greeted, when: not payload.loud}\nrun: test.echo\n",
    "test.calls": "tasks: [{name: call, action: test.ask}, {name: again, with_items: [1, 2], action: test.items}]\n",
    "test.refused": "tasks: [{name: a, action: core.noop, concurency: 3}]\n",
}  # fmt: skip
STATES: Final = {
    "runs": "/",
    "runs, a filter that none matches": "/?workflow=test.none",
    "runs, failed in a day": "/?status=failed&since=24h",
    "runs, a search": "/?q=ITEMS&label=env%3Dprod",
    "several": "/several?do=cancel&run={sleep}&run={paused}",
    "a run that has succeeded": "/runs/{echo}",
    "a run that has failed": "/runs/{items}",
    "a run with all errors": "/runs/{items}?errors=all",
    "a run in progress": "/runs/{sleep}",
    "a paused run": "/runs/{paused}",
    "a cancellation": "/runs/{sleep}/cancel",
    "input and output": "/runs/{echo}/values",
    "items": "/runs/{items}/items",
    "failed items": "/runs/{items}/items?task=each&state=failed",
    "a timeline": "/runs/{items}/timeline",
    "a context": "/runs/{echo}/context",
    "a history": "/runs/{items}/history",
    "the definition of a run": "/runs/{items}/definition",
    "a failed item": "/runs/{items}?task=each&item=2",
    "an item in progress": "/runs/{sleep}?task={task}&item=0",
    "a rerun": "/runs/{items}/rerun",
    "a rerun of failed items": "/runs/{items}/rerun?scope=failed_items",
    "an adjustment": "/runs/{sleep}/adjust",
    "a task to cancel": "/runs/{sleep}/task/cancel?task={task}",
    "a task that has ended, to cancel": "/runs/{echo}/task/cancel?task=echo",
    "a run that waits for an answer": "/runs/{asks}",
    "a run whose sub-workflow waits for an answer": "/runs/{calls}",
    "an item with a run of its own": "/runs/{calls}?task=again&item=1",
    "the run of a sub-workflow": "/runs/{child}",
    "the runs of sub-workflows": "/?parent={calls}",
    "an item to skip": "/runs/{sleep}/item/skip?task={task}&item=0",
    "definitions": "/definitions",
    "definitions, a search that none matches": "/definitions?q=nothing-like-this",
    "a definition": "/definitions/test.items",
    "a definition that is refused": "/definitions/test.refused",
    "a start": "/definitions/test.echo/start",
    "a start with one field for all": "/definitions/test.echo/start?as=json",
    "a start with earlier inputs": "/definitions/test.echo/start?from={echo}",
    "inquiries": "/inquiries",
    "inquiries, a status that none has": "/inquiries?status=timed_out",
    "answered inquiries": "/inquiries?status=answered",
    "an inquiry": "/inquiries/{asked}",
    "an inquiry that is answered": "/inquiries/{answered}",
    "a personal link without its code": "/answer/{asked}",
    "schedules": "/schedules",
    "rules": "/rules",
    "a rule": "/rules/test.on_greeting",
    "events": "/events",
    "events, a filter that none matches": "/events?type=none&answered=no&since=1h",
    "an event": "/events/{event}",
    "actions": "/actions",
    "actions, a search that none matches": "/actions?q=nothing-like-this",
    "an action": "/actions/core.http",
    "an action that takes anything": "/actions/core.noop",
    "the engine": "/engine",
    "sensors": "/sensors",
    "a sensor": "/sensors/test.probe",
    "a sensor that does not run": "/sensors/test.off",
    "the audit": "/audit",
    "the audit, a filter that none matches": "/audit?who=nobody-like-this&since=1h",
    "tokens": "/tokens",
    "a token to revoke": "/tokens/{token}/revoke",
    "keys": "/keys",
    "a code": "/problems/store_unavailable",
    "nothing there": "/rums",
    "a run that is not there": "/runs/0199",
    "an action that is not there": "/actions/core.slep",
    "a bad request": "/?workflw=a",
    "the log-in": "/enter",
}
"""The address of each state. Names in braces are those of runs, inquiries and tokens."""
NAMES: Final = {
    "event", "echo", "items", "sleep", "paused", "token", "task", "asked", "answered", "asks", "calls", "child",
}  # fmt: skip
"""The names in braces."""


class Shown(NamedTuple):
    """A daemon, with what its addresses name."""

    daemon: Opened
    names: dict[str, str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A daemon with runs that have ended, have failed, run and are paused."""
    folder = tmp_path_factory.mktemp("states")
    (folder / "definitions").mkdir()
    for ref, text in DEFINITIONS.items():
        (folder / "definitions" / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    for name, more in (("probe", "description: It probes.\n"), ("off", "enabled: false\n")):
        text = f"sensor: test.{name}\ncommand: [sh, -c, 'echo begun; exec sleep 1000']\n{more}"
        (folder / "definitions" / f"{name}.yaml").write_text(text)
    with opened_gateway(
        folder, patience=1000, store=f"sqlite:///{folder}/runs.db", definitions=str(folder / "definitions"),
        sensors=SensorLimits(), pools={"compute": PoolOptions(workers=1, slots=4)},
    ) as opened:  # fmt: skip
        client = opened.client
        names = {"task": SLEEP}
        for ref, labels in (("echo", {"env": "prod"}), ("items", {"env": "prod"}), ("sleep", {}), ("paused", {})):
            accepted: Any = client.ask(Submit(f"test.{ref}" if ref != "paused" else "test.sleep", labels=labels))
            names[ref] = accepted.run
        for ref in ("echo", "items"):
            list(client.answers(Watch(names[ref])))
        client.ask(Pause(names["paused"], note="for the picture"))
        client.ask(PauseSchedule("test.never"))
        client.ask(TriggerSchedule("test.later"))
        services = opened.engine.proxy().host.services().get(timeout=PATIENCE)
        greeted = event({"loud": True, "text": "Hello " * 40}, type="greeted", source="hook:" + "greeter" * 12)
        names["event"] = answer_of(services.events.accept(greeted)).event
        client.ask(DisableRule("test.on_whisper"))
        names["answered"] = asked(client)
        client.ask(AnswerInquiry(names["answered"], {"go": True, "hosts": 2}))
        names["asked"] = asked(client)
        shown_inquiry: Any = client.ask(ShowInquiry(names["asked"]))
        names["asks"] = shown_inquiry.inquiry["run"]
        calls: Any = client.ask(Submit("test.calls"))
        names["calls"] = calls.run
        names["child"] = ended_child(client, calls.run)
        yield Shown(opened, names)


def ended_child(client: Client, run: str) -> str:
    """Return the run of a sub-workflow of a run that asks in another one, as soon as the one has failed."""
    while True:
        listed: Any = client.ask(Runs(parent=run))
        failed = [each["id"] for each in listed.runs if each["status"] == "failed"]
        if len(failed) == 2 and len(listed.runs) == 3:
            return str(failed[0])


def asked(client: Client) -> str:
    """Start a run that asks, and return its inquiry as soon as it is listed."""
    accepted: Any = client.ask(Submit("test.ask"))
    while True:
        listed: Any = client.ask(Inquiries(accepted.run))
        if listed.inquiries:
            return str(listed.inquiries[0]["id"])


@pytest.fixture(scope="module")
def page(chromium: "Browser", shown: Shown) -> "Iterator[Page]":
    """The page of an administrator."""
    with watched_context(chromium, shown.daemon.url, reduced_motion="reduce") as context:
        page = enter(context, shown.daemon.client, shown.daemon.url)
        make_token(page, shown)
        yield page


def make_token(page: "Page", shown: Shown) -> None:
    """Make the token that addresses name."""
    page.goto(f"{shown.daemon.url}/tokens")
    page.get_by_label("Name").fill("deploy-bot")
    page.get_by_role("button", name="Make it").click()
    link = page.get_by_role("link", name="Revoke").first.get_attribute("href") or ""
    shown.names["token"] = link.split("/")[2]


def look(page: "Page", shown: Shown, state: str) -> None:
    """Open a page in a state."""
    page.goto(shown.daemon.url + STATES[state].format(**shown.names))


def test_every_page_is_among_the_states() -> None:
    """A new page needs a state of its own here."""
    nothing: Any = None
    graphs = TaskGraphs(lambda _layouts: nothing)
    routes = Pages(nothing, nothing, nothing, nothing, graphs, nothing, nothing).routes()
    names = dict.fromkeys(NAMES, "x")
    paths = [each.partition("?")[0].format(**names) for each in STATES.values()]
    unseen = [
        route.path
        for route in routes
        if "GET" in route.methods
        and not route.path.startswith("/assets/")
        and route.path not in {"/runs", MENU_PATH}  # one leads to another, one is text for a script
        and not any(route.made().path_regex.fullmatch(path) for path in paths)
    ]
    assert unseen == []


@pytest.mark.parametrize("state", STATES)
def test_no_rule_is_broken_no_width_scrolls_sideways_and_each_stop_of_tab_is_seen(
    page: "Page", shown: Shown, state: str
) -> None:
    """axe-core's rules, light and dark; widths down to that at 400 %; stops are neither covered nor outside."""
    look(page, shown, state)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations_of_colours(page) == []
    page.emulate_media(color_scheme="light")
    assert sideways(page) == []
    for width in (1440, 320):
        page.set_viewport_size({"width": width, "height": 700})
        stops, unseen = unseen_stops(page)
        assert unseen == [], width
        assert stops >= 3


def test_what_a_form_answers_breaks_no_rule(page: "Page", shown: Shown) -> None:
    """A token that is shown once, and a form that is refused."""
    page.goto(f"{shown.daemon.url}/tokens")
    for name, wanted in (("second-bot", "Keep it"), ("second-bot", "second-bot")):
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Make it").click()
        page.get_by_text(wanted).first.wait_for()
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations_of_colours(page) == []
        page.emulate_media(color_scheme="light")


def test_a_viewer_sees_no_button_that_is_not_his(chromium: "Browser", shown: Shown) -> None:
    """And no rule is broken on his pages."""
    with watched_context(chromium, shown.daemon.url) as context:
        page = enter(context, shown.daemon.client, shown.daemon.url, "viewer")
        for state in ("runs", "a run in progress", "a cancellation", "the engine", "an action", "tokens", "the audit"):
            look(page, shown, state)
            assert violations(page) == []
            assert page.locator("main form[method=post], main .danger, main .stop").count() == 0
            for refused in ("/tokens", "/audit"):
                assert page.locator(f"nav a[href='{refused}']").count() == 0


def test_nothing_moves_for_who_wants_no_motion_and_forced_colours_keep_the_edges(page: "Page", shown: Shown) -> None:
    """What is told by a background alone would be gone."""
    look(page, shown, "a run in progress")
    page.locator("#live").wait_for()
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(forced_colors="active")
    edges = page.evaluate(
        "() => [...document.querySelectorAll('.card, .b, .bar, .chip, input:not([type=hidden])')]"
        ".filter((each) => each.checkVisibility() && parseFloat(getComputedStyle(each).borderTopWidth) < 1)"
        ".map((each) => each.outerHTML.slice(0, 100))"
    )
    lines = page.evaluate(
        "() => [...document.querySelectorAll('.tabs a')]"
        ".map((each) => [each.ariaCurrent !== null, getComputedStyle(each).borderBottomColor])"
    )
    page.emulate_media(forced_colors="none")
    assert edges == []
    here = {line for is_here, line in lines if is_here}
    assert len(here) == 1
    assert here.isdisjoint(line for is_here, line in lines if not is_here)


@pytest.mark.parametrize("state", ["the engine", "the audit", "tokens"])
def test_a_number_on_a_narrow_screen_says_what_it_counts(page: "Page", shown: Shown, state: str) -> None:
    """Where a row is a paragraph, no heading is above its cells."""
    look(page, shown, state)
    page.set_viewport_size({"width": 390, "height": 700})
    assert page.locator("table.stacked").count()
    bare = page.evaluate(
        "() => [...document.querySelectorAll('.stacked td:not([data-label])')]"
        r".filter((each) => each.checkVisibility() && /^\d[\d\s]*( of \d[\d\s]*)?$/.test(each.innerText.trim()))"
        ".map((each) => each.outerHTML.slice(0, 100))"
    )
    assert bare == []


def test_no_word_of_the_way_to_a_page_is_broken(page: "Page", shown: Shown) -> None:
    """Each step of it stands in a line of its own if there is no room for it."""
    look(page, shown, "a start")
    page.set_viewport_size({"width": 1440, "height": 700})
    width = page.evaluate(
        "() => { const list = document.querySelector('.crumbs');"
        " return list.lastElementChild.getBoundingClientRect().right - list.getBoundingClientRect().left; }"
    )
    lines = page.evaluate(
        "(width) => { const list = document.querySelector('.crumbs'); list.style.width = `${width - 4}px`;"
        " const range = document.createRange(); range.selectNodeContents(list.lastElementChild);"
        " return range.getClientRects().length; }",
        width,
    )
    assert lines == 1


def test_a_graph_of_few_tasks_is_not_enlarged(page: "Page", shown: Shown) -> None:
    """However wide the screen is."""
    look(page, shown, "a run whose sub-workflow waits for an answer")
    page.set_viewport_size({"width": 1900, "height": 900})
    drawn, wanted = page.evaluate(
        "() => { const graph = document.getElementById('graph');"
        " return [graph.getBoundingClientRect().width, graph.viewBox.baseVal.width]; }"
    )
    assert drawn <= wanted


def test_a_finding_is_read_without_scrolling_sideways(page: "Page", shown: Shown) -> None:
    """Its line of the source may be longer than the screen is wide."""
    look(page, shown, "a definition that is refused")
    page.set_viewport_size({"width": 320, "height": 700})
    scrolls, beyond = page.evaluate(
        "() => { const source = document.querySelector('.source'), finding = source.querySelector('.finding');"
        " return [source.scrollWidth > source.clientWidth,"
        " finding.getBoundingClientRect().right - source.getBoundingClientRect().right]; }"
    )
    assert scrolls
    assert beyond <= 0


def test_no_name_of_a_state_is_left_without_its_value(shown: Shown, page: "Page") -> None:
    """Each address is whole."""
    assert page.url
    assert set(shown.names) == NAMES
    assert {name for path in STATES.values() for name in re.findall(r"\{(\w+)\}", path)} == NAMES
