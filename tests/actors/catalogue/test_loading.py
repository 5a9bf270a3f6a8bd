"""One way to load actions, packs and definitions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue import Catalogue, Rules, load_library, log_nothing
from stretto.actors.catalogue.definition import MAX_FILE_BYTES
from stretto.actors.engine import Engine
from stretto.actors.locating import files_beside, survey
from stretto.definitions.errors import Finding, InvalidDefinition, UnknownWorkflow
from tests.support.waiting import PATIENCE

CALLS = (
    'ref: {ref}\nversion: "1"\ntasks: [{{name: t, action: {called}}}]\noutput_map: {{by: "{{{{ task.t.result }}}}"}}\n'
)
RETURNS = 'ref: {ref}\nversion: "1"\ntasks: [{{name: t, action: core.noop}}]\noutput_map: {{says: {says}}}\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a definition."""

    def definition(name: str, text: str, **given: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**given))
        return path

    return definition


def outcome_of(engine: Any, workflow: str | Path) -> Any:
    outcome = engine.submit(workflow).get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)
    return outcome.output or outcome.errors


def test_a_folder_is_listed_once_with_its_packs(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Files of packs are no definitions; hidden folders are not searched."""
    files = [write(name, "x: 1\n") for name in ("a.yaml", "p/pack.yaml", "p/deep/b.yml", "q/c.yaml", ".git/d.yaml")]
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "text.txt").write_text("")
    found = survey(tmp_path)
    assert set(found.files) == set(files[:4])
    assert found.definitions == (files[0], files[3])
    assert found.packs == (tmp_path / "p",)
    assert survey(tmp_path, in_pack=True).definitions == ()


def test_a_files_neighbours_are_in_its_folder(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Not below it, and not in a pack."""
    first, second = write("a.yaml", ""), write("b.yml", "")
    write("below/c.yaml", "")
    assert files_beside(first) == [second]
    write("pack.yaml", "ref: p\n")
    assert files_beside(first) == []


def test_neighbours_are_read_only_if_the_workflow_calls_one(
    tmp_path: Path, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in a folder of thousands starts as quickly as one alone."""
    alone = write("a.yaml", RETURNS, ref="t.a", says="1")
    write("b.yaml", RETURNS, ref="t.b", says="1")
    read: list[Path] = []
    monkeypatch.setattr(Catalogue, "read_files", lambda _self, paths: read.extend(paths))
    catalogue = Catalogue(ActionRegistry.registered())
    assert catalogue.find(str(alone)).ref == "t.a"
    assert read == []
    with pytest.raises(InvalidDefinition):
        catalogue.find(str(write("c.yaml", CALLS, ref="t.c", called="t.b")))
    assert read == [tmp_path / "a.yaml", tmp_path / "b.yaml"]


def test_files_of_two_folders_call_the_workflows_in_their_own(write: Callable[..., Path]) -> None:
    """Though these have one ref; and a ref of the engine's definitions is found from both."""
    write("shared/s.yaml", RETURNS, ref="t.s", says="shared")
    for name in ("one", "two"):
        write(f"{name}/main.yaml", CALLS, ref="t.main", called="t.check")
        write(f"{name}/check.yaml", RETURNS, ref="t.check", says=name)
    other = write("one/other.yaml", CALLS, ref="t.other", called="t.s")
    engine = Engine.start(definitions=[other.parents[1] / "shared"]).proxy()
    try:
        for name in ("one", "two"):
            assert outcome_of(engine, other.parents[1] / name / "main.yaml") == {"by": {"says": name}}
        assert outcome_of(engine, other) == {"by": {"says": "shared"}}
        assert engine.workflows().get() == ("t.s",)
        with pytest.raises(UnknownWorkflow):
            engine.submit("t.check").get()
    finally:
        engine.stop(grace=0).get()


def test_a_workflow_beside_is_found_from_one_beside(write: Callable[..., Path]) -> None:
    """Sub-workflows see what the file sees."""
    main = write("main.yaml", CALLS, ref="t.main", called="t.middle")
    write("middle.yaml", CALLS, ref="t.middle", called="t.last")
    write("last.yaml", RETURNS, ref="t.last", says="deep")
    engine = Engine.start().proxy()
    try:
        assert outcome_of(engine, main) == {"by": {"by": {"says": "deep"}}}
    finally:
        engine.stop(grace=0).get()


def test_a_neighbour_whose_ref_a_loaded_definition_has_is_a_clash(tmp_path: Path, write: Callable[..., Path]) -> None:
    """If it is called; the same file is none."""
    main = write("main.yaml", CALLS, ref="t.main", called="t.z")
    write("z.yaml", RETURNS, ref="t.z", says="beside")
    write("other/z.yaml", RETURNS, ref="t.z", says="other")
    loaded = load_library([tmp_path / "other"]).catalogue
    with pytest.raises(InvalidDefinition, match="is taken by") as raised:
        loaded.find(str(main))
    assert raised.value.findings[0].code == "unknown_action"
    (tmp_path / "other/z.yaml").unlink()
    whole = load_library([tmp_path]).catalogue
    assert whole.find(str(main)).ref == "t.main"


def test_a_client_s_text_sees_no_file(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Its name may be a path that the client has chosen."""
    main = write("main.yaml", CALLS, ref="t.main", called="t.z")
    write("z.yaml", RETURNS, ref="t.z", says="beside")
    catalogue = load_library().catalogue
    assert catalogue.find(str(main)).ref == "t.main"
    with pytest.raises(InvalidDefinition, match=r"there is no action 't\.z'"):
        catalogue.read_text(main.read_text(), str(main))


def test_packs_among_definitions_are_loaded_or_reported(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Engines refuse an invalid pack; `validate` shows its findings."""
    write("p/pack.yaml", "ref: p\nauthr: me\n")
    with pytest.raises(InvalidDefinition):
        load_library([tmp_path])
    findings: list[Finding] = []
    library = load_library([tmp_path], findings=findings, rules=Rules(log=log_nothing))
    assert [each.code for each in findings if each.severity == "error"] == ["unknown_field"]
    assert [pack.manifest.ref for pack in library.packs] == ["p"]


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Before anything is loaded."""
    with pytest.raises(UnknownWorkflow, match="no folder of definitions"):
        load_library([tmp_path / "nope"])


def test_a_file_that_cannot_be_read_is_a_finding(write: Callable[..., Path]) -> None:
    """Of the folder that it is in; named by its path, it is an unknown workflow."""
    path = write("a.yaml", "x" * (MAX_FILE_BYTES + 1))
    catalogue = load_library([path.parent], rules=Rules(log=log_nothing)).catalogue
    assert [each.code for each in catalogue.findings[str(path)]] == ["not_readable"]
    with pytest.raises(InvalidDefinition):
        catalogue.find("a")
    with pytest.raises(UnknownWorkflow, match="at most 16,777,216 bytes"):
        catalogue.find(str(path))


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_broken_workflow_that_calls_itself_has_only_its_own_errors(
    write: Callable[..., Path], as_folder: bool
) -> None:
    """That it cannot be used is no second error."""
    path = write("a.yaml", CALLS + "nonsense: 1\n", ref="t.a", called="t.a")
    catalogue = load_library([path.parent] if as_folder else []).catalogue
    with pytest.raises(InvalidDefinition) as raised:
        catalogue.find("t.a" if as_folder else str(path))
    assert [each.code for each in raised.value.findings] == ["unknown_field"]


def test_stackstorms_descriptions_of_its_runners_are_no_workflows(tmp_path: Path, write: Callable[..., Path]) -> None:
    """`runner.yaml`, which stands in folders next to packs."""
    write("runners/noop/runner.yaml", "- name: noop\n  runner_package: noop_runner\n  runner_module: noop_runner\n")
    assert load_library([tmp_path]).catalogue.findings == {}
