"""The action core.local: a command on this machine, bounded in time and output."""

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from stretto.actors.actions.core.processes import Child
from stretto.actors.actions.core.spawning import Command
from stretto.actors.actions.errors import ActionFailed
from stretto.actors.actions.process_user import process_user
from stretto.actors.actions.registry import action
from stretto.definitions.data import decode_json
from stretto.definitions.errors import NotData

MAX_OUTPUT_BYTES: Final = 1024 * 1024
GRACE_SECONDS = 5.0
"""How long a cancelled or timed-out command has between SIGTERM and SIGKILL."""

# A pool's worker that dies by itself leaves its commands, which are found by the last one.
INHERITED: Final = (
    "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR", "STRETTO_POOL_CHILD"
)  # fmt: skip
_INHERITED: Final = frozenset(map(os.fsencode, INHERITED))
OUT_OF_REACH: Final = "still runs: only root can stop it (limit the command itself: timeout 60 COMMAND)"
"""The state of a command after its timeout if the daemon may not end it, because it runs as root."""
NOT_STARTED: Final = "did not start"
SHOWN_LINES: Final = 5
SHOWN_CHARACTERS: Final = 500


@action("core.local")
async def local(  # noqa: PLR0913 - these are the action's inputs
    *,
    argv: list[Any] | None = None,
    cmd: str | None = None,
    env: Mapping[str, Any] | None = None,
    cwd: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - it is an input, named in the design
    stdin: str | None = None,
    parse: Literal["json"] | None = None,
) -> dict[str, Any]:
    """Run a command and return exit_code, stdout and stderr; any exit code except 0 is a failure.

    The command inherits only PATH, HOME, LANG, TZ and similar variables of the daemon's environment.

    Args:
        argv: the program and its arguments, run without a shell (instead of cmd)
        cmd: a literal text for /bin/sh (instead of argv); pass data to it in env
        env: environment variables
        cwd: the working directory
        timeout: seconds after which the command is stopped
        stdin: text for the standard input, as UTF-8; without it, the input is empty
        parse: the format of the standard output, whose value becomes the field json of the result
    """
    arguments = _arguments(argv, cmd)
    name = "the command" if argv is None else arguments[0]
    environment = _environment(env or {})
    result = await run_command(arguments, name=name, environment=environment, cwd=cwd, timeout=timeout, stdin=stdin)
    return result if parse is None else {**result, "json": _parsed(name, result)}


async def run_command(  # noqa: PLR0913 - the parts of a command
    argv: list[str],
    *,
    name: str = "",
    environment: dict[str, str] | None = None,
    cwd: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - it is an input of the actions
    stdin: str | None = None,
    most: int = MAX_OUTPUT_BYTES,
) -> dict[str, Any]:
    """Run a program and return exit_code, stdout and stderr.

    Args:
        argv: The program and its arguments.
        name: Its name in messages, by default that of the program.
        environment: The whole environment, or None for the variables that a command inherits.
        cwd: The working directory.
        timeout: Seconds after which it is stopped.
        stdin: Text for its standard input.
        most: How many bytes of each output are kept.

    Raises:
        ActionFailed: It cannot be started, takes too long, or exits with another code than 0.
    """
    if timeout is not None and timeout <= 0:
        raise ActionFailed(f"timeout must be greater than 0, got {timeout}")
    name = name or argv[0]
    given = inherited_environment() if environment is None else environment
    command = Command(argv, given, cwd, None if stdin is None else stdin.encode(), process_user())
    child: Child | None = None
    try:
        async with asyncio.timeout(timeout):
            child = await _start(command, most)
            exit_code = await child.finish()
    except TimeoutError:
        if child is None:
            raise ActionFailed(f"{name} {NOT_STARTED} within {timeout:g} s") from None
        stopped = await child.end(GRACE_SECONDS)
        state = "was stopped" if stopped else OUT_OF_REACH
        raise ActionFailed(f"{name} took longer than {timeout:g} s and {state}", _result(child, None)) from None
    except asyncio.CancelledError:
        if child is not None:
            await child.end(GRACE_SECONDS)
        raise
    finally:
        if child is not None:
            child.close()
    result = _result(child, exit_code)
    if exit_code != 0:
        raise ActionFailed(f"{name} {describe_exit(exit_code)}{last_lines(result['stderr'])}", result)
    return result


