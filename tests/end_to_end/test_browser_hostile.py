"""Names and values that attack: no page runs them, takes them for markup, or lets them reach another origin."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.operations import CreateToken, Inquiries, Pause, Submit, Watch
from stretto.metrics import get_logger
from tests.support.accessibility import sideways
from tests.support.chromium import enter, needs_chromium, opened_chromium, watched_context
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
ATTACKS: Final = (
    "<script>window.hacked = 1</script>",
    "\"'><img src=x onerror=window.hacked=1>",
    "<svg/onload=window.hacked=1>",
    "</textarea></title></style></script><iframe src=https://evil.example>",
    "javascript:window.hacked=1",
    "https://evil.example/%2e%2e/",
    "{{ 'kitt' ~ 'en' }}{% for x in [1] %}${'kitt' + 'en'}",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "&lt;b&gt;&amp;lt;",
    "a\r\nSet-Cookie: hacked=1\r\n\r\n<script>",
)
TEXT: Final = " ".join(ATTACKS)
LONG: Final = "x" * 10_000
MADE: Final = "iframe, object, embed, img, base, main script, form[action*='evil']"
"""Elements that no page has, and that attacks would make."""
TABS: Final = ("", "/items", "/timeline", "/context", "/history", "/values")
PLACES: Final = (
    "/",
    "/actions",
    "/actions/evil.act",
    "/audit",
    "/tokens",
    "/engine",
    "/schedules",
    "/inquiries",
    "/definitions",
    "/definitions/test.echo",
    "/definitions/test.echo/start",
)
NUL: Final = "a=\0b\0"
WITH_REFS: Final = (
    "/definitions/REF",
    "/definitions/REF/start",
    "/definitions?q=REF",
    "/actions/REF",
    "/actions?q=REF",
    "/audit?who=REF",
    "/problems/REF",
    "/inquiries/REF",
    "/inquiries?status=REF",
    "/inquiries?cursor=REF",
    "/tokens/REF/revoke",
    *(
        f"/runs/REF{end}"
        for end in (
            *TABS,
            "/definition",
            "/cancel",
            "/adjust",
            "/rerun",
            "/item/skip?task=REF&item=1",
            "/task/cancel?task=REF",
        )
    ),
    "/runs/REF?task=REF&state=REF&group=REF",
    "/several?do=pause&run=REF",
    "/REF",
)
"""Addresses of all pages in which somebody may write a ref, an id or a text of any kind."""
YAML_TEXT: Final = json.dumps(TEXT)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A daemon all of whose texts attack."""
    folder = tmp_path_factory.mktemp("hostile")
    definitions = folder / "definitions"
    definitions.mkdir()
    head = f'version: "1.0.0"\nlabel: {YAML_TEXT}\ndescription: {YAML_TEXT}\ntags: [{YAML_TEXT}]\n'
    (definitions / "<img src=x onerror=window.hacked=1>.yaml").write_text(
        f"{head}ref: test.echo\nparameters:\n  text: {{description: {YAML_TEXT}, default: {YAML_TEXT}}}\n"
        "tasks: [{name: echo, action: core.echo, input: {message: '{{ parameters.text }}'}}]\n"
        'output_map: {said: "{{ task.echo.result }}"}\n'
    )
    (definitions / "fail.yaml").write_text(
        f"{head}ref: test.fail\nparameters: {{text: {{default: {YAML_TEXT}}}}}\n"
        "tasks: [{name: fail, with_items: '{{ [parameters.text, 2] }}', action: core.fail, "
        "input: {message: '{{ item }}'}}]\n"
    )
    (definitions / "sleep.yaml").write_text(
        f"{head}ref: test.sleep\ntasks: [{{name: {'t' * 200}, with_items: [1, 2], action: core.sleep, "
        "input: {seconds: 1000}}]\n"
    )
    (definitions / "ask.yaml").write_text(
        f"{head}ref: test.ask\nparameters: {{text: {{default: {YAML_TEXT}}}}}\n"
        "tasks: [{name: ask, action: core.ask, input: {prompt: '{{ parameters.text }}', "
        "users: ['{{ parameters.text }}'], schema: {type: object, properties: {go: {type: string, "
        "description: '{{ parameters.text }}', enum: ['{{ parameters.text }}', 'no']}}}}}]\n"
    )
    (definitions / "calls.yaml").write_text(f"{head}ref: test.calls\ntasks: [{{name: call, action: test.ask}}]\n")
    (definitions / "later.yaml").write_text(
        f'version: "1.0.0"\nref: test.later\nschedule: {{at: "2999-01-01"}}\nrun: test.echo\ndescription: {YAML_TEXT}\n'
    )
    (definitions / "refused.yaml").write_text(f"{head}ref: test.refused\n{json.dumps(ATTACKS[0])}: 1\ntasks: []\n")
    packs = folder / "packs"
    _write_pack(packs / "evil")
    with opened_gateway(
        folder,
        patience=1000,
        store=f"sqlite:///{folder}/runs.db",
        definitions=str(definitions),
        packs=[str(packs / "evil")],
    ) as opened:
        yield opened


