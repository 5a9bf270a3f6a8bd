"""Rich is imported on a terminal only."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.harness import write_workflow

QUICK = "tasks: [{name: only, action: core.noop}]\n"
REPORT = "print(*(name for name in ('rich', 'structlog', 'aiohttp') if name in sys.modules))"


OF_THE_GATEWAY = "print([name for name in ('starlette', 'uvicorn', 'h11', 'cryptography') if name in sys.modules])"


def modules_after(*commands: Sequence[str], report: str = REPORT) -> str:
    """Run commands in a process without a terminal, and return which of rich and what would import it were imported."""
    code = "import json, sys\nfrom stretto.actors.cli import main\nfor each in json.loads(sys.argv[1]):\n" + (
        "    try: main(each)\n    except SystemExit as ended: assert not ended.code\n" + report
    )
    command = [sys.executable, "-c", code, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("options", [[], ["--progress", "live"], ["--log-level", "INFO"]])
def test_a_run_without_a_terminal_never_imports_rich(tmp_path: Path, options: list[str]) -> None:
    """Not even what would for tracebacks that nobody gets to see, and for a command line that nobody calls."""
    assert modules_after(("run", str(write_workflow(tmp_path, "quick", QUICK)), *options)) == "structlog"


def test_no_other_command_does(tmp_path: Path) -> None:
    """Nor do their helps."""
    store = f"sqlite:///{tmp_path}/store.db"
    workflow = str(write_workflow(tmp_path, "quick", QUICK))
    assert modules_after(("run", workflow, "--store", store)) == "structlog"
    commands = (
        ("runs", "list", "--store", store),
        ("runs", "show", "@latest", "--store", store),
        ("rehearse", workflow),
        ("validate", workflow),
        ("actions", "list"),
        ("serve", "--help"),
        ("--help",),
    )
    assert "rich" not in modules_after(*commands).split()


def test_an_action_may_use_rich(tmp_path: Path) -> None:
    """It is hidden from those two only."""
    (tmp_path / "table.py").write_text(
        "from rich.table import Table\nfrom stretto.actors import action\n\n"
        '@action("test.table")\ndef table() -> str:\n    return Table.__name__\n'
    )
    workflow = write_workflow(tmp_path, "table", "tasks: [{name: only, action: test.table}]\n")
    assert modules_after(("run", str(workflow), "--actions", str(tmp_path / "table.py"))) == "rich structlog"


def test_help_and_validation_load_nothing_of_the_gateway(tmp_path: Path) -> None:
    """Neither its libraries nor those of TLS."""
    workflow = str(write_workflow(tmp_path, "quick", QUICK))
    assert modules_after(("--help",), ("serve", "--help"), ("validate", workflow), report=OF_THE_GATEWAY) == "[]"


def test_help_and_validation_load_no_room_that_a_daemon_needs(tmp_path: Path) -> None:
    """What runs definitions stays unloaded."""
    workflow = str(write_workflow(tmp_path, "quick", QUICK))
    report = "print(*sorted({name.split('.')[2] for name in sys.modules if name.startswith('stretto.actors.')}))"
    assert modules_after(("--help",), report=report) == "cli"
    assert modules_after(("serve", "--help"), report=report) == "cli"
    rooms = set(modules_after(("validate", workflow), report=report).split())
    assert rooms <= {"actions", "catalogue", "cli", "locating", "settings", "text_files"}
