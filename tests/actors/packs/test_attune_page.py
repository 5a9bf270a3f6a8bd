"""docs/attune.md: what its table says of packs is what reading them gives."""

import re
from pathlib import Path

import pytest

from stretto.actors.packs import process, read_packs
from stretto.actors.packs.keys_api import PATH
from tests.support.pack_files import METADATA, write_pack
from tests.support.paths import DOCS

ROWS = [line.split(" | ") for line in (DOCS / "attune.md").read_text().splitlines() if line.startswith("| ")]
IGNORED = next(re.findall(r"`([^`]+)`", row[0]) for row in ROWS if "`worker_*`" in row[0])


@pytest.mark.parametrize("name", [each.replace("*", "x") for each in IGNORED])
def test_a_field_that_is_said_to_be_ignored_is_a_warning(tmp_path: Path, name: str) -> None:
    """In an action's metadata."""
    pack = write_pack(tmp_path / "tools", actions__greet_dot_yaml=f"{METADATA}{name}: [a]\n")
    assert [(each.code, each.severity) for each in read_packs([pack])[0].warnings] == [("not_acted_on", "warning")]


def test_the_variables_and_the_path_are_those_of_the_code() -> None:
    """Which a process of a pack finds."""
    text = (DOCS / "attune.md").read_text()
    packs = Path(process.__file__).parent
    places = ("process.py", "keys_api.py", "../sensors/of_packs.py", "../sensors/api.py")
    code = "".join((packs / place).read_text() for place in places)
    named = set(re.findall(r"\bATTUNE_[A-Z_]+", text))
    assert {"ATTUNE_API_URL", "ATTUNE_API_TOKEN", "ATTUNE_ARTIFACTS_DIR"} <= named
    assert [name for name in sorted(named) if f'"{name}"' not in code] == []
    assert f"GET `{PATH}REF`" in text
