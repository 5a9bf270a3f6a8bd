"""docs/stackstorm.md and docs/attune.md: what they show is what happens."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.paths import ROOT

PACK = ROOT / "docs/stackstorm/hosts"


def sessions(page: str) -> list[tuple[str, str]]:
    """Return each `stretto` command of the page's console blocks, with what it printed."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    shown = [each.partition("\n") for block in blocks for each in ("\n" + block).split("\n$ ") if each]
    return [(command, output) for command, _, output in shown if command.startswith("stretto ")]


@pytest.mark.parametrize(("command", "shown"), [*sessions("stackstorm.md"), *sessions("attune.md")])
def test_a_command_prints_what_the_page_shows(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run from the root; a keystore that the page tells of is written first."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "keystore.yaml").write_text("signing_key: not-for-everyone\n")
    words = [str(tmp_path / word) if word == "keystore.yaml" else word for word in shlex.split(command)[1:]]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == ("error[" in shown)
    if shown:
        assert result.stdout.strip() == shown.strip()


def test_the_way_to_move_is_one_that_can_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal of the page's third step succeeds."""
    monkeypatch.chdir(ROOT)
    (command,) = re.findall(r"`stretto (rehearse .*?)`", (ROOT / "docs/stackstorm.md").read_text())
    result = CliRunner().invoke(main, shlex.split(command))
    assert result.exit_code == 0, result.output
    assert '"web-1": "fine"' in result.stdout


def test_the_ported_script_is_the_packs() -> None:
    """The Python that the page shows is the file of the sample."""
    assert (PACK / "actions/grade.py").read_text() in (ROOT / "docs/stackstorm.md").read_text()


def test_as_many_cases_are_recorded_as_the_page_says() -> None:
    """Each is a line of generated.jsonl."""
    (told,) = re.findall(r"and (\d+) recorded cases", (ROOT / "docs/stackstorm.md").read_text())
    assert len((ROOT / "tests/differential/generated.jsonl").read_text().splitlines()) == int(told)
