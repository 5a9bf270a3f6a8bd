"""--packs, --pack-config and --keystore on the command line, with the sample pack of the documents."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.cli.serve import serve
from stretto.actors.settings import read_settings
from tests.support.paths import DOCS

PACKS = DOCS / "packs"
CHECK = str(PACKS / "check_fleet.yaml")
HOSTS = 'hosts=[{"host": "web-1", "load": 0.9}]'

pytestmark = pytest.mark.usefixtures("restored_logging")


def stretto(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def keystore(tmp_path: Path) -> str:
    path = tmp_path / "keystore.yaml"
    path.write_text("signing_key: not-for-everyone\n")
    return str(path)


def test_run_with_a_pack_its_configuration_and_a_keystore(tmp_path: Path, keystore: str) -> None:
    """What `Engine.start` takes, `stretto run` takes as flags."""
    (tmp_path / "config.yaml").write_text("fleet: {region: mars-1}\n")
    given = ("--packs", str(PACKS), "--keystore", keystore, "--pack-config", str(tmp_path / "config.yaml"))
    result = stretto("run", CHECK, HOSTS, *given)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["region"], told["said"]) == ("mars-1", ["web-1 is warn\n"])


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--packs", "/nowhere"], "no pack in '/nowhere': the folder does not exist"),
        (["--keystore", "/nowhere.yaml"], "/nowhere.yaml:1:1: error: cannot read keystore: No such file or directory"),
        (["--keystore", "LIST"], "list.yaml:1:1: error: keystore must be an object"),
        (["--pack-config", "LIST"], "list.yaml:1:1: error: pack_config must be an object"),
        (["--packs", str(PACKS), "--pack-config", "REGION"], "the pack 'fleet' has no setting 'regoin'; did you mean"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(tmp_path: Path, flags: list[str], told: str) -> None:
    """Exit code 2, one line, no traceback, and no thread is left (which the process would wait for)."""
    (tmp_path / "list.yaml").write_text("- secret\n")
    (tmp_path / "region.yaml").write_text("fleet: {regoin: secret}\n")
    flags = [str(tmp_path / f"{each.lower()}.yaml") if each.isupper() else each for each in flags]
    result = stretto("run", CHECK, HOSTS, *flags)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


def test_they_are_the_daemons_own(keystore: str) -> None:
    """With --daemon they would have no effect, and are refused."""
    for flags in (["--packs", str(PACKS)], ["--keystore", keystore], ["--pack-config", keystore]):
        result = stretto("run", CHECK, "--daemon", "unix:///nowhere", *flags)
        assert result.exit_code == 2
        assert "the daemon's own settings" in result.stderr


def test_a_packs_actions_are_known_to_validate_actions_and_graph() -> None:
    """Without the pack its actions are unknown, and drawn nevertheless; with it they are checked, listed and shown."""
    assert "there is no action 'fleet.grade'" in stretto("validate", CHECK).stdout
    assert stretto("validate", CHECK, "--packs", str(PACKS)).exit_code == 0
    listed = json.loads(stretto("actions", "list", "--json", "--packs", str(PACKS)).stdout)
    assert "fleet.grade" in [each["ref"] for each in listed]
    assert "Grade a host" in stretto("actions", "show", "fleet.grade", "--packs", str(PACKS)).stdout
    assert stretto("graph", CHECK).stdout == stretto("graph", CHECK, "--packs", str(PACKS)).stdout


def test_a_packs_workflow_can_be_called(tmp_path: Path) -> None:
    """A workflow of a pack is an action, with the parameters of its metadata."""
    actions = tmp_path / "own" / "actions"
    (actions / "workflows").mkdir(parents=True)
    (tmp_path / "own" / "pack.yaml").write_text("ref: own\nlabel: Own\nversion: '1'\n")
    (actions / "flow.yaml").write_text(
        "ref: own.flow\nlabel: x\nworkflow_file: graph.yaml\nparameters: {n: {type: integer, required: true}}\n"
    )
    (actions / "workflows" / "graph.yaml").write_text("tasks: [{name: a, action: core.noop}]\n")
    calls = tmp_path / "calls.yaml"
    calls.write_text('version: "1"\ntasks: [{name: a, action: own.flow, input: {n: many}}]\n')
    told = json.loads(stretto("validate", str(calls), "--json", "--packs", str(tmp_path / "own")).stdout)
    assert [each["code"] for each in told] == ["wrong_input_type"]


def test_what_is_doubtful_in_a_pack_is_told_on_standard_error(tmp_path: Path) -> None:
    """One line each, with its place; the output stays what it is."""
    (tmp_path / "pack.yaml").write_text("ref: own\nworker_selector: {}\n")
    result = stretto("actions", "list", "--json", "--packs", str(tmp_path))
    assert result.stderr == (
        f"{tmp_path}/pack.yaml:2:1: warning: 'worker_selector' is not acted on [not_acted_on] (worker_selector)\n"
    )
    assert json.loads(result.stdout)


@pytest.mark.parametrize(
    "arguments", [("validate", CHECK), ("actions", "list"), ("actions", "show", "core.noop"), ("graph", CHECK)]
)
def test_a_missing_folder_of_packs_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    """Exit code 2, told on standard error alone."""
    result = stretto(*arguments, "--packs", "/nowhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no pack in '/nowhere'" in result.stderr


def test_serves_flags_win_over_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag is a setting of the engine, and says so where it came from."""
    from stretto.actors.cli.serve import _flags

    monkeypatch.setenv("STRETTO__ENGINE__KEYSTORE", "/variable")
    given = serve.make_context("serve", ["--packs", "a", "--packs", "b", "--keystore", "k", "--no-watch"]).params
    given.pop("file")
    effective = read_settings(None, flags=_flags(given))
    engine = effective.settings.engine
    assert (engine.packs, engine.keystore, effective.settings.serve.watch) == (("a", "b"), "k", False)
    assert effective.origins["engine.keystore"] == "the flag --keystore"
    assert effective.origins["engine.packs"] == "the flag --packs"
