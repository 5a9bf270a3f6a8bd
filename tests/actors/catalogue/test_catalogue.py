"""The definitions that an engine knows."""

import json
from pathlib import Path

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue.catalogue import Catalogue
from stretto.actors.catalogue.definition import RULE_KEYS
from stretto.actors.catalogue.loading import load_library
from stretto.actors.locating import survey
from stretto.actors.packs import read_packs
from stretto.actors.rehearsal import Rule
from stretto.definitions.errors import InvalidDefinition, UnknownWorkflow
from stretto.metrics import configure_logging

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


def load(catalogue: Catalogue, folder: Path) -> None:
    """Read the definitions in a folder and below it."""
    catalogue.read_files(survey(folder).definitions)
    catalogue.check()


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(ActionRegistry.registered())


def test_a_folder_is_read_with_those_below_it(catalogue: Catalogue, tmp_path: Path) -> None:
    """Every YAML file is a definition, found by its ref."""
    write(tmp_path, "a.yaml", "ops.a")
    write(tmp_path, "deeper/b.yml", "ops.b")
    (tmp_path / "notes.txt").write_text("not a definition")
    load(catalogue, tmp_path)
    assert catalogue.refs() == ("ops.a", "ops.b")
    assert catalogue.find("ops.b").ref == "ops.b"


def test_a_folder_that_kubernetes_fills_holds_each_file_once(catalogue: Catalogue, tmp_path: Path) -> None:
    """A ConfigMap's files are links into a hidden folder; nothing is taken from there by itself, nor from `.git`."""
    version = tmp_path / "..2026_11_24_03_00_00.1"
    write(version, "a.yaml", "ops.a")
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    write(tmp_path, ".git/b.yaml", "ops.b")
    load(catalogue, tmp_path)
    assert catalogue.refs() == ("ops.a",)
    assert catalogue.find("ops.a").file == str(tmp_path / "a.yaml")


def test_the_files_of_packs_are_no_definitions_by_themselves(catalogue: Catalogue, tmp_path: Path) -> None:
    """However deep a pack lies in the folder."""
    write(tmp_path, "teams/a/own/workflows/b.yaml", "own.b")
    (tmp_path / "teams/a/own/pack.yaml").write_text("ref: own\n")
    write(tmp_path, "teams/a/c.yaml", "ops.c")
    load(catalogue, tmp_path)
    assert catalogue.refs() == ("ops.c",)
    (pack,) = read_packs((), [tmp_path])
    catalogue.add_pack(pack)
    assert catalogue.refs() == ("ops.c", "own.b")


def test_a_packs_doubts_are_logged_once_for_as_long_as_they_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], restored_logging: None
) -> None:
    """A reload tells only what is new."""
    configure_logging("WARNING", style="json")

    def logged(earlier: Catalogue | None, manifest: str) -> tuple[Catalogue, int]:
        (tmp_path / "pack.yaml").write_text(manifest)
        replacing = Catalogue(ActionRegistry.registered(), earlier)
        for pack in read_packs([tmp_path]):
            replacing.add_pack(pack)
        return replacing, capsys.readouterr().err.count("pack_doubtful")

    first, told = logged(None, "ref: own\nworker_selector: {}\n")
    assert told == 1
    second, told = logged(first, "ref: own\nworker_selector: {}\n")
    assert told == 0
    assert logged(second, "ref: own\nworker_selector: {}\ndependencies: []\n")[1] == 1


def test_a_workflow_is_found_by_its_files_name_and_by_its_path(catalogue: Catalogue, tmp_path: Path) -> None:
    """The file's name without its ending will do, and so will a path of a file that was not loaded."""
    path = write(tmp_path, "health_check.yaml", "ops.health")
    assert catalogue.find(str(path)).ref == "ops.health"
    load(catalogue, tmp_path)
    assert catalogue.find("health_check").ref == "ops.health"


