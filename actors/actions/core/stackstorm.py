"""The core actions of Orquesta definitions, with the inputs and results of StackStorm's core pack.

They follow `contrib/core` and `contrib/runners` of StackStorm 3.9. The inputs that only Stretto has (`argv`, `json`,
`expected_status`) work here as well.
"""

import asyncio
import json as jsonlib
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal

from stretto.actors.actions.core.http import http as own_http
from stretto.actors.actions.core.local import local as own_local
from stretto.actors.actions.errors import ActionFailed
from stretto.actors.actions.registry import stackstorm_action

COMMAND_SECONDS: Final = 60.0
"""The default timeout of a command."""
SUCCESS: Final = tuple(range(200, 207))
"""The response statuses that mean success."""
TIMED_OUT: Final = -9
MAX_INLINE_BYTES: Final = 64 * 1024
"""A message that core.echo and core.error take within the turn of their item: its JSON is parsed, 1 ms for so much."""
_JSON: Final = re.compile(r"\s*[\[{\"0-9tfn-]")
"""The beginning of a text that may be JSON."""
NO_PASSWORD_FOR_SUDO: Final = "sudo_password is not supported; permit the command in sudoers with NOPASSWD"  # noqa: S105 - a message


@stackstorm_action("core.local", literal=frozenset({"cmd"}), secret=frozenset({("sudo_password",)}))
async def stackstorm_local(  # noqa: PLR0913 - these are the action's inputs
    *,
    cmd: str | None = None,
    argv: list[Any] | None = None,
    cwd: str | None = None,
    env: Mapping[str, Any] | None = None,
    timeout: float | None = COMMAND_SECONDS,  # noqa: ASYNC109 - it is an input
    sudo: bool | None = None,
    sudo_password: str | None = None,
    kwarg_op: str | None = None,  # noqa: ARG001 - accepted because StackStorm accepts it
) -> dict[str, Any]:
    """Run a command and return failed, succeeded, return_code, exit_code, stdout and stderr.

    Args:
        cmd: a literal text for /bin/sh
        argv: the program and its arguments, run without a shell (instead of cmd)
        cwd: the working directory
        env: environment variables
        timeout: seconds after which the command is stopped
        sudo: whether the command runs as root, through `sudo -n -E -u root`
        sudo_password: must be null
        kwarg_op: ignored
    """
    if sudo_password is not None:
        raise ActionFailed(NO_PASSWORD_FOR_SUDO)
    if sudo:
        argv, cmd = sudo_command(argv if argv is not None else ["/bin/sh", "-c", cmd or ""]), None
    try:
        return shell_result(await own_local(argv=argv, cmd=cmd, env=env, cwd=cwd, timeout=timeout))
    except ActionFailed as error:
        result = None if error.result is None else shell_result(error.result)
        raise ActionFailed(str(error), result) from None


@stackstorm_action("core.local_sudo", literal=frozenset({"cmd"}))
async def stackstorm_local_sudo(
    *,
    cmd: str,
    cwd: str | None = None,
    env: Mapping[str, Any] | None = None,
    timeout: float | None = COMMAND_SECONDS,  # noqa: ASYNC109 - it is an input
    kwarg_op: str | None = None,  # noqa: ARG001 - accepted because StackStorm accepts it
) -> dict[str, Any]:
    """Run a command as root through sudo, and return what core.local returns.

    Args:
        cmd: a literal text for /bin/sh
        cwd: the working directory
        env: environment variables
        timeout: seconds after which the command is stopped
        kwarg_op: ignored
    """
    return await stackstorm_local(cmd=cmd, cwd=cwd, env=env, timeout=timeout, sudo=True)


def sudo_command(argv: list[Any]) -> list[Any]:
    """Return a command that runs as root. sudo asks for nothing (-n) and keeps the variables that it may keep (-E)."""
    return ["sudo", "-n", "-E", "-u", "root", "--", *argv]


@stackstorm_action("core.echo", inline_bytes=MAX_INLINE_BYTES)
def echo(message: Any) -> dict[str, Any]:
    """Return the message in the form of a command's standard output.

    Args:
        message: text, or any other value
    """
    return shell_result({"exit_code": 0, "stdout": _text(message), "stderr": ""})


@stackstorm_action("core.error", inline_bytes=MAX_INLINE_BYTES)
def error(message: Any) -> dict[str, Any]:
    """Return the message in the form of a command's standard error.

    Args:
        message: text, or any other value
    """
    return shell_result({"exit_code": 0, "stdout": "", "stderr": _text(message)})


