"""StackStorm's runners: the parameters that each adds to an action's own, and how each runs an action."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from stretto.actors.actions import (
    COMMAND_SECONDS,
    NO_PASSWORD_FOR_SUDO,
    ActionFailed,
    as_user,
    pack_access,
    python_result,
    refuse_secrets,
    remote_script,
    shell_result,
    stackstorm_http,
    stackstorm_local,
    stackstorm_remote,
    sudo_command,
    variable_problem,
)
from stretto.actors.packs.model import Manifest
from stretto.actors.packs.process import Program, limited, python_command, run_program
from stretto.actors.text_files import read_text
from stretto.definitions.data import Data, encode_json
from stretto.definitions.errors import Place
from stretto.definitions.model import Parameter
from stretto.metrics import call_ids

PYTHON_SECONDS: Final = 600.0
_NOWHERE: Final = Place("StackStorm's runner", 1, 1)


@dataclass(frozen=True, slots=True)
class Task:
    """An action of a StackStorm pack as its runner needs it.

    Attributes:
        ref: The action, for messages.
        manifest: The pack.
        program: The action's file, if its runner takes one.
        own: The action's own parameters, without the runner's.
        positions: The parameters that a script takes by position.
        types: The types of all parameters.
    """

    ref: str
    manifest: Manifest
    program: Path | None
    own: tuple[str, ...]
    positions: Mapping[str, int]
    types: Mapping[str, str]

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that describe the call."""
        ids = call_ids.get()
        pack = {"ST2_ACTION_PACK_NAME": self.manifest.ref}
        return pack | {"ST2_ACTION_EXECUTION_ID": ids.run_id} if ids is not None else pack