def test_a_ref_with_slashes_is_found_without_opening_a_file(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a file has the ref as its path, and from the folder of a file."""
    (tmp_path / "ops").mkdir()
    path = write(tmp_path / "ops", "deploy.yaml", "ops/deploy.yaml")
    load(catalogue, tmp_path)
    write(tmp_path / "ops", "deploy.yaml", "another.ref")
    monkeypatch.chdir(tmp_path)
    assert catalogue.find("ops/deploy.yaml").ref == "another.ref"
    assert catalogue.find_ref("ops/deploy.yaml").ref == "ops/deploy.yaml"
    assert catalogue.file_scope(path).find_ref("ops/deploy.yaml").ref == "ops/deploy.yaml"
    with pytest.raises(UnknownWorkflow):
        catalogue.find_ref("./ops/deploy.yaml")


def test_an_unknown_workflow_is_told_with_the_nearest_one(catalogue: Catalogue, tmp_path: Path) -> None:
    """A slip of the pen is answered with what was meant."""
    write(tmp_path, "a.yaml", "ops.health_check")
    load(catalogue, tmp_path)
    with pytest.raises(UnknownWorkflow, match=r"did you mean 'ops\.health_check'"):
        catalogue.find("ops.heath_check")


def test_a_file_that_does_not_exist_is_told(catalogue: Catalogue, tmp_path: Path) -> None:
    """A path that cannot be read is no traceback."""
    with pytest.raises(UnknownWorkflow, match=r"cannot read .*No such file"):
        catalogue.find(str(tmp_path / "nope.yaml"))
    with pytest.raises(UnknownWorkflow, match="no folder"):
        load_library([tmp_path / "nope"])


def test_a_broken_file_harms_no_other(catalogue: Catalogue, tmp_path: Path) -> None:
    """A definition that cannot be used is told when it is asked for; the others are there."""
    write(tmp_path, "good.yaml", "ops.good")
    (tmp_path / "bad.yaml").write_text("tasks: []\n")
    load(catalogue, tmp_path)
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
    assert "core.echo" in finding.hint


def test_a_ref_that_is_taken_is_a_finding(catalogue: Catalogue, tmp_path: Path) -> None:
    """Two files with one ref: the first is kept from being silently replaced, and asking for it says so."""
    write(tmp_path, "a.yaml", "ops.same")
    write(tmp_path, "b.yaml", "ops.same")
    load(catalogue, tmp_path)
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find("ops.same")
    assert raised.value.findings[0].code == "duplicate_ref"


def test_files_for_rehearse_are_left_out_of_a_folder(catalogue: Catalogue, tmp_path: Path) -> None:
    """Rehearsal files and scripts; a list of tasks, and an object with a ref, are wrong definitions."""
    write(tmp_path, "good.yaml", "ops.good")
    (tmp_path / "good_test.yaml").write_text("workflow: good.yaml\nexpect: {status: succeeded}\n")
    (tmp_path / "script.yaml").write_text("- {task: a, status: failed}\n- {result: 1}\n")
    (tmp_path / "tasks.yaml").write_text("- {name: a, action: core.noop}\n")
    (tmp_path / "no_tasks.yaml").write_text("ref: ops.none\ninputs: {}\n")
    load(catalogue, tmp_path)
    assert {Path(file).name: bool(found) for file, found in catalogue.findings.items()} == {
        "good.yaml": False, "no_tasks.yaml": True, "tasks.yaml": True,
    }  # fmt: skip


def test_the_keys_of_rules_are_those_of_rehearsals() -> None:
    """The catalogue stands below rehearsals, and cannot read their keys there."""
    assert set(Rule.__struct_fields__) == RULE_KEYS


def test_two_files_of_one_name_are_told_apart_by_ref(catalogue: Catalogue, tmp_path: Path) -> None:
    """A file's name that stands for two workflows names both refs."""
    write(tmp_path, "one/check.yaml", "a.check")
    write(tmp_path, "two/check.yaml", "b.check")
    load(catalogue, tmp_path)
    with pytest.raises(UnknownWorkflow, match=r"a\.check, b\.check"):
        catalogue.find("check")


CALLS = """
ref: ops.calls
version: "1.0.0"
tasks:
  - name: only
    action: ops.called
    input: {n: 1}
output_map: {version: 1}
"""
CALLED = """
ref: ops.called
version: "1.0.0"
parameters: {n: {type: integer, required: true}}
tasks: [{name: only, action: core.noop}]
"""


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("action: core.sleep\n    input:\n      second: 1", "8:7 unknown_input"),
        ("action: core.sleep", "6:13 missing_input"),
        ("action: core.echo\n    input: {message: '{{ nope() }}'}", "7:23 unknown_function"),
        ("action: core.noop\n    next: [{do: nowhere}]", "7:17 unknown_task"),
        ("action: core.echo\n    input: {message: '{{ parameters.nope }}'}", "7:23 unknown_parameter"),
    ],
)
def test_what_surely_fails_is_refused_at_load_where_it_stands(
    catalogue: Catalogue, tmp_path: Path, task: str, told: str
) -> None:
    """The same findings as `stretto validate`'s, by the file's name as by its path; and the other files are there."""
    write(tmp_path, "good.yaml", "ops.good")
    (tmp_path / "bad.yaml").write_text(f'\nref: ops.wrong\nversion: "1"\ntasks:\n  - name: only\n    {task}\n')
    load(catalogue, tmp_path)
    for name in ("bad", str(tmp_path / "bad.yaml")):
        with pytest.raises(InvalidDefinition) as raised:
            catalogue.find(name)
        found = raised.value.findings[0]
        assert f"{found.place.line}:{found.place.column} {found.code}" == told
    assert catalogue.refs() == ("ops.good",)


