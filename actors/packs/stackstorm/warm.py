"""StackStorm's Python actions in worker processes: classes that derive from `Action`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from stretto.actors.actions import ActionFailed, describe_exit, frames_in, last_lines, python_result
from stretto.actors.packs.process import MAX_OUTPUT_BYTES
from stretto.actors.packs.stackstorm.inputs import Inputs
from stretto.actors.packs.stackstorm.runners import PYTHON_SECONDS, Task, environment_texts
from stretto.actors.packs.warm import command_of
from stretto.definitions.data import FrozenDict, decode_json, encode_json
from stretto.metrics import CallIds

if TYPE_CHECKING:
    from stretto.actors.packs.model import Manifest
    from stretto.actors.workers import WorkerCommand


def class_action(task: Task, class_name: str, inputs: Inputs) -> "ClassAction | None":
    """Return how an action of a class runs, or None for a script and if the pack's environment is not made."""
    try:
        return ClassAction(task, class_name, inputs) if class_name else None
    except ActionFailed:
        return None


class ClassAction:
    """How the calls of an action of a class run in a worker.

    Args:
        task: The action.
        class_name: Its class.
        inputs: Its parameters and the runner's.

    Attributes:
        command: The workers that can run it.
    """

    keeps_streams: Final = True
    max_output: Final = MAX_OUTPUT_BYTES

    def __init__(self, task: Task, class_name: str, inputs: Inputs) -> None:
        self._task = task
        self._class = class_name
        self._inputs = inputs
        self._manifest: Manifest = task.manifest
        self.command: WorkerCommand = command_of(task.manifest)

    def timeout(self, given: FrozenDict) -> float | None:
        """Return how many seconds a call may take."""
        seconds = given.get("timeout", self._inputs.default("timeout", PYTHON_SECONDS))
        return float(seconds) if isinstance(seconds, int | float) else PYTHON_SECONDS

    def encode(self, given: FrozenDict, ids: CallIds) -> bytes:
        """Return a call as data. If an input is wrong, the worker only returns the reason."""
        variables = {"ST2_ACTION_PACK_NAME": self._manifest.ref, "ST2_ACTION_EXECUTION_ID": ids.run_id}
        call: dict[str, Any] = {
            "folder": str(self._manifest.folder),
            "program": str(self._task.program),
            "class": self._class,
            "config": self._manifest.settings.values,
        }
        try:
            values = self._inputs.complete(given)
            call["parameters"] = {name: values[name] for name in self._task.own}
            call["variables"] = variables | environment_texts(cast("Mapping[str, Any] | None", values["env"]))
        except ActionFailed as error:
            call |= {"failed": str(error), "variables": {}}
        return encode_json(call)

    def result(self, answer: bytes | bytearray, stdout: str, stderr: str) -> Any:
        """Return the result of a call, as StackStorm has it.

        Raises:
            ActionFailed: The action has failed.
        """
        end = decode_json(bytes(answer))
        if not isinstance(end, Mapping) or "exit_code" not in end:
            known = end if isinstance(end, Mapping) else {}
            reason = known.get("failed") or known.get("not_data") or "the worker's answer has no exit code"
            raise ActionFailed(f"{self._task.ref}: {reason}")
        exit_code = end["exit_code"]
        result = python_result(end.get("value"), stdout, stderr, exit_code)
        if exit_code == 0:
            return result
        if "value" in end:
            raise ActionFailed(f"{self._task.ref} returned False and its result", result)
        message = f"{self._task.ref} {describe_exit(exit_code)}{last_lines(stderr)}"
        raise ActionFailed(message, result, frames_in(stderr))
