"""`stretto inquiries` of a daemon and of a store."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors import connect
from stretto.actors.cli import main
from tests.support.gateways import Opened, opened_gateway

ASKS = """
ref: test.asks
version: "1.0"
tasks:
  - name: approve
    action: core.ask
    input:
      prompt: "Deploy 1.4.2?"
      ttl: 60
      schema:
        type: object
        properties: {approve: {type: boolean}, hosts: {type: integer}}
        required: [approve]
output_map: {answer: "{{ task.approve.result.response }}"}
"""


def inquiries(*arguments: str, code: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["inquiries", *arguments], input=given)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """A daemon with a store."""
    with opened_gateway(tmp_path, store=f"sqlite:///{tmp_path}/runs.db") as opened:
        yield opened


def ask(opened: Opened, folder: Path) -> tuple[Any, str]:
    """Start a run, and return it with the id of its inquiry."""
    path = folder / "asks.yaml"
    path.write_text(ASKS)
    engine = connect(opened.client.url).blocking()
    handle = engine.submit(str(path))
    while not (found := engine.inquiries(handle.id)["inquiries"]):
        pass
    return handle, found[0]["id"]


def test_an_inquiry_is_listed_shown_and_answered(opened: Opened, tmp_path: Path) -> None:
    """By the last digits of its id. Values are read by the types of the schema."""
    daemon = ("--daemon", opened.client.url)
    assert inquiries("list", *daemon).stderr == "no inquiries\n"
    handle, inquiry = ask(opened, tmp_path)
    heading, row = inquiries("list", "--utc", *daemon).stdout.splitlines()
    assert heading.split()[:5] == ["ID", "STATUS", "WORKFLOW", "TASK", "PROMPT"]
    assert row.split()[:5] == [inquiry[-8:], "pending", "test.asks", "approve", "Deploy"]
    shown = inquiries("show", inquiry[-6:], *daemon).stdout
    assert "Deploy 1.4.2?" in shown
    assert "may answer operators" in shown
    refused = inquiries("answer", inquiry[-8:], "aprove=true", *daemon, code=2)
    assert "'answer' needs the field 'approve'" in refused.stderr
    inquiries("answer", inquiry[-8:], "approve=true", "hosts=2", "--note", "fine", *daemon)
    assert handle.outcome.get().output == {"answer": {"approve": True, "hosts": 2}}
    late = inquiries("answer", inquiry, "approve=true", *daemon, code=2)
    assert "was answered by" in late.stderr
    (listed,) = json.loads(inquiries("list", "--status", "all", "--json", *daemon).stdout)["inquiries"]
    assert listed == json.loads(inquiries("show", inquiry, "--json", *daemon).stdout)
    assert (listed["status"], listed["answered_via"]) == ("answered", "cli")
    assert "there is no inquiry 'nope'" in inquiries("show", "nope", *daemon, code=2).stderr


def test_an_answer_can_be_read_from_standard_input(opened: Opened, tmp_path: Path) -> None:
    """As JSON."""
    handle, inquiry = ask(opened, tmp_path)
    daemon = ("--daemon", opened.client.url)
    answered = inquiries("answer", inquiry, "--response", "-", "--json", *daemon, given='{"approve": false}')
    assert json.loads(answered.stdout)["response"] == {"approve": False}
    assert handle.outcome.get().output == {"answer": {"approve": False}}


def test_a_store_lists_inquiries_and_takes_no_answers(opened: Opened, tmp_path: Path) -> None:
    """Only a daemon lets a run go on."""
    _handle, inquiry = ask(opened, tmp_path)
    store = ("--store", f"sqlite:///{tmp_path}/runs.db")
    assert inquiry[-8:] in inquiries("list", *store).stdout
    assert "Deploy" in inquiries("show", inquiry, *store).stdout
    assert "only a daemon lets a run go on" in inquiries("answer", inquiry, "approve=true", *store, code=2).stderr


def test_a_personal_link_is_made_for_a_person(opened: Opened, tmp_path: Path) -> None:
    """It is printed once. A store has no page that it could lead to."""
    daemon = ("--daemon", opened.client.url)
    _handle, inquiry = ask(opened, tmp_path)
    made = inquiries("link", inquiry[-8:], "--to", "mira", "--expires", "5m", *daemon)
    assert re.fullmatch(rf"{re.escape(opened.url)}/answer/{inquiry}#[\w-]{{43}}\n", made.stdout)
    assert "send it to mira alone" in made.stderr
    shown = json.loads(inquiries("link", inquiry[-8:], "--to", "mira", "--json", *daemon).stdout)
    assert (shown["inquiry"], shown["to"], shown["expires_at"] is not None) == (inquiry, "mira", True)
    refused = inquiries("link", inquiry, "--to", "mira", "--store", f"sqlite:///{tmp_path}/runs.db", code=2)
    assert "start the daemon" in refused.stderr
