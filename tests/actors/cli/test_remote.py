"""`stretto run --daemon`: a run that a daemon has accepted."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.scripted_daemons import LOST, answered, scripted

RUN = "01a228bc-a1ce-7073-bdd4-38700249cf0f"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_daemon_that_is_gone_leaves_the_id_of_the_run_that_it_has_accepted(tmp_path: Path, accepted: bool) -> None:
    """A client could not find the run again. Before that there is none."""
    answers = [answered(202, {"run": RUN, "workflow": "ops.slow"}), LOST] if accepted else [LOST]
    with scripted(tmp_path, *answers) as daemon:
        result = CliRunner().invoke(main, ["run", "ops.slow", "--daemon", daemon.url])
    assert result.exit_code == 3
    names_it = result.stderr.endswith(f"; `stretto runs watch {RUN}` follows the accepted run\n")
    assert names_it == accepted, result.stderr
