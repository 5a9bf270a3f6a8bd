"""Runs a job of the examples with all that it needs: servers on this machine, and files in a folder of its own.

    python docs/examples/playground.py JOB [SIZE] [OPTION OF `stretto run` ...]

It prints the command that it runs, which is what you type for servers and files of your own.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_mail import PASSWORD, USER, LocalMail
from local_servers import CustomersApi, HealthChecks, Hosts, LocalServers

EXAMPLES = Path(os.path.relpath(Path(__file__).parent))
TEAMS = ("payments", "search", "storage", "web")
LEVELS = ("INFO", "DEBUG", "INFO", "WARNING", "ERROR", "INFO", "INFO")
SERVICES = ("auth", "cart", "mail")


@dataclass(frozen=True, slots=True)
class Scene:
    """The arguments of `stretto run` for a job, and the world that it changes, which says so as text."""

    arguments: list[str]
    world: Any


class WrittenFile:
    """A file that a job writes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        if not self.path.exists():
            return f"{self.path.name} was not written"
        return f"{self.path.name} has {self.path.stat().st_size:,} bytes"


@contextmanager
def health_checks(folder: Path, size: int) -> Iterator[Scene]:
    """Start `size` servers, of which every hundredth is not healthy."""
    with LocalServers(HealthChecks(), size) as servers:
        owned = [{**each, "team": TEAMS[number // 50 % 4]} for number, each in enumerate(servers.addresses)]
        yield Scene(_arguments("health_checks", folder, {"servers": owned}), servers.application)


@contextmanager
def log_lines(folder: Path, size: int) -> Iterator[Scene]:
    """Write a log of `size` lines, and one that was cut off."""
    log, report = folder / "app.jsonl", folder / "errors.jsonl"
    with log.open("w", encoding="utf-8") as file:
        for number in range(size):
            level, service = LEVELS[number % len(LEVELS)], SERVICES[number % len(SERVICES)]
            file.write(f'{{"level": "{level}", "service": "{service}", "message": "event {number}"}}\n')
        file.write('{"level": "INFO", "serv\n')
    actions = str(EXAMPLES / "log_lines" / "log_actions.py")
    inputs = {"path": str(log), "report": str(report)}
    yield Scene(_arguments("log_lines", folder, inputs, "--actions", actions), WrittenFile(report))


@contextmanager
def mails(folder: Path, size: int) -> Iterator[Scene]:
    """Start an SMTP server, and write `size` customers: some are greylisted at first, some are gone."""
    customers, keystore = folder / "customers.csv", folder / "keystore.yaml"
    with customers.open("w", encoding="utf-8") as file:
        file.write("name,address,order\n")
        for number in range(size):
            kind = "gone" if number % 200 == 7 else "grey" if number % 100 == 50 else "customer"
            file.write(f"Customer {number},{kind}-{number}@example.org,{100_000 + number}\n")
    keystore.touch(mode=0o600)
    keystore.write_text(f"smtp_password: {PASSWORD}\n", encoding="utf-8")
    actions = str(EXAMPLES / "mails" / "mail_actions.py")
    with LocalMail(folder) as server:
        inputs = {
            "customers": str(customers),
            "sent": str(folder / "sent.jsonl"),
            "host": "127.0.0.1",
            "port": server.port,
            "user": USER,
            "tls": False,
        }
        options = ("--actions", actions, "--keystore", str(keystore))
        yield Scene(_arguments("mails", folder, inputs, *options), server)


@contextmanager
def csv_to_api(folder: Path, size: int) -> Iterator[Scene]:
    """Start an API, and write `size` rows, of which it refuses a few."""
    rows = folder / "customers.csv"
    with rows.open("w", encoding="utf-8") as file:
        file.write("id,name,email\n")
        for number in range(size):
            at = " at " if number % 500 == 7 else "@"
            file.write(f'{number},"Customer {number}, Ltd.",customer-{number}{at}example.org\n')
    with LocalServers(CustomersApi()) as api:
        inputs = {"rows": str(rows), "api": api.url, "posted": str(folder / "posted.jsonl")}
        yield Scene(_arguments("csv_to_api", folder, inputs), api.application)


@contextmanager
def deployment(folder: Path, size: int) -> Iterator[Scene]:
    """Start `size` hosts."""
    with LocalServers(Hosts(size), size) as servers:
        urls = ["http://{host}:{port}".format(**each) for each in servers.addresses]
        inputs = {"version": "2.0.0", "hosts": urls, "check_seconds": 0.1}
        yield Scene(_arguments("deployment", folder, inputs), servers.application)


@contextmanager
def ci_matrix(folder: Path, size: int) -> Iterator[Scene]:
    """Copy the project, and choose as many seeds as the matrix has columns of 3 cells."""
    project = folder / "project"
    shutil.copytree(EXAMPLES / "ci_matrix" / "project", project)
    inputs = {"project": str(project), "seeds": list(range(size))}
    yield Scene(_arguments("ci_matrix", folder, inputs), WrittenFile(project / "manifest.json"))


JOBS: dict[str, tuple[Callable[[Path, int], AbstractContextManager[Scene]], int]] = {
    "health_checks": (health_checks, 1000),
    "log_lines": (log_lines, 200_000),
    "mails": (mails, 5000),
    "csv_to_api": (csv_to_api, 2000),
    "deployment": (deployment, 12),
    "ci_matrix": (ci_matrix, 2),
}
"""The jobs, and how many servers, lines, mails, rows, hosts or seeds each has unless another size is given."""


def _arguments(job: str, folder: Path, inputs: dict[str, Any], *options: str) -> list[str]:
    """Write the inputs into the folder, and return the arguments of `stretto run`."""
    path = folder / "inputs.json"
    path.write_text(json.dumps(inputs), encoding="utf-8")
    return [str(EXAMPLES / job / f"{job}.yaml"), "--inputs", str(path), *options]


def main(job: str = "", *options: str) -> int:
    """Run a job, and return the exit code of `stretto run`."""
    if job not in JOBS:
        print(f"usage: {Path(__file__).name} {'|'.join(JOBS)} [SIZE] [OPTION OF `stretto run` ...]", file=sys.stderr)
        return 2
    scene_of, size = JOBS[job]
    if options and options[0].isdigit():
        size, options = int(options[0]), options[1:]
    folder = Path(tempfile.mkdtemp(prefix=f"stretto-{job}-"))
    with scene_of(folder, size) as scene:
        arguments = ["run", *scene.arguments, *options]
        print(f"$ stretto {shlex.join(arguments)}", file=sys.stderr)
        code = subprocess.call([str(Path(sys.executable).with_name("stretto")), *arguments])  # noqa: S603 - as printed
        print(f"afterwards: {scene.world}; all files are in {folder}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
