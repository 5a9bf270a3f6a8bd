"""`stretto serve` on a terminal prints a link into its pages."""

import asyncio
import os
import pty
import re
import select
import subprocess
from pathlib import Path

from tests.support.browsing import Browser
from tests.support.daemons import STRETTO
from tests.support.harness import PATIENCE


def test_the_printed_link_logs_in(tmp_path: Path) -> None:
    """With all rights. No line of the log has the code."""
    (tmp_path / "run").mkdir(mode=0o700)
    master, slave = pty.openpty()
    command = [*STRETTO, "serve", "--port", "0", "--socket", str(tmp_path / "run" / "s"), "--no-watch"]
    shown = ""
    with subprocess.Popen(command, stderr=slave, stdin=subprocess.DEVNULL) as process:
        os.close(slave)
        try:
            while not (link := re.search(r"In a browser: (http://127\.0\.0\.1:\d+)/enter#(\S+)\r\n", shown)):
                ready, _, _ = select.select([master], [], [], PATIENCE)
                assert ready, shown
                shown += os.read(master, 65536).decode()
            entered = asyncio.run(Browser(link[1]).log_in(code=link[2]))
            assert (entered.status, entered.json["role"]) == (200, "admin")
            assert shown.count(link[2]) == 1
        finally:
            process.kill()
            os.close(master)
