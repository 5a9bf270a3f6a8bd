"""What the documents show is what happens."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.definitions.model.semantics import NATIVE, ORQUESTA, Semantics
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()


def test_the_readmes_definition_is_the_one_in_the_examples() -> None:
    """The YAML block is docs/examples/greet.yaml, less its comment."""
    (block,) = re.findall(r"```yaml\n(ref: ops\.greet.*?)```", README, re.DOTALL)
    example = (ROOT / "docs/examples/greet.yaml").read_text()
    assert "".join(line for line in example.splitlines(keepends=True) if not line.startswith("#")) == block


def test_the_readmes_command_prints_what_it_shows() -> None:
    """The console block's output is the command's."""
    shown = README.split("$ .venv/bin/stretto run docs/examples/greet.yaml")[1].split("\n", 1)[1].split("\nrun ")[0]
    result = CliRunner().invoke(
        main, ["run", str(ROOT / "docs/examples/greet.yaml"), 'names=["Ada", "Grace", "Edsger"]']
    )
    assert json.loads(result.stdout) == json.loads(shown)
    assert result.stdout.strip() == shown.strip()


def test_the_readmes_mistakes_are_told_as_it_shows(tmp_path: Path) -> None:
    """The README shows all findings, with long lists of names cut short."""
    path = tmp_path / "greet.yaml"
    text = (ROOT / "docs/examples/greet.yaml").read_text()
    for right, wrong in (
        ("concurrency: 3", "concurency: 3"),
        ("do: [count]", "do: [cuont]"),
        ("greeting }}", "greting }}"),
    ):
        text = text.replace(right, wrong)
    path.write_text(text)
    printed = CliRunner().invoke(main, ["run", str(path), 'names=["Ada"]']).stderr.replace(str(path), "greet.yaml")
    shown = re.findall(r"^stretto: the definition cannot be used$|^  greet\.yaml:.*$", README, re.MULTILINE)
    lines = printed.splitlines()
    assert len(shown) == len(lines) == 4
    for expected, line in zip(shown, lines, strict=True):
        assert re.fullmatch(re.escape(expected).replace(r"\.\.\.", ".*"), line)


def test_the_readmes_orquesta_workflow_prints_what_it_shows(tmp_path: Path) -> None:
    """The file is written as it stands there, and run."""
    block, shown = re.findall(
        r"`hello\.yaml`:\n\n```yaml\n(.*?)```\n\n```console\n\$ \S+ run hello\.yaml\n(.*?)\nrun ", README, re.DOTALL
    )[0]
    path = tmp_path / "hello.yaml"
    path.write_text(block)
    result = CliRunner().invoke(main, ["run", str(path)])
    assert result.stdout.strip() == shown.strip()


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
        for file, _, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(#([^)]+))?\)", document.read_text()):
            target = document.parent / file if file else document
            assert target.exists(), f"{document.name}: {file}"
            if anchor and target.suffix == ".md":
                assert anchor in anchors_of(target), f"{document.name}: {file}#{anchor}"
