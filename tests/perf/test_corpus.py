"""What of real packs runs, for a pack of our own."""

import json
import sys
from pathlib import Path

import corpus
import pytest

GO = "version: 1.0\ntasks:\n  a:\n    action: {}\n"
CHAIN = "chain:\n- {{name: a, ref: {}}}\n"
METADATA = "name: {}\nrunner_type: {}\nentry_point: {}\nenabled: true\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a pack: three workflows, a chain, and an action of each kind."""
    pack = tmp_path / "repository" / "pack"
    (pack / "actions" / "workflows").mkdir(parents=True)
    (pack / "pack.yaml").write_text("ref: hosts\nname: hosts\nversion: 1.0.0\n")
    for name, text in {
        "good": GO.format("core.noop"),
        "calls": GO.format("hosts.good"),
        "bad": GO.format("hosts.far"),
        "away": GO.format("other.thing"),
        "chained": CHAIN.format("hosts.plain"),
    }.items():
        (pack / "actions" / "workflows" / f"{name}.yaml").write_text(text)
        runner = "action-chain" if name == "chained" else "orquesta"
        metadata = METADATA.format(name, runner, f"workflows/{name}.yaml")
        (pack / "actions" / f"{name}.yaml").write_text(metadata)
    for name, text in {"plain": "print(1)\n", "far": "import st2common.models.db\n"}.items():
        (pack / "actions" / f"{name}.py").write_text(text)
        (pack / "actions" / f"{name}.yaml").write_text(METADATA.format(name, "python-script", f"{name}.py"))
    return tmp_path


@pytest.fixture
def orquesta(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that prints what the script in Orquesta's environment prints of that pack."""
    pack = folder / "repository" / "pack" / "actions"
    definitions = [("good", "core.noop"), ("calls", "hosts.good"), ("bad", "hosts.far"), ("away", "other.thing")]
    lines = [
        {"kind": "orquesta", "file": str(pack / "workflows" / f"{name}.yaml"), "errors": "", "calls": [ref]}
        for name, ref in definitions
    ]
    lines.append({"kind": "chain", "file": str(pack / "workflows" / "chained.yaml"), "calls": ["hosts.plain"]})
    for name, _ in [*definitions, ("chained", "")]:
        runner = "action-chain" if name == "chained" else "orquesta"
        program = str(pack / "workflows" / f"{name}.yaml")
        file = str(pack / f"{name}.yaml")
        lines.append({"kind": "action", "file": file, "ref": f"hosts.{name}", "runner": runner, "program": program})
    for name in ("plain", "far"):
        ref, program = f"hosts.{name}", str(pack / f"{name}.py")
        file = str(pack / f"{name}.yaml")
        lines.append({"kind": "action", "file": file, "ref": ref, "runner": "python-script", "program": program})
    program_file = tmp_path_factory.mktemp("origin") / "python"
    printed = "\n".join(map(json.dumps, lines))
    program_file.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\n")
    program_file.chmod(0o755)
    return program_file


def test_definitions_and_actions_are_counted_with_the_reasons(folder: Path, orquesta: Path) -> None:
    """A refused action stops its workflow, a pack that is not there is a reason of its own."""
    stretto = [str(Path(sys.executable).with_name("stretto"))]
    text, data = corpus.report(corpus.Corpus(folder, orquesta, stretto))
    counts = {name: data[name] for name in ("accepted by Orquesta", "accepted", "runnable", "runnable but for packs")}
    assert counts == {"accepted by Orquesta": 4, "accepted": 4, "runnable": 2, "runnable but for packs": 3}
    assert {Path(file).stem: why for file, why in data["reasons"].items()} == {
        "away": ["pack other"],
        "bad": ["refused action: the file imports st2common.models.db, which is part of StackStorm"],
    }
    assert data["runners"] == {
        "orquesta": {"actions": 4, "usable": 4, "refused": {}},
        "python-script": {"actions": 2, "usable": 1, "refused": {"stackstorm_action": 1}},
        "action-chain": {"actions": 1, "usable": 1, "refused": {}},
    }
    assert "| 1 | imports more of StackStorm |" in text
    assert "chains that are accepted: 1 of 1 (100 %)" in text


def test_a_command_that_fails_is_shown(folder: Path) -> None:
    """Its counts would be of nothing."""
    with pytest.raises(SystemExit, match=r"/bin/false .* exited with 1"):
        corpus.Corpus(folder, Path("/bin/false"), ["stretto"])
