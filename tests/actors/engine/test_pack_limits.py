"""The engine's limits on the processes of packs, whichever way they run."""

from pathlib import Path

from stretto.actors import Engine
from tests.support.waiting import PATIENCE

MOST = 512 * 1024 * 1024
FLOW = """
ref: test.flow
version: "1.0.0"
tasks:
  - {name: kept, action: tools.kept}
  - {name: fresh, action: tools.fresh}
  - {name: script, action: tools.script}
output_map:
  limits: "{{ [task.kept.result, task.fresh.result, task.script.result.stdout] }}"
"""
CODE = """
import resource
def limit():
    return resource.getrlimit(resource.RLIMIT_AS)[0]
"""


def test_a_process_of_a_pack_has_the_memory_of_the_setting(tmp_path: Path) -> None:
    """A kept process, one for a call, and a script."""
    folder = tmp_path / "tools"
    (folder / "actions").mkdir(parents=True)
    (folder / "pack.yaml").write_text('ref: tools\nversion: "1"\n')
    (folder / "actions" / "limits.py").write_text(CODE)
    (folder / "actions" / "script.sh").write_text("ulimit -v")
    for name, runner, entry, isolation in (
        ("kept", "python", "limits.py:limit", "isolation: worker"),
        ("fresh", "python", "limits.py:limit", "isolation: fresh"),
        ("script", "shell", "script.sh", ""),
    ):
        text = f"ref: {name}\nrunner_type: {runner}\nentry_point: {entry}\n{isolation}\n"
        (folder / "actions" / f"{name}.yaml").write_text(text)
    (tmp_path / "flow.yaml").write_text(FLOW)
    with Engine.open(str(tmp_path), max_pack_process_bytes=MOST) as engine:
        outcome = engine.run("test.flow", timeout=PATIENCE)
    assert outcome.output is not None, outcome.errors
    kept, fresh, script = outcome.output["limits"]
    assert (kept, fresh, script.strip()) == (MOST, MOST, str(MOST // 1024))
