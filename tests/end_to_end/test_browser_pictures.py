"""The pictures of the documents: what the pages look like now, taken by a browser, and compared with what is kept.

`STRETTO_PICTURES=write` with these tests takes them anew.
"""

import base64
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from stretto.actors.operations import Pause, Submit, Watch
from tests.support.chromium import enter, needs_chromium, opened_chromium, watched_context
from tests.support.gateways import Opened, opened_gateway
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
FOLDER: Final = ROOT / "docs" / "pictures"
MOST_BYTES: Final = 150_000
SIZE: Final = {"width": 1280, "height": 800}
SCHEMES: Final = ("light", "dark")
MOST_DIFFERENT: Final = 0.06
"""The share of a picture's pixels that may differ: times, ids and durations do."""
DEFINITIONS: Final = {
    "ops.health_check": "label: Health check\nparameters: {hosts: {type: integer, default: 2000}}\n"
    "tasks:\n"
    "  - {name: inventory, action: core.noop, next: [{do: [check]}]}\n"
    "  - name: check\n    action: core.echo\n    with_items: '{{ range(parameters.hosts) }}'\n    concurrency: 256\n"
    "    max_failures: 5%\n    input: {message: '{{ 1 / (item % 97) }}'}\n    next: [{do: [report]}]\n"
    "  - {name: report, action: core.noop}\n",
    "ops.greet": "tasks: [{name: greet, action: core.noop}]\n",
    "ops.wait": "tasks: [{name: wait, action: core.sleep, input: {seconds: 1000}}]\n",
}
_DIFFERENT: Final = """
async ([one, other]) => {
  const pixels = async (picture) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/webp;base64,${picture}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    canvas.drawImage(bitmap, 0, 0);
    return canvas.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const [a, b] = [await pixels(one), await pixels(other)];
  if (a.width !== b.width || a.height !== b.height) return 1;
  let different = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    const most = Math.max(...[0, 1, 2].map((channel) => Math.abs(a.data[at + channel] - b.data[at + channel])));
    if (most > 48) different += 1;
  }
  return (4 * different) / a.data.length;
}
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A daemon with definitions."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "definitions").mkdir()
    for ref, text in DEFINITIONS.items():
        (folder / "definitions" / f"{ref}.yaml").write_text(f'version: "1.4.0"\nref: {ref}\n{text}')
    with opened_gateway(folder, store=f"sqlite:///{folder}/runs.db", definitions=str(folder / "definitions")) as opened:
        yield opened


def taken(page: "Page", scheme: str) -> str:
    """Return a picture of a page in WebP, as base64."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    devtools = page.context.new_cdp_session(page)
    picture: str = devtools.send("Page.captureScreenshot", {"format": "webp", "quality": 82})["data"]
    devtools.detach()
    return picture


def check(page: "Page", canvas: "Page", name: str) -> None:
    """Compare a page with its pictures, or write them."""
    for scheme in SCHEMES:
        path = FOLDER / f"{name}-{scheme}.webp"
        picture = taken(page, scheme)
        if os.environ.get("STRETTO_PICTURES") == "write":
            path.write_bytes(base64.b64decode(picture))
        kept = path.read_bytes()
        assert len(kept) <= MOST_BYTES, path
        different: float = canvas.evaluate(_DIFFERENT, [picture, base64.b64encode(kept).decode()])
        assert different <= MOST_DIFFERENT, f"{different:.1%} of {path.name} differ: look, then STRETTO_PICTURES=write"


def test_the_pictures_of_the_documents_are_those_of_the_pages(daemon: Opened) -> None:
    """The run page after a fan-out of 2,000 with failures, the list of runs, and the engine, light and dark."""
    client = daemon.client
    runs: dict[str, Any] = {}
    for ref, labels in (("greet", {}), ("wait", {"env": "prod"}), ("health_check", {"env": "prod"})):
        runs[ref] = client.ask(Submit(f"ops.{ref}", labels=labels))
    for ref in ("greet", "health_check"):
        list(client.answers(Watch(runs[ref].run)))
    client.ask(Pause(runs["wait"].run))
    with opened_chromium() as browser, watched_context(browser, daemon.url, viewport=SIZE) as context:
        page = enter(context, client, daemon.url)
        canvas = browser.new_page()
        for name, path in (("run", f"/runs/{runs['health_check'].run}"), ("runs", "/"), ("engine", "/engine")):
            page.goto(daemon.url + path)
            page.wait_for_load_state("networkidle")
            check(page, canvas, name)
        canvas.close()