def _parsed(name: str, result: dict[str, Any]) -> Any:
    """Return the value of the standard output, which must be JSON."""
    if "stdout_truncated" in result:
        most = f"{MAX_OUTPUT_BYTES // 2**20} MiB"
        raise ActionFailed(f"the output of {name} has more than {most}, so it cannot be parsed as JSON", result)
    try:
        return decode_json(result["stdout"])
    except (msgspec.DecodeError, NotData, RecursionError) as error:
        raise ActionFailed(f"the output of {name} is not JSON: {error}", result) from None


def _arguments(argv: list[Any] | None, cmd: str | None) -> list[str]:
    if (argv is None) == (cmd is None):
        raise ActionFailed("exactly one of argv and cmd must be given")
    if cmd is not None:
        return ["/bin/sh", "-c", cmd]
    arguments = [as_text(f"argv[{index}]", value) for index, value in enumerate(argv or ())]
    if not arguments or not arguments[0]:
        raise ActionFailed("argv must begin with a program's name")
    return arguments


def inherited_environment() -> dict[str, str]:
    """Return the variables of this process that a command inherits."""
    variables = os.environ._data  # type: ignore[attr-defined] # noqa: SLF001 - anything public decodes every name
    # Another thread may set a variable meanwhile, so this goes through a copy.
    given = [pair for pair in list(variables.items()) if pair[0] in _INHERITED or pair[0][:3] == b"LC_"]
    return dict(_decoded(tuple(given)))


@lru_cache(maxsize=1)
def _decoded(variables: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    """Return variables as text, with a PATH. They change seldom, and commands start often."""
    return {"PATH": os.defpath} | {os.fsdecode(name): os.fsdecode(value) for name, value in variables}


def variable_problem(names: Iterable[str]) -> str:
    """Return the problem of the first name that is not valid for an environment variable, or ""."""
    wrong = next((name for name in names if not name or "=" in name or "\0" in name), None)
    return "" if wrong is None else f"{wrong!r} is not a valid name of an environment variable"


def _environment(given: Mapping[str, Any]) -> dict[str, str]:
    if problem := variable_problem(given):
        raise ActionFailed(problem)
    return inherited_environment() | {name: as_text(f"env.{name}", value) for name, value in given.items()}


def as_text(path: str, value: Any) -> str:
    """Return the text of a number, a boolean or a text, for the value at a path. Raises ActionFailed for others."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ActionFailed(f"{path} must be text, a number or a boolean; convert other data with the filter tojson")
    text = str(value)
    if "\0" in text:
        raise ActionFailed(f"{path} must not contain a null character")
    return text


async def _start(command: Command, most: int) -> Child:
    if not hasattr(os, "pidfd_open"):
        raise ActionFailed("core.local needs Linux, because it waits for processes by pidfd")
    program, cwd = command.argv[0], command.cwd
    if cwd is not None and "\0" in cwd:
        raise ActionFailed("cwd must not contain a null character")
    try:
        return await Child.start(command, most)
    except OSError as error:
        reason = error.strerror or str(error)
        if cwd is not None and error.filename == cwd:
            raise ActionFailed(f"cannot run {program} in {cwd}: {reason}") from error
        if isinstance(error, FileNotFoundError):
            reason = "the command or its interpreter does not exist"
        raise ActionFailed(f"cannot run {program}: {reason}") from error


def _result(child: Child, exit_code: int | None) -> dict[str, Any]:
    result = {"exit_code": exit_code, "stdout": child.stdout.text(), "stderr": child.stderr.text()}
    if child.stdout.truncated:
        result["stdout_truncated"] = True
    if child.stderr.truncated:
        result["stderr_truncated"] = True
    return result


def describe_exit(exit_code: int) -> str:
    """Return an exit code in words, as the rest of a sentence."""
    if exit_code >= 0:
        return f"exited with {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def last_lines(stderr: str) -> str:
    """Return ": " and the end of a process's standard error, or "" if that is empty."""
    lines = "\n".join(stderr.strip().splitlines()[-SHOWN_LINES:])[-SHOWN_CHARACTERS:]
    return f": {lines}" if lines else ""
