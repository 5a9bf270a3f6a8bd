"""The definitions that an engine knows."""

from pathlib import Path

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue import Catalogue
from stretto.definitions.errors import InvalidDefinition, UnknownWorkflow

GOOD = """
ref: {ref}
version: "1.0.0"
tasks:
  - name: only
    action: {action}
"""


def write(folder: Path, name: str, ref: str, action: str = "core.noop") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GOOD.format(ref=ref, action=action))
    return path


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(ActionRegistry.with_core())


def test_a_folder_is_read_with_those_below_it(catalogue: Catalogue, tmp_path: Path) -> None:
    """Every YAML file is a definition, found by its ref."""
    write(tmp_path, "a.yaml", "ops.a")
    write(tmp_path, "deeper/b.yml", "ops.b")
    (tmp_path / "notes.txt").write_text("not a definition")
    catalogue.load(tmp_path)
    assert catalogue.refs() == ("ops.a", "ops.b")
    assert catalogue.find("ops.b").ref == "ops.b"


def test_a_workflow_is_found_by_its_files_name_and_by_its_path(catalogue: Catalogue, tmp_path: Path) -> None:
    """The file's name without its ending will do, and so will a path of a file that was not loaded."""
    path = write(tmp_path, "health_check.yaml", "ops.health")
    assert catalogue.find(str(path)).ref == "ops.health"
    catalogue.load(tmp_path)
    assert catalogue.find("health_check").ref == "ops.health"


def test_an_unknown_workflow_is_told_with_the_nearest_one(catalogue: Catalogue, tmp_path: Path) -> None:
    """A slip of the pen is answered with what was meant."""
    write(tmp_path, "a.yaml", "ops.health_check")
    catalogue.load(tmp_path)
    with pytest.raises(UnknownWorkflow, match=r"did you mean 'ops\.health_check'"):
        catalogue.find("ops.heath_check")


def test_a_file_that_does_not_exist_is_told(catalogue: Catalogue, tmp_path: Path) -> None:
    """A path that cannot be read is no traceback."""
    with pytest.raises(UnknownWorkflow, match=r"cannot read .*No such file"):
        catalogue.find(str(tmp_path / "nope.yaml"))
    with pytest.raises(UnknownWorkflow, match="no folder"):
        catalogue.load(tmp_path / "nope")


def test_a_broken_file_harms_no_other(catalogue: Catalogue, tmp_path: Path) -> None:
    """A definition that cannot be used is told when it is asked for; the others are there."""
    write(tmp_path, "good.yaml", "ops.good")
    (tmp_path / "bad.yaml").write_text("tasks: []\n")
    catalogue.load(tmp_path)
    assert catalogue.find("ops.good").ref == "ops.good"
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find("bad")
    assert raised.value.findings[0].code == "no_tasks"


def test_bytes_that_are_no_text_are_a_finding(catalogue: Catalogue, tmp_path: Path) -> None:
    """A file in another encoding is refused, with the byte that cannot be read."""
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"ref: caf\xe9\n")
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find(str(path))
    assert raised.value.findings[0].code == "not_utf8"
    assert "byte 8" in raised.value.findings[0].message


def test_an_unknown_action_is_a_finding_at_its_place(catalogue: Catalogue, tmp_path: Path) -> None:
    """A definition that names an action that nobody registered is refused, with the nearest one."""
    path = write(tmp_path, "a.yaml", "ops.a", "core.eco")
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find(str(path))
    (finding,) = raised.value.findings
    assert (finding.code, finding.place.line, finding.place.column) == ("unknown_action", 6, 13)
    assert "core.echo" in finding.message


def test_a_ref_that_is_taken_is_a_finding(catalogue: Catalogue, tmp_path: Path) -> None:
    """Two files with one ref: the first is kept from being silently replaced, and asking for it says so."""
    write(tmp_path, "a.yaml", "ops.same")
    write(tmp_path, "b.yaml", "ops.same")
    catalogue.load(tmp_path)
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find("ops.same")
    assert raised.value.findings[0].code == "duplicate_ref"


def test_two_files_of_one_name_are_told_apart_by_ref(catalogue: Catalogue, tmp_path: Path) -> None:
    """A file's name that stands for two workflows names both refs."""
    write(tmp_path, "one/check.yaml", "a.check")
    write(tmp_path, "two/check.yaml", "b.check")
    catalogue.load(tmp_path)
    with pytest.raises(UnknownWorkflow, match=r"a\.check, b\.check"):
        catalogue.find("check")
