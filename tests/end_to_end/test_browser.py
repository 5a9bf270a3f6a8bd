"""A real browser: its log-in with a code, and pages of other sites, which can neither read nor change anything.

The browser is the distribution's Chromium. Names of other sites lead to this machine, as in a DNS-rebinding attack.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.operations import API, Cancel, CreateEnterCode, CreateToken, Runs, Submit, Watch
from tests.support.chromium import needs_chromium
from tests.support.gateways import Opened, opened_gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = needs_chromium
DEFINITIONS: Final = {
    "test.echo": "tasks: [{name: echo, action: core.noop}]\n",
    "test.sleep_" + "a_very_long_name_" * 8: "cancellation_policy: cancel_running\n"
    "tasks: [{name: sleep, with_items: [1, 2, 3], concurrency: 2, action: core.sleep, input: {seconds: 1000}}]\n",
}
SLEEP: Final = next(ref for ref in DEFINITIONS if "sleep" in ref)
WIDTHS: Final = (320, 390, 768, 1180, 1440)
ATTACK: Final = """
async (daemon) => {
  const tried = {};
  const send = async (name, path, options) => {
    try {
      const answer = await fetch(daemon + path, { credentials: "include", ...options });
      tried[name] = answer.type === "opaque" ? "opaque" : `${answer.status} ${(await answer.text()).slice(0, 20)}`;
    } catch (error) {
      tried[name] = "refused";
    }
  };
  await send("read", "/api/v1/runs");
  await send("me", "/api/v1/me");
  await send("metrics", "/metrics");
  await send("blind", "/api/v1/runs", { mode: "no-cors", method: "POST", body: '{"workflow": "test.echo"}' });
  await send("change", "/api/v1/runs", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: '{"workflow": "test.echo"}',
  });
  return tried;
}
"""


class OtherSite(BaseHTTPRequestHandler):
    """A site of somebody else on this machine."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Another site</title><form method=post enctype=text/plain></form>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """A site on another port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherSite) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"evil.example:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway with a store and a workflow."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "definitions").mkdir()
    for ref, text in DEFINITIONS.items():
        (folder / "definitions" / f"{ref}.yaml").write_text(f'version: "1.0.0"\nref: {ref}\n{text}')
    with opened_gateway(folder, store=f"sqlite:///{folder}/runs.db", definitions=str(folder / "definitions")) as opened:
        yield opened


@pytest.fixture
def context(chromium: "Browser") -> "Iterator[BrowserContext]":
    """A browser that knows nothing yet."""
    made = chromium.new_context()
    yield made
    made.close()


def enter_url(client: Client) -> str:
    made: Any = client.ask(CreateEnterCode())
    url: str = made.url
    return url


def entered(context: "BrowserContext", daemon: Opened) -> "Page":
    """Log in with a link of `stretto open`, and return the page that is then shown."""
    page = context.new_page()
    page.goto(enter_url(daemon.client))
    page.wait_for_url(f"{daemon.url}/")
    return page


def test_a_link_logs_in_once_and_the_address_loses_the_code(context: "BrowserContext", daemon: Opened) -> None:
    """The cookie is one that no script reads. Nothing is said on the console."""
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    link = enter_url(daemon.client)
    page.goto(link)
    page.wait_for_url(f"{daemon.url}/")
    assert page.title() == "Runs · Stretto"
    (cookie,) = context.cookies()
    assert cookie["name"] == f"stretto-{urlsplit(daemon.url).port}"
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert page.evaluate("document.cookie") == ""
    assert said == []
    code = link.partition("#")[2]
    page.go_back()
    assert code not in page.url
    page.goto(f"{daemon.url}/enter")
    page.goto(link)  # where this page is shown already
    page.get_by_text("has been used").wait_for()
    assert page.url == f"{daemon.url}/enter"


