"""A campaign: daemons that are killed one after another, while they do whatever they do."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from stretto.actors.gateway.wire import DaemonUnreachable
from stretto.actors.operations import Definitions
from stretto.actors.operations.answers import WaitsAnswer
from stretto.actors.operations.requests import Prune, Why
from tests.support.crashes.backups import Backup
from tests.support.crashes.daemon import Daemon
from tests.support.crashes.errands import CutOff, Errand, errands, reruns
from tests.support.crashes.faults import Fault, Moment, What
from tests.support.crashes.ledger import LATE_SECONDS
from tests.support.crashes.runs import BrokenPromise, promise
from tests.support.crashes.scene import Scene
from tests.support.harness import PATIENCE

AT_ONCE: Final = 6
"""Errands that are under way while a kill is awaited."""
MANY: Final = 30
"""Those that are under way before daemons are killed in their recovery."""
MOST_ROUNDS: Final = 25
LONGEST_SECONDS: Final = 4.0
"""After its begin, a daemon is killed from outside at the latest."""
_OF_TRANSACTIONS: Final[tuple[Moment, ...]] = ("before_transaction", "before_commit", "after_commit")
_MOMENTS: Final[tuple[Moment, ...]] = (*_OF_TRANSACTIONS, "before_effect", "after_effect")
_KINDS: Final[tuple[What, ...]] = (
    "anything", "accept", "child", "rerun", "item", "start", "pause", "resume", "cancel", "end", "read", "written",
    "whole",
)  # fmt: skip
MOST_IN_A_ROW: Final = 5
"""Daemons that are killed in their recovery, one after another."""
MOST_THREADS: Final = 40
"""Threads of an idle daemon, by the table in docs/architecture.md."""
SPARE_DESCRIPTORS: Final = 4
"""What an idle daemon may have more than before: fewer than there were runs meanwhile."""


class Campaign:
    """Daemons that come one after another at one place, and the errands that clients have with them."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._choose = random.Random(seed)  # noqa: S311 - what is chosen is no secret
        self._errands: list[Errand] = []
        self._done: list[Errand] = []
        self._made = 0
        self._storms = False
        self.kills = 0
        """Daemons that SIGKILL has ended."""
        self.ways: Counter[str] = Counter()
        self.drained = 0
        """Daemons that had stopped when they were to be killed while they did."""
        self.backups = 0
        """Backups that were told complete."""

    def kill_some(self, most: int) -> str:
        """Kill at most so many daemons, one in most ways; return how. Raises `BrokenPromise`."""
        ways: dict[str, tuple[int, Callable[[], str]]] = {
            "around a transaction or an effect": (6, self._at_a_fault),
            "from outside": (4, self._from_outside),
            "in recovery": (3, lambda: self.kill_in_recovery(min(most, self._choose.randint(2, MOST_IN_A_ROW)))),
            "while it reloads": (2, self.kill_while_it_reloads),
            "while it prunes": (3, self.kill_while_it_prunes),
            "while it does runs again": (2, self.kill_while_it_does_runs_again),
            "while it accepts": (2, self.kill_while_it_accepts),
            "while its store is backed up": (2, self.kill_during_a_backup),
            "while it drains": (2, self.kill_while_it_drains),
            "not at all": (1, self.stop_one),
        }
        weights = [weight for weight, _ in ways.values()]
        (how,) = self._choose.choices(list(ways), weights)
        detail = ways[how][1]()
        self.ways[how] += 1
        return f"{how} {detail}".rstrip()

    def kill_as_many(self, kills: int, tell: Callable[[str], object]) -> None:
        """Kill so many daemons in ways that are chosen, and tell of each. Raises `BrokenPromise`."""
        while self.kills < kills:
            how = self.kill_some(kills - self.kills)
            tell(f"kill {self.kills} {how}")

    def _at_a_fault(self) -> str:
        fault = self.chosen_fault()
        self.kill_one(fault)
        return f"({fault.moment} {fault.number}, {fault.what})"

    def _from_outside(self) -> str:
        self.kill_one_from_outside()
        return ""

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

    def kill_in_recovery(self, times: int) -> str:
        """Kill a daemon with many runs, and its successors within milliseconds of their start, so many in all.

        Raises `BrokenPromise`.
        """
        self._add_errands(MANY)
        self.kill_one(Fault("after_effect", self._choose.randint(10, 60)))
        for _ in range(times - 1):
            moment: Moment | None = self._choose.choice([None, None, "before_commit", "after_commit"])
            fault = None if moment is None else Fault(moment, self._choose.randint(1, 5))
            sees_it_begin, seconds = self._choose.random() < 0.8, self._choose.uniform(0, 0.03)
            with self._scene.daemon(fault) as daemon:
                if sees_it_begin:
                    daemon.begun("engine_started")
                else:
                    seconds += self._choose.uniform(0, 1)
                timer = threading.Timer(seconds if fault is None else seconds + 0.2, daemon.kill)
                timer.start()
                self._killed(daemon)
                timer.cancel()
        return f"({times} in a row)"

    def kill_while_it_reloads(self) -> str:
        """Kill a daemon when it reads changed definitions, at the first time or later. Raises `BrokenPromise`."""
        times = self._choose.randint(1, 3)

        def reload(daemon: Daemon) -> None:
            for _ in range(times):
                self._scene.place.change_definitions()
                daemon.reload()

        self._kill_during(reload, most_seconds=0.1)
        return f"(at most {times} times)"

    def kill_while_it_prunes(self) -> str:
        """Kill a daemon that deletes the runs of all errands that are done. Raises `BrokenPromise`."""
        ended_before = min((errand.made_at for errand in self._errands), default=time.time())
        # To submit these once more would begin new runs.
        self._done.clear()
        self._scene.ledger.pruning(ended_before)
        fault = Fault(self._choose.choice(_OF_TRANSACTIONS), self._choose.randint(1, 4), "prune")
        at_fault = fault if self._choose.random() < 2 / 3 else None

        def prune(daemon: Daemon) -> None:
            with suppress(DaemonUnreachable):
                daemon.client.ask(Prune(older_than_seconds=time.time() - ended_before + LATE_SECONDS))
                self._scene.ledger.pruned()

        self._kill_during(prune, at_fault, most_seconds=0.2)
        return "" if at_fault is None else f"({fault.moment} {fault.number})"

    def kill_while_it_does_runs_again(self) -> str:
        """Kill a daemon around the acceptance of a rerun, of any scope. Raises `BrokenPromise`."""
        errands = reruns(self._scene.ledger, self._scene.folder, self._choose, self._made)
        self._made += len(errands)
        self._errands += errands
        fault = Fault(self._choose.choice(_OF_TRANSACTIONS), self._choose.randint(1, 5), "rerun")
        self.kill_one(fault)
        return f"({fault.moment} {fault.number})"

    def kill_while_it_accepts(self) -> str:
        """Kill a daemon around an acceptance, when several clients submit with the same key. Raises `BrokenPromise`."""
        fault = Fault(self._choose.choice(_OF_TRANSACTIONS), self._choose.randint(1, 8), "accept")
        self._storms = True
        self.kill_one(fault)
        self._storms = False
        return f"({fault.moment} {fault.number})"

    def kill_during_a_backup(self) -> str:
        """Kill a daemon, a backup of its store, or both. Raises `BrokenPromise`."""
        file = self._scene.folder / f"backup {self._made}"
        known = self._scene.ledger.runs_in_the_store
        seconds = self._choose.uniform(0.2, 1.5)
        killed_after = self._choose.uniform(0, 2) if self._choose.random() < 0.5 else None
        begun: list[Backup] = []
        self._kill_during(
            lambda _: begun.append(Backup(self._scene.place.store, file, killed_after)), most_seconds=seconds
        )
        for backup in begun:
            backup.look(self._scene.ledger.keyring, known)
            self.backups += backup.complete
        return "(it was complete)" if begun and begun[0].complete else ""

    def kill_while_it_drains(self) -> str:
        """Kill a daemon that was told to stop. It may have done so by then. Raises `BrokenPromise`."""
        seconds = self._choose.uniform(0, 0.5)
        with self._scene.daemon() as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            timer = threading.Timer(seconds, daemon.begin_stop)
            killer = threading.Timer(seconds + self._choose.uniform(0, 0.3), daemon.kill)
            timer.start()
            killer.start()
            self._drive(daemon)
            timer.join()
            killer.join()
            if daemon.ended() != 0:
                self._killed(daemon)
                return ""
        self.drained += 1
        return "(and it had stopped)"

    def stop_one(self) -> str:
        """Stop a daemon that has runs in progress, at once: it parks them. Raises `BrokenPromise`."""
        with self._scene.daemon() as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            timer = threading.Timer(self._choose.uniform(0, 1), daemon.stop_at_once)
            timer.start()
            self._drive(daemon)
            timer.join()
            promise(daemon.ended() == 0, "the daemon did not end as it should")
        return ""

    def _kill_during(
        self, operation: Callable[[Daemon], None], fault: Fault | None = None, *, most_seconds: float
    ) -> None:
        """Kill a daemon so many seconds after an operation has begun, or at a fault; clients go on meanwhile."""
        delay, seconds = self._choose.uniform(0, 0.5), self._choose.uniform(0, most_seconds)
        with ThreadPoolExecutor(1) as thread, self._scene.daemon(fault) as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            killer = threading.Timer(seconds if fault is None else LONGEST_SECONDS, daemon.kill)

            def operate() -> None:
                time.sleep(delay)
                killer.start()
                operation(daemon)

            operating = thread.submit(operate)
            self._drive(daemon)
            self._killed(daemon)
            operating.result(PATIENCE)
            killer.cancel()

    def _killed(self, daemon: Daemon) -> None:
        daemon.killed()
        self.kills += 1

    def finish(self) -> None:
        """Have a daemon bring all errands to their end, and keep nothing of them. Raises `BrokenPromise`."""
        with self._scene.daemon() as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            # The first ones make the connections and threads that stay.
            self._bring_to_their_end(daemon)
            descriptors, _ = daemon.held()
            self._bring_to_their_end(daemon)
            self._keeps_nothing(daemon, descriptors + SPARE_DESCRIPTORS)
            # Those that nobody has been told of, too.
            promise(daemon.stop() == 0, "the daemon had not ended all runs")
        self._scene.ledger.nothing_is_left()

    def _bring_to_their_end(self, daemon: Daemon) -> None:
        for _ in range(2):
            self._add_errands()
            while self._errands:
                promise(self._round(daemon), "the daemon ended by itself")

    @staticmethod
    def _keeps_nothing(daemon: Daemon, most_descriptors: int) -> None:
        """See that an idle daemon comes to have no more than that: it closes what its clients have left after them."""
        deadline = time.monotonic() + PATIENCE
        while (held := daemon.held())[0] > most_descriptors:
            promise(time.monotonic() < deadline, f"it keeps {held[0]} descriptors of {most_descriptors}")
            daemon.client.ask(Definitions())
        promise(held[1] <= MOST_THREADS, f"it keeps {held[1]} threads")

    def _drive_until_it_dies(self, daemon: Daemon) -> None:
        # Requests are answered while runs are still being rebuilt, too.
        event = self._choose.choice(["engine_started", "ready"])
        if daemon.begun(event):
            self._drive(daemon)
        self._killed(daemon)

    def _drive(self, daemon: Daemon) -> None:
        for _ in range(MOST_ROUNDS):
            self._add_errands()
            if not self._round(daemon):
                return
        daemon.kill()  # the fault is one that does not come, with these errands

    def _add_errands(self, at_once: int = AT_ONCE) -> None:
        count = max(at_once - len(self._errands), 1)
        self._errands += errands(self._scene.ledger, self._scene.folder, self._choose, count, self._made)
        self._made += count

    def _round(self, daemon: Daemon) -> bool:
        """Bring all errands further, each on a thread; tell whether the daemon has not died meanwhile."""
        again = [each for each in self._done if each.key is not None]
        again = self._choose.sample(again, min(len(again), 2))
        if self._storms:
            again += [each for each in self._errands if each.key is not None] * 3
        with ThreadPoolExecutor(len(self._errands) + len(again)) as threads:
            under_way = [(each, threads.submit(each.go_on, daemon.client)) for each in self._errands]
            under_way += [(each, threads.submit(each.submit_again, daemon.client)) for each in again]
            try:
                lives = [self._result(daemon, errand, future) for errand, future in under_way]
            except BaseException:
                daemon.kill()  # whoever waits for it waits no more
                raise
        daemon.look_at_counters()
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
