"""`stretto daemons` of a daemon that shares its store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors import UnknownDaemon, connect
from stretto.actors.cli import main
from stretto.definitions.conductor import IllegalTransition
from tests.support.engines import Bench
from tests.support.gateways import opened_gateway


def daemons(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["daemons", *arguments])
    assert result.exit_code == code, result.stderr
    return result


def test_daemons_are_listed_shown_and_drained(
    tmp_path: Path, start_bench: Callable[..., Bench], postgres_url: str
) -> None:
    """One cannot be drained if no other one is active."""
    with opened_gateway(tmp_path, store=postgres_url, store_lease=30) as opened:
        daemon = ("--daemon", opened.client.url)
        (only,) = json.loads(daemons("list", "--json", *daemon).stdout)
        number = str(only["daemon"])
        refused = daemons("drain", number, *daemon, code=2)
        assert "no other active daemon is there to take its runs" in refused.stderr
        start_bench(store=postgres_url, store_lease=30)
        heading, first, _ = daemons("list", *daemon).stdout.splitlines()
        assert heading.split() == ["DAEMON", "STATE", "RUNS", "LEASE", "VERSION", "STARTED", "PROCESS"]
        assert first.split()[:3] == [number, "active", "0"]
        assert first.endswith("(asked)")
        assert json.loads(daemons("drain", number, "--json", *daemon).stdout) == {"daemon": only["daemon"]}
        shown = dict(line.split(maxsplit=1) for line in daemons("show", number, "--utc", *daemon).stdout.splitlines())
        assert list(shown) == ["daemon", "name", "version", "started", "lease", "state", "runs"]
        assert (shown["state"], shown["runs"], shown["name"]) == ("draining", "0", f"{only['name']} (asked)")
        assert shown["started"] == f"{only['started_at'][:10]} {only['started_at'][11:19]}Z"
        with connect(opened.client.url).blocking() as engine:
            assert [each["state"] for each in engine.daemons()] == ["draining", "active"]
            assert engine.daemon(only["daemon"])["state"] == "draining"
            with pytest.raises(IllegalTransition):
                engine.drain_daemon(engine.daemons()[1]["daemon"])
            with pytest.raises(UnknownDaemon):
                engine.daemon(10**6)
        assert "there is no daemon 1000000" in daemons("show", "1000000", *daemon, code=2).stderr