def test_workflows_that_call_each_other_are_checked_whatever_their_order(catalogue: Catalogue, tmp_path: Path) -> None:
    """Inputs are held against the parameters of a workflow that is read later."""
    (tmp_path / "a.yaml").write_text(CALLS)
    (tmp_path / "b.yaml").write_text(CALLED)
    (tmp_path / "c.yaml").write_text(CALLS.replace("ops.calls", "ops.wrong").replace("n: 1}", "x: 1}"))
    load(catalogue, tmp_path)
    assert catalogue.refs() == ("ops.called", "ops.calls")
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find("ops.wrong")
    assert [each.code for each in raised.value.findings] == ["missing_input", "unknown_input"]


@pytest.mark.usefixtures("restored_logging")
def test_what_is_doubtful_runs_and_is_logged_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning does not keep a definition from running; the log tells it again only when it has changed."""

    def load(earlier: Catalogue | None) -> tuple[Catalogue, list[str]]:
        made = Catalogue(ActionRegistry.registered(), earlier)
        made.read_files(survey(tmp_path).definitions)
        made.check()
        made.find(str(path))
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        return made, [finding for line in lines for finding in line["findings"]]

    configure_logging("WARNING", style="json")
    path = write(tmp_path, "a.yaml", "ops.a")
    path.write_text(path.read_text().replace('version: "1.0.0"\n', ""))
    first, told = load(None)
    assert first.refs() == ("ops.a",)
    assert [each.split("[")[1] for each in told] == ["missing_version]"]
    second, told = load(first)
    assert told == []
    path.write_text(path.read_text() + "    next: [{when: 'false', do: only}]\n")
    third, told = load(second)
    assert [each.split("[")[1].split("]")[0] for each in told] == ["missing_version", "constant_condition"]
    write(tmp_path, "a.yaml", "ops.a")
    fourth, told = load(third)
    assert told == []
    assert fourth._warned == {}


def test_a_refused_file_stands_for_what_it_was(tmp_path: Path) -> None:
    """Refused by its reader or by a check: the earlier version is kept, and those that call it are read anew."""
    (tmp_path / "a.yaml").write_text(CALLS)
    (tmp_path / "b.yaml").write_text(CALLED)
    earlier = Catalogue(ActionRegistry.registered())
    load(earlier, tmp_path)
    for broken in ("tasks: 3\n", CALLED.replace("core.noop", "core.nop")):
        (tmp_path / "b.yaml").write_text(broken)
        (tmp_path / "a.yaml").write_text(CALLS.replace("version: 1}", "version: 2}"))
        later = Catalogue(ActionRegistry.registered(), earlier)
        load(later, tmp_path)
        assert later.find("ops.called") is later.find("b") is earlier.find("ops.called")
        assert later.find("ops.calls") is not earlier.find("ops.calls")
        earlier, old = later, earlier
        assert old.find("ops.called") is earlier.find("ops.called")
    (tmp_path / "b.yaml").unlink()
    last = Catalogue(ActionRegistry.registered(), earlier)
    load(last, tmp_path)
    assert last.refs() == ("ops.calls",), "it calls what is gone: its earlier version is kept"
    assert last.find("ops.calls") is earlier.find("ops.calls")


def test_only_definitions_from_files_are_installed(catalogue: Catalogue, tmp_path: Path) -> None:
    """A text may be a client's, whatever it says that its file is."""
    path = write(tmp_path, "one.yaml", "test.one")
    load(catalogue, tmp_path)
    assert catalogue.find("test.one").installed
    assert catalogue.find(str(path)).installed
    assert not catalogue.read_text(path.read_text(), str(path)).installed
