"""Programs on the PATH in place of ssh, sudo and sendmail: each notes its arguments and then acts on this machine."""

import json
from pathlib import Path
from typing import Any

import pytest

_SSH = """\
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
shift; host=$1; shift
case $host in down*) echo "ssh: connect to host $host: Connection refused" >&2; exit 255 ;; esac
HOST=$host exec /bin/sh -c "$*"
"""
_SUDO = """\
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
shift; BY_SUDO=yes exec "$@"
"""
_SENDMAIL = 'cat > "$(dirname "$0")/mail"\n'


class StandIns:
    """A folder of programs at the front of the PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        note = '{ printf "%s\\0" "$0" "$@"; echo; } >> "$(dirname "$0")/calls"\n'
        for name, text in (("ssh", _SSH), ("sudo", _SUDO), ("sendmail", _SENDMAIL)):
            (folder / name).write_text(f"#!/bin/sh\n{note}{text}")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def calls(self) -> list[list[str]]:
        """Return the arguments of each call, after the program's name."""
        text = (self.folder / "calls").read_text() if (self.folder / "calls").exists() else ""
        calls = [line.strip("\0").split("\0") for line in text.split("\0\n") if line.strip("\0\n")]
        return [[Path(first).name, *rest] for first, *rest in calls]

    def mail(self) -> str:
        """Return the mail that was sent last."""
        return (self.folder / "mail").read_text()

    def __repr__(self) -> str:
        return json.dumps(self.calls())


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put the programs on the PATH."""
    return StandIns(tmp_path / "bin", monkeypatch)
