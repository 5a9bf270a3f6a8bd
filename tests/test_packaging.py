"""What is installed is what stands in the tree: every module, and nothing else."""

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from stretto.definitions.data import COMPILED
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
