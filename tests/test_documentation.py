"""What the documents show is what happens."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

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


def test_the_readmes_python_prints_what_it_shows(tmp_path: Path) -> None:
    """The Python block is a whole program without warnings. Only its port and its store are changed."""
    ((code, shown),) = re.findall(
        r"```python\n(.*?)```\n\n```console\n\$ \S+ example\.py\n(.*?)```", README, flags=re.DOTALL
    )
    code = code.replace("9464", "0").replace("sqlite:///stretto.db", f"sqlite:///{tmp_path}/stretto.db")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


def anchors_of(document: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_of_the_documents_leads_somewhere() -> None:
    """Relative links point at files that exist, and at headings that these have."""
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(), flags=re.DOTALL)
        for file, _, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(#([^)]+))?\)", text):
            target = document.parent / file if file else document
            assert target.exists(), f"{document.name}: {file}"
            if anchor and target.suffix == ".md":
                assert anchor in anchors_of(target), f"{document.name}: {file}#{anchor}"
