"""Commands on other machines through the system's ssh, with the inputs and results of StackStorm's core pack.

ssh reads its own configuration: keys, host keys, jump hosts, multiplexing. It never asks for anything (BatchMode).
"""

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from stretto.actors.actions.core.local import MAX_OUTPUT_BYTES, as_text, run_command, variable_problem
from stretto.actors.actions.core.remote_limits import remote_limits
from stretto.actors.actions.core.stackstorm import COMMAND_SECONDS, TIMED_OUT, shell_result, sudo_command
from stretto.actors.actions.errors import ActionFailed
from stretto.actors.actions.registry import stackstorm_action

HOSTS_AT_ONCE: Final = 32
"""Hosts of one call that are connected at a time."""
CONNECT_SECONDS: Final = 30
_HOST: Final = re.compile(r"[A-Za-z0-9_.\[\]:%][A-Za-z0-9_.\[\]:%-]*\Z")
_USER: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@\\-]*\Z")
_NO_SECRET: Final = {
    "password": "use keys: ssh asks for no password here",
    "passphrase": "load the key into ssh-agent",
    "sudo_password": "permit the command in sudoers with NOPASSWD",
}
_SENT: Final = 'f=$(mktemp) && trap \'rm -f "$f"\' EXIT && cat > "$f" && chmod 700 "$f" && '
"""Takes a script from standard input into a file that is removed at the end."""


@stackstorm_action("core.remote", literal=frozenset({"cmd"}))
async def stackstorm_remote(  # noqa: PLR0913 - these are the action's inputs
    *,
    cmd: str,
    hosts: str | list[Any],
    username: str | None = None,
    private_key: str | None = None,
    port: int | None = None,
    bastion_host: str | None = None,
    cwd: str | None = None,
    env: Mapping[str, Any] | None = None,
    parallel: bool = True,
    sudo: bool = False,
    timeout: float | None = COMMAND_SECONDS,  # noqa: ASYNC109 - it is an input
) -> dict[str, Any]:
    """Run a command on hosts through ssh, and return one result for each; it fails if a host fails.

    Args:
        cmd: a literal text for the shell of each host
        hosts: hosts as a list, or as text with commas between them
        username: the user on the hosts, by default that of ssh's configuration
        private_key: the path of a key on the daemon's machine
        port: the port of the hosts
        bastion_host: a host to connect through
        cwd: the working directory on the hosts
        env: environment variables
        parallel: whether several hosts are connected at a time
        sudo: whether the command runs as root, through `sudo -n -E -u root`
        timeout: seconds for each host
    """
    given = {"username": username, "private_key": private_key, "port": port, "bastion_host": bastion_host}
    text = remote_command(cmd, cwd, env, sudo=sudo)
    ssh = ssh_command(given)

    async def run(host: str, most: int) -> dict[str, Any]:
        return await run_command([*ssh, "--", host, text], timeout=timeout, most=most)

    return await on_hosts(hosts, run, parallel=parallel)


@stackstorm_action("core.remote_sudo", literal=frozenset({"cmd"}))
async def stackstorm_remote_sudo(  # noqa: PLR0913 - these are the action's inputs
    *,
    cmd: str,
    hosts: str | list[Any],
    username: str | None = None,
    private_key: str | None = None,
    port: int | None = None,
    bastion_host: str | None = None,
    cwd: str | None = None,
    env: Mapping[str, Any] | None = None,
    parallel: bool = True,
    timeout: float | None = COMMAND_SECONDS,  # noqa: ASYNC109 - it is an input
) -> dict[str, Any]:
    """Run a command as root on hosts through ssh and sudo, and return one result for each.

    Args:
        cmd: a literal text for the shell of each host
        hosts: hosts as a list, or as text with commas between them
        username: the user on the hosts, by default that of ssh's configuration
        private_key: the path of a key on the daemon's machine
        port: the port of the hosts
        bastion_host: a host to connect through
        cwd: the working directory on the hosts
        env: environment variables
        parallel: whether several hosts are connected at a time
        timeout: seconds for each host
    """
    return await stackstorm_remote(
        cmd=cmd, hosts=hosts, username=username, private_key=private_key, port=port, bastion_host=bastion_host,
        cwd=cwd, env=env, parallel=parallel, sudo=True, timeout=timeout,
    )  # fmt: skip


