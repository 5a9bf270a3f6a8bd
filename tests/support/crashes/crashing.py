"""The crash test: the real daemon, killed with SIGKILL again and again, and looked into each time.

    python -m tests.support.crashes.crashing --kills N --store sqlite|postgresql --seed S

kills so many daemons. What they do and when they are killed is chosen from the seed; the machine has a part in it, too.
A server of PostgreSQL's is started for it. On the first broken promise it tells the seed and the folder with all that
is left, and exits with 1.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.crashes.campaign import Campaign
from tests.support.crashes.runs import BrokenPromise
from tests.support.crashes.scene import Scene
from tests.support.databases import database
from tests.support.postgres_server import PostgresServer


def main() -> int:
    """Run the crash test as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill a daemon again and again, and look into what is left.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stretto-crash-"))
    with _store(given.store) as store:
        scene = Scene(folder, store)
        campaign, began = Campaign(scene, given.seed), time.monotonic()
        try:
            campaign.kill_as_many(given.kills, lambda how: _tell(how, scene, began))
            campaign.finish()
        except BrokenPromise as broken:
            sys.stderr.write(f"broken: {broken}\nseed {given.seed}; what is left is in {folder}\n")
            return 1
    for how, times in campaign.ways.most_common():
        sys.stdout.write(f"{times:5} times {how}\n")
    sys.stdout.write(f"{campaign.backups:5} backups were complete\n")
    _tell(f"{campaign.kills} kills, seed {given.seed}: all promises were kept", scene, began)
    shutil.rmtree(folder)
    return 0


@contextmanager
def _store(kind: str) -> Iterator[str | None]:
    """Give the URL of an empty store; None is a file of the scene's own."""
    if kind == "sqlite":
        yield None
        return
    server = PostgresServer()
    try:
        server.start()
        with database(server.url(), "template0") as url:
            yield url
    finally:
        server.remove()


def _tell(what: str, scene: Scene, began: float) -> None:
    figures = ", ".join(f"{value:,} {name}" for name, value in scene.ledger.figures.items())
    sys.stdout.write(f"{what}: {figures}, {time.monotonic() - began:.1f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
