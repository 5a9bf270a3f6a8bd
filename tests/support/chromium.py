"""A real browser: the distribution's Chromium, and a watch over all that its pages say and ask for."""

import asyncio
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.operations import CreateEnterCode, CreateToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

CHROMIUM: Final = shutil.which("chromium")
_SHELL: Final = shutil.which("chromium-headless-shell") or CHROMIUM
"""The same engine without the windows around it, from Debian's package of this name, or else Chromium itself. A new
context with its first pages takes 0.26 s of CPU time instead of 1.1."""
needs_chromium = pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="chromium is not installed")
_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


_ARGUMENTS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP *.example 127.0.0.1")


class _Shared:
    """The browser of a test process, which starts when it is first wanted: a start takes a second of CPU time.

    Playwright has an event loop in another greenlet of this thread, which is said to run as long as Playwright does.
    Between two uses no loop is said to run, so that other tests can have their own.
    """

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._users = 0

    @contextmanager
    def used(self) -> "Iterator[Playwright]":
        """Let Playwright be used in a block."""
        if self._playwright is None:
            from playwright.sync_api import sync_playwright

            self._playwright = sync_playwright().start()
            self._loop = asyncio.get_running_loop()
        self._users += 1
        asyncio._set_running_loop(self._loop)
        try:
            yield self._playwright
        finally:
            self._users -= 1
            if not self._users:
                asyncio._set_running_loop(None)

    def browser(self, playwright: "Playwright") -> "Browser":
        """Return the browser. One that has crashed is replaced."""
        if self._browser is None or not self._browser.is_connected():
            self._browser = playwright.chromium.launch(executable_path=_SHELL, args=_ARGUMENTS)
        return self._browser

    def close(self) -> None:
        """End the browser, if it has started."""
        if self._playwright is None:
            return
        with self.used() as playwright:
            if self._browser is not None:
                self._browser.close()
            playwright.stop()
        self._playwright = self._browser = None


_shared = _Shared()
close_chromium = _shared.close
"""Ends the browser of this process. For the end of all tests."""


@contextmanager
def opened_chromium() -> "Iterator[Browser]":
    """Lend the browser of this process. All of its contexts are closed at the end."""
    with _shared.used() as playwright:
        browser = _shared.browser(playwright)
        try:
            yield browser
        finally:
            for context in browser.contexts:
                context.close()


@contextmanager
def opened_with_text_of(pixels: int, folder: Path) -> "Iterator[BrowserContext]":
    """Run a browser whose reader has set the size of its text. The usual one is 16 pixels.

    Args:
        pixels: The size.
        folder: An empty folder for its profile.
    """
    (folder / "Default").mkdir()
    fonts = {"default_font_size": pixels, "default_fixed_font_size": pixels * 13 // 16}
    (folder / "Default" / "Preferences").write_text(json.dumps({"webkit": {"webprefs": fonts}}))
    with _shared.used() as playwright:
        context = playwright.chromium.launch_persistent_context(folder, executable_path=CHROMIUM, args=_ARGUMENTS)
        yield context
        context.close()


class Watch:
    """All that the pages of a context do and should not: console messages, violations of policy, foreign requests.

    Args:
        context: The context.
        url: The URL of the daemon.
    """

    def __init__(self, context: "BrowserContext", url: str) -> None:
        self.found: list[str] = []
        """A line for each."""
        self._origin = urlsplit(url).netloc
        context.add_init_script(_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.found.append(f"error: {error.error}"))
        context.on("request", self._asked)

    def _said(self, message: Any) -> None:
        page = message.page
        # The browser says so of each page with a status of 400 or more, which some tests want.
        is_the_page = page is not None and message.location.get("url") == page.url
        if not (is_the_page and message.text.startswith("Failed to load resource")):
            self.found.append(f"console: {message.text} ({message.location.get('url')})")

    def _asked(self, request: Any) -> None:
        place = urlsplit(request.url)
        if place.scheme not in {"data", "blob"} and place.netloc != self._origin:
            self.found.append(f"request: {request.url}")


@contextmanager
def watched_context(browser: "Browser", url: str, **options: Any) -> "Iterator[BrowserContext]":
    """Open a context that knows nothing yet. At its end, its pages must have done nothing that `Watch` finds."""
    context = browser.new_context(**options)
    watch = Watch(context, url)
    try:
        yield context
    finally:
        context.close()
    assert watch.found == [], watch.found


def enter(context: "BrowserContext", client: Client, url: str, role: str = "admin", **token: Any) -> "Page":
    """Log in: as the daemon's user, or with a new token of another role or name. Return the page."""
    page = context.new_page()
    if role == "admin" and not token:
        code: Any = client.ask(CreateEnterCode())
        page.goto(code.url)
    else:
        made: Any = client.ask(CreateToken(token.pop("name", f"a-{role}"), role, **token))  # type: ignore[arg-type]
        page.goto(f"{url}/enter")
        page.get_by_label("Token").fill(made.text)
        page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/")
    return page
