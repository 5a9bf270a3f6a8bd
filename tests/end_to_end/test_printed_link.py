"""`stretto serve` and `make demo` on a terminal print a link into the pages."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.browsing import Browser
from tests.support.daemons import STRETTO
from tests.support.harness import PATIENCE
from tests.support.paths import EXAMPLES


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


def test_the_link_of_the_demo_opens_the_run_in_progress() -> None:
    """It is the only one, and leads to the run over 50 MB, which goes on."""
    master, slave = pty.openpty()
    command = [sys.executable, str(EXAMPLES / "demo.py")]
    shown = ""
    with subprocess.Popen(command, stderr=slave, stdin=slave, stdout=subprocess.DEVNULL) as process:
        os.close(slave)
        try:
            while not (link := re.search(r"In a browser, once: (http://127\.0\.0\.1:\d+)/(enter\S*)#(\S+)", shown)):
                ready, _, _ = select.select([master], [], [], PATIENCE)
                assert ready, shown
                shown += os.read(master, 65536).decode()
            opened, status, page = asyncio.run(_open_link(link[1], link[2], link[3]))
        finally:
            process.send_signal(signal.SIGINT)  # it then stops its daemons, and removes their folders
            process.wait(PATIENCE)
            os.close(master)
    assert re.fullmatch(r"/runs/[0-9a-f-]{36}", opened)
    assert status == 200
    assert 'data-ended="false"' in page
    assert shown.count("http://") == 1


async def _open_link(url: str, path: str, code: str) -> tuple[str, int, str]:
    """Open a link as a browser does: return where it leads, and the status and the text of that page."""
    browser = Browser(url)
    entrance = await browser.open(f"/{path}")
    found = re.search(r'data-then="([^"]+)"', entrance.body.decode())
    assert found is not None
    assert (await browser.log_in(code=code)).status == 200
    reply = await browser.open(found[1])
    return found[1], reply.status, reply.body.decode()
