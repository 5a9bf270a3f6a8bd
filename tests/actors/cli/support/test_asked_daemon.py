"""Commands on definitions ask a daemon with --daemon: over its socket, and over its port with a token."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.operations import CreateToken, TokenCreated
from tests.support.gateways import Opened, opened_gateway

GREET = """
version: "1"
ref: asked.greet
parameters: {name: {type: string}}
tasks:
  - {name: say, action: core.echo, input: {message: "Hello, {{ parameters.name }}"}, next: [{do: end}]}
  - {name: end, action: core.noop}
output_map: {said: "{{ tasks.say.result }}"}
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Return a daemon with a workflow."""
    folder = tmp_path_factory.mktemp("asked")
    (folder / "definitions").mkdir()
    (folder / "definitions" / "greet.yaml").write_text(GREET)
    store = f"sqlite:///{folder}/runs.db"
    with opened_gateway(folder, store=store, definitions=str(folder / "definitions")) as opened:
        yield opened


@pytest.fixture(params=["socket", "port"])
def daemon(request: pytest.FixtureRequest, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return the option of its socket, or of its port, for which the variable has a token."""
    monkeypatch.delenv("STRETTO_DAEMON", raising=False)
    if request.param == "socket":
        return "--daemon", opened.client.url
    made = opened.client.ask(CreateToken(f"of-{request.node.name[:40].partition('[')[0]}", "operator"))
    assert isinstance(made, TokenCreated)
    monkeypatch.setenv("STRETTO_TOKEN", made.text)
    return "--daemon", opened.url


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result


def test_actions(daemon: tuple[str, str]) -> None:
    """Of the daemon: with the workflows, which can be called, too."""
    lines = run("actions", "list", *daemon).stdout.splitlines()
    assert any(line.split() == ["core.echo", *["Return", "the", "message", "unchanged."]] for line in lines)
    (echo,) = (
        each for each in json.loads(run("actions", "list", "--json", *daemon).stdout) if each["ref"] == "core.echo"
    )
    assert echo["used_by"] == ["asked.greet"]
    shown = run("actions", "show", "core.echo", *daemon).stdout
    assert shown.startswith("core.echo\n  Return the message unchanged.\n")
    assert "\n  message: " in shown
    assert "did you mean 'core.echo'" in run("actions", "show", "core.ecco", *daemon, code=2).stderr


def test_graph(daemon: tuple[str, str], opened: Opened, tmp_path: Path) -> None:
    """As from the file, in each language of drawings."""
    (tmp_path / "greet.yaml").write_text(GREET)
    for form in ("mermaid", "dot", "svg"):
        drawn = run("graph", "asked.greet", "--format", form, *daemon).stdout
        assert drawn == run("graph", str(tmp_path / "greet.yaml"), "--format", form).stdout
    assert "there is no workflow" in run("graph", "asked.greeet", *daemon, code=2).stderr


