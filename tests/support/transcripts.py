"""Follows a page as its reader would: writes its files, types its commands, and compares what they print."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.paths import DOCS

_BLOCK: Final = re.compile(r"(?:`([\w./-]+)`:\n\n)?^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""A fenced block, with the name that ends the paragraph before it."""
_COMMAND: Final = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
"""A command, perhaps continued after a backslash, and the lines up to the next one."""
_SETUP: Final = re.compile(r"(git clone|cd|make|python3? -m venv|(\S*/)?pip install|source|\.) ")
"""The commands that fetch and install Stretto. The folder of a test is what they leave behind."""
COMMAND_SECONDS: Final = 300.0
"""How long a command may take. One that goes on, such as a daemon, belongs into a block of another language."""
_CHANGING: Final = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|^[0-9a-f]{8}(?=  )", re.MULTILINE), "<id>"),  # or its end, in a list
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d{4})"), "<time>"),
    (re.compile(r"\b\d[\d,]*\.\d+ (s|ms|us)\b"), "<duration>"),  # whole seconds are virtual time, and stable
    (re.compile(r"\b\d[\d,.]*/s\b"), "<rate>"),
)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that the page has its reader write."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """A command, and the output that the page shows for it. "..." in it stands for any text, or any lines."""

    command: str
    shown: str

    @property
    def is_setup(self) -> bool:
        """Whether the command fetches or installs Stretto."""
        return _SETUP.match(f"{self.command} ") is not None

    def prints(self, real: str) -> bool:
        """Return whether an output is the one shown, as far as it is the same each time."""
        pattern = "".join(
            r"(?:.*\n)*" if line == "...\n" else r".*".join(map(re.escape, line.split("...")))
            for line in _stable(self.shown).splitlines(keepends=True)
        )
        return re.fullmatch(pattern, _stable(real)) is not None


def steps_of(page: str) -> Iterator[WrittenFile | TypedCommand]:
    """Yield the files and commands of a page in its order.

    A file is a block whose name ends the paragraph before it, as in "... `greet.yaml`:". Commands are the lines of
    ```console blocks that begin with "$ ".
    """
    for name, language, content in _BLOCK.findall(page):
        if language == "console":
            for command, shown in _COMMAND.findall(content):
                yield TypedCommand(command, shown)
        elif name:
            yield WrittenFile(name, content)


def new_checkout(folder: Path) -> None:
    """Make a folder look like a checkout in which Stretto is installed."""
    shutil.copytree(DOCS, folder / "docs")
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)


def output_of(command: str, folder: Path) -> str:
    """Run a command of a shell as it is typed. Return standard output and standard error as a terminal shows them."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": path, "COLUMNS": "120"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=COMMAND_SECONDS,
    )  # fmt: skip
    return done.stdout


def _stable(text: str) -> str:
    """Replace ids, times, durations and rates."""
    for changing, placeholder in _CHANGING:
        text = changing.sub(placeholder, text)
    return text
