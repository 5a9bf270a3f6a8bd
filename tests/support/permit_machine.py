"""Two daemons share the permits of a key, step by step in any order, with the engine's own code for permits.

Only the store is a stand-in: rows in memory, which `limits` changes as it changes those of a database. A transaction is
one step, because it has the lock of its key. A daemon that is frozen is one that makes no step while others do.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import integers

from stretto.actors.journal.limits import KeyClaim, KeyNeed, KeyShare
from stretto.actors.journal.sql.limits import _shared
from stretto.actors.runs.key_limits import KeyLimits
from stretto.actors.runs.keyed_items import KeyedItems
from stretto.actors.runs.permits import Grant
from stretto.definitions import read_workflow
from stretto.definitions.conductor import StartItem
from tests.support.writing import workflow

if TYPE_CHECKING:
    from stretto.actors.runs.services import Services

KEY: Final = "db"
LIMIT: Final = 2
ITEMS_AT_ONCE: Final = 3
DAEMONS: Final = 2
_WORKFLOW: Final = read_workflow(
    workflow({"name": "work", "concurrency_key": KEY, "limit": LIMIT}, ref="permits.work"), "permits.yaml"
)
ROUNDS: Final = 50
"""More than the items of a sequence need to end when nothing is delayed any more."""


class PermitRows:
    """The rows of the key in the store, and the engines.

    Attributes:
        fenced: The engines that were fenced.
        rows: The permits of each engine.
    """

    def __init__(self) -> None:
        self.fenced: set[int] = set()
        self.rows: dict[int, KeyClaim] = {}
        self._engines = 0
        self._time = 0.0

    def join(self) -> int:
        """Add an engine. Return its number."""
        self._engines += 1
        return self._engines

    def live(self, numbers: Iterable[int]) -> set[int]:
        """Return the engines whose rows count."""
        return set(numbers) - self.fenced

    def share(self, engine: int, need: KeyNeed) -> KeyShare | None:
        """Share out permits in one transaction, or return None to a fenced engine."""
        if engine in self.fenced:
            return None
        self._time += 1.0
        live = self.live(self.rows)
        self.rows = {number: row for number, row in self.rows.items() if number in live}
        self.rows[engine], share = _shared(engine, need, list(self.rows.values()), self._time)
        if not self.rows[engine].held and not self.rows[engine].wanted:
            del self.rows[engine]
        return share


class Daemon:
    """An engine with one run, whose items need a permit of the key.

    Attributes:
        number: The number of the engine.
        waiting: How many items were added and have not started.
        running: The items whose actions run.
        lease_is_over: Whether the engine may start nothing, and others may fence it.
        need: What it has asked the store for, in a transaction that has not been executed yet.
        answer: The answer that is on its way.
        ended: How many items have ended.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.waiting = self.ended = self._added = 0
        self.running: list[int] = []
        self.lease_is_over = False
        self.need: KeyNeed | None = None
        self.answer: KeyShare | None = None
        self.is_to_ask = False
        self.limits = KeyLimits()
        self.limits.connect(self._share, lambda: None)
        services = cast("Services", SimpleNamespace(key_limits=self.limits))
        self._items = KeyedItems(services, _WORKFLOW, "run", deque())

    def _share(self, _keys: Iterable[str]) -> None:
        self.is_to_ask = True

    @property
    def is_asking(self) -> bool:
        """Whether the thread that asks the store waits for the answer to `need`."""
        return self.need is not None or self.answer is not None

    def add(self) -> None:
        """Let one more item wait."""
        scope: Any = None
        self._items.add(StartItem("work", 1, self._added, 1, scope, None, 0.0), None)
        self._added += 1
        self.waiting += 1

    def take_turn(self) -> None:
        """Start the items that may start, and say what is missing. After its lease an engine starts nothing."""
        if not self.lease_is_over:
            for start, _ in self._items.take_permitted():
                self.waiting -= 1
                self.running.append(start.index)
        self._items.update_permits(paused=False)

    def end_item(self) -> None:
        """Let an action end."""
        self._items.ended(("work", 1, self.running.pop(0)))
        self.ended += 1

    def share_out(self) -> None:
        """Share permits out, as the engine does."""
        for pool, changes in self.limits.share_out():
            for change in changes:
                (self._items.granted if isinstance(change, Grant) else self._items.reclaimed)(pool, change.count)

    def ask(self) -> None:
        """Begin to ask the store."""
        self.is_to_ask = False
        (self.need,) = self.limits.needs([KEY])

    def settle(self) -> None:
        """Take the answer of the store."""
        if self.answer is not None:
            self.limits.settle([self.answer])
        self.answer = None

    def lose_connection(self) -> None:
        """Ask again, whether or not the transaction has taken effect."""
        self.need = self.answer = None
        self.is_to_ask = True


Which = Callable[[Daemon], object]


def any_daemon(which: Which) -> Callable[[Callable[["PermitMachine", Daemon], None]], Any]:
    """Make a step of one of the daemons for which something holds."""

    def made(step: Callable[["PermitMachine", Daemon], None]) -> Any:
        @wraps(step)
        def taken(self: "PermitMachine", place: int) -> None:
            can = [each for each in self.daemons if which(each)]
            step(self, can[place % len(can)])

        named: Any = rule(place=integers(0, DAEMONS - 1))(taken)
        return precondition(lambda self: any(map(which, self.daemons)))(named)

    return made


