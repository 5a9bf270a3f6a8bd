"""Execution of a pack's action: one process in its own group, with limits on time, output and memory."""

import asyncio
import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from stretto.actors.actions import (
    NOT_STARTED,
    OUT_OF_REACH,
    ActionFailed,
    Child,
    Command,
    describe_exit,
    frames_in,
    inherited_environment,
    last_lines,
    max_process_bytes,
    pack_access,
)
from stretto.actors.packs.delivery import arguments, document, environment
from stretto.actors.packs.environments import interpreter_of, unmade
from stretto.actors.packs.keys_api import keys_access
from stretto.actors.packs.model import PackAction
from stretto.actors.packs.output import result_of
from stretto.metrics import call_ids

MAX_OUTPUT_BYTES: Final = 1024 * 1024
GRACE_SECONDS: Final = 5.0
"""How long a cancelled or timed-out process has between SIGTERM and SIGKILL."""

_LIMITED: Final = (
    "/bin/sh", "-c", 'ulimit -c 0 && ulimit "$1" "$2" && shift 2 && exec "$@"', "stretto",
)  # fmt: skip
"""A shell that sets limits and then becomes the program, in 1 ms.

Python's `preexec_fn` is unsafe with threads, limits set from outside come too late, and another interpreter takes
15 ms. The text is fixed and all data are its arguments, so no data run as code."""

_PYTHON: Final = (
    "import os, runpy, sys; program, lib = sys.argv[1:3]; sys.argv[:3] = [program]; "
    "sys.path[:0] = [os.path.dirname(program), lib]; runpy.run_path(program, run_name='__main__')"
)
"""Runs a file in an isolated interpreter: its folder and the pack's `lib` are on the path, PYTHONPATH is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The process of an action.

    Attributes:
        ref: The action, for messages.
        command: The command with its limits, from `limited`.
        folder: The working directory.
        variables: Environment variables, added to the inherited ones.
        stdin: The standard input.
        timeout: Seconds, or None for no limit.
    """

    ref: str
    command: list[str]
    folder: str
    variables: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    timeout: float | None = None


class Ended(NamedTuple):
    """The end of a process that exited without being stopped."""

    exit_code: int
    stdout: str
    stderr: str

    def failure(self, ref: str, result: Any) -> ActionFailed:
        """Return the failure of an action whose process did not exit with 0."""
        message = f"{ref} {describe_exit(self.exit_code)}{last_lines(self.stderr)}"
        return ActionFailed(message, result, frames_in(self.stderr))


async def run_action(action: PackAction, given: dict[str, Any]) -> Any:
    """Run the action's process on an input, with the defaults added, and return its result."""
    if problem := missing(action):
        raise ActionFailed(f"{action.ref} cannot run on this machine: {problem}")
    parameters = {name: given.get(name, each.default) for name, each in action.parameters.items()}
    async with keys_access(action.pack) as access:
        own = {**_run_variables(), **access, **environment(action, parameters)}
        ended = await run_program(
            Program(
                ref=action.ref,
                command=[*_command(action), *arguments(action, parameters)],
                folder=str(action.folder),
                variables={**_runtime_variables(action), **own},
                stdin=document(action, parameters),
                timeout=action.timeout,
            )
        )
    if ended.exit_code != 0:
        raise ended.failure(action.ref, ended._asdict())
    return result_of(action.output_format, ended.stdout, ended.stderr)


