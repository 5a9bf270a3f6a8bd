"""The actions of fan_out.yaml, the workflow of `make demo`."""

import json
import os
import signal
from functools import cache
from typing import Any

from stretto.actors import action

KILL_AT = os.environ.get("STRETTO_DEMO_KILL_AT", "")
"""The server whose check kills this process, or nothing."""


@action("ops.generate_inventory")
def generate_inventory(megabytes: int) -> dict[str, Any]:
    """Return an inventory of about so many megabytes of JSON."""
    hosts = [_host(number) for number in range(megabytes * 1_000_000 // len(json.dumps(_host(0))))]
    return {"teams": ["payments", "search", "storage", "web"], "hosts": hosts}


def _host(number: int) -> dict[str, Any]:
    """Return what an inventory has of a host: about a kilobyte."""
    return {"host": f"server-{number:06}", "facts": [f"{number:06}-{fact:02}-{'x' * 80}" for fact in range(10)]}


@action("ops.check_server")
async def check_server(server: int, team: str, log: str) -> dict[str, Any]:
    """Append the server's number to the log, by which the demo counts the checks that were made."""
    os.write(_log_descriptor(log), f"{server}\n".encode())
    if str(server) == KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"server": server, "team": team}


@cache
def _log_descriptor(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
