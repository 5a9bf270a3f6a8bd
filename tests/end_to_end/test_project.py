"""A project from `stretto init` to its daemon, and the packaged unit's command, typed as a user types them."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from stretto.actors.cli import main
from tests.support.daemons import STRETTO, Served
from tests.support.forked_programs import ForkedProgram, run_program
from tests.support.paths import DOCS


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without Stretto's own variables, and with these."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("STRETTO")}, **variables}


def stretto(folder: Path, line: str, code: int = 0, /, **variables: str) -> subprocess.CompletedProcess[str]:
    """Type a command in a folder."""
    done = run_program([*STRETTO, *shlex.split(line)], cwd=folder, environment=environment(**variables))
    assert done.returncode == code, done.stdout + done.stderr
    return done


def here(folder: Path, line: str, code: int = 0, /, **variables: str) -> Result:
    """Run a command in a folder as `stretto` does, in the test's process: some tests have many."""
    ours = dict.fromkeys(name for name in os.environ if name.startswith("STRETTO"))
    with contextlib.chdir(folder):
        done = CliRunner().invoke(main, shlex.split(line), env={**ours, **variables})
    assert done.exit_code == code, done.output
    return done


def listed(folder: Path, line: str, **variables: str) -> list[str]:
    """Return the workflows of the runs that a command lists, the newest first."""
    rows: list[dict[str, Any]] = json.loads(here(folder, f"{line} --json", **variables).stdout)["runs"]
    return [row["workflow"] for row in rows]


def serve(folder: Path, line: str, **variables: str) -> Served:
    """Start a daemon in a folder, with its socket in `run/s` and a free port."""
    process = ForkedProgram(
        [*STRETTO, *shlex.split(line)], cwd=folder, stderr=subprocess.PIPE, text=True,
        env=environment(
            STRETTO__SERVE__SOCKET=str(folder / "run" / "s"), STRETTO__SERVE__PORT="0",
            STRETTO__LOGGING__STYLE="json", **variables,
        ),
    )  # fmt: skip
    return Served(process, folder).begin()


def stop(served: Served) -> None:
    """Stop a daemon."""
    served.signal(signal.SIGTERM)
    assert served.ended() == 0
    assert served.process.stderr is not None
    served.process.stderr.close()


def test_a_new_project_passes_validate_and_rehearse_and_runs(tmp_path: Path) -> None:
    """Its files work without a change, alone and in its daemon. Nothing is written outside the project."""
    stretto(tmp_path, "init project")
    project = tmp_path / "project"
    assert stretto(project, "validate .").stdout == "3 files: all is well\n"
    assert stretto(tmp_path, "validate project").stdout == "3 files: all is well\n"
    assert stretto(project, "rehearse .").stdout.endswith("1 rehearsal: all as expected\n")
    output = json.loads(stretto(project, """run definitions/greet.yaml 'names=["Ada"]' --packs packs""").stdout)
    assert output == {"greetings": ["Hello, Ada!"], "summary": "1 greeted"}
    served = serve(project, "serve --config stretto.yaml")
    url = served.client.url
    assert json.loads(stretto(project, f"run hello.greet --daemon {url}").stdout)["summary"] == "2 greeted"
    last = "stretto_workflow_last_success_timestamp_seconds"
    assert f'{last}{{workflow="hello.greet"}}' in served.probe("/metrics")[1]
    stop(served)
    assert listed(project, "runs list", STRETTO_STORE="sqlite:///stretto.db") == ["hello.greet"]
    assert [each.name for each in tmp_path.iterdir()] == ["project"]


def test_variables_name_the_daemon_and_the_store(tmp_path: Path) -> None:
    """An option wins over a variable, the daemon's variable over the store's. `run` of a file is local."""
    here(tmp_path, "init project")
    project = tmp_path / "project"
    served = serve(project, "serve --definitions definitions --packs packs", STRETTO_STORE="sqlite:///served.db")
    daemon, store = served.client.url, f"sqlite:///{project}/other.db"
    here(project, f"run hello.greet --daemon {daemon}")
    one = "definitions/greet.yaml --packs packs"
    here(project, f"run {one} --store {store}")
    here(project, f"run {one} --store {store}")
    assert (project / "served.db").exists()
    both = {"STRETTO_DAEMON": daemon, "STRETTO_STORE": store}
    assert len(listed(project, "runs list", STRETTO_DAEMON=daemon)) == 1
    assert len(listed(project, "runs list", STRETTO_STORE=store)) == 2
    assert len(listed(project, "runs list", **both)) == 1
    assert len(listed(project, f"runs list --store {store}", **both)) == 2
    assert len(listed(project, f"runs list --daemon {daemon}", STRETTO_DAEMON="unix:///nowhere")) == 1
    assert "/nowhere" in here(project, "runs list", 3, STRETTO_DAEMON="unix:///nowhere").stderr
    refused = here(project, "runs list --store-key x", 2, **both)
    assert "--store-key requires --store or $STRETTO_STORE" in refused.stderr
    here(project, f"run {one}", **both)
    assert (len(listed(project, "runs list", **both)), len(listed(project, f"runs list --store {store}"))) == (1, 2)
    stop(served)


def test_the_units_command_serves_with_the_sample_config_file(tmp_path: Path) -> None:
    """The words of ExecStart= and the sample's settings, with the system's folders below one of the test."""
    (tmp_path / "etc" / "stretto" / "definitions").mkdir(parents=True)
    (tmp_path / "var" / "lib" / "stretto").mkdir(parents=True)
    sample = (DOCS / "stretto.yaml").read_text()
    config = sample.replace("/etc/", f"{tmp_path}/etc/").replace("sqlite:////var", f"sqlite:///{tmp_path}/var")
    (tmp_path / "etc" / "stretto" / "stretto.yaml").write_text(config)
    (line,) = (
        each.removeprefix("ExecStart=stretto ")
        for each in (DOCS / "stretto.service").read_text().splitlines()
        if each.startswith("ExecStart=")
    )
    served = serve(tmp_path, line.replace("/etc/", f"{tmp_path}/etc/"))
    assert served.probe("/readyz") == (200, "ready")
    stop(served)
    assert (tmp_path / "var" / "lib" / "stretto" / "stretto.db").exists()
