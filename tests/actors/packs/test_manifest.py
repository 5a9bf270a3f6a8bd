"""Attune's aliases, and the folders of its packs that have no effect."""

from pathlib import Path

import pytest

from stretto.actors.packs import read_packs
from stretto.actors.packs.manifest import _FOLDERS
from stretto.actors.packs.model import PackAction
from stretto.definitions.errors import InvalidDefinition
from tests.support.pack_files import CODE, MANIFEST
from tests.support.paths import DOCS

ALIASED = """\
ref: tools
name: Tools
version: "1.0"
config_schema: {region: {type: string, default: eu}}
metadata: {category: x}
keywords: [a]
"""
ACTION = """\
ref: tools.greet
name: Greet
runner_type: python
entry_point: greet.py
timeout_seconds: 5
reference_visibility: allowlist
reference_allowed_pack_refs: [other]
"""


def write(folder: Path, manifest: str = ALIASED, action: str = ACTION) -> Path:
    (folder / "actions").mkdir(parents=True)
    (folder / "pack.yaml").write_text(manifest)
    (folder / "actions/greet.yaml").write_text(action)
    (folder / "actions/greet.py").write_text(CODE)
    return folder


def test_aliases_stand_for_absent_fields(tmp_path: Path) -> None:
    (pack,) = read_packs([write(tmp_path)])
    assert pack.manifest.label == "Tools"
    assert pack.manifest.config_schema is not None
    assert pack.manifest.config_schema["region"].default == "eu"
    (action,) = pack.actions
    assert isinstance(action, PackAction)
    assert (action.ref, action.timeout) == ("tools.greet", 5)
    assert {each.message for each in pack.warnings} == {
        "'reference_visibility' is not acted on", "'reference_allowed_pack_refs' is not acted on"
    }  # fmt: skip


def test_a_name_and_a_ref_alone_are_attunes_if_its_runners_are_used(tmp_path: Path) -> None:
    """StackStorm's manifest may have these two, too, but its runners have other names."""
    (pack,) = read_packs([write(tmp_path, "ref: tools\nname: Tools\nversion: '1.0'\n")])
    assert isinstance(pack.actions[0], PackAction)


def test_an_alias_beside_its_field_is_not_used(tmp_path: Path) -> None:
    (pack,) = read_packs([write(tmp_path, ALIASED + "label: Real\n", ACTION + "timeout: 9\n")])
    assert pack.manifest.label == "Real"
    assert "'name' is not acted on, because 'label' is there" in {each.message for each in pack.warnings}
    (action,) = pack.actions
    assert isinstance(action, PackAction)
    assert action.timeout == 9


@pytest.mark.parametrize("name", sorted(_FOLDERS))
def test_a_folder_without_effect_is_one_warning(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / name).mkdir()
    for number in range(3):
        (tmp_path / name / f"{number}.yaml").write_text("ref: tools.x\n")
    (pack,) = read_packs([tmp_path])
    assert [each.message for each in pack.warnings if each.message.startswith(f"{name}/")] == [
        f"{name}/ is not acted on ({_FOLDERS[name]})"
    ]


def test_the_document_names_these_folders() -> None:
    row = next(line for line in (DOCS / "attune.md").read_text().splitlines() if "`queues/`" in line)
    assert [name for name in _FOLDERS if f"`{name}/`" not in row] == []


NESTED = """
conf_schema:
  type: object
  required: [url]
  additionalProperties: false
  properties:
    url: {type: string}
    limits: {type: object, required: [most], properties: {most: {type: integer}}}
    region: {type: string, default: eu}
"""


def test_a_json_schema_of_an_object_is_read_as_its_properties(tmp_path: Path) -> None:
    """Those of an action are, too. Names and required properties are checked."""
    schema = NESTED.replace("conf_schema", "parameters")
    (pack,) = read_packs([write(tmp_path, MANIFEST + NESTED, ACTION + schema)])
    (action,) = pack.actions
    for parameters in (pack.manifest.config_schema, action.parameters):
        assert parameters is not None
        assert {name: (each.required, each.default) for name, each in parameters.items()} == {
            "url": (True, None), "limits": (False, None), "region": (False, "eu"),
        }  # fmt: skip
        assert parameters["limits"].properties["most"].required
    assert {each.code for each in pack.warnings} == {"not_acted_on"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("url: {", "u/l: {"), ("type: object\n  required", "type: array\n  required"), ("[url]", "[uri]")],
)
def test_a_wrong_json_schema_is_an_error(tmp_path: Path, text: str, wrong: str) -> None:
    assert text in NESTED
    with pytest.raises(InvalidDefinition):
        read_packs([write(tmp_path, MANIFEST + NESTED.replace(text, wrong))])


FLAT = "parameters: {key: {type: string, required: true, default: a.b}, host: {type: string, required: true}}\n"
WHOLE = (
    "parameters: {type: object, required: [key, host], "
    "properties: {key: {type: string, default: a.b}, host: {type: string}}}\n"
)


@pytest.mark.parametrize("schema", [FLAT, WHOLE], ids=["flat", "whole"])
def test_a_required_parameter_with_a_default_need_not_be_given(tmp_path: Path, schema: str) -> None:
    """Attune's own packs write credential keys so."""
    (pack,) = read_packs([write(tmp_path, action=ACTION + schema)])
    (action,) = pack.actions
    assert {name: each.required for name, each in action.parameters.items()} == {"key": False, "host": True}
    assert "useless_default" not in {each.code for each in pack.warnings}
