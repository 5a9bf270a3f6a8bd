"""core.remote, core.remote_sudo and core.local_sudo, through programs that stand in for ssh and sudo."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import (
    MAX_REMOTE_HOSTS,
    ActionFailed,
    RemoteLimits,
    remote_script,
    stackstorm_local,
    stackstorm_remote,
    use_remote_limits,
)
from stretto.actors.actions.core.stackstorm import stackstorm_local_sudo
from stretto.actors.actions.core.stackstorm_remote import stackstorm_remote_sudo
from tests.support.stand_in_programs import StandIns, stand_ins

__all__ = ["stand_ins"]


def remote(limits: RemoteLimits | None = None, **given: Any) -> Any:
    async def called() -> Any:
        if limits is not None:
            use_remote_limits(asyncio.get_running_loop(), limits)
        return await stackstorm_remote(**given)

    return asyncio.run(called())


def test_a_command_runs_on_each_host_with_one_result_each(stand_ins: StandIns) -> None:
    results = remote(cmd='echo "on $HOST as $WHO in $(pwd)"', hosts="web-1, web-2", env={"WHO": "it's me"}, cwd="/")
    assert {host: each["stdout"] for host, each in results.items()} == {
        "web-1": "on web-1 as it's me in /", "web-2": "on web-2 as it's me in /"
    }  # fmt: skip
    assert all(each["succeeded"] and each["return_code"] == 0 for each in results.values())


def test_ssh_is_never_asked_for_anything_and_gets_options_before_the_host(stand_ins: StandIns) -> None:
    remote(cmd="true", hosts=["h"], username="ada", private_key="/k", port=22, bastion_host="b")
    (call,) = stand_ins.calls()
    assert call[:3] == ["ssh", "-o", "BatchMode=yes"]
    assert call[call.index("-p") :] == [
        "-p", "22", "-l", "ada", "-o", "IdentitiesOnly=yes", "-i", "/k", "-J", "b", "--", "h", "true"
    ]  # fmt: skip


def test_variables_are_text_as_those_of_core_local(stand_ins: StandIns) -> None:
    """A list in Python's words would be no list of the shell."""
    assert remote(cmd="echo $A $B", hosts="h", env={"A": True, "B": 1.5})["h"]["stdout"] == "true 1.5"
    with pytest.raises(ActionFailed, match=r"env\.A must be text, a number or a boolean"):
        remote(cmd="true", hosts="h", env={"A": [1]})


def test_the_hosts_of_a_call_share_the_memory_for_their_outputs(stand_ins: StandIns) -> None:
    """A thousand hosts would keep two gigabytes otherwise."""
    limits = RemoteLimits(max_output_bytes=400)
    results = remote(limits, cmd="head -c 1000 /dev/zero | tr '\\0' x", hosts=["one", "two"])
    assert {len(each["stdout"]) for each in results.values()} == {100}


def test_the_number_of_hosts_is_bounded_by_a_setting(stand_ins: StandIns) -> None:
    """The message names it."""
    limits = RemoteLimits(max_hosts=2)
    assert remote(limits, cmd="true", hosts=["one", "two"]).keys() == {"one", "two"}
    with pytest.raises(ActionFailed, match=r"1 to 2 hosts \(the setting remote.max_hosts\), got 3"):
        remote(limits, cmd="true", hosts=["one", "two", "three"])


def test_a_host_that_fails_fails_the_action_with_all_results(stand_ins: StandIns) -> None:
    with pytest.raises(
        ActionFailed, match=r"down-1 exited with 255: ssh: connect to host down-1.* and 1 more"
    ) as raised:
        remote(cmd="echo hi", hosts="web-1,down-1,down-2", parallel=False)
    results = raised.value.result
    assert isinstance(results, dict)
    assert [results[host]["failed"] for host in ("web-1", "down-1", "down-2")] == [False, True, True]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"hosts": "-oProxyCommand=touch"}, "a host must be a name or an address"),
        ({"hosts": "a b"}, "a host must be a name or an address"),
        ({"hosts": ""}, r"hosts must be 1 to 1,000 hosts \(the setting remote.max_hosts\), got 0"),
        ({"hosts": [f"h{number}" for number in range(MAX_REMOTE_HOSTS + 1)]}, "got 1,001"),
        ({"hosts": "h", "username": "-oX"}, "username must be a user's name"),
        ({"hosts": "h", "bastion_host": "-oX"}, "a host must be a name or an address"),
        ({"hosts": "h", "private_key": "-----BEGIN\nx"}, "private_key must be the path of a file"),
        ({"hosts": "h", "env": {"A;reboot": "x"}}, "is not a valid name of an environment variable"),
    ],
)
def test_an_input_that_ssh_could_misread_is_refused(stand_ins: StandIns, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ActionFailed, match=reason) as raised:
        remote(cmd="true", **given)
    assert "timed out" not in str(raised.value)
    assert stand_ins.calls() == []


def test_a_host_that_was_not_tried_is_not_said_to_have_timed_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where ssh is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ActionFailed, match=r"^a failed: cannot run ssh: the command or its .* not exist and 1 more$"):
        remote(cmd="true", hosts="a,b")


def test_values_never_run_as_code_on_the_host(stand_ins: StandIns) -> None:
    results = remote(cmd='printf %s "$A"', hosts="h", env={"A": "$(echo bad); `echo bad`"}, cwd="/")
    assert results["h"]["stdout"] == "$(echo bad); `echo bad`"


def test_remote_sudo_runs_the_command_as_root_on_the_host(stand_ins: StandIns) -> None:
    results = asyncio.run(stackstorm_remote_sudo(cmd='echo "$BY_SUDO $A"', hosts="h", env={"A": "x"}))
    assert results["h"]["stdout"] == "yes x"
    assert stand_ins.calls()[1][:6] == ["sudo", "-n", "-E", "-u", "root", "--"]


def test_local_sudo_runs_a_command_or_a_program_as_root(stand_ins: StandIns) -> None:
    assert asyncio.run(stackstorm_local_sudo(cmd="echo $BY_SUDO"))["stdout"] == "yes"
    result = asyncio.run(stackstorm_local(argv=["printenv", "BY_SUDO"], sudo=True))
    assert result["stdout"] == "yes"
    with pytest.raises(ActionFailed, match="permit the command in sudoers"):
        asyncio.run(stackstorm_local(cmd="true", sudo_password="x"))


def test_a_script_is_sent_run_and_removed(stand_ins: StandIns) -> None:
    """Its interpreter is that of its first line, and arguments are quoted."""
    script = '#!/bin/sh\necho "$0" "$1" "$2" "$BY_SUDO"\n'
    values = {"hosts": "a,b", "sudo": True, "cwd": "/", "env": None, "timeout": 60.0, "parallel": True}
    results = asyncio.run(remote_script(script, ["--name=it's", "$HOME"], values))
    path, *rest = results["a"]["stdout"].split()
    assert rest == ["--name=it's", "$HOME", "yes"]
    assert not Path(path).exists()
    assert results["b"]["succeeded"]
    with pytest.raises(ActionFailed, match="password is not supported"):
        asyncio.run(remote_script(script, [], {**values, "password": "x"}))
