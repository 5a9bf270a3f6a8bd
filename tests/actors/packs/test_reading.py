"""Reading of packs: their contents, and every mistake with its place."""

from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry, output_schema
from stretto.actors.packs import PackWorkflow, add_packs, read_packs
from stretto.definitions.errors import InvalidDefinition
from tests.support.paths import DOCS

SAMPLE = DOCS / "packs"
MANIFEST = 'ref: tools\nversion: "1.0.0"\n'
ACTION = "ref: tools.go\nrunner_type: shell\nentry_point: go.sh\n"


def write_pack(folder: Path, manifest: str = MANIFEST, action: str = ACTION) -> Path:
    """Write a pack with one action, whose file has exactly the lines of a test."""
    (folder / "actions").mkdir(parents=True)
    (folder / "pack.yaml").write_text(manifest)
    (folder / "actions" / "go.yaml").write_text(action)
    (folder / "actions" / "go.sh").write_text("echo gone\n")
    return folder


def findings(folder: Path) -> list[tuple[str, str, int, int]]:
    """Return (code, file, line, column) of every error."""
    with pytest.raises(InvalidDefinition) as refused:
        read_packs([folder])
    return [
        (each.code, Path(each.place.file).name, each.place.line, each.place.column) for each in refused.value.findings
    ]


def test_a_folder_is_a_pack_or_holds_packs() -> None:
    """Both ways the sample is read completely."""
    (above,), (itself,) = read_packs([SAMPLE]), read_packs([SAMPLE / "fleet"])
    assert above == itself
    assert [action.ref for action in itself.actions] == [
        "fleet.grade",
        "fleet.list_hosts",
        "fleet.notify",
        "fleet.sign",
        "fleet.weigh",
    ]
    assert itself.manifest.config == {"region": "eu-central-1"}
    assert itself.manifest.config_schema is not None
    assert itself.manifest.config_schema["api_token"].secret
    assert not itself.warnings


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        ("runner_type: pyhton", "bad_choice", 14),
        ("entry_point: ../pack.yaml", "outside_pack", 14),
        ("entry_point: /bin/sh", "outside_pack", 14),
        ("entry_point: link.sh", "outside_pack", 14),
        ("entry_point: gone.sh", "no_such_file", 14),
        ("entry_point: [a]", "wrong_type", 14),
        ("parameter_delivery: post", "bad_choice", 21),
        ("parameter_format: xml", "bad_choice", 19),
        ("output_format: csv", "bad_choice", 16),
        ("timeout: soon", "wrong_type", 10),
        ("timeout: 0", "wrong_type", 10),
        ("entrypoint: go.sh", "unknown_field", 1),
        ("parameters: {type: array, items: {}}", "bad_choice", 20),
        ("parameters: {a: {type: text}}", "bad_choice", 24),
        ("parameters: {a: {secret: true}}\nparameter_delivery: argv", "secret_in_argv", 1),
        ("ref: other.go", "foreign_ref", 6),
        ("ref: tools.a b", "bad_name", 6),
        ("workflow_file: no.yaml", "no_such_file", 16),
    ],
)
def test_a_mistake_in_an_action_is_a_finding_with_its_place(tmp_path: Path, line: str, code: str, column: int) -> None:
    """Each finding has its code, file, line and column."""
    name = line.partition(":")[0]
    kept = [each for each in ACTION.splitlines() if not each.startswith(f"{name}:")]
    pack = write_pack(tmp_path / "tools", action="\n".join([*kept, line]) + "\n")
    (pack / "actions" / "link.sh").symlink_to("/bin/sh")
    number = len(kept) + 1 + line.count("\n")
    assert (code, "go.yaml", number, column) in findings(pack)


def test_all_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    """A manifest's and an action's mistakes come together."""
    pack = write_pack(
        tmp_path,
        "ref: tools\nverison: '1'\nconf_schema: {a: {type: integer}}\nconfig: {a: x, b: 1}\n",
        "ref: 3\ntimeout: -1\n",
    )
    assert findings(pack) == [
        ("unknown_field", "pack.yaml", 2, 1),
        ("bad_default", "pack.yaml", 4, 13),
        ("unknown_config", "pack.yaml", 4, 16),
        ("missing_field", "go.yaml", 1, 1),
        ("wrong_type", "go.yaml", 1, 6),
        ("wrong_type", "go.yaml", 2, 10),
    ]


def test_a_manifest_needs_a_ref_that_is_a_name(tmp_path: Path) -> None:
    """Without one nothing else of the pack is read."""
    assert findings(write_pack(tmp_path / "a", "ref: My.Pack\n")) == [("bad_name", "pack.yaml", 1, 6)]
    assert findings(write_pack(tmp_path / "b", "label: x\n")) == [("missing_field", "pack.yaml", 1, 1)]


def test_a_ref_is_taken_once(tmp_path: Path) -> None:
    """Two files that claim one ref are an error at the second one's place."""
    pack = write_pack(tmp_path)
    (pack / "actions" / "later.yaml").write_text(ACTION.replace("tools.go", "go"))
    assert findings(pack) == [("duplicate_ref", "later.yaml", 1, 1)]


def test_a_pack_in_another_pack_of_the_same_ref_is_left_out(tmp_path: Path) -> None:
    """Such as a template, whose mistakes are nobody's. A pack of another ref in it is read."""
    outer = write_pack(tmp_path / "tools")
    copy = write_pack(outer / "etc" / "files", action="ref: [\n")
    write_pack(outer / "etc" / "other", 'ref: other\nversion: "1.0.0"\n', ACTION.replace("tools.go", "other.go"))
    packs = read_packs([], [tmp_path])
    assert [each.manifest.folder for each in packs] == [outer / "etc" / "other", outer]
    assert [(each.code, each.place.file) for each in packs[1].warnings] == [("not_loaded", str(copy / "pack.yaml"))]


