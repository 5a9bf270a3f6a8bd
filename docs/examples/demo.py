"""`make demo`: the same fan-out over an empty context and over 50 MB, side by side, killed half way and resumed.

Two daemons run in processes of their own (demo_engine.py), each with a store of its own. Half way a check kills each of
them with SIGKILL. It is started again, and continues its run. In the end the demo compares what a check cost in each,
and counts the checks: none is lost, and only those are made twice whose end was not recorded at the kill.

On a terminal, the demo prints a link to the page of the run over 50 MB, which stays until Enter is pressed.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeAlias
from urllib.parse import urlsplit

ENGINE = Path(__file__).parent / "demo_engine.py"
CHECKS = 30_000
MEGABYTES = {"empty context": 0, "50 MB context": 50}
CELLS, FEWEST_CELLS = 30, 5
COLUMNS_OF_A_FILE = 100
BESIDE_THE_BAR = 59
"""The columns that the longest line takes without its bar."""
ENDED = frozenset({"succeeded", "failed", "cancelled"})

Report: TypeAlias = dict[str, int | float | str]
Reports: TypeAlias = "SimpleQueue[tuple[FanOut, Report | None]]"


class FanOut:
    """One of the two fan-outs, and the process that works on it."""

    def __init__(self, name: str, megabytes: int, folder: Path, reports: Reports) -> None:
        self.name = name
        self.status = "starting"
        self.done = 0
        self.kills = 0
        self.megabytes_of_memory = 0
        self.log = folder / "checks.log"
        self.url: str | None = None
        """The link to the run, as the first process has printed it."""
        self._command = [sys.executable, str(ENGINE), str(folder), str(megabytes), str(CHECKS)]
        self._reports = reports
        self._measured: list[tuple[int, float]] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start a process that begins or continues the run. `reports` gets its lines, and None at its end."""
        port = 0 if self.url is None else urlsplit(self.url).port  # an open page finds the daemon again
        kill_at = "" if self.kills else str(CHECKS // 2)
        self._process = subprocess.Popen(  # noqa: S603 - a program of this folder
            [*self._command, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "STRETTO_DEMO_KILL_AT": kill_at},
        )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        self._measured.append((0, 0.0))
        threading.Thread(target=self._forward, args=(self._process.stdout,)).start()

    def _forward(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._reports.put((self, json.loads(line)))
        self._reports.put((self, None))

    def take(self, report: Report) -> None:
        """Note what the process has reported."""
        if "url" in report:
            self.url = self.url or str(report["url"])
            return
        self.status = str(report["status"])
        self.done = int(report["done"])
        self.megabytes_of_memory = max(self.megabytes_of_memory, int(report["megabytes_of_memory"]))
        self._measured[-1] = (int(report["measured"]), float(report["seconds"]))

    def kill(self) -> None:
        """End the process as a crash does, if there is one."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Wait for the end of the process, whose run has ended or which was killed."""
        assert self._process is not None  # noqa: S101 - for the type checker
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.close()
        self._process.wait()

    def take_end(self) -> int:
        """Return the exit code of a process that has ended."""
        self.close()
        assert self._process is not None  # noqa: S101 - for the type checker
        return self._process.returncode

    @property
    def microseconds(self) -> float:
        """The CPU time of a check over all processes, or 0 before the first is measured."""
        checks = sum(count for count, _ in self._measured)
        return sum(seconds for _, seconds in self._measured) / checks * 1e6 if checks else 0.0

    def line(self, columns: int) -> str:
        """Return the progress as a line of text that fits a terminal, with a shorter bar or none."""
        cells = min(CELLS, columns - BESIDE_THE_BAR)
        filled = cells * self.done // CHECKS
        bar = f"[{'#' * filled}{'.' * (cells - filled)}] " if cells >= FEWEST_CELLS else ""
        numbers = f"{self.done:6,}/{CHECKS:,}  {self.microseconds:4.0f} us a check  {self.status}"
        return f"{self.name:13}  {bar}{numbers}"[:columns]


class Display:
    """Shows the fan-outs on standard error: on a terminal in place, elsewhere a line for each change of status."""

    def __init__(self, fan_outs: list[FanOut]) -> None:
        self._fan_outs = fan_outs
        self._shown: dict[str, str] = {}
        self._up = ""
        self._link: str | None = None

    def show(self) -> None:
        """Show the present state."""
        if sys.stderr.isatty():
            # The cursor goes up by one row a line, so no line may wrap.
            columns = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
            lines = "".join(f"\x1b[2K{each.line(columns)}\n" for each in self._fan_outs)
            print(f"{self._up}{lines}", end="", file=sys.stderr, flush=True)
            self._up = f"\x1b[{len(self._fan_outs)}A"
            self._show_link()
            return
        for each in self._fan_outs:
            if self._shown.get(each.name) != each.status:
                self._shown[each.name] = each.status
                print(each.line(COLUMNS_OF_A_FILE), file=sys.stderr)

    def _show_link(self) -> None:
        """Print the link above the fan-outs, once it is known. It is as long as it is, so it stands above them."""
        if self._link is None and (link := self._fan_outs[-1].url) is not None:
            self._link = link
            print(f"{self._up}\x1b[JIn a browser, once: {link}", file=sys.stderr, flush=True)
            self._up = ""
            self.show()


def run_both(fan_outs: list[FanOut], reports: Reports) -> None:
    """Run both to their ends, and kill and resume each half way. Raises `SystemExit` if an engine fails."""
    display = Display(fan_outs)
    for each in fan_outs:
        each.start()
    running = set(fan_outs)
    while running:
        display.show()
        fan_out, report = reports.get()
        if report is not None:
            fan_out.take(report)
            if fan_out.status in ENDED:
                running.discard(fan_out)
        elif (code := fan_out.take_end()) == -9 and not fan_out.kills:
            fan_out.kills = 1
            fan_out.status = "killed"
            display.show()
            fan_out.start()
            fan_out.status = "resuming"
        else:
            raise SystemExit(f"the engine of the {fan_out.name} ended with exit code {code}")
    display.show()


def print_result(fan_outs: list[FanOut]) -> bool:
    """Compare the fan-outs, and return whether all checks were made."""
    print(f"\n{'':15}{'CPU a check':>12}{'memory':>10}{'kills':>8}{'checks':>9}{'lost':>7}{'made twice':>13}")
    complete = True
    for each in fan_outs:
        made = Counter(each.log.read_text(encoding="ascii").split())
        lost, twice = CHECKS - len(made), made.total() - len(made)
        complete = complete and not lost and each.status == "succeeded"
        print(
            f"{each.name:15}{each.microseconds:9.0f} us{each.megabytes_of_memory:7} MB{each.kills:8}"
            f"{CHECKS:9,}{lost:7}{twice:13}"
        )
    empty, full = fan_outs
    if empty.microseconds:
        ratio = full.microseconds / empty.microseconds
        print(f"\nA check over 50 MB costs {ratio:.2f} times a check over an empty context.")
    else:
        print("\nThe checks over an empty context ended before they could be measured.")
    print("Each engine was killed half way, and its run continued. The checks made twice were not recorded yet.")
    return complete


def main() -> int:
    """Run the demo and return 0 if both runs succeeded."""
    reports: Reports = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="stretto-demo-") as folder:
        fan_outs = []
        for name, megabytes in MEGABYTES.items():
            own = Path(folder, str(megabytes))
            own.mkdir(mode=0o700)
            fan_outs.append(FanOut(name, megabytes, own, reports))
        try:
            run_both(fan_outs, reports)
            is_complete = print_result(fan_outs)
            if sys.stdin.isatty() and sys.stderr.isatty():
                input("Enter ends the demo and its page. ")
        except BaseException:
            for each in fan_outs:
                each.kill()
            raise
        for each in fan_outs:
            each.close()
        return 0 if is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