class PermitMachine(RuleBasedStateMachine):
    """All that may happen to the daemons. Ghosts are the engines of killed ones, which others have to fence."""

    daemon_class: type[Daemon] = Daemon
    rows_class: type[PermitRows] = PermitRows

    def __init__(self) -> None:
        super().__init__()
        self.store = self.rows_class()
        self.daemons = [self.daemon_class(self.store.join()) for _ in range(DAEMONS)]
        self.ghosts: list[int] = []

    def _is_fenced(self, daemon: Daemon) -> bool:
        return daemon.number in self.store.fenced

    def _restart(self, daemon: Daemon) -> None:
        self.daemons[self.daemons.index(daemon)] = self.daemon_class(self.store.join())

    # ---- a daemon works

    @any_daemon(lambda each: each.waiting < ITEMS_AT_ONCE)
    def an_item_waits(self, daemon: Daemon) -> None:
        daemon.add()

    @any_daemon(lambda each: each)
    def a_run_takes_a_turn(self, daemon: Daemon) -> None:
        self._take_turn(daemon)

    def _take_turn(self, daemon: Daemon) -> None:
        before = len(daemon.running)
        daemon.take_turn()
        assert len(daemon.running) == before or not self._is_fenced(daemon), "a fenced daemon starts an item"

    @any_daemon(lambda each: each)
    def an_engine_shares_out(self, daemon: Daemon) -> None:
        daemon.share_out()

    @any_daemon(lambda each: each.running)
    def an_item_ends(self, daemon: Daemon) -> None:
        daemon.end_item()

    @any_daemon(lambda each: not each.is_asking)
    def a_daemon_asks(self, daemon: Daemon) -> None:
        """Also without a reason, as at a renewal and when it is notified."""
        daemon.ask()

    @any_daemon(lambda each: each.need is not None)
    def a_transaction_is_executed(self, daemon: Daemon) -> None:
        assert daemon.need is not None
        daemon.answer, daemon.need = self.store.share(daemon.number, daemon.need), None

    @any_daemon(lambda each: each.answer is not None)
    def an_answer_arrives(self, daemon: Daemon) -> None:
        daemon.settle()

    @any_daemon(lambda each: each)
    def a_daemon_goes_on(self, daemon: Daemon) -> None:
        """Make several steps of one daemon, and none of the others meanwhile."""
        self._go_on(daemon)

    def _go_on(self, daemon: Daemon) -> None:
        self._take_turn(daemon)
        daemon.share_out()
        if not daemon.is_asking:
            daemon.ask()
        if daemon.need is not None:
            daemon.answer, daemon.need = self.store.share(daemon.number, daemon.need), None
        daemon.settle()
        daemon.share_out()
        self.no_more_items_run_than_the_limit()

    # ---- a daemon fails

    @any_daemon(lambda each: each.is_asking)
    def a_connection_is_lost(self, daemon: Daemon) -> None:
        daemon.lose_connection()

    @any_daemon(lambda each: not each.lease_is_over)
    def a_lease_ends(self, daemon: Daemon) -> None:
        daemon.lease_is_over = True

    @any_daemon(lambda each: each.lease_is_over)
    def a_lease_is_renewed(self, daemon: Daemon) -> None:
        if not self._is_fenced(daemon):
            daemon.lease_is_over = False

    @any_daemon(lambda each: each.lease_is_over)
    def a_daemon_is_fenced(self, daemon: Daemon) -> None:
        self.store.fenced.add(daemon.number)

    @any_daemon(lambda each: each.lease_is_over)
    def a_daemon_notices_that_it_was_fenced(self, daemon: Daemon) -> None:
        """It stops its actions, ends, and is started again."""
        if self._is_fenced(daemon):
            self._restart(daemon)

    @any_daemon(lambda each: each.running)
    def a_daemon_is_killed(self, daemon: Daemon) -> None:
        """Its actions end with it. Others fence it later."""
        self.ghosts.append(daemon.number)
        self._restart(daemon)

    @precondition(lambda self: self.ghosts)
    @rule()
    def a_killed_daemon_is_fenced(self) -> None:
        self.store.fenced.add(self.ghosts.pop())

    # ---- what must hold

    @invariant()
    def no_more_items_run_than_the_limit(self) -> None:
        """Those of fenced daemons that do not know it yet are not counted: no one can end them."""
        running = {each.number: len(each.running) for each in self.daemons if not self._is_fenced(each)}
        assert sum(running.values()) <= LIMIT, f"items run in {running} with a limit of {LIMIT}"

    def teardown(self) -> None:
        """Let everything go on without a delay: all items that wait have to run, and no permit may be lost."""
        self.store.fenced.update(self.ghosts)
        for daemon in tuple(self.daemons):
            if self._is_fenced(daemon):
                self._restart(daemon)
        for daemon in self.daemons:
            daemon.lease_is_over = False
        rounds = 0
        while rounds < ROUNDS and (self.store.rows or any(each.waiting or each.running for each in self.daemons)):
            rounds += 1
            for daemon in self.daemons:
                if daemon.running:
                    daemon.end_item()
                self._go_on(daemon)
        waiting = [each.waiting for each in self.daemons]
        assert not any(waiting), f"items wait for ever: {waiting}"
        assert not self.store.rows, f"permits are lost: {self.store.rows}"
