"""What a run would only find out when it is half done refuses it before it starts, with the same words everywhere."""

import asyncio
import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.operations import API
from tests.actors.gateway.pages.test_runs import entered, text_of
from tests.support.access import token_in
from tests.support.gateways import Opened, Reply, http, opened_gateway, read_reply

CALLS = {
    "unknown_action": ("core.ech", "{message: x}", "there is no action 'core.ech'", "did you mean 'core.echo'?"),
    "unknown_input": ("core.echo", "{message: x, mesage: y}", "core.echo has no input 'mesage'", "message"),
    "missing_input": ("core.http", "{method: GET}", "core.http needs the input 'url'", ""),
}
FIRST = "cmd: 'touch \"$MARK\"', env: {MARK: MARKER}"
DIALECTS = {
    "native": """ref: REF
version: "1"
tasks:
  - {name: first, action: core.local, input: {FIRST}, next: [{do: [second]}]}
  - {name: second, action: ACTION, input: INPUT}
""",
    "orquesta": """version: 1.0
tasks:
  first: {action: core.local, input: {FIRST}, next: [{do: second}]}
  second: {action: ACTION, input: INPUT}
""",
    "chain": """chain:
  - {name: first, ref: core.local, params: {FIRST}, on-success: second}
  - {name: second, ref: ACTION, params: INPUT}
""",
}
CASES = [(dialect, code) for dialect in DIALECTS for code in CALLS]


class Served(NamedTuple):
    """A daemon's gateway over a folder of definitions, one for each case, and a file that no run may make."""

    definitions: Path
    marker: Path
    opened: Opened
    token: str

    def submit(self, ref: str) -> Reply:
        """Return the answer to a request for a run over HTTP."""

        async def exchange() -> Reply:
            place = urlsplit(self.opened.url)
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            body = json.dumps({"workflow": ref}).encode()
            writer.write(http("POST", f"{API}/runs", body, authorization=f"Bearer {self.token}"))
            try:
                return read_reply(await reader.read())
            finally:
                writer.close()

        return asyncio.run(exchange())

    def page(self, path: str) -> str:
        """Return the text of a page, without markup for special characters."""

        async def load() -> str:
            browser = await entered(self.opened.client, self.opened.url)
            reply = await browser.open(path)
            return await text_of(browser, reply.headers.get("location", path))

        return html.unescape(asyncio.run(load()))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("refused")
    definitions, marker = folder / "definitions", folder / "marker"
    definitions.mkdir()
    for dialect, code in CASES:
        action, given, *_ = CALLS[code]
        text = DIALECTS[dialect].replace("FIRST", FIRST).replace("MARKER", str(marker))
        text = text.replace("REF", f"{dialect}_{code}").replace("ACTION", action).replace("INPUT", given)
        (definitions / f"{dialect}_{code}.yaml").write_text(text)
    store = f"sqlite:///{folder}/store.db"
    token = token_in(store, "operator")
    with opened_gateway(folder, folder / "tokens", definitions=str(definitions), store=store) as opened:
        yield Served(definitions, marker, opened, token)


@pytest.mark.parametrize(("dialect", "code"), CASES)
def test_a_run_that_cannot_end_well_is_refused_with_the_same_words_everywhere(
    served: Served, dialect: str, code: str
) -> None:
    """By `validate`, by `run`, over HTTP with 422, and on the page. Its first task is not performed."""
    message, hint = CALLS[code][2:]
    ref, path = f"{dialect}_{code}", str(served.definitions / f"{dialect}_{code}.yaml")
    (validated,) = json.loads(CliRunner().invoke(main, ["validate", "--json", path]).stdout)
    assert (validated["code"], validated["severity"], validated["message"]) == (code, "error", message)
    assert hint in validated["hint"] + validated["expected"]
    run = CliRunner().invoke(main, ["run", path])
    assert run.exit_code == 1
    assert f"error[{code}]: {message}" in run.stderr
    reply = served.submit(ref)
    problem: Any = reply.json
    assert (reply.status, problem["code"]) == (422, "invalid_definition")
    assert [{**each, "file": path} for each in problem["findings"]] == [validated]
    page = served.page(f"/definitions/{ref}/start")
    assert message in page
    assert not served.marker.exists()


def test_the_first_task_would_have_been_performed(served: Served) -> None:
    """If all calls were right: the marker is what the other tests look for."""
    text = (served.definitions / "orquesta_unknown_action.yaml").read_text()
    marker = served.marker.with_name("other")
    path = served.marker.with_name("right.yaml")
    path.write_text(text.replace("core.ech,", "core.echo,").replace(str(served.marker), str(marker)))
    assert CliRunner().invoke(main, ["run", str(path)]).exit_code == 0
    assert marker.exists()


def test_a_computed_name_is_found_out_by_its_task(tmp_path: Path) -> None:
    """Nothing can look it up before."""
    path = tmp_path / "computed.yaml"
    path.write_text(
        "version: 1.0\ntasks:\n  first: {action: core.noop, next: [{do: second}]}\n"
        "  second: {action: \"<% 'core.' + 'ech' %>\"}\n"
    )
    assert CliRunner().invoke(main, ["validate", str(path)]).exit_code == 0
    run = CliRunner().invoke(main, ["run", str(path)])
    assert run.exit_code == 1
    assert "there is no action 'core.ech'; did you mean 'core.echo'?" in run.stderr
