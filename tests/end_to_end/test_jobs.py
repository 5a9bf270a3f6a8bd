"""The six jobs of docs/examples, smaller than there: real runs against real servers, and what these have seen."""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import playground
import pytest
from local_mail import PASSWORD, LocalMail
from local_servers import CustomersApi, HealthChecks, Hosts
from playground import JOBS

from tests.support.daemons import serving
from tests.support.forked_programs import SCRIPT, run_program
from tests.support.harness import PATIENCE
from tests.support.paths import EXAMPLES, ROOT

PATIENT = f"timeout={PATIENCE}"
"""An input: on a busy machine, no request is sent again because its answer is late."""


def stretto(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Type a command in the checkout."""
    return run_program([SCRIPT, *arguments], cwd=ROOT)


def output_of(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the output of a run that succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def json_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The playground names files as they are seen from the checkout."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(playground, "EXAMPLES", EXAMPLES.relative_to(ROOT))


def test_servers_are_checked(tmp_path: Path) -> None:
    """The hundredth server is not healthy, and its team is to be called."""
    with playground.health_checks(tmp_path, 100) as scene:
        output = output_of(stretto("run", *scene.arguments, PATIENT))
        assert isinstance(scene.world, HealthChecks)
        assert scene.world.checks == 100
    assert (output["checked"], output["teams_to_call"]) == (100, ["search"])
    assert [(row["host"], row["team"]) for row in output["unhealthy"]] == [("127.0.0.100", "search")]


def test_a_log_is_processed(tmp_path: Path) -> None:
    """Each line is counted once, the errors are in a file, and the line that was cut off is listed."""
    with playground.log_lines(tmp_path, 7000) as scene:
        output = output_of(stretto("run", *scene.arguments))
    assert output["entries"] == 7000
    assert output["levels"] == {"DEBUG": 1000, "ERROR": 1000, "INFO": 4000, "WARNING": 1000}
    assert output["bad_lines"] == ['{"level": "INFO", "serv']
    errors = json_lines(tmp_path / "errors.jsonl")
    assert sorted(int(each["message"].removeprefix("event ")) for each in errors) == list(range(4, 7000, 7))
    assert [each["service"] == "auth" for each in errors] == [True] * output["urgent"] + [False] * (
        1000 - output["urgent"]
    )


def test_mails_are_sent_once(tmp_path: Path) -> None:
    """The mailbox has one mail for each customer but the one who is gone. The password is nowhere to be seen."""
    with playground.mails(tmp_path, 60) as scene:
        done = stretto("run", *scene.arguments)
        assert isinstance(scene.world, LocalMail)
        received = list(scene.world.received())
    assert output_of(done) == {
        "sent": 59,
        "refused": [{"address": "gone-7@example.org", "why": "the server answered 550 5.1.1 no such mailbox"}],
    }
    to = Counter(mail["To"] for mail in received)
    expected = [f"customer-{number}@example.org" for number in range(60) if number not in {7, 50}]
    assert to == Counter([*expected, "grey-50@example.org"])
    (mail,) = (mail for mail in received if mail["To"] == "customer-3@example.org")
    assert mail["Subject"] == "Order 100003 is on its way"
    assert str(mail.get_payload()).startswith("Dear Customer 3,\n\nyour order")
    sent = json_lines(tmp_path / "sent.jsonl")
    assert sorted(each["index"] for each in sent) == list(range(60))
    for shown in (done.stdout, done.stderr, (tmp_path / "sent.jsonl").read_text()):
        assert PASSWORD not in shown


def test_rows_are_posted_by_a_daemon_with_its_store_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """The API has each row once, after a wait where it was busy. The store has the run and the row that was refused."""
    with (
        playground.csv_to_api(tmp_path, 120) as scene,
        serving(tmp_path, "--store", postgres_url) as daemon,
    ):
        output = output_of(daemon.run(*scene.arguments, PATIENT))
        assert isinstance(scene.world, CustomersApi)
        assert sorted(map(int, scene.world.customers)) == [number for number in range(120) if number != 7]
        assert scene.world.requests == 122  # busy for 0 and 100
        assert scene.world.customers["8"]["name"] == "Customer 8, Ltd."
    assert (output["posted"], [row["id"] for row in output["refused"]]) == (119, ["7"])
    assert sorted(each["index"] for each in json_lines(tmp_path / "posted.jsonl")) == list(range(120))
    listed = json.loads(stretto("runs", "list", "--store", postgres_url, "--json").stdout)["runs"]
    assert [(each["workflow"], each["status"]) for each in listed] == [("shop.csv_to_api", "succeeded")]
    found = stretto("runs", "items", "@latest", "--outcome", "failed", "--store", postgres_url, "--json")
    assert sorted(each["index"] for each in json.loads(found.stdout)["items"]) == [0, 7, 100]  # by attempt


def test_a_release_is_deployed_to_the_first_host_and_then_to_the_others(tmp_path: Path) -> None:
    """All hosts run it, and serve users again."""
    with playground.deployment(tmp_path, 4) as scene:
        output = output_of(stretto("run", *scene.arguments))
        hosts = scene.world
        assert isinstance(hosts, Hosts)
    assert output == {"version": "2.0.0", "hosts": 4, "before": ["1.0.0"]}
    assert (hosts.versions, hosts.in_traffic) == (["2.0.0"] * 4, [True] * 4)
    assert hosts.installations[0] == (0, "2.0.0")


def test_a_release_that_fails_is_rolled_back(tmp_path: Path) -> None:
    """The third host is not healthy with it: all hosts run the old release again, and the run fails."""
    with playground.deployment(tmp_path, 4) as scene:
        done = stretto("run", *scene.arguments, "version=2.0.0-broken")
        hosts = scene.world
        assert isinstance(hosts, Hosts)
    assert done.returncode == 1, done.stderr
    assert "2.0.0-broken is not deployed. 0 of 4 hosts could not be rolled back." in done.stderr
    assert (2, "2.0.0-broken") in hosts.installations
    assert (hosts.versions, hosts.in_traffic) == (["1.0.0"] * 4, [True] * 4)


def test_an_artefact_is_built_though_an_experimental_cell_fails(tmp_path: Path) -> None:
    """Its digest is in the manifest, with the tests that passed."""
    with playground.ci_matrix(tmp_path, 1) as scene:
        output = output_of(stretto("run", *scene.arguments))
    project = tmp_path / "project"
    digest = hashlib.sha256((project / "artefact.pyz").read_bytes()).hexdigest()
    tests = [{"mode": mode, "seed": 0, "tests": 1, "failed": 0} for mode in ("plain", "asserts_off")]
    assert json.loads((project / "manifest.json").read_text()) == output["manifest"]
    assert output["manifest"] == {"artefact": "artefact.pyz", "sha256": digest, "tests": tests}
    assert output["tolerated"] == ["docstrings_off"]


def test_nothing_is_built_if_another_cell_fails(tmp_path: Path) -> None:
    """The run fails, and names the cells."""
    with playground.ci_matrix(tmp_path, 1) as scene:
        module = tmp_path / "project" / "src" / "greeting.py"
        module.write_text(module.read_text().replace('f"Hello', 'f"Hi'))
        done = stretto("run", *scene.arguments)
    assert done.returncode == 1, done.stderr
    assert "plain, asserts_off, docstrings_off failed: python3 exited with 1" in done.stderr
    assert not (tmp_path / "project" / "artefact.pyz").exists()


def test_the_rehearsals_are_as_expected() -> None:
    """The command of the page. Each job has one that succeeds, and one that fails."""
    (line,) = re.findall(r"^    \.venv/bin/stretto (rehearse .*)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    done = stretto(*line.split())
    assert done.returncode == 0, done.stdout + done.stderr
    for job in JOBS:
        passed = re.findall(rf"^pass (docs/examples/{job}/rehearsals/.*)$", done.stdout, re.MULTILINE)
        statuses = {re.findall(r"^  status: (\w+)$", Path(each).read_text(), re.MULTILINE)[0] for each in passed}
        assert statuses == {"succeeded", "failed"}, job


def test_the_examples_are_valid() -> None:
    """Without a warning, with all actions known."""
    actions = [each for path in sorted(EXAMPLES.rglob("*_actions.py")) for each in ("--actions", path)]
    done = stretto("validate", "docs/examples", *actions)
    assert (done.returncode, done.stdout) == (0, "9 files: all is well\n")


def test_the_playground_runs_a_job_and_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It prints the command, passes further options on, and says what the servers have seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert playground.main("health_checks", "3", "--json", PATIENT) == 0
    shown = capfd.readouterr()
    assert json.loads(shown.out)["output"]["checked"] == 3
    assert shown.err.startswith("$ stretto run docs/examples/health_checks/health_checks.yaml --inputs ")
    assert "afterwards: the servers answered 3 health checks; all files are in " in shown.err
    assert playground.main("health_check") == 2
    assert "health_checks|log_lines|mails|csv_to_api|deployment|ci_matrix" in capfd.readouterr().err


def test_the_page_has_the_command_of_each_job() -> None:
    """`make example JOB=...` runs the playground."""
    page = (EXAMPLES / "README.md").read_text()
    assert set(re.findall(r"make example JOB=(\w+)", page)) == JOBS.keys()
    command = ["make", "--dry-run", "example", "JOB=mails", "SIZE=5", "OPTIONS=--json"]
    # Called by make, it would say which folder it enters.
    outside = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=outside).stdout
    assert shown.endswith("/python docs/examples/playground.py mails 5 --json\n")
