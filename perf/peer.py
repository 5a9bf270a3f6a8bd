"""Another engine: its script, and the environment that it is installed into."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pages

SCRIPTS = Path(__file__).parent / "peers"
ENVIRONMENTS = pages.FIGURES / "peers"
MOST_ITEMS = 10_000
SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
"""Engines are told to send nothing home."""


Kind = Literal["stretto", "in memory", "durable", "no engine"]


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine, set up in one way: its script, and what its environment has to have.

    `environment`: which one; that of Stretto's own if nothing is required. `most`: no fan-out of more items is tried.
    """

    name: str
    kind: Kind
    script: str
    arguments: tuple[str, ...] = ()
    environment: str = ""
    requirements: tuple[str, ...] = ()
    most: int = MOST_ITEMS

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return ENVIRONMENTS / self.environment / "bin" / "python" if self.requirements else Path(sys.executable)


class Failed(Exception):
    """An engine could not be installed, or did not do the work."""


def install(peer: Peer) -> None:
    """Make a peer's environment, or bring it up to what is required; `Failed` with the last that pip says."""
    folder = ENVIRONMENTS / peer.environment
    stamp = folder / ".installed"
    wanted = "\n".join(peer.requirements)
    if not peer.requirements or (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        return
    print(f"installing {peer.environment} into {folder}", file=sys.stderr, flush=True)
    call([sys.executable, "-m", "venv", "--clear", str(folder)], None)
    call([str(peer.python), "-m", "pip", "install", "--quiet", *peer.requirements], None)
    stamp.write_text(wanted, encoding="utf-8")


def call(command: list[str], seconds: float | None) -> str:
    """Run a command, and return what it prints; `Failed` with the last line of its errors."""
    home = {"PREFECT_HOME": str(ENVIRONMENTS / "prefect" / "home")}
    try:
        done = subprocess.run(
            command, env=os.environ | SILENT | home, capture_output=True, text=True, timeout=seconds, check=True
        )
    except subprocess.CalledProcessError as error:
        raise Failed((error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]) from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"not done after {seconds:.0f} s") from error
    return done.stdout
