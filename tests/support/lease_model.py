"""A model of how daemons share a run, of which every interleaving is explored.

Two processes, one run of one item, leases, a clock, delays of any length, one death. A transaction of the store is one
step, because the row of an engine is locked by its commit and by who fences it. All between two transactions may be
delayed for ever. So may the last commit of a dead process, until its successor is there. A rule that is left out shows
what it is for: the explorer finds a state that breaks a promise.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeVar

Value = TypeVar("Value")

LEASE: Final = 1
ENGINES: Final = 3
"""The two that are there, and the one that a dead one becomes."""

RULES: Final = frozenset(
    {
        "a commit checks the fence",
        "a renewal checks the fence",
        "a lease counts from when its renewal was sent",
        "entries are read after the claim",
        "the start of an at_most_once item is recorded first",
        "the lease is looked at before a start",
        "an answer is in the commit of its change",
        "a run is given up behind its last record",
        "a daemon that starts again has a new number",
    }
)

Delivery = Literal["at_most_once", "at_least_once"]
Flight = tuple[str, str | int] | None
"""A transaction under way: ("commit", entry), ("answer", ""), ("renewal" or, on its way back, "renewed", when sent)."""


class Process(NamedTuple):
    """A daemon, as far as it knows: its engine, whether it has the run, its copy of the log, until when it may act."""

    engine: int
    state: Literal["up", "owns", "dead"]
    copy: tuple[str, ...]
    until: int
    flight: Flight = None
    about_to_perform: bool = False


class State(NamedTuple):
    """The store, the world, and the two processes."""

    now: int
    expiries: tuple[int | None, ...]
    fenced: tuple[bool, ...]
    owner: int | None
    log: tuple[str, ...]
    asked: bool
    """Whether a request waits for its answer."""
    processes: tuple[Process, ...]
    performed: int
    next_engine: int
    deaths_left: int
    late: tuple[int, tuple[str, ...], str] | None = None
    """The last commit of the dead process, if it is still under way: its engine, its copy of the log, the entry."""


Step = tuple[State, str | None]
"""The state after a step, and the promise that the step breaks, if it does."""


class Model(NamedTuple):
    """What is explored.

    Attributes:
        rules: The rules of `RULES` that the daemons follow.
        delivery: The delivery of the item.
        asks: Whether a request to change the run waits at the beginning.
        drains: Whether the owner may give up the run.
        moments: How long the clock goes on.
    """

    rules: frozenset[str] = RULES
    delivery: Delivery = "at_least_once"
    asks: bool = False
    drains: bool = False
    moments: int = 2

    def first(self) -> State:
        """Return the first state."""
        both = (Process(0, "up", (), LEASE), Process(1, "up", (), LEASE))
        return State(0, (LEASE, LEASE, None), (False, False, False), None, (), self.asks, both, 0, 2, 1)

    def steps(self, state: State) -> Iterator[Step]:
        """Yield what may happen next."""
        if state.now < self.moments:
            yield state._replace(now=state.now + 1), None
        if state.late is not None:
            yield self._arrive_late(state, *state.late)
        for number, process in enumerate(state.processes):
            if process.state == "dead":
                yield from self._restart(state, number)
            else:
                yield from self._die(state, number, process)
                yield from self._arrive(state, number, process)
                if process.flight is None:
                    yield from self._share(state, number, process)
                    yield from self._write(state, number, process)
                yield from self._perform(state, number, process)

    def _restart(self, state: State, number: int) -> Iterator[Step]:
        if "a daemon that starts again has a new number" not in self.rules:
            engine = state.processes[number].engine
            again = state._replace(
                expiries=_with(state.expiries, engine, state.now + LEASE), fenced=_with(state.fenced, engine, False)
            )
            yield _put(again, number, Process(engine, "up", (), state.now + LEASE)), None
        elif state.next_engine < ENGINES:
            new = state.next_engine
            begun = state._replace(expiries=_with(state.expiries, new, state.now + LEASE), next_engine=new + 1)
            yield _put(begun, number, Process(new, "up", (), state.now + LEASE)), None

    def _die(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """A commit that was sent may arrive after the death of its sender."""
        if state.deaths_left:
            dead = _put(state._replace(deaths_left=0), number, process._replace(state="dead", flight=None))
            yield dead, None
            if process.flight is not None and process.flight[0] == "commit":
                yield dead._replace(late=(process.engine, process.copy, str(process.flight[1]))), None

    def _arrive_late(self, state: State, engine: int, copy: tuple[str, ...], entry: str) -> Step:
        """The last commit of a dead process arrives at the store."""
        arrived = state._replace(late=None)
        if state.fenced[engine] and "a commit checks the fence" in self.rules:
            return arrived, None
        is_answered = entry == "change" and "an answer is in the commit of its change" in self.rules
        written = arrived._replace(log=(*state.log, entry), asked=state.asked and not is_answered)
        return written, _broken_by(state, copy, entry)

    def _arrive(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """A transaction arrives at the store."""
        if process.flight is None:
            return
        kind, what = process.flight
        engine, is_fenced = process.engine, state.fenced[process.engine]
        lost = _put(state, number, Process(engine, "up", (), process.until, None, process.about_to_perform))
        if kind == "renewal":
            if is_fenced and "a renewal checks the fence" in self.rules:
                yield lost, None
                return
            renewed = state._replace(
                expiries=_with(state.expiries, engine, state.now + LEASE), fenced=_with(state.fenced, engine, False)
            )
            yield _put(renewed, number, process._replace(flight=("renewed", what))), None
            return
        if kind == "renewed":
            sent = int(what) if "a lease counts from when its renewal was sent" in self.rules else state.now
            yield _put(state, number, process._replace(flight=None, until=sent + LEASE)), None
            return
        if is_fenced and "a commit checks the fence" in self.rules:
            yield lost, None
            return
        if kind == "answer":
            yield _put(state._replace(asked=False), number, process._replace(flight=None)), None
            return
        yield self._commit(state, number, process, str(what))

    def _commit(self, state: State, number: int, process: Process, entry: str) -> Step:
        broken = _broken_by(state, process.copy, entry)
        written = state._replace(log=(*state.log, entry))
        flight: Flight = None
        if entry == "change":
            if "an answer is in the commit of its change" in self.rules:
                written = written._replace(asked=False)
            else:
                flight = ("answer", "")
        starts = process.about_to_perform or entry == "start"
        after = process._replace(copy=(*process.copy, entry), flight=flight, about_to_perform=starts)
        return _put(written, number, after), broken

    def _share(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """Renew the lease, fence the others, claim the run, give it up."""
        engine = process.engine
        if state.now:
            yield _put(state, number, process._replace(flight=("renewal", state.now))), None
        for other, expiry in enumerate(state.expiries):
            if other != engine and expiry is not None and expiry < state.now and not state.fenced[other]:
                yield state._replace(fenced=_with(state.fenced, other, True)), None
        is_free = state.owner is None or (state.owner != engine and state.fenced[state.owner])
        if "a daemon that starts again has a new number" not in self.rules:
            is_free = is_free or state.owner == engine
        if process.state == "up" and is_free and not state.fenced[engine] and "end" not in state.log:
            owned = state._replace(owner=engine)
            if "entries are read after the claim" in self.rules:
                yield _put(owned, number, process._replace(state="owns", copy=state.log)), None
            else:
                yield _put(owned, number, process._replace(state="owns")), None
        if process.state == "up" and "entries are read after the claim" not in self.rules and process.copy != state.log:
            yield _put(state, number, process._replace(copy=state.log)), None
        if self.drains and process.state == "owns" and not state.fenced[engine] and state.owner == engine:
            left = process._replace(state="up", copy=(), about_to_perform=False)
            if "a run is given up behind its last record" not in self.rules and "end" not in process.copy:
                left = process._replace(state="up", flight=("commit", "end"), about_to_perform=False)
            yield _put(state._replace(owner=None), number, left), None

    def _write(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """The owner sends a commit, or decides to perform the item."""
        if process.state != "owns" or "end" in process.copy:
            return
        if state.asked:  # whoever has the run performs the request
            yield _put(state, number, process._replace(flight=("commit", "change"))), None
        if process.about_to_perform:
            return
        if self.delivery == "at_most_once" and "the start of an at_most_once item is recorded first" in self.rules:
            # Without an end behind its start, it may have run.
            entry = "end" if "start" in process.copy else "start"
            yield _put(state, number, process._replace(flight=("commit", entry))), None
        else:
            yield _put(state, number, process._replace(about_to_perform=True)), None

    def _perform(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """The action starts, as decided any time ago."""
        if not process.about_to_perform:
            return
        if state.now > process.until and "the lease is looked at before a start" in self.rules:
            yield _put(state, number, process._replace(state="up", copy=(), about_to_perform=False, flight=None)), None
            return
        broken = None
        if self.delivery == "at_most_once" and state.performed:
            broken = "an at_most_once item is performed twice"
        elif self.delivery == "at_least_once" and state.owner != process.engine:
            broken = "an item starts in a run of another daemon"
        ends: Flight = ("commit", "end") if process.state == "owns" and process.flight is None else process.flight
        performed = state._replace(performed=min(state.performed + 1, 2))
        yield _put(performed, number, process._replace(about_to_perform=False, flight=ends)), broken


def _broken_by(state: State, copy: tuple[str, ...], entry: str) -> str | None:
    """Return the promise that a commit breaks, if it does."""
    if copy != state.log:
        return "two daemons write a run"
    if entry == "end" and "end" in state.log:
        return "an end is recorded twice"
    if entry == "change" and "change" in state.log:
        return "a request changes a run twice"
    return None


class Found(NamedTuple):
    """What an exploration has found: the number of states, and the first promise that is broken."""

    states: int
    broken: str | None


def explore(model: Model) -> Found:
    """Explore all states that can be reached, or those before the first broken promise."""
    first = model.first()
    seen, waiting = {first}, deque([first])
    while waiting:
        for state, broken in model.steps(waiting.popleft()):
            if broken is not None:
                return Found(len(seen), broken)
            if state not in seen:
                seen.add(state)
                waiting.append(state)
    return Found(len(seen), None)


def _with(values: tuple[Value, ...], place: int, value: Value) -> tuple[Value, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _put(state: State, number: int, process: Process) -> State:
    return state._replace(processes=_with(state.processes, number, process))


def without(rules: Iterable[str]) -> frozenset[str]:
    """Return all rules but some."""
    return RULES - frozenset(rules)
