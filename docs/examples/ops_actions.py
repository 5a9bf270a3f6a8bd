"""The actions of the example workflows.

    stretto run docs/examples/health_check.yaml --actions docs/examples/ops_actions.py ...

An action is a function with a name. The keys of a task's `input` are its arguments, and its return value is the task's
result. Both are JSON data. A plain function runs on one of a few threads, an async one on the event loop. All items of
a run share the arguments by reference: an action can read them like any dict or list, but not change them.
`ActionFailed` makes the task (or the item) fail with a message.
"""

import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from stretto.actors import ActionFailed, action

LINE = re.compile(r"(?P<time>\S+) (?P<level>[A-Z]+) (?P<service>[\w-]+): (?P<message>.*)")

# The first three simulate the data that a real workflow fetches in its first tasks: each returns about a megabyte, of
# which an item of the fan-out after it needs a few bytes. There is no need to cut it down first: items share it.


@action("ops.inventory")
def inventory(servers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the inventory of the servers, by host."""
    teams = ("payments", "search", "storage", "web")
    return {
        "hosts": {
            server["host"]: {
                "team": teams[number % len(teams)],
                "rack": f"R{number // 40:02}",
                "packages": [f"package-{each}={number % 9}.{each}.0" for each in range(55)],
            }
            for number, server in enumerate(servers)
        }
    }


@action("ops.last_week")
def last_week() -> dict[str, Any]:
    """Return last week's log statistics: which services there are, and a count for every minute."""
    services = ("auth", "billing", "cart", "mail", "search")
    return {
        "services": {service: {"critical": service in {"auth", "billing"}} for service in services},
        "minutes": [
            {"minute": minute, "services": dict.fromkeys(services, minute * 7 % 100)} for minute in range(7 * 24 * 60)
        ],
    }


@action("ops.customers")
def customers() -> dict[str, Any]:
    """Return all customers by their number."""
    return {
        f"C{number:04}": {
            "name": f"Customer {number}",
            "address": f"customer-{number}@example.org",
            "language": "en" if number % 3 else "de",
            "orders": [{"order": number * 100 + each, "items": each, "paid": True} for each in range(10)],
        }
        for number in range(2000)
    }


@action("ops.summarize_health")
def summarize_health(
    servers: list[dict[str, Any]], results: list[dict[str, Any] | None], hosts: dict[str, Any]
) -> dict[str, Any]:
    """Return one row for each server, in the servers' order, and the teams of the unhealthy ones.

    Args:
        servers: {host, port} of each
        results: what core.http returned for each; null where the check failed
        hosts: the inventory
    """
    rows = [
        {"host": server["host"], "healthy": result is not None, "seconds": result["elapsed"] if result else None}
        for server, result in zip(servers, results, strict=True)
    ]
    unhealthy = [row["host"] for row in rows if not row["healthy"]]
    return {
        "checked": len(rows),
        "healthy": len(rows) - len(unhealthy),
        "unhealthy": unhealthy,
        "teams_to_call": sorted({hosts[host]["team"] for host in unhealthy}),
        "slowest_seconds": max((row["seconds"] for row in rows if row["seconds"] is not None), default=None),
        "servers": rows,
    }


@action("ops.read_lines")
def read_lines(path: str) -> list[str]:
    """Return the lines of a text file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ActionFailed(f"cannot read {path}: {error.strerror}") from error


@action("ops.parse_lines")
def parse_lines(lines: list[str], first_line: int, services: dict[str, Any]) -> dict[str, Any]:
    """Parse a batch of log lines: count the levels, and pick out the errors.

    Args:
        lines: such as "2026-03-01T10:00:00Z ERROR billing: card declined"
        first_line: the number of the batch's first line in the file
        services: the properties of each service; an error in a critical one is urgent
    """
    levels: Counter[str] = Counter()
    errors = []
    for number, line in enumerate(lines, first_line):
        entry = LINE.fullmatch(line)
        levels[entry["level"] if entry else "unparsed"] += 1
        if entry and entry["level"] == "ERROR":
            urgent = services.get(entry["service"], {}).get("critical", False)
            errors.append({"line": number, "service": entry["service"], "message": entry["message"], "urgent": urgent})
    return {"levels": dict(levels), "errors": errors}


@action("ops.summarize_logs")
def summarize_logs(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the results of the batches, in the file's order."""
    levels: Counter[str] = Counter()
    for batch in batches:
        levels.update(batch["levels"])
    errors = [error for batch in batches for error in batch["errors"]]
    return {
        "entries": levels.total(),
        "levels": dict(sorted(levels.items())),
        "urgent": sum(error["urgent"] for error in errors),
        "errors": errors,
    }


@action("ops.summarize_notifications")
def summarize_notifications(
    notifications: list[dict[str, Any]], results: list[dict[str, Any] | None], errors: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the receipts in the notifications' order (null if not sent), and the reasons of failures.

    Args:
        notifications: {id, customer} of each
        results: what core.http returned for each; null where it failed
        errors: {index, item, error} of each that failed
    """
    receipts = [result["json"]["receipt"] if result else None for result in results]
    return {
        "total": len(notifications),
        "sent": sum(receipt is not None for receipt in receipts),
        "failed": [{"id": each["item"]["id"], "reason": each["error"]["message"]} for each in errors],
        "receipts": receipts,
    }


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
    return {"server": server, "team": team}


@cache
def _log_descriptor(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
