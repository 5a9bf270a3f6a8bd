"""The crash test: the real daemon, killed with SIGKILL again and again, and looked into each time.

    python -m tests.support.crashes.crashing KILLS SEED [--store URL]

kills a daemon so many times at moments chosen from the seed; the store is a file of SQLite's unless another is given.
On the first broken promise it tells the seed and the folder with all that is left, and exits with 1.
"""

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from stretto.actors.operations.answers import WaitsAnswer
from stretto.actors.operations.requests import Why
from tests.support.crashes.daemon import Daemon
from tests.support.crashes.errands import CutOff, Errand, errands
from tests.support.crashes.faults import Fault, Moment, What
from tests.support.crashes.runs import BrokenPromise, promise
from tests.support.crashes.scene import Scene
from tests.support.harness import PATIENCE

AT_ONCE: Final = 6
"""Errands that are under way while a kill is awaited."""
MOST_ROUNDS: Final = 25
LONGEST_SECONDS: Final = 4.0
"""After its begin, a daemon is killed from outside at the latest."""
_MOMENTS: Final[tuple[Moment, ...]] = (
    "before_transaction", "before_commit", "after_commit", "before_effect", "after_effect",
)  # fmt: skip
_KINDS: Final[tuple[What, ...]] = (
    "anything", "accept", "child", "rerun", "item", "start", "pause", "resume", "cancel", "end", "read", "written",
    "whole",
)  # fmt: skip


class Campaign:
    """Daemons that come one after another at one place, and the errands that clients have with them."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._choose = random.Random(seed)  # noqa: S311 - what is chosen is no secret
        self._errands: list[Errand] = []
        self._done: list[Errand] = []
        self._made = 0

    def kill_one_somehow(self) -> str:
        """End a daemon, and tell how. Raises `BrokenPromise`."""
        chosen = self._choose.random()
        if chosen < 0.05:
            self.stop_one()
            return "stopped, not killed"
        if chosen < 1 / 3:
            self.kill_one_from_outside()
            return "from outside"
        fault = self.chosen_fault()
        self.kill_one(fault)
        return f"{fault.moment} {fault.number} ({fault.what})"

    def chosen_fault(self) -> Fault:
        """Return where the next daemon is to end."""
        moment = self._choose.choice(_MOMENTS)
        if moment.endswith("effect"):
            return Fault(moment, self._choose.randint(1, 60))
        what = self._choose.choice(_KINDS) if self._choose.random() < 0.5 else "anything"
        return Fault(moment, self._choose.randint(1, 40 if what == "anything" else 3), what)

    def kill_one(self, fault: Fault) -> None:
        """Have a daemon end at a fault; new errands come until it does. Raises `BrokenPromise`."""
        with self._scene.daemon(fault) as daemon:
            self._drive_until_it_dies(daemon)

    def kill_one_from_outside(self) -> None:
        """Kill a daemon after a time that is chosen. Raises `BrokenPromise`."""
        with self._scene.daemon() as daemon:
            timer = threading.Timer(self._choose.uniform(0, LONGEST_SECONDS), daemon.kill)
            timer.start()
            self._drive_until_it_dies(daemon)
            timer.join()

    def stop_one(self) -> None:
        """Stop a daemon that has runs in progress, at once: it parks them. Raises `BrokenPromise`."""
        with self._scene.daemon() as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            timer = threading.Timer(self._choose.uniform(0, 1), daemon.stop_at_once)
            timer.start()
            self._drive(daemon)
            timer.join()
            promise(daemon.ended() == 0, "the daemon did not end as it should")

    def finish(self) -> None:
        """Have a daemon bring all errands to their end. Raises `BrokenPromise`."""
        with self._scene.daemon() as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            while self._errands:
                promise(self._round(daemon), "the daemon ended by itself")
            # Those that nobody has been told of, too.
            promise(daemon.stop() == 0, "the daemon had not ended all runs")
        self._scene.ledger.nothing_is_left()

    def _drive_until_it_dies(self, daemon: Daemon) -> None:
        # Requests are answered while runs are still being rebuilt, too.
        event = self._choose.choice(["engine_started", "ready"])
        if daemon.begun(event):
            self._drive(daemon)
        daemon.killed()

    def _drive(self, daemon: Daemon) -> None:
        for _ in range(MOST_ROUNDS):
            self._add_errands()
            if not self._round(daemon):
                return
        daemon.kill()  # the fault is one that does not come, with these errands

    def _add_errands(self) -> None:
        count = max(AT_ONCE - len(self._errands), 1)
        self._errands += errands(self._scene.ledger, self._scene.folder, self._choose, count, self._made)
        self._made += count

    def _round(self, daemon: Daemon) -> bool:
        """Bring all errands further, each on a thread; tell whether the daemon has not died meanwhile."""
        again = [each for each in self._done if each.key is not None]
        again = self._choose.sample(again, min(len(again), 2))
        with ThreadPoolExecutor(len(self._errands) + len(again)) as threads:
            under_way = [(each, threads.submit(each.go_on, daemon.client)) for each in self._errands]
            under_way += [(each, threads.submit(each.submit_again, daemon.client)) for each in again]
            try:
                lives = [self._result(daemon, errand, future) for errand, future in under_way]
            except BaseException:
                daemon.kill()  # whoever waits for it waits no more
                raise
        self._done += [each for each in self._errands if each.done]
        self._errands = [each for each in self._errands if not each.done]
        return all(lives)

    @staticmethod
    def _result(daemon: Daemon, errand: Errand, future: Future[None]) -> bool:
        try:
            future.result(PATIENCE)
        except CutOff:
            return False
        except TimeoutError:
            why = daemon.client.ask(Why(errand.run or ""))
            reasons = why.reasons if isinstance(why, WaitsAnswer) else None
            raise BrokenPromise(f"the run {errand.run} does not end; it waits for {reasons}") from None
        return True


def main() -> int:
    """Run the crash test as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill a daemon again and again, and look into what is left.")
    parser.add_argument("kills", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--store", help="the URL of an empty store, such as postgresql://...")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stretto-crash-"))
    scene = Scene(folder, given.store)
    campaign, began = Campaign(scene, given.seed), time.monotonic()
    try:
        for kill in range(1, given.kills + 1):
            how = campaign.kill_one_somehow()
            _tell(f"kill {kill} {how}", scene, began)
        campaign.finish()
    except BrokenPromise as broken:
        sys.stderr.write(f"broken: {broken}\nseed {given.seed}; what is left is in {folder}\n")
        return 1
    _tell(f"{given.kills} kills, seed {given.seed}: all promises were kept", scene, began)
    shutil.rmtree(folder)
    return 0


def _tell(what: str, scene: Scene, began: float) -> None:
    figures = ", ".join(f"{value:,} {name}" for name, value in scene.ledger.figures.items())
    sys.stdout.write(f"{what}: {figures}, {time.monotonic() - began:.1f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