def test_validate(daemon: tuple[str, str], tmp_path: Path) -> None:
    """The daemon knows the workflows that a file calls. Its findings are shown with the lines of the file."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("ref: asked.calls\nversion: '1'\ntasks: [{name: a, action: asked.greet, input: {name: x}}]\n")
    bad.write_text("ref: asked.bad\nversion: '1'\ntasks: [{name: a, action: asked.greeet}]\n")
    assert run("validate", str(good), *daemon).stdout == "1 file: all is well\n"
    shown = run("validate", str(good), str(bad), *daemon, code=1).stdout
    assert f"{bad}:3:" in shown
    assert "tasks: [{name: a, action: asked.greeet}]" in shown
    (finding,) = json.loads(run("validate", "--json", str(bad), *daemon, code=1).stdout)
    assert (finding["file"], finding["line"], finding["severity"]) == (str(bad), 3, "error")
    assert "cannot read the definition" in run("validate", str(tmp_path / "none.yaml"), *daemon, code=2).stderr
    assert (
        "is a folder, and a daemon is sent the text of files" in run("validate", str(tmp_path), *daemon, code=2).stderr
    )


def test_rehearse(daemon: tuple[str, str], tmp_path: Path) -> None:
    """A workflow of the daemon, or a file, with a script from here."""
    script = tmp_path / "script.yaml"
    script.write_text("- {task: say, result: scripted}\n- {task: nothing, result: 1}\n")
    of_ref = run("rehearse", "asked.greet", "name=Ada", "--script", str(script), *daemon)
    assert "scripted" in of_ref.stdout
    assert f"{script}:2" in of_ref.stderr
    assert "rule 2 never matched" in of_ref.stderr
    (tmp_path / "greet.yaml").write_text(GREET.replace("asked.greet", "asked.other"))
    report = json.loads(run("rehearse", str(tmp_path / "greet.yaml"), "name=Ada", "--json", *daemon).stdout)
    assert (report["workflow"], report["status"]) == ("asked.other", "succeeded")
    assert set(report) == set(json.loads(run("rehearse", str(tmp_path / "greet.yaml"), "name=Ada", "--json").stdout))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("actions", "list", "--packs", "x"), "--daemon excludes --packs: the daemon has its own"),
        (("graph", "a.b", "--definitions", "x", "--actions", "y"), "--daemon excludes --definitions and --actions"),
        (("validate", "x.yaml", "--pack-config", "y"), "--daemon excludes --pack-config"),
        (("rehearse", "x.yaml", "--transcript"), "--daemon excludes --transcript"),
    ],
)
def test_what_the_daemon_has_itself_is_not_given(command: tuple[str, ...], message: str) -> None:
    """Nothing is asked then. A token needs a daemon."""
    assert message in run(*command, "--daemon", "unix:///nowhere", code=2).stderr
    assert "--token-file needs --daemon" in run(*command[:2], "--token-file", "x", code=2).stderr


def test_no_daemon_ends_as_of_other_commands(tmp_path: Path) -> None:
    """With the exit code of a daemon that does not answer."""
    refused = run("actions", "list", "--daemon", f"unix://{tmp_path}/none", code=3)
    assert f"{tmp_path}/none" in refused.stderr


def test_the_variable_names_the_daemon_for_refs(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands ask it. `run` says where it runs, because the same command runs here without the variable."""
    monkeypatch.setenv("STRETTO_DAEMON", opened.client.url)
    ran = run("run", "asked.greet", "name=Ada", "--json")
    assert json.loads(ran.stdout)["output"] == {"said": "Hello, Ada"}
    assert f"stretto: the daemon at {opened.client.url} ($STRETTO_DAEMON) runs it\n" in ran.stderr
    assert run("graph", "asked.greet", "--format", "dot").stdout.startswith("digraph")
    assert "asked.greet" in run("rehearse", "asked.greet", "name=Ada", "--json").stdout
    (echo,) = (each for each in json.loads(run("actions", "list", "--json").stdout) if each["ref"] == "core.echo")
    assert echo["used_by"] == ["asked.greet"]


def test_the_variable_sends_no_file_and_overrides_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command works here: no daemon is at the URL. An empty variable counts as unset."""
    path = tmp_path / "greet.yaml"
    path.write_text(GREET)
    monkeypatch.setenv("STRETTO_DAEMON", f"unix://{tmp_path}/none")
    here = ("--definitions", str(tmp_path))
    for command in (("run", str(path)), ("run", "asked.greet", *here)):
        assert "Hello, Ada" in run(*command, "name=Ada").stdout
    for command in (("rehearse", str(path)), ("rehearse", "asked.greet", *here)):
        assert json.loads(run(*command, "name=Ada", "--json").stdout)["status"] == "succeeded"
    for command in (("graph", str(path)), ("graph", "asked.greet", *here)):
        assert "say" in run(*command).stdout
    assert run("validate", str(path)).stdout == "1 file: all is well\n"
    assert f"{tmp_path}/none" in run("run", "asked.greet", code=3).stderr
    monkeypatch.setenv("STRETTO_DAEMON", "ftp://host")
    assert "$STRETTO_DAEMON must be unix:///PATH" in run("run", "asked.greet", code=2).stderr
    monkeypatch.setenv("STRETTO_DAEMON", "")
    assert "/none" not in run("run", "asked.greet", code=2).stderr
