"""Metadata that StackStorm loads is loaded, with a warning."""

from pathlib import Path

import pytest

from stretto.actors.packs import read_packs
from stretto.actors.packs.model import Pack

SHELL = "name: go\nrunner_type: local-shell-cmd\nparameters:\n  cmd: {type: string, default: date, immutable: true}\n"


def read(folder: Path, metadata: str) -> Pack:
    (folder / "actions").mkdir()
    (folder / "pack.yaml").write_text("name: lax\nversion: 1.0.0\n")
    (folder / "actions/go.yaml").write_text(metadata)
    (pack,) = read_packs([folder])
    return pack


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        (SHELL + "entry_point: go.sh\n", "useless_entry_point"),
        ("name: go\nrunner_type: noop\nentry_point: go.sh\n", "useless_entry_point"),
        (SHELL + "description: one\ndescription: two\n", "yaml_duplicate_key"),
        (SHELL + "  count: {type: integer, default: many}\n", "bad_default"),
    ],
)
def test_an_action_that_stackstorm_loads_is_loaded_with_a_warning(tmp_path: Path, metadata: str, code: str) -> None:
    pack = read(tmp_path, metadata)
    assert [each.ref for each in pack.actions] == ["lax.go"]
    assert [each.code for each in pack.warnings] == [code]


def test_the_last_of_two_equal_keys_counts(tmp_path: Path) -> None:
    """As PyYAML decides for StackStorm."""
    (action,) = read(tmp_path, SHELL + "description: one\ndescription: two\n").actions
    assert action.description == "two"
