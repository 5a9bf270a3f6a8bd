"""Environments are made from a local index, and the pack's actions run in them."""

import http.server
import io
import json
import shutil
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stretto.actors.actions import ActionFailed
from stretto.actors.packs import (
    CannotSetUpPack,
    SetupOptions,
    environments_of,
    findings_of,
    interpreter_of,
    make_environment,
    read_packs,
    remove_unused,
)
from stretto.actors.packs.environments import MARKER
from stretto.definitions.errors import InvalidDefinition
from tests.support.engines import Bench
from tests.support.pack_files import MANIFEST, write_pack
from tests.support.wheels import source_distribution, wheel

CODE = 'import json, sys, greeting\nprint(json.dumps({"said": greeting.HELLO, "prefix": sys.prefix}))\n'
NODE = "ref: tools.say\nrunner_type: nodejs\nentry_point: say.mjs\noutput_format: json\n"
NODE_CODE = 'import {hello} from "greeting";\nconsole.log(JSON.stringify({said: hello}));\n'
CALL = "tasks:\n  - {{name: t, action: {}}}\noutput_map: {{result: '{{{{ task.t.result }}}}'}}\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "packs/tools", requirements_dot_txt="greeting==1.0\n", actions__greet_dot_py=CODE)


@pytest.fixture
def offline(tmp_path: Path) -> SetupOptions:
    """The options that name a local index with one wheel."""
    index = tmp_path / "index"
    wheel(index, "greeting", "1.0", 'HELLO = "hello"\n')
    return SetupOptions(no_index=True, find_links=(str(index),))


def make(pack: Path, options: SetupOptions) -> list[bool]:
    return [make_environment(each, options, lambda _line: None) for each in environments_of(pack)]


