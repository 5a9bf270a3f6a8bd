"""The items of one run that need a permit of their key: they wait for it, have it, and give it back."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Dispatcher, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.history import KeyWait
from stretto.actors.runners import Runners
from stretto.actors.runs.key_limits import KEY_PREFIX
from stretto.actors.runs.keyed_items import KeyedItems, Refused, key_or_refusal
from stretto.actors.runs.permits import Grant, Reclaim
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import StartItem
from stretto.metrics import Instruments
from tests.support.driving import Drive
from tests.support.writing import workflow

KEYED = {"with_items": "{{ parameters.keys }}", "concurrency": 100, "concurrency_key": "{{ item }}", "limit": 2}
TEXT = workflow(
    {"name": "work", **KEYED}, {"name": "fixed", "concurrency_key": "one", "limit": 1}, {"name": "free"},
    parameters={"keys": {"type": "array"}},
)  # fmt: skip
OTHER = "another run"


@pytest.fixture
def services() -> Iterator[Services]:
    """The services of an engine that is alone."""
    clock, dispatcher = Clock.start(), Dispatcher(1)
    runners, actions = Runners(threads=1), ActionRegistry.registered("refuse")
    yield Services(dispatcher, Timers(clock), runners, actions, Instruments())
    runners.stop()
    dispatcher.stop()
    clock.stop()


class Keyed:
    """The items of a run of `TEXT`."""

    def __init__(self, services: Services, *keys: Any) -> None:
        drive = Drive(TEXT, {"keys": list(keys)})
        commands = [each for each in drive.commands if isinstance(each, StartItem)]
        self.starts = {(each.task, each.index): each for each in commands}
        self.limits = services.key_limits
        self.refused: Refused = deque()
        self.items = KeyedItems(services, drive.workflow, "run", self.refused)

    def add(self, *indexes: int) -> None:
        for index in indexes:
            self.items.add(self.starts["work", index], None)

    def taken(self) -> list[int]:
        return [start.index for start, _ in self.items.take_permitted()]

    def ended(self, *indexes: int) -> None:
        for index in indexes:
            self.items.ended(("work", 1, index))

    def share_out(self) -> list[tuple[str, list[Grant | Reclaim]]]:
        """Let the engine share permits out, and give this run its own."""
        changes = list(self.limits.share_out())
        for pool, of_pool in changes:
            for change in of_pool:
                if change.run_id == "run" and isinstance(change, Grant):
                    self.items.granted(pool, change.count)
                elif change.run_id == "run":
                    self.items.reclaimed(pool, change.count)
        return changes


def test_items_go_on_in_their_order_as_far_as_their_key_allows(services: Services) -> None:
    """Each key has its own permits."""
    keyed = Keyed(services, "a", "a", "a", "b")
    keyed.add(0, 1, 2, 3)
    assert sorted(keyed.taken()) == [0, 1, 3]
    assert keyed.items.any_waits
    assert keyed.taken() == []
    keyed.ended(0)
    assert keyed.taken() == [2]
    assert not keyed.items.any_waits


def test_a_permit_is_passed_on_to_the_next_item_of_the_run(services: Services) -> None:
    """Without asking for another one. The last one gives it back, and the key is forgotten."""
    keyed = Keyed(services, "a", "a", "a")
    keyed.add(0, 1, 2)
    assert keyed.taken() == [0, 1]
    keyed.items.update_permits(paused=False)
    keyed.ended(0)
    assert keyed.taken() == [2]
    keyed.items.update_permits(paused=False)
    assert keyed.limits.figures() == (2, 0)
    keyed.ended(1, 2)
    keyed.items.update_permits(paused=False)
    assert keyed.limits.figures() == (0, 0)
    assert keyed.limits.use("a").limit == 0, "no run uses the key"


def test_an_item_waits_for_the_permits_of_another_run(services: Services) -> None:
    """It gets one when the other run has returned it. Until then it is shown whose they are."""
    keyed = Keyed(services, "a", "a")
    other = keyed.limits.join(OTHER, "a", 2)
    assert other.take(OTHER, 2) == 2
    keyed.add(0, 1)
    assert keyed.taken() == []
    assert keyed.items.update_permits(paused=False), "the engine is to share out"
    assert keyed.items.waits() == (KeyWait("a", 2, 2, (OTHER,), ()),)
    assert keyed.share_out() == [(KEY_PREFIX + "a", [Reclaim(OTHER, 1)])]
    other.release(OTHER, 1)
    assert keyed.share_out() == [(KEY_PREFIX + "a", [Grant("run", 1)])]
    assert keyed.taken() == [0]
    assert keyed.items.waits() == (KeyWait("a", 1, 2, (OTHER, "run"), ()),)


def test_permits_that_are_reclaimed_go_back_as_items_end(services: Services) -> None:
    """The next item of the run waits, because another run does."""
    keyed = Keyed(services, "a", "a", "a")
    keyed.add(0, 1, 2)
    assert keyed.taken() == [0, 1]
    keyed.items.update_permits(paused=False)
    keyed.share_out()
    keyed.limits.join(OTHER, "a", 2).request(OTHER, 1)
    assert keyed.share_out() == [(KEY_PREFIX + "a", [Reclaim("run", 1)])]
    keyed.ended(0)
    assert keyed.taken() == []
    assert keyed.items.update_permits(paused=False)
    assert keyed.share_out() == [(KEY_PREFIX + "a", [Grant(OTHER, 1)])]


def test_a_pause_wants_no_permits(services: Services) -> None:
    """Items in flight keep theirs. After the pause those that wait want some again."""
    keyed = Keyed(services, "a", "a", "a")
    keyed.add(0, 1, 2)
    keyed.taken()
    keyed.items.update_permits(paused=False)
    assert keyed.limits.figures() == (2, 1)
    keyed.items.update_permits(paused=True)
    assert keyed.limits.figures() == (2, 0)
    keyed.ended(0)
    keyed.items.update_permits(paused=True)
    assert keyed.limits.figures() == (1, 0)
    keyed.items.update_permits(paused=False)
    assert keyed.taken() == [], "they are looked at once the engine has granted one"
    keyed.share_out()
    assert keyed.taken() == [2]


def test_permits_that_come_while_nothing_may_start_are_used_later(services: Services) -> None:
    """No item is looked at while the journal has no room, for example because PostgreSQL is being restarted."""
    keyed = Keyed(services, "a", "a")
    other = keyed.limits.join(OTHER, "a", 2)
    other.take(OTHER, 2)
    keyed.add(0, 1)
    keyed.items.update_permits(paused=False)
    keyed.share_out()
    other.release(OTHER, 1)
    keyed.share_out()
    for _turn in range(3):
        keyed.items.update_permits(paused=False)
    assert keyed.taken() == [0]


def test_an_item_that_is_removed_frees_what_it_had(services: Services) -> None:
    """One that has its permit and waits for something else, and one that waits for its permit."""
    keyed = Keyed(services, "a", "a", "a")
    keyed.add(0, 1, 2)
    assert keyed.taken() == [0, 1]
    keyed.items.removed(("work", 1, 0))
    assert keyed.taken() == [2]
    keyed.items.withdraw("work", 1, [1, 2])
    keyed.items.update_permits(paused=False)
    assert keyed.limits.figures() == (0, 0)


def test_the_end_of_an_item_counts_once(services: Services) -> None:
    """And only for one that has a permit."""
    keyed = Keyed(services, "a", "a", "a", "a")
    keyed.add(0, 1, 2, 3)
    assert keyed.taken() == [0, 1]
    keyed.ended(0, 0, 3)
    assert keyed.taken() == [2]


def test_a_task_without_a_key_is_a_mistake_of_the_caller(services: Services) -> None:
    keyed = Keyed(services, "a")
    with pytest.raises(ValueError, match="'free' has no concurrency_key"):
        keyed.items.add(keyed.starts["free", 0], None)


@pytest.mark.parametrize("key", [7, "", None, "x" * 201, "a\0b", ["a"]], ids=repr)
def test_an_item_whose_key_is_no_text_is_refused(services: Services, key: Any) -> None:
    """It takes no permit, and the others are not held up."""
    keyed = Keyed(services, key, "a")
    keyed.add(0, 1)
    assert [(start.index, code) for start, code, _ in keyed.refused] == [(0, "invalid_key")]
    assert keyed.taken() == [1]


def test_an_item_whose_key_cannot_be_evaluated_is_refused(services: Services) -> None:
    """With the failure of the expression."""
    text = workflow({"name": "work", **KEYED, "concurrency_key": "{{ item.zone }}"}, parameters={"keys": {}})
    drive = Drive(text, {"keys": [{"name": "a"}]})
    limit = drive.workflow.tasks["work"].key_limit
    (start,) = (each for each in drive.commands if isinstance(each, StartItem))
    assert limit is not None
    refusal = key_or_refusal(services, limit.key, "concurrency_key", start, "run")
    assert not isinstance(refusal, str)
    assert refusal[:2] == (start, "expression")
    assert "zone" in refusal[2]


def test_a_fixed_key_needs_no_scope(services: Services) -> None:
    keyed = Keyed(services)
    keyed.items.add(keyed.starts["fixed", 0], 1.5)
    assert list(keyed.items.take_permitted()) == [(keyed.starts["fixed", 0], 1.5)]
    keyed.items.update_permits(paused=False)
    assert keyed.limits.use("one").runs == ("run",)
