"""Packs' Python actions in worker processes: functions, and scripts that say `isolation: worker`."""

import ast
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stretto.actors import workers
from stretto.actors.actions import MAX_PROCESS_BYTES, ActionFailed, RemoteFailure, frames_in, inherited_environment
from stretto.actors.packs.delivery import arguments, document, environment
from stretto.actors.packs.environments import interpreter_of
from stretto.actors.packs.model import Manifest, PackAction
from stretto.actors.packs.output import result_of
from stretto.actors.packs.process import MAX_OUTPUT_BYTES, Ended
from stretto.actors.packs.python_source import NotPython, parse
from stretto.actors.workers import WorkerCommand
from stretto.definitions.data import FrozenDict, decode_json, encode_json
from stretto.definitions.errors import nearest
from stretto.metrics import CallIds

MAX_FILES: Final = 10_000
"""Python files of a pack whose changes are noticed."""
_CODE: Final = """
import json, resource, sys, types
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
folders, path = json.loads(sys.argv[1])
for name, folder in folders.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from stretto.actors.workers import serving
face = sys.modules["stretto.actors.workers"]
face.DaemonLog, face.line = serving.DaemonLog, serving.line
from stretto.actors.packs.inside import make_handler
for name in [name for name in sys.modules if name.split(".")[0] == "stretto"]:
    del sys.modules[name]
sys.path[:0] = path
given = sys.argv.pop()
del sys.argv[1:]
serving.serve(given, make_handler())
"""
"""Loads the two modules of the worker's side without their packages, so that no other part of Stretto is needed.

They are forgotten then: the pack's environment may have a Stretto of its own."""


def function_problem(program: Path, name: str) -> tuple[str, str]:
    """Return why a file has no function that can be an action, and a hint; or two empty texts.

    The file is parsed, and not executed.
    """
    try:
        tree = parse(program)
    except NotPython as error:
        return f"{program.name} {error.problem} (line {error.line})", ""
    names = [each for statement in tree.body for each in _bound(statement)]
    if name not in names:
        return f"{program.name} has no function {name!r}", nearest(name, names)
    if any(isinstance(each, ast.AsyncFunctionDef) and each.name == name for each in tree.body):
        return f"{name!r} is async, and a worker runs plain functions", "call asyncio.run in a plain function"
    return "", ""


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [each.id for each in statement.targets if isinstance(each, ast.Name)]
    if isinstance(statement, ast.ImportFrom):
        return [each.asname or each.name for each in statement.names]
    return []


def version_of(pack: Path) -> str:
    """Return a text that changes with the Python files of a pack."""
    digest = hashlib.sha256()
    files = sorted(path for folder in ("actions", "lib") for path in (pack / folder).rglob("*.py"))
    for path in files[:MAX_FILES]:
        try:
            status = path.stat()
        except OSError:
            continue
        digest.update(f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0".encode())
    return digest.hexdigest()


def command_of(manifest: Manifest) -> WorkerCommand:
    """Return the command of a pack's workers. Raises `ActionFailed` if the pack's environment is not made."""
    if manifest.settings.command is None:
        manifest.settings.command = _command(manifest.ref, manifest.folder)
    return manifest.settings.command


def _command(pack: str, folder: Path) -> WorkerCommand:
    inside = Path(workers.__file__).parent
    folders = {
        "stretto": "",
        "stretto.actors": str(inside.parent),
        "stretto.actors.workers": str(inside),
        "stretto.actors.packs": str(Path(__file__).parent),
    }
    given = json.dumps([folders, [str(folder / "actions"), str(folder / "lib")]])
    variables = {**inherited_environment(), "ATTUNE_PACK_REF": pack}
    return WorkerCommand(
        (interpreter_of(folder), "-I", "-B", "-c", _CODE, given), str(folder), tuple(variables.items()),
        max_bytes=MAX_PROCESS_BYTES, separate=True, ends_with_children=True, version=version_of(folder),
    )  # fmt: skip


def warm_action(action: PackAction, manifest: Manifest) -> "WarmAction | None":
    """Return how the calls of an action run in a worker, or None if each has a process of another kind.

    An action whose environment is not made has None, too. Its calls fail with the command that makes the environment.
    """
    if not action.function and action.isolation == "fresh":
        return None
    try:
        return WarmAction(action, command_of(manifest))
    except ActionFailed:
        return None


class WarmAction:
    """How the calls of a pack's Python action run in a worker.

    Attributes:
        command: The workers that can run it.
        max_output: How many bytes a call may write to standard output.
        keeps_streams: Whether standard output and standard error are the result. Otherwise they are the item's text.
    """

    max_output: Final = MAX_OUTPUT_BYTES

    def __init__(self, action: PackAction, command: WorkerCommand) -> None:
        self.command = command
        self.keeps_streams = not action.function
        self._action = action

    def timeout(self, _given: FrozenDict) -> float | None:
        """Return how many seconds a call may take, or None."""
        return self._action.timeout

    def encode(self, given: FrozenDict, ids: CallIds) -> bytes:
        """Return a call as data. The defaults are added."""
        action = self._action
        parameters = {name: given.get(name, each.default) for name, each in action.parameters.items()}
        is_script = not action.function
        return encode_json(
            {
                "folder": str(action.folder),
                "program": str(action.program),
                "function": action.function,
                "parameters": {} if is_script else parameters,
                "stdin": document(action, parameters).decode() if is_script else "",
                "argv": arguments(action, parameters) if is_script else [],
                "variables": {"ATTUNE_EXEC_ID": ids.run_id} | environment(action, parameters if is_script else {}),
            }
        )

    def result(self, answer: bytes | bytearray, stdout: str, stderr: str) -> Any:
        """Return the result of a call.

        Raises:
            ActionFailed: The script fails, or its output is not in the format that the action names.
            RemoteFailure: The function has raised an exception, or its result is not data.
        """
        given = decode_json(bytes(answer))
        if not isinstance(given, Mapping):
            raise ActionFailed(f"{self._action.ref}: the worker's answer is not an object")
        if "result" in given:
            return given["result"]
        if "exit_code" in given:
            ended = Ended(given["exit_code"], stdout, stderr)
            if ended.exit_code != 0:
                raise ended.failure(self._action.ref, ended._asdict())
            return result_of(self._action.output_format, stdout, stderr)
        if "not_data" in given:
            raise RemoteFailure(str(given["not_data"]), "not_data")
        raise RemoteFailure(str(given["error"]), "exception", frames_in(str(given["traceback"])))