def _write_pack(pack: Path) -> None:
    (pack / "actions").mkdir(parents=True)
    (pack / "pack.yaml").write_text(f"ref: evil\nlabel: {YAML_TEXT}\ndescription: {YAML_TEXT}\nversion: 1.0.0\n")
    (pack / "actions" / "evil.py").write_text("import json\nprint(json.dumps({}))\n")
    (pack / "actions" / "evil.yaml").write_text(
        f"ref: evil.act\nlabel: {YAML_TEXT}\ndescription: {YAML_TEXT}\nrunner_type: python\nentry_point: evil.py\n"
        f"parameters:\n  text: {{type: string, description: {YAML_TEXT}, default: {YAML_TEXT}}}\n"
    )


def paths_of(daemon: Opened) -> tuple[list[str], list[str]]:
    """Return the addresses of pages that show what attacks, and addresses that attack themselves."""
    client = daemon.client
    runs: dict[str, Any] = {}
    for ref, inputs in (("echo", {"text": TEXT}), ("fail", {}), ("sleep", {})):
        labels = {"evil": ATTACKS[1], "url": ATTACKS[4]}
        runs[ref] = client.ask(Submit(f"test.{ref}", inputs=inputs, labels=labels, note=TEXT))
    runs["long"] = client.ask(Submit("test.echo", inputs={"text": LONG}))
    for ref in ("echo", "fail", "long"):
        list(client.answers(Watch(runs[ref].run)))
    client.ask(Pause(runs["sleep"].run, note=TEXT))
    client.ask(CreateToken("evil", "viewer", workflows=[ATTACKS[0], "w" * 200], note=LONG[:1000]))
    get_logger("stretto.test").warning(TEXT, evil=TEXT)
    named = [f"/runs/{each.run}{tab}" for each in runs.values() for tab in TABS]
    named.append(f"/runs/{runs['sleep'].run}/cancel")
    named.append(f"/runs/{runs['sleep'].run}/task/cancel?task={'t' * 200}")
    named += asking(client)
    parameters = (("/", ("q", "workflow", "label", TEXT[:80])), ("/actions", ("q", "pack")), ("/audit", ("who",)))
    asked = [
        f"{path}?{urlencode({name: text})}"
        for path, names in parameters
        for name in names
        for text in (f"a={TEXT}"[:190], "y" * 190)
    ]
    within = [f"{path}/{quote(text, safe='')}" for path in ("/runs", "/actions", "/problems") for text in ATTACKS[:5]]
    within += [f"/actions/{LONG[:3000]}", f"/{LONG[:3000]}"]
    within += [path.replace("REF", quote(ref, safe="")) for path in WITH_REFS for ref in (NUL, LONG)]
    within += [f"/?{name}={quote(text)}" for name in ("q", "workflow", "label", "by", "parent") for text in (NUL, LONG)]
    within += [f"{named[1]}?task={quote(text)}&item=1" for text in (NUL, LONG)]
    within += [f"/enter?next={quote(ATTACKS[4])}", "/enter?next=//evil.example"]
    return [*PLACES, *named], [*asked, *within]


def asking(client: Client) -> list[str]:
    """Start a run whose sub-workflow asks. Return the pages that show its question, as soon as it is asked."""
    accepted: Any = client.ask(Submit("test.calls"))
    while True:
        found: Any = client.ask(Inquiries())
        if found.inquiries:
            inquiry = found.inquiries[0]
            return [f"/runs/{accepted.run}", f"/runs/{inquiry['run']}", f"/inquiries/{inquiry['id']}"]


def test_nothing_that_attacks_is_run_or_leaves_the_origin(daemon: Opened) -> None:
    """On no page: it is text everywhere, and no page gets wider than the screen."""
    with opened_chromium() as browser, watched_context(browser, daemon.url) as context:
        page = enter(context, daemon.client, daemon.url)
        places, attacks = paths_of(daemon)
        for path in (*places, *attacks):
            answer = page.goto(daemon.url + path)
            assert answer is not None
            assert answer.status in ({200} if path in places else {200, 400, 404, 422}), path[:200]
            assert answer.header_value("set-cookie") is None
            assert page.evaluate("window.hacked === undefined"), path
            assert page.locator(MADE).count() == 0, path
            assert evil_links(page) == [], path
            assert "kitten" not in page.content(), path
            assert sideways(page, (320, 1440)) == [], path


def evil_links(page: "Page") -> list[str]:
    """Return the links of a page that lead elsewhere, or are scripts."""
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('[href], [src], [action], [formaction]')]"
        ".flatMap((each) => ['href', 'src', 'action', 'formaction'].map((name) => each.getAttribute(name)))"
        ".filter((target) => target && new URL(target, document.baseURI).origin !== location.origin)"
    )
    return found
