"""`stretto events` and `stretto rules` ask a daemon; events are in a store as well."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.events import answer_of, event
from tests.support.gateways import opened_gateway
from tests.support.waiting import PATIENCE


def test_rules_and_events_are_shown_tested_and_replayed(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One daemon answers all commands."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "greet.yaml").write_text(
        "on: {event: greeted, when: \"payload.name != 'nobody'\"}\nrun: core.echo\n"
        "input: {message: '{{ payload.name }}'}\n"
    )

    def run(*arguments: str, given: str | None = None, code: int = 0) -> str:
        result = CliRunner().invoke(main, [*arguments], input=given)
        assert result.exit_code == code, result.output
        return result.output

    with opened_gateway(tmp_path, definitions=definitions, store=sqlite_url) as opened:
        monkeypatch.setenv("STRETTO_DAEMON", f"unix://{tmp_path}/s")
        assert "greet  greeted  core.echo  yes" in run("rules", "list")
        assert json.loads(run("rules", "list", "--json"))[0]["rule"] == "greet"
        assert run("rules", "test", "greet", "-", given='{"name": "Ann"}').splitlines()[-1] == '{"message":"Ann"}'
        whole = '{"payload": {"name": "nobody"}, "type": "greeted"}'
        assert "no   payload.name != 'nobody'" in run("rules", "test", "greet", "-", given=whole, code=1)
        assert "must be JSON" in run("rules", "test", "greet", "-", given="{", code=2)
        wrong = ('{"payload": 1, "headers": 5}', '{"payload": 1, "parameters": [1]}', '{"payload": 1, "type": {}}')
        assert all("of the event must be" in run("rules", "test", "greet", "-", given=each, code=2) for each in wrong)
        assert "no matches" in run("rules", "show", "greet")
        engine = opened.engine.proxy()
        services = engine.host.services().get(timeout=PATIENCE)
        sent = answer_of(services.events.accept(event({"name": "Ann"}, type="greeted"))).event
        assert sent in run("events", "list", "--type", "greeted", "--matched")
        assert sent not in run("events", "list", "--unmatched")
        assert sent in run("events", "list", "--until", "2999-01-01")
        assert sent not in run("events", "list", "--until", "1970-01-01")
        assert "core.echo" in run("events", "show", sent)
        again = run("events", "replay", sent).strip()
        assert json.loads(run("events", "show", again, "--json"))["source"] == f"replay:{sent}"
        assert sent in run("rules", "show", "greet")
        assert run("rules", "disable", "greet", "--note", "noisy").strip() == "greet is disabled"
        assert "greet  greeted  core.echo  no" in run("rules", "list")
        assert "disabled by " in run("rules", "show", "greet")
        assert json.loads(run("rules", "enable", "greet", "--json"))["enabled"]
        assert "there is no event" in run("events", "show", "evt-none", code=2)
        monkeypatch.delenv("STRETTO_DAEMON")
        assert sent in run("events", "list", "--store", sqlite_url)