@pytest.mark.parametrize("logged_in", [False, True], ids=["a stranger", "with the cookie"])
def test_a_page_of_another_site_reads_and_changes_nothing(
    context: "BrowserContext", daemon: Opened, other_site: str, logged_in: bool
) -> None:
    """Neither from its own origin, nor by a name of its own that leads to the daemon (DNS rebinding)."""
    if logged_in:
        entered(context, daemon)
    port = urlsplit(daemon.url).port
    page = context.new_page()
    page.goto(f"http://{other_site}/")
    for target in (daemon.url, f"http://localhost:{port}"):
        tried = page.evaluate(ATTACK, target)
        assert {name: said for name, said in tried.items() if name != "blind"} == dict.fromkeys(
            ("read", "me", "metrics", "change"), "refused"
        )
        assert tried["blind"] in {"opaque", "refused"}
    # The site's own name now leads to the daemon, whose pages seem to be of its origin.
    rebound = context.new_page()
    answer = rebound.goto(f"http://evil.example:{port}/")
    assert answer is not None
    assert answer.status == 421
    tried = rebound.evaluate(ATTACK, f"http://evil.example:{port}")
    assert all(said.startswith("421 ") for said in tried.values()), tried
    runs: Any = daemon.client.ask(Runs(workflow="test.echo"))
    assert runs.runs == []


def test_another_port_of_the_same_host_gets_nothing_out_of_the_cookie(
    context: "BrowserContext", daemon: Opened, other_site: str
) -> None:
    """A browser sends cookies to all ports, and calls them the same site."""
    entered(context, daemon)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{other_site.rpartition(':')[2]}/")
    tried = page.evaluate(ATTACK, daemon.url)
    assert {name: said for name, said in tried.items() if name != "blind"} == dict.fromkeys(
        ("read", "me", "metrics", "change"), "refused"
    )
    page.evaluate(
        "(url) => { const form = document.forms[0]; form.action = url; form.submit(); }", f"{daemon.url}{API}/runs"
    )
    page.wait_for_url(f"{daemon.url}{API}/runs")
    assert "foreign_origin" in page.content()
    runs: Any = daemon.client.ask(Runs(workflow="test.echo"))
    assert runs.runs == []


def watched(page: "Page") -> list[str]:
    """Return a list that gets all that is said on a page's console, violations of its policy among it."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_the_pages_follow_the_runs_and_fit_every_width(context: "BrowserContext", daemon: Opened) -> None:
    """Rows change in place, new runs gather behind a line, and keys lead through all of it."""
    page = entered(context, daemon)
    said = watched(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#live").wait_for()
    sleep: Any = daemon.client.ask(Submit(SLEEP, labels={"env": "<b>bold</b>" * 4}))
    page.get_by_text("1 newer run - show").click()
    row = page.locator(f"tr[data-run='{sleep.run}']")
    row.get_by_text("Running").wait_for()
    page.locator("#live").wait_for()
    for path in ("/", f"/runs/{sleep.run}", f"/runs/{sleep.run}/cancel", "/keys", "/problems/busy"):
        page.goto(daemon.url + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    page.goto(f"{daemon.url}/")
    page.locator("#live").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{daemon.url}/runs/{sleep.run}")
    page.locator("#live").wait_for()
    page.keyboard.press("p")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    page.keyboard.press("p")
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    page.keyboard.press("c")
    page.get_by_role("button", name="Cancel the run").wait_for()
    daemon.client.ask(Cancel(sleep.run))
    list(daemon.client.answers(Watch(sleep.run)))
    page.goto(f"{daemon.url}/?status=cancelled")
    assert page.locator("tbody tr").count() == 1
    assert said == []
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(daemon.url).netloc}


def test_without_script_everything_can_be_read_and_cancelled(chromium: "Browser", daemon: Opened) -> None:
    """With a token, which the form takes."""
    made: Any = daemon.client.ask(CreateToken("no-script", "operator"))
    sleep: Any = daemon.client.ask(Submit(SLEEP))
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{daemon.url}/runs/{sleep.run}")
    page.get_by_label("Token").fill(made.text)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Cancel…").click()
    page.get_by_text("2 items in flight are stopped").wait_for()
    page.get_by_role("button", name="Cancel the run").click()
    page.wait_for_url(f"{daemon.url}/runs/{sleep.run}")
    list(daemon.client.answers(Watch(sleep.run)))
    page.reload()
    page.get_by_text("Cancelled").first.wait_for()
    context.close()
