"""What the documents show is what happens."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from stretto.definitions.model.semantics import NATIVE, ORQUESTA, Semantics
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()


def test_the_readmes_definition_is_the_one_in_the_examples() -> None:
    """The YAML block is docs/examples/greet.yaml, less its comment."""
    (block,) = re.findall(r"```yaml\n(ref: ops\.greet.*?)```", README, re.DOTALL)
    example = (ROOT / "docs/examples/greet.yaml").read_text()
    assert "".join(line for line in example.splitlines(keepends=True) if not line.startswith("#")) == block


def test_the_table_of_semantics_is_what_the_dialects_say() -> None:
    """Every field in its order, with the values of both dialects."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.split("| `Semantics` | native | Orquesta |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \| .+ \|$", table, re.MULTILINE)
    assert rows == [
        (field.name, *(str(getattr(each, field.name)).lower() for each in (NATIVE, ORQUESTA)))
        for field in fields(Semantics)
    ]


@pytest.mark.parametrize("number", [0])
def test_the_readmes_python_runs(number: int, tmp_path: Path) -> None:
    """The Python block is a whole program; only its port and its store are changed, which may be taken here."""
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[number].replace("9464", "0")
    code = code.replace("sqlite:///stretto.db", f"sqlite:///{tmp_path}/stretto.db")
    code += "\nassert outcome.output['summary'] == '1 greeted'\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def anchors_of(document: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_of_the_documents_leads_somewhere() -> None:
    """Relative links point at files that exist, and at headings that these have."""
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for file, _, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(#([^)]+))?\)", document.read_text()):
            target = document.parent / file if file else document
            assert target.exists(), f"{document.name}: {file}"
            if anchor and target.suffix == ".md":
                assert anchor in anchors_of(target), f"{document.name}: {file}#{anchor}"