@pytest.mark.slow
def test_an_action_runs_in_its_packs_environment(
    pack: Path, offline: SetupOptions, start_bench: Callable[..., Bench]
) -> None:
    (environment,) = environments_of(pack)
    assert not environment.is_made
    assert make(pack, offline) == [True]
    assert make(pack, offline) == [False]
    assert interpreter_of(pack) == str(environment.python)
    outcome = start_bench(packs=str(pack)).run(CALL.format("tools.greet"))
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output == {"result": {"said": "hello", "prefix": str(environment.folder)}}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_uv_makes_the_same_environment_as_pip(
    pack: Path, offline: SetupOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    for environment in environments_of(pack):
        make_environment(environment, offline, lines.append)
    assert lines[0].endswith("with uv")
    assert interpreter_of(pack) != sys.executable


def test_an_engine_refuses_an_action_whose_environment_is_not_made(
    pack: Path, start_bench: Callable[..., Bench]
) -> None:
    """Before anything runs, with the command that makes it."""
    bench = start_bench(packs=str(pack))
    with pytest.raises(InvalidDefinition, match=f"run `stretto packs setup {pack}`"):
        bench.run(CALL.format("tools.greet"))


def test_an_environment_that_is_not_made_is_one_warning_a_pack(pack: Path) -> None:
    from stretto.actors.catalogue import core_actions

    write_pack(pack, actions__more_dot_yaml="ref: tools.more\nrunner_type: python\nentry_point: greet.py\n")
    (pack / "requirements.txt").write_text("greeting\n")
    (found,) = findings_of(read_packs([pack])[0], core_actions())
    assert (found.code, found.severity) == ("environment_not_made", "warning")
    assert "(2 actions need it)" in found.message


def test_a_pack_without_requirements_runs_in_this_interpreter(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "tools", requirements_dot_txt="# nothing yet\n", package_dot_json='{"name": "x"}')
    assert environments_of(pack) == ()
    assert interpreter_of(pack) == sys.executable


def test_changed_requirements_need_another_environment(pack: Path) -> None:
    (before,) = environments_of(pack)
    (pack / "requirements.txt").write_text("greeting==2.0\n")
    (after,) = environments_of(pack)
    assert before.folder != after.folder
    with pytest.raises(ActionFailed, match="is not made; run `stretto packs setup"):
        interpreter_of(pack)


@pytest.mark.slow
def test_a_source_distribution_is_refused_and_its_code_does_not_run(pack: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    index = tmp_path / "sources"
    source_distribution(index, "greeting", "1.0", f"open({str(ran)!r}, 'w')\n")
    options = SetupOptions(no_index=True, find_links=(str(index),))
    with pytest.raises(CannotSetUpPack, match="--allow-build permits packages that are built") as raised:
        make(pack, options)
    assert "greeting" in str(raised.value)
    assert not ran.exists()
    assert not environments_of(pack)[0].is_made


@pytest.mark.slow
def test_an_interrupted_setup_is_done_again(pack: Path, offline: SetupOptions) -> None:
    """Without its marker an environment is not complete, whatever is in it."""
    make(pack, offline)
    (environment,) = environments_of(pack)
    (environment.folder / MARKER).unlink()
    (environment.folder / "left").touch()
    assert make(pack, offline) == [True]
    assert environment.is_made
    assert not (environment.folder / "left").exists()


def test_an_option_line_is_refused_before_any_tool_starts(pack: Path) -> None:
    (pack / "requirements.txt").write_text("--index-url https://evil.example\ngreeting\n")
    with pytest.raises(CannotSetUpPack, match=r"requirements\.txt is refused\n  line 1: '--index-url' is an option"):
        make(pack, SetupOptions())
    assert not (pack.parent / ".stretto").exists()


def test_environments_that_no_pack_needs_are_removed(pack: Path) -> None:
    (environment,) = environments_of(pack)
    environment.folder.mkdir(parents=True)
    other = environment.folder.with_name("python-0123")
    other.mkdir()
    assert remove_unused(other.parent, [environment]) == 1
    assert environment.folder.exists()
    assert not other.exists()


class _Registry(http.server.BaseHTTPRequestHandler):
    """An npm registry with one package, whose installation script leaves a file."""

    script = ""

    def do_GET(self) -> None:
        package = {"name": "greeting", "version": "1.0.0", "main": "index.js", "scripts": {"postinstall": self.script}}
        url = f"http://{self.headers['Host']}/greeting.tgz"
        if self.path.endswith(".tgz"):
            body = io.BytesIO()
            with tarfile.open(fileobj=body, mode="w:gz") as archive:
                for name, text in (("package.json", json.dumps(package)), ("index.js", 'exports.hello = "hello";\n')):
                    member = tarfile.TarInfo(f"package/{name}")
                    member.size = len(text)
                    archive.addfile(member, io.BytesIO(text.encode()))
            content = body.getvalue()
        else:
            versions = {"1.0.0": {**package, "dist": {"tarball": url}}}
            document = {"name": "greeting", "dist-tags": {"latest": "1.0.0"}, "versions": versions}
            content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve the registry; return the file that its package's script would leave."""
    ran = tmp_path / "script_ran"
    _Registry.script = f"touch {ran}"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    yield ran
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_node_action_imports_from_its_packs_environment(
    tmp_path: Path, registry: Path, start_bench: Callable[..., Bench]
) -> None:
    """And the packages' scripts do not run."""
    package = json.dumps({"name": "tools", "type": "module", "dependencies": {"greeting": "^1.0.0"}})
    pack = tmp_path / "packs/tools"
    for name, text in (
        ("pack.yaml", MANIFEST), ("package.json", package), ("actions/say.yaml", NODE), ("actions/say.mjs", NODE_CODE)
    ):  # fmt: skip
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        (pack / name).write_text(text)
    (environment,) = environments_of(pack)
    assert make(pack, SetupOptions()) == [True]
    assert (pack / "node_modules").resolve() == environment.folder / "node_modules"
    assert environments_of(pack) == (environment,)
    outcome = start_bench(packs=str(pack)).run(CALL.format("tools.say"))
    assert outcome.output == {"result": {"said": "hello"}}, outcome.errors
    assert not registry.exists()
