"""What is installed is what stands in the tree: every module, and nothing else."""

import asyncio
import configparser
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.pages.pages import Pages
from stretto.actors.gateway.pages.task_graph import TaskGraphs
from stretto.actors.operations import CreateEnterCode, CreateToken, Inquiries, InquiriesAnswer, Submit, Watch
from stretto.actors.operations.events import SendEvent
from stretto.definitions.data import COMPILED
from tests.support.browsing import Browser
from tests.support.paths import ROOT

PACKAGES = ("actors", "definitions", "metrics")
SHARED = ("alerts.yaml", "grafana.json", "stretto.service", "stretto.yaml")
"""What operators copy from share/stretto of an installation."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a clean copy: a stale build folder would put deleted modules into it."""
    copy = tmp_path_factory.mktemp("copy") / "stretto"
    copy.mkdir()
    for name in ("setup.cfg", "setup.py", "MANIFEST.in", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    (copy / "docs").mkdir()
    for name in SHARED:
        shutil.copy(ROOT / "docs" / name, copy / "docs")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), str(copy)],
        check=True,
        capture_output=True,
    )
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def tree() -> set[str]:
    return {
        f"stretto/{path.relative_to(ROOT)}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".c", ".h", ".so"}
    }


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """A sub-package that setup.cfg does not name would be left out silently."""
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert {name for name in packed if not name.endswith(".so")} == tree()


def test_the_compiled_part_is_in_the_wheel_where_it_could_be_built(wheel: zipfile.ZipFile) -> None:
    """Its sources are not: they are the source distribution's."""
    built = {name for name in wheel.namelist() if name.endswith((".so", ".c", ".h"))}
    expected = {f"stretto/definitions/data/_compiled{EXTENSION_SUFFIXES[0]}"} if COMPILED is not None else set()
    assert built == expected


def test_each_package_is_typed_and_the_namespace_is_left_to_others(wheel: zipfile.ZipFile) -> None:
    """py.typed is in each package; `stretto` itself has no __init__.py."""
    names = wheel.namelist()
    assert all(f"stretto/{package}/py.typed" in names for package in PACKAGES)
    assert "stretto/__init__.py" not in names


def test_the_command_and_the_licence_come_with_it(wheel: zipfile.ZipFile) -> None:
    """The wheel installs `stretto`, and carries its licence."""
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    assert "stretto = stretto.actors.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert any(name.endswith("LICENSE") for name in wheel.namelist())
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert re.search(r"^License(-Expression)?: Apache-2\.0$", metadata, re.MULTILINE)


def test_pip_install_puts_the_command_and_the_units_files_where_the_unit_says(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """The command is in bin/, and what an operator copies is in share/stretto/."""
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--prefix", str(tmp_path)]
    subprocess.run([*command, "--ignore-installed", str(wheel.filename)], check=True, capture_output=True)
    assert (tmp_path / "bin" / "stretto").is_file()
    shared = tmp_path / "share" / "stretto"
    assert sorted(path.name for path in shared.iterdir()) == sorted(SHARED)
    unit = (shared / "stretto.service").read_text()
    for name in SHARED[2:]:
        assert f"cp /opt/stretto/share/stretto/{name} " in unit
    assert "\nExecStart=stretto serve --config /etc/stretto/stretto.yaml\n" in unit


def test_every_sub_package_is_named_in_setup_cfg() -> None:
    """The list of packages is that of the folders that hold modules."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    named = set(config["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert named == {f"stretto.{'.'.join(folder.parts)}" for folder in folders}


def test_the_pages_need_nothing_but_the_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Installed beside the dependencies alone, without the checkout, a daemon shows every page with all its files."""
    installed, own = tmp_path / "installed", tmp_path / "own"
    wheel.extractall(installed)
    own.mkdir(mode=0o700)
    (own / "echo.yaml").write_text('version: "1"\nref: test.echo\ntasks: [{name: echo, action: core.noop}]\n')
    (own / "probe.yaml").write_text("sensor: test.probe\ncommand: [sleep, 1000]\n")
    (own / "rule.yaml").write_text("ref: test.rule\non: {event: test.event}\nrun: test.echo\n")
    (own / "ask.yaml").write_text('version: "1"\nref: test.ask\ntasks: [{name: ask, action: core.ask}]\n')
    # Without `site`, Python does not learn of the editable installation.
    program = (
        f"import sys; sys.path[:0] = [{str(installed)!r}]; sys.path += [{sysconfig.get_path('purelib')!r}]; "
        f"import stretto.actors; assert stretto.actors.__file__.startswith({str(installed)!r}); "
        "from stretto.actors.cli import main; main()"
    )
    command = [sys.executable, "-S", "-E", "-c", program, "serve", "--port", "0", "--socket", str(own / "s")]
    command += ["--store", f"sqlite:///{own}/runs.db", "--definitions", str(own)]
    with subprocess.Popen(command, cwd=own, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            ready = next(line for line in process.stderr if '"ready"' in line)
            asyncio.run(_look_at_every_page(Client(f"unix://{own}/s"), json.loads(ready)["url"]))
        finally:
            process.kill()


async def _look_at_every_page(client: Client, url: str) -> None:
    browser = Browser(url)
    code: Any = await asyncio.to_thread(client.ask, CreateEnterCode())
    await browser.log_in(code=code.url.partition("#")[2])
    run: Any = await asyncio.to_thread(client.ask, Submit("test.echo"))
    await asyncio.to_thread(list, client.answers(Watch(run.run)))
    token: Any = await asyncio.to_thread(client.ask, CreateToken("a", "viewer"))
    await asyncio.to_thread(client.ask, Submit("test.ask"))
    event: Any = await asyncio.to_thread(client.ask, SendEvent("test.event"))
    asked: Any = InquiriesAnswer([], None)
    while not asked.inquiries:
        asked = await asyncio.to_thread(client.ask, Inquiries())
    fields = {
        "inquiry": asked.inquiries[0]["id"],
        "run": run.run,
        "ref": "test.echo",
        "sensor": "test.probe",
        "rule": "test.rule",
        "event": event.event,
        "token": token.token["id"],
        "code": "busy",
        "act": "skip",
    }
    nothing: Any = None
    linked: set[str] = set()
    graphs = TaskGraphs(lambda _layouts: nothing)
    for route in Pages(nothing, nothing, nothing, nothing, graphs, nothing, nothing).routes():
        if "GET" in route.methods and not route.path.startswith("/assets/"):
            path = route.path
            for name, value in (fields | ({"ref": "core.noop"} if path.startswith("/actions") else {})).items():
                path = path.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
            query = {
                "/several": f"?do=cancel&run={run.run}",
                f"/runs/{run.run}/item/skip": "?task=echo&item=0",
                f"/runs/{run.run}/task/cancel": "?task=echo",
            }
            page = await browser.open(path + query.get(path, ""))
            assert page.status in {200, 303}, (path, page)
            linked |= set(re.findall(r'"(/assets/[^"]+)"', page.body.decode()))
    assert {path.rpartition(".")[2] for path in linked} == {"css", "js", "svg"}
    for path in linked:
        assert (await browser.open(path)).status == 200, path