Values: TypeAlias = Mapping[str, Any]
RunTask: TypeAlias = Callable[[Task, Values], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Runner:
    """A runner: its code, the parameters that it adds to each action, and whether the action has an entry point."""

    run: RunTask
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    takes_file: bool = False


async def _command(task: Task, values: Values) -> Any:
    given = {name: values[name] for name in ("cmd", "timeout", "sudo", "sudo_password")}
    environment = {**task.variables, **(values["env"] or {})}
    access = pack_access()
    with as_user(None if access is None else access.user):
        return await stackstorm_local(**given, env=environment, cwd=values["cwd"] or str(task.manifest.folder))


async def _script(task: Task, values: Values) -> Any:
    if values["sudo_password"] is not None:
        raise ActionFailed(NO_PASSWORD_FOR_SUDO)
    assert task.program is not None  # noqa: S101 - the reader has seen to it
    command = [*_interpreter(task.program), str(task.program), *arguments(task, values)]
    command = sudo_command(command) if values["sudo"] else command
    ended = await run_program(
        Program(
            ref=task.ref,
            command=limited(command, address_space=False),
            folder=values["cwd"] or str(task.manifest.folder),
            variables=task.variables | environment_texts(values["env"]),
            timeout=values["timeout"],
        )
    )
    result = shell_result(ended._asdict())
    if ended.exit_code != 0:
        raise ended.failure(task.ref, result)
    return result


async def _remote_command(_task: Task, values: Values) -> Any:
    refuse_secrets(values)
    given = {name: values[name] for name in _REMOTE if name not in _NO_REMOTE}
    return await stackstorm_remote(cmd=values["cmd"], **given)


async def _remote_script(task: Task, values: Values) -> Any:
    assert task.program is not None  # noqa: S101 - the reader has seen to it
    try:
        script = read_text(task.program)
    except (OSError, UnicodeDecodeError) as error:
        raise ActionFailed(f"{task.program} cannot be sent: {error}") from None
    return await remote_script(script, arguments(task, values), values)


async def _python(task: Task, values: Values) -> Any:
    assert task.program is not None  # noqa: S101 - the reader has seen to it
    ended = await run_program(
        Program(
            ref=task.ref,
            command=limited(python_command(task.program, task.manifest.folder), address_space=True),
            folder=str(task.manifest.folder),
            variables=task.variables | environment_texts(values["env"]),
            stdin=encode_json({name: values[name] for name in task.own}) + b"\n",
            timeout=values["timeout"],
        )
    )
    result = python_result(_json_or_null(ended.stdout), ended.stdout, ended.stderr, ended.exit_code)
    if ended.exit_code != 0:
        raise ended.failure(task.ref, result)
    return result


async def _request(_task: Task, values: Values) -> Any:
    for name, instead in _NO_REQUEST.items():
        if values.get(name):
            raise ActionFailed(f"{name} is not supported; {instead}")
    return await stackstorm_http(**{name: values[name] for name in _REQUEST if name in values})


async def _nothing(_task: Task, _values: Values) -> None:
    """Do nothing."""


def arguments(task: Task, values: Values) -> list[str]:
    """Return a script's arguments as StackStorm orders them: by name first, then by position."""
    named = []
    for name in task.own:
        value = values[name]
        if name in task.positions or value is None or value == "" or value is False:
            continue
        flag = f"{values['kwarg_op']}{name}"
        named.append(flag if value is True else f"{flag}={_argument(name, value)}")
    return [*named, *(_positional(task, name, values[name]) for name in sorted(task.positions, key=task.positions.get))]  # type: ignore[arg-type]


def _positional(task: Task, name: str, value: Data) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if task.types[name] == "array" and isinstance(value, list):
        return _argument(name, ",".join(_argument(name, member) for member in value))
    return _argument(name, value) if value else ""


def _argument(name: str, value: Data) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if "\0" in text:
        raise ActionFailed(f"{name} must not contain a null character")
    return text


def environment_texts(env: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the texts of environment variables. Raises `ActionFailed` for a wrong name or value."""
    if problem := variable_problem(env or ()):
        raise ActionFailed(problem)
    return {name: _argument(name, value) for name, value in (env or {}).items()}


def _interpreter(program: Path) -> list[str]:
    """Return the interpreter of a script that is not executable: that of its first line, or else the shell."""
    if program.stat().st_mode & 0o111:
        return []
    with program.open("rb") as file:
        first = file.readline(256)
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    return words or ["/bin/sh"]


def _json_or_null(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _parameter(
    name: str, kind: Any, default: Data = None, *, required: bool = False, secret: bool = False
) -> Parameter:
    return Parameter(name, kind, _NOWHERE, required=required, default=default, secret=secret)


def _named(*parameters: Parameter) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters}


_SHELL: Final = _named(
    _parameter("cwd", "string"),
    _parameter("env", "object"),
    _parameter("kwarg_op", "string", "--"),
    _parameter("sudo", "boolean", False),  # noqa: FBT003 - a value
    _parameter("sudo_password", "string", secret=True),
    _parameter("timeout", "number", COMMAND_SECONDS),
)
_NO_REMOTE: Final = frozenset({"dir", "kwarg_op", "passphrase", "password", "sudo_password"})
"""The parameters that only the script's runner takes, and those that are refused."""
_REMOTE: Final = _named(
    _parameter("bastion_host", "string"),
    _parameter("cwd", "string"),
    _parameter("dir", "string"),
    _parameter("env", "object"),
    _parameter("hosts", "string", required=True),
    _parameter("kwarg_op", "string", "--"),
    _parameter("parallel", "boolean", True),  # noqa: FBT003 - a value
    _parameter("passphrase", "string", secret=True),
    _parameter("password", "string", secret=True),
    _parameter("port", "integer"),
    _parameter("private_key", "string"),
    _parameter("sudo", "boolean", False),  # noqa: FBT003 - a value
    _parameter("sudo_password", "string", secret=True),
    _parameter("timeout", "number", COMMAND_SECONDS),
    _parameter("username", "string"),
)
_NO_REQUEST: Final = {
    "auth": "give username and password, or an Authorization header",
    "file_content": "send the text in body, with a content-type header",
    "http_proxy": "Stretto connects only to addresses that it has checked",
    "https_proxy": "Stretto connects only to addresses that it has checked",
    "url_hosts_blacklist": "use the setting http.deny",
    "url_hosts_whitelist": "use the settings http.deny and http.allow",
}
_REQUEST: Final = (
    "url", "method", "headers", "params", "body", "cookies", "username", "password", "timeout", "verify_ssl_cert",
    "allow_redirects",
)  # fmt: skip

RUNNERS: Final[Mapping[str, Runner]] = {
    "local-shell-cmd": Runner(_command, {**_SHELL, "cmd": _parameter("cmd", "string", required=True)}),
    "local-shell-script": Runner(_script, _SHELL, takes_file=True),
    "remote-shell-cmd": Runner(_remote_command, {**_REMOTE, "cmd": _parameter("cmd", "string", required=True)}),
    "remote-shell-script": Runner(_remote_script, _REMOTE, takes_file=True),
    "python-script": Runner(
        _python,
        _named(
            _parameter("env", "object"),
            _parameter("log_level", "string"),
            _parameter("timeout", "number", PYTHON_SECONDS),
        ),
        takes_file=True,
    ),
    "http-request": Runner(
        _request,
        _named(
            _parameter("url", "string", required=True),
            _parameter("headers", "object"),
            _parameter("cookies", "object"),
            _parameter("username", "string"),
            _parameter("password", "string", secret=True),
            _parameter("verify_ssl_cert", "boolean", True),  # noqa: FBT003 - a value
            _parameter("allow_redirects", "boolean", False),  # noqa: FBT003 - a value
            _parameter("http_proxy", "string"),
            _parameter("https_proxy", "string"),
            _parameter("url_hosts_blacklist", "array"),
            _parameter("url_hosts_whitelist", "array"),
        ),
    ),
    "noop": Runner(_nothing),
}
ALIASES: Final = {
    "http-runner": "http-request",
    "run-local": "local-shell-cmd",
    "run-local-script": "local-shell-script",
    "run-python": "python-script",
    "run-remote": "remote-shell-cmd",
    "run-remote-script": "remote-shell-script",
}
"""Older names of runners."""

_OTHER_WORKFLOW: Final = "write the workflow in the Orquesta dialect or in the native one (docs/language.md)"
_WINDOWS: Final = "Stretto does not support WinRM; write an action in Python"
REFUSED: Final[Mapping[str, str]] = {
    "announcement": "Stretto has no announcements; call core.http with the receiver's URL",
    "cloudslang": _OTHER_WORKFLOW,
    "inquirer": "call core.ask in the workflow, with the schema of these inquiries",
    "mistral-v2": _OTHER_WORKFLOW,
    "winrm-cmd": _WINDOWS,
    "winrm-ps-cmd": _WINDOWS,
    "winrm-ps-script": _WINDOWS,
}
"""Runners that Stretto lacks, each with its replacement."""