@stackstorm_action("core.pause")
async def pause(max_pause: float, random: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - its inputs
    """Wait for max_pause seconds.

    Args:
        max_pause: seconds
        random: must be false
    """
    if random:
        raise ActionFailed("random is not supported; give max_pause the time to wait")
    await asyncio.sleep(max(0.0, max_pause))
    return python_result(max_pause)


@stackstorm_action("core.uuid")
async def make_uuid(uuid_type: Literal["uuid1", "uuid4"] = "uuid4") -> dict[str, Any]:
    """Return a new UUID.

    Args:
        uuid_type: uuid4 or uuid1
    """
    return python_result(str(uuid.uuid1() if uuid_type == "uuid1" else uuid.uuid4()))


@stackstorm_action("core.http", secret=frozenset({("password",)}))
async def stackstorm_http(  # noqa: PLR0913 - these are the action's inputs
    *,
    url: str,
    method: str | None = None,
    headers: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    json: Any = None,
    cookies: Mapping[str, Any] | None = None,
    username: str | None = None,
    password: str | None = None,
    timeout: float | None = COMMAND_SECONDS,  # noqa: ASYNC109 - it is an input
    verify_ssl_cert: bool = True,
    allow_redirects: bool = False,
    expected_status: int | list[int] | None = None,
) -> dict[str, Any]:
    """Make an HTTP request and return status_code, body, parsed and headers; a status other than 200 to 206 fails.

    Args:
        url: an http or https URL
        method: by default POST if there is a body, or GET
        headers: request headers by name
        params: query parameters, added to those of the URL
        body: text to send; a list or an object is sent as JSON
        json: a value to send as JSON (instead of body)
        cookies: cookies to send, by name
        username: for basic authentication
        password: for basic authentication
        timeout: seconds for the whole request
        verify_ssl_cert: whether to verify the server's certificate
        allow_redirects: whether to follow redirects
        expected_status: a status or a list of statuses that mean success, instead of 200 to 206
    """
    if body is not None and not isinstance(body, str):
        body = jsonlib.dumps(body)
    try:
        result = await own_http(
            url=_with_user(url, username, password),
            method=method or ("POST" if body or json is not None else "GET"),
            headers={**(headers or {}), **_cookie_header(cookies)},
            params=params,
            json=json,
            body=body or None,
            timeout=COMMAND_SECONDS if timeout is None else timeout,
            verify=verify_ssl_cert,
            allow_redirects=allow_redirects,
            expected_status=list(SUCCESS) if expected_status is None else expected_status,
        )
    except ActionFailed as error:
        if error.result is None:
            raise
        raise ActionFailed(str(error).partition(", expected 200 or")[0], _http_result(error.result)) from None
    return _http_result(result)


def shell_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a result of core.local to StackStorm's form: last line break removed, JSON output parsed."""
    exit_code = result["exit_code"]
    return {
        **result,
        "failed": exit_code != 0,
        "succeeded": exit_code == 0,
        "return_code": TIMED_OUT if exit_code is None else exit_code,
        "stdout": _parsed(_stripped(result["stdout"])),
        "stderr": _parsed(_stripped(result["stderr"])),
    }


def python_result(value: Any, stdout: str = "", stderr: str = "", exit_code: int = 0) -> dict[str, Any]:
    """Convert a Python action's result to StackStorm's form."""
    return {"result": value, "exit_code": exit_code, "stdout": stdout, "stderr": stderr}


def _http_result(result: Mapping[str, Any]) -> dict[str, Any]:
    parsed = result["json"] is not None or result["body"].strip() == "null"
    return {
        "status_code": result["status_code"],
        "body": result["json"] if parsed else result["body"],
        "parsed": parsed,
        "headers": result["headers"],
    }


def _cookie_header(cookies: Mapping[str, Any] | None) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}


def _with_user(url: str, username: str | None, password: str | None) -> str:
    """Return the URL with user and password, which core.http sends as basic authentication."""
    if username is None and password is None:
        return url
    from urllib.parse import quote  # noqa: PLC0415 - its import takes as long as the rest of this module's

    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{quote(username or '', safe='')}:{quote(password or '', safe='')}@{rest}"


def _stripped(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _parsed(text: str) -> Any:
    if not _JSON.match(text):
        return text  # as most texts: the error of a failed parse takes longer than the rest of core.echo
    try:
        return jsonlib.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else jsonlib.dumps(value)
