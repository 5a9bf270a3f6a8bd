"""Which schedules a scheduler looks after: those among the definitions that no other engine has."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from stretto.actors.dispatch import Deferred, DispatchedActor, Timers, forward, handles, settle_with
from stretto.actors.events import EventIntake
from stretto.actors.journal import NoReaders, Readers, ScheduleLink, ScheduleState
from stretto.actors.schedules.held import Held, HeldSchedules
from stretto.actors.schedules.messages import ClaimAgain, ClaimFailed, SchedulesClaimed, UseSchedules
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

CLAIM_RETRY_SECONDS: Final = 5.0

_log = get_logger("stretto.schedules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The surroundings of a scheduler.

    Attributes:
        journal: Records the states and the events.
        readers: Read which runs are in progress.
        intake: Matches events with rules.
        timers: Send reminders.
        now: Returns seconds since the epoch.
        cancel: Requests that a run is cancelled.
        changed: Called when a schedule may have another status.
    """

    journal: ScheduleLink
    readers: Readers | NoReaders
    intake: EventIntake
    timers: Timers
    now: Callable[[], float]
    cancel: Callable[[str], object]
    changed: Callable[[], object] = lambda: None


class ScheduleClaimer(DispatchedActor):
    """Claims schedules, at the start and after reloads, and what other engines have left."""

    def __init__(self, held: HeldSchedules, surroundings: Surroundings) -> None:
        super().__init__()
        self._with = surroundings
        self._held = held
        self._has_begun = False
        self._claims_again = False
        self._claiming = 0
        self._waiting: list[tuple[Callable[[], Any], Deferred]] = []
        """The requests that wait for the end of a claim, each with its answer."""

    @abstractmethod
    def _take_up(self, held: Held, claimed: ScheduleState) -> None:
        """Look after a schedule from now on, or with the definition that it has now."""

    @abstractmethod
    def _let_go(self, held: Held) -> None:
        """Look after a schedule no more."""

    @handles(UseSchedules)
    def _use(self, message: UseSchedules) -> None:
        begins = int(self._with.now()) if self._has_begun else None
        for gone in self._held.use(message.rules, begins):
            self._let_go(gone)
        self._has_begun = True
        self._with.changed()
        if message.rules:
            self._claim()

    def _claim(self) -> None:
        timings = {held.rule.ref: held.identity for held in self._held}
        self._claiming += 1
        claimed = self._with.journal.claim_schedules(timings, int(self._with.now()))
        scheduler = self.actor_ref
        settle_with(
            claimed,
            lambda states: scheduler.tell(SchedulesClaimed(tuple(states))),
            lambda error: scheduler.tell(ClaimFailed(str(error))),
        )

    @handles(SchedulesClaimed)
    def _claimed(self, message: SchedulesClaimed) -> None:
        has_more = False
        for claimed in message.states:
            held = self._held.get(claimed.ref)
            if held is not None:
                has_more |= held.state is None
                self._take_up(held, claimed)
        if has_more:
            self._with.changed()
        self._answer_waiting()
        seconds = self._with.journal.claim_seconds
        if seconds is not None:
            self._claim_in(seconds)

    @handles(ClaimFailed)
    def _claim_failed(self, message: ClaimFailed) -> None:
        _log.warning("schedules_not_claimed", reason=message.reason)
        self._answer_waiting()
        self._claim_in(CLAIM_RETRY_SECONDS)

    def _after_claim(self, act: Callable[[], Any]) -> Any:
        """Return the answer of a request, or a deferred one while schedules are being claimed."""
        if not self._claiming:
            return act()
        answer = Deferred()
        self._waiting.append((act, answer))
        return answer

    def _answer_waiting(self) -> None:
        """Count the end of a claim, and answer the requests that have waited for it."""
        self._claiming -= 1
        if self._claiming:
            return
        waiting, self._waiting = self._waiting, []
        for act, answer in waiting:
            try:
                forward(act(), answer)
            except StrettoError as error:
                answer.fail(error)

    def _claim_in(self, seconds: float) -> None:
        if not self._claims_again:
            self._claims_again = True
            self._with.timers.remind_after(seconds, self.actor_ref, ClaimAgain())

    @handles(ClaimAgain)
    def _claim_again(self, _message: ClaimAgain) -> None:
        self._claims_again = False
        self._claim()
