"""A run that no daemon can take: a daemon that leaves it is ready all the same, and says what is missing."""

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.daemons import serving
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

LEASE = 60
WITH_FILE = """
tasks:
  - name: each
    action: core.sleep
    with_items: {{lines: {path}}}
    input: {{seconds: 1000}}
"""


def test_a_daemon_that_leaves_a_run_is_ready_and_says_what_it_lacks(
    start_bench: Callable[..., Bench], postgres_url: str, tmp_path: Path
) -> None:
    """It does everything else, so a proxy should send it work. Probes, metrics and commands agree."""
    file = tmp_path / "items.txt"
    file.write_text("a\n")
    first = start_bench(store=postgres_url, store_lease=LEASE, files_host="web1")
    run = first.submit(WITH_FILE.format(path=file))
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    folder = tmp_path / "daemon"
    folder.mkdir()
    with serving(
        folder, "--store", postgres_url, STRETTO__ENGINE__STORE_LEASE=str(LEASE), STRETTO__FILES__HOST="web2"
    ) as daemon:
        status, text = daemon.probe("/readyz")
        assert (status, text.partition(";")[0]) == (200, "ready")  # a pool may have no worker yet
        assert daemon.probe("/healthz")[0] == 200
        assert "stretto_runs_unclaimed 1.0" in daemon.probe("/metrics")[1].splitlines()
        listed = CliRunner().invoke(main, ["daemons", "list", "--daemon", daemon.client.url])
        assert "the host web1, which has its files" in listed.output
        why = CliRunner().invoke(main, ["runs", "why", run.id, "--daemon", daemon.client.url])
        assert "no daemon can take the run: it needs the host web1" in why.output
        assert daemon.run("test.echo", "n=1").returncode == 0
