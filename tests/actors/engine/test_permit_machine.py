"""Whatever happens to daemons that share a key: never more items run than its limit, and each gets its turn.

The only exceptions are actions of a daemon that was fenced and has not noticed it, as docs/scaling.md says.
"""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from stretto.actors.journal.limits import KeyNeed, KeyShare
from stretto.actors.runs.key_limits import KeyLimits
from tests.support.permit_machine import Daemon, PermitMachine, PermitRows

CHECKED = settings(
    max_examples=150, stateful_step_count=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TO_BE_BROKEN = settings(CHECKED, phases=(Phase.generate,))
TOO_MANY = "with a limit of 2"


def test_no_sequence_of_steps_breaks_the_limit_or_leaves_an_item_waiting() -> None:
    run_state_machine_as_test(PermitMachine, settings=CHECKED)


class UsesMoreThanTheStoreHas(Daemon):
    """Each daemon has all permits."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.limits = self._items._limits = KeyLimits()


class AsksWhileItGivesOut(Daemon):
    """What it has and does not use stays usable while it returns that to the store."""

    def ask(self) -> None:
        totals = {name: pool._ledger.total for name, pool in self.limits._pools.items()}
        super().ask()
        for name, total in totals.items():
            self.limits._pools[name]._ledger.total = total


class StartsAfterItsLease(Daemon):
    """It does not look at its lease before a start."""

    def take_turn(self) -> None:
        is_over, self.lease_is_over = self.lease_is_over, False
        super().take_turn()
        self.lease_is_over = is_over


class FreesBeforeTheFence(PermitRows):
    """Takes the permits of engines that are alive."""

    def share(self, engine: int, need: KeyNeed) -> KeyShare | None:
        self.rows = {number: row for number, row in self.rows.items() if number == engine}
        return super().share(engine, need)


class KeepsThoseOfTheFenced(PermitRows):
    """Never frees the permits of a fenced engine."""

    def live(self, numbers: Iterable[int]) -> set[int]:
        return set(numbers)


class DealsWithoutTheOthers(PermitRows):
    """Answers with all that an engine wants."""

    def share(self, engine: int, need: KeyNeed) -> KeyShare | None:
        share = super().share(engine, need)
        return None if share is None else share._replace(held=need.in_use + need.wanted)


def machine(daemon: type[Daemon] = Daemon, rows: type[PermitRows] = PermitRows) -> type[PermitMachine]:
    """Return a machine in which a rule is left out."""

    class Mutant(PermitMachine):
        daemon_class = daemon
        rows_class = rows

    return Mutant


@pytest.mark.parametrize(
    ("mutant", "broken"),
    [
        (machine(UsesMoreThanTheStoreHas), TOO_MANY),
        (machine(StartsAfterItsLease), "a fenced daemon starts an item"),
        (machine(rows=FreesBeforeTheFence), TOO_MANY),
        (machine(rows=KeepsThoseOfTheFenced), "items wait for ever"),
        (machine(rows=DealsWithoutTheOthers), TOO_MANY),
    ],
    ids=lambda each: "" if isinstance(each, str) else f"{each.daemon_class.__name__}, {each.rows_class.__name__}",
)
def test_each_rule_is_needed(mutant: type[PermitMachine], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        run_state_machine_as_test(mutant, settings=TO_BE_BROKEN)


def steps_while_the_store_is_asked(daemon: type[Daemon]) -> None:
    """Let a daemon start an item between its question and the store's answer, by which it returns that permit."""
    steps = machine(daemon)()
    first, second = steps.daemons
    for _ in range(2):
        first.add()
        steps._go_on(first)
    steps._go_on(first)
    assert len(first.running) == 2
    first.end_item()
    first.take_turn()
    first.ask()
    first.add()
    first.take_turn()
    assert first.need is not None
    first.answer = steps.store.share(first.number, first.need)
    second.add()
    for _ in range(2):
        steps._go_on(second)
    assert len(second.running) == 1


def test_no_permit_is_given_out_while_the_store_is_asked() -> None:
    """Such a sequence is too rare to be found."""
    steps_while_the_store_is_asked(Daemon)
    with pytest.raises(AssertionError, match=TOO_MANY):
        steps_while_the_store_is_asked(AsksWhileItGivesOut)