def test_a_folder_without_packs_is_reported(tmp_path: Path) -> None:
    """A missing folder is reported as well."""
    assert findings(tmp_path)[0][0] == "no_pack"
    assert findings(tmp_path / "none")[0][0] == "no_pack"


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    """It does not hide the findings of other files."""
    pack = write_pack(tmp_path)
    (pack / "actions" / "bad.yaml").write_bytes(b"a: 1\nb: \xff")
    assert findings(pack) == [("not_utf8", "bad.yaml", 2, 4)]


def test_known_fields_that_do_nothing_are_warnings(tmp_path: Path) -> None:
    """An Attune pack loads with warnings for fields that are not acted on. A disabled action is left out."""
    (pack,) = read_packs(
        [write_pack(tmp_path / "a", MANIFEST + "worker_selector: {}\n", ACTION + "runtime_version: '3'\n")]
    )
    assert [each.code for each in pack.warnings] == ["not_acted_on", "not_acted_on"]
    (disabled,) = read_packs([write_pack(tmp_path / "b", action=ACTION + "enabled: false\n")])
    assert not disabled.actions


def test_a_workflows_metadata_is_exposed(tmp_path: Path) -> None:
    """The pack has its ref, its parameters and the path of its graph, which may be in three places."""
    pack = write_pack(tmp_path, action="ref: flow\nworkflow_file: flow.yaml\nparameters: {a: {type: integer}}\n")
    (pack / "workflows").mkdir()
    (pack / "workflows" / "flow.yaml").write_text("tasks: {}\n")
    (read,) = read_packs([pack])
    (workflow,) = read.workflows
    assert isinstance(workflow, PackWorkflow)
    assert (workflow.ref, workflow.path.name, list(workflow.parameters)) == ("tools.flow", "flow.yaml", ["a"])


@pytest.mark.parametrize("folder", ["workflows", "actions/workflows"])
def test_a_workflow_without_metadata_belongs_to_the_pack(tmp_path: Path, folder: str) -> None:
    """Its own ref names it. Without a ref and metadata it is not loaded, with a warning."""
    pack = write_pack(tmp_path)
    (pack / folder).mkdir(parents=True)
    graph = "parameters: {n: {type: integer}}\ntasks: [{name: a, action: core.noop}]\n"
    for name, ref in (("whole.yaml", "ref: tools.first\n"), ("short.yml", "ref: second\n"), ("none.yaml", "")):
        (pack / folder / name).write_text(ref + graph)
    (read,) = read_packs([pack])
    assert sorted((each.ref, *each.parameters) for each in read.workflows) == [
        ("tools.first", "n"), ("tools.second", "n"),
    ]  # fmt: skip
    (warning,) = read.warnings
    assert (warning.code, Path(warning.place.file).name, warning.hint) == (
        "not_loaded", "none.yaml", "write ref: tools.none",
    )  # fmt: skip
    (pack / folder / "none.yaml").write_text("ref: others.third\n" + graph)
    assert findings(pack) == [("foreign_ref", "none.yaml", 1, 6)]


def test_json_schema_keywords_in_a_parameter_are_understood(tmp_path: Path) -> None:
    """Attune's packs use them as other spellings of Stretto's. Keywords that are not acted on are warnings."""
    schema = "parameters: {hosts: {type: array, minItems: 1, items: {type: string, maxLength: 9, format: x}}}\n"
    (pack,) = read_packs([write_pack(tmp_path, action=ACTION + schema)])
    hosts = pack.actions[0].parameters["hosts"]
    assert (hosts.minimum, hosts.items and hosts.items.maximum) == (1, 9)
    assert [(each.code, each.place.column) for each in pack.warnings] == [("ignored_field", 84)]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", {}),
        ("output_schema: {type: object, properties: {n: {type: integer}}}", {
            "type": "object", "properties": {"n": {"type": "integer"}},
        }),
        ("output_schema: {n: {type: integer}, type: {type: string}}", {
            "type": "object", "properties": {"n": {"type": "integer"}, "type": {"type": "string"}},
        }),
        ("output: {hosts: {type: array}}", {"type": "object", "properties": {"hosts": {"type": "array"}}}),
        ("output_schema: {anyOf: [{type: string}]}\noutput: {a: {type: string}}", {"anyOf": [{"type": "string"}]}),
        ("output_schema: none", {}),
        (f"output_schema: {{n: {{description: {'x' * 70_000}}}}}", {}),
    ],
)  # fmt: skip
def test_the_schema_of_a_result_is_shown(tmp_path: Path, given: str, shown: dict[str, Any]) -> None:
    """As JSON Schema, whichever way the metadata says it, in both kinds of packs."""
    stackstorm = "name: go\nrunner_type: local-shell-script\nentry_point: go.sh\n"
    packs = read_packs([
        write_pack(tmp_path / "a", action=f"{ACTION}{given}\n"),
        write_pack(tmp_path / "b", "name: other\nversion: 1.0.0\n", f"{stackstorm}{given}\n"),
    ])  # fmt: skip
    registry = ActionRegistry({})
    add_packs(registry, packs)
    assert output_schema(registry.get("tools.go")) == shown
    if "output:" not in given:  # of Attune alone
        assert output_schema(registry.get("other.go")) == shown