async def run_program(program: Program) -> Ended:
    """Run a program to its end.

    Raises:
        ActionFailed: The program cannot be started, takes too long, or writes too much.
    """
    child: Child | None = None
    try:
        async with asyncio.timeout(program.timeout):
            child = await _start(program)
            exit_code = await child.finish_alone()
        if child.stdout.truncated:
            await child.end(GRACE_SECONDS)
            raise ActionFailed(f"{program.ref} wrote more than {MAX_OUTPUT_BYTES:,} bytes to its standard output")
        return Ended(exit_code, child.stdout.text(), child.stderr.text())
    except TimeoutError:
        if child is None:
            raise ActionFailed(f"{program.ref} {NOT_STARTED} within {program.timeout:g} s") from None
        stopped = await child.end(GRACE_SECONDS)
        state = "was stopped" if stopped else OUT_OF_REACH
        raise ActionFailed(f"{program.ref} took longer than {program.timeout:g} s and {state}") from None
    except asyncio.CancelledError:
        if child is not None:
            await child.end(GRACE_SECONDS)
        raise
    finally:
        if child is not None:
            child.close()


def missing(action: PackAction) -> str:
    """Return what this machine lacks to run the action, or ""."""
    if action.runner == "nodejs" and shutil.which("node") is None:
        return "`node` is not on the PATH; install Node.js"
    if action.runner == "nodejs" and (problem := unmade(action.folder, "node")):
        return problem
    if action.runtime is not None:
        binary = action.runtime.command[0]
        return "" if shutil.which(binary) else f"`{binary}` of the runtime {action.runtime.ref} is not on the PATH"
    if action.runner == "native" and not os.access(action.program, os.X_OK):
        return f"{action.program} is not executable; run chmod +x on it"
    return "" if hasattr(os, "pidfd_open") else "packs need Linux, because they wait for processes by pidfd"


def _run_variables() -> dict[str, str]:
    ids, access = call_ids.get(), pack_access()
    variables = {"ATTUNE_EXEC_ID": ids.run_id} if ids is not None else {}
    return variables | {"ATTUNE_ARTIFACTS_DIR": access.artifacts} if access and access.artifacts else variables


def _runtime_variables(action: PackAction) -> Mapping[str, str]:
    return action.runtime.variables if action.runtime is not None else {}


async def _start(program: Program) -> Child:
    try:
        variables = {**inherited_environment(), **program.variables}
        access = pack_access()
        command = Command(
            program.command, variables, program.folder, program.stdin, None if access is None else access.user
        )
        return await Child.start(command, MAX_OUTPUT_BYTES)
    except OSError as error:
        raise ActionFailed(f"cannot run {program.ref}: {error.strerror or error}") from error


def _command(action: PackAction) -> list[str]:
    program = str(action.program)
    if action.runtime is not None:
        command = [*action.runtime.command, program]
    elif action.runner == "python":
        command = python_command(action.program, action.folder)
    elif action.runner == "shell":
        command = [_shell(action.program), program]
    else:
        command = [*(["node"] if action.runner == "nodejs" else []), program]
    # Node.js and Go reserve gigabytes of address space and use little of it, so their writable memory is limited.
    return limited(command, address_space=action.runner in {"python", "shell"})


def python_command(program: Path, pack: Path) -> list[str]:
    """Return the command that runs a file in the pack's interpreter, isolated, with the pack's `lib` on the path.

    Raises:
        ActionFailed: The pack's environment is not made.
    """
    return [interpreter_of(pack), "-I", "-B", "-c", _PYTHON, str(program), str(pack / "lib")]


def limited(command: list[str], *, address_space: bool) -> list[str]:
    """Return a command that limits its memory, by the running loop's setting, and then becomes the given command."""
    option, limit = ("-v", resource.RLIMIT_AS) if address_space else ("-d", resource.RLIMIT_DATA)
    hard = resource.getrlimit(limit)[1]
    most = max_process_bytes() if hard == resource.RLIM_INFINITY else min(max_process_bytes(), hard)
    return [*_LIMITED, option, str(most // 1024), *command]


def _shell(program: Path) -> str:
    """Return bash if the script's first line asks for it and it is installed, or else /bin/sh."""
    with program.open("rb") as file:
        first = file.readline(128)
    wants_bash = first.startswith(b"#!") and b"bash" in first
    return (shutil.which("bash") or "/bin/sh") if wants_bash else "/bin/sh"