async def remote_script(script: str, arguments: list[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Send a script to hosts, run it there, and return one result for each.

    Args:
        script: The script's text.
        arguments: Its arguments.
        values: The inputs of StackStorm's runner `remote-shell-script`.

    Raises:
        ActionFailed: An input is invalid, or a host fails.
    """
    refuse_secrets(values)
    call = " ".join(['"$f"', *map(shlex.quote, arguments)])
    run_it = f"{' '.join(sudo_command([]))} {call}" if values["sudo"] else call
    text = remote_command(_SENT + run_it, values["cwd"], values["env"], sudo=False)
    ssh = ssh_command(values)

    async def run(host: str, most: int) -> dict[str, Any]:
        return await run_command([*ssh, "--", host, text], stdin=script, timeout=values["timeout"], most=most)

    return await on_hosts(values["hosts"], run, parallel=values["parallel"] is not False)


def refuse_secrets(values: Mapping[str, Any]) -> None:
    """Refuse inputs that ssh could only be given where others see them. Raises ActionFailed."""
    for name, instead in _NO_SECRET.items():
        if values.get(name) is not None:
            raise ActionFailed(f"{name} is not supported; {instead}")


def ssh_command(values: Mapping[str, Any]) -> list[str]:
    """Return ssh with the options of a call. Raises ActionFailed for an input that ssh could misread."""
    command = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    if (port := values.get("port")) is not None:
        command += ["-p", str(int(port))]
    if (user := values.get("username")) is not None:
        if not _USER.match(user):
            raise ActionFailed(f"username must be a user's name, got {user!r}")
        command += ["-l", user]
    if (key := values.get("private_key")) is not None:
        if "\n" in key or "\0" in key:
            raise ActionFailed("private_key must be the path of a file, and not the key itself")
        command += ["-o", "IdentitiesOnly=yes", "-i", key]
    if (bastion := values.get("bastion_host")) is not None:
        command += ["-J", _host(bastion)]
    return command


def remote_command(cmd: str, cwd: str | None, env: Mapping[str, Any] | None, *, sudo: bool) -> str:
    """Return the text for the remote shell. Everything except `cmd` is quoted. Raises ActionFailed."""
    for name in env or ():
        if variable_problem([name]) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ActionFailed(f"{name!r} is not a valid name of an environment variable")
    settings = [f"export {name}={shlex.quote(as_text(f'env.{name}', value))}" for name, value in (env or {}).items()]
    settings += [f"cd {shlex.quote(cwd)}"] if cwd else []
    command = shlex.join(sudo_command(["/bin/sh", "-c", cmd])) if sudo else cmd
    return " && ".join([*settings, f"{{ {command}\n}}" if settings else command])


async def on_hosts(
    hosts: str | list[Any], run: Callable[[str, int], Awaitable[dict[str, Any]]], *, parallel: bool
) -> dict[str, Any]:
    """Run something on each host, and return the results by host.

    Args:
        hosts: The hosts, as a list or as text with commas.
        run: Takes a host, and how many bytes of each of its outputs are kept.
        parallel: Whether several hosts have their turn at a time.

    Raises:
        ActionFailed: There are no hosts or too many, a name is invalid, or a host fails. It has all results.
    """
    named, limits = [_host(each) for each in _listed(hosts)], remote_limits()
    if not 1 <= len(named) <= limits.max_hosts:
        raise ActionFailed(
            f"hosts must be 1 to {limits.max_hosts:,} hosts (the setting remote.max_hosts), got {len(named):,}"
        )
    not_started: set[str] = set()
    most = min(MAX_OUTPUT_BYTES, limits.max_output_bytes // (2 * len(named)))
    turns = asyncio.Semaphore(HOSTS_AT_ONCE if parallel else 1)

    async def one(host: str) -> dict[str, Any]:
        async with turns:
            try:
                return shell_result(await run(host, most))
            except ActionFailed as error:
                if not error.result:
                    not_started.add(host)
                    return shell_result({"exit_code": None, "stdout": "", "stderr": str(error)})
                return shell_result(error.result)

    async with asyncio.TaskGroup() as group:
        tasks = {host: group.create_task(one(host)) for host in named}
    results = {host: task.result() for host, task in tasks.items()}
    failed = [host for host, result in results.items() if result["failed"]]
    if failed:
        first = results[failed[0]]
        reason = "timed out" if first["return_code"] == TIMED_OUT else f"exited with {first['return_code']}"
        reason = "failed" if failed[0] in not_started else reason
        others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise ActionFailed(f"{failed[0]} {reason}: {str(first['stderr'])[-200:]}{others}".rstrip(": "), results)
    return results


def _listed(hosts: str | list[Any]) -> list[str]:
    given = hosts.split(",") if isinstance(hosts, str) else list(hosts)
    return list(dict.fromkeys(each.strip() if isinstance(each, str) else str(each) for each in given if each != ""))


def _host(name: str) -> str:
    if not _HOST.match(name):
        raise ActionFailed(f"a host must be a name or an address, got {name!r}")
    return name
