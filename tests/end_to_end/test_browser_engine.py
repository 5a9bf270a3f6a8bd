"""The page of the engine follows its figures while it is seen."""

from pathlib import Path

from stretto.actors.operations import Submit
from tests.support.chromium import enter, needs_chromium, opened_chromium, watched_context
from tests.support.gateways import opened_gateway

pytestmark = needs_chromium
DEFINITION = (
    'version: "1.0.0"\nref: test.sleep\ncancellation_policy: cancel_running\n'
    "tasks: [{name: sleep, action: core.sleep, input: {seconds: 1000}}]\n"
)


def test_the_figures_change_at_each_step_and_not_while_the_page_is_hidden(tmp_path: Path) -> None:
    """The page asks again after ten seconds, and at once when it is seen again."""
    tmp_path.chmod(0o700)
    (tmp_path / "sleep.yaml").write_text(DEFINITION)
    with (
        opened_gateway(tmp_path, definitions=str(tmp_path)) as daemon,
        opened_chromium() as browser,
        watched_context(browser, daemon.url) as context,
    ):
        context.clock.install()
        context.add_init_script("Object.defineProperty(document, 'hidden', { get: () => window.isHidden === true });")
        page = enter(context, daemon.client, daemon.url)
        page.goto(f"{daemon.url}/engine")
        runs = page.locator("[data-figure=runs_in_progress] .value b")
        assert runs.text_content() == "0"
        daemon.client.ask(Submit("test.sleep"))
        page.clock.fast_forward(10_000)
        runs.get_by_text("1", exact=True).wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate("window.isHidden = true")
        page.clock.fast_forward(60_000)
        assert asked == []
        daemon.client.ask(Submit("test.sleep"))
        page.evaluate("() => { window.isHidden = false; document.dispatchEvent(new Event('visibilitychange')); }")
        runs.get_by_text("2", exact=True).wait_for()
