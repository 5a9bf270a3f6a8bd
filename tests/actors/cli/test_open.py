"""`stretto open`: a link into the pages of a daemon."""

import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.operations import CreateToken, Submit
from tests.support.gateways import Opened, opened_gateway

SLEEP = (
    'version: "1.0.0"\nref: test.sleep\ntasks: [{name: sleep, action: core.sleep, input: {seconds: 1000}}]\n'
    "cancellation_policy: cancel_running\n"
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway with a workflow."""
    folder = tmp_path_factory.mktemp("open")
    (folder / "definitions").mkdir()
    (folder / "definitions" / "sleep.yaml").write_text(SLEEP)
    with opened_gateway(folder, folder / "tokens", definitions=str(folder / "definitions")) as opened:
        yield opened


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was opened for."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "STRETTO_DAEMON", "STRETTO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return opened


def open_(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["open", *arguments])


def test_it_prints_a_link_and_opens_it_where_there_is_a_display(
    daemon: Opened, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time another one."""
    done = open_("--daemon", daemon.client.url)
    assert done.exit_code == 0, done.stderr
    link = done.stdout.strip()
    assert link.startswith(f"{daemon.url}/enter#")
    assert shown == []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("STRETTO_DAEMON", daemon.client.url)
    again = open_().stdout.strip()
    assert again != link
    assert shown == [again]
    open_("--print")
    assert shown == [again]


def test_it_leads_to_the_page_of_a_run(daemon: Opened, shown: list[str]) -> None:
    """Which may be given by some digits. An unknown one is refused."""
    accepted: Any = daemon.client.ask(Submit("test.sleep"))
    done = open_(accepted.run[-8:], "--daemon", daemon.client.url)
    # The daemon of this process may write to its log meanwhile.
    (link,) = [line for line in done.stdout.splitlines() if line.startswith(daemon.url)]
    assert link.startswith(f"{daemon.url}/enter?next=%2Fruns%2F{accepted.run}#")
    assert open_("abcdef", "--daemon", daemon.client.url).exit_code == 2


def test_a_token_makes_a_link_with_its_rights(daemon: Opened, shown: list[str], tmp_path: Path) -> None:
    """Over the port."""
    made: Any = daemon.client.ask(CreateToken("reader", "viewer"))
    (tmp_path / "token").write_text(made.text)
    (tmp_path / "token").chmod(0o600)
    done = open_("--daemon", daemon.url, "--token-file", str(tmp_path / "token"))
    assert done.stdout.startswith(f"{daemon.url}/enter#")


def test_without_a_daemon_it_says_so(shown: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody listens, or nobody is known."""
    assert open_("--daemon", f"unix://{tmp_path}/nobody").exit_code == 3
