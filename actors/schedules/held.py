"""A schedule that an engine looks after, and all of them by ref."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from stretto.definitions.errors import StrettoError, names_there, nearest

if TYPE_CHECKING:
    from stretto.actors.journal import ScheduleState
    from stretto.definitions.rules import Rule
    from stretto.definitions.schedules import Schedule


class UnknownSchedule(StrettoError):
    """There is no schedule with the given ref."""

    code = "unknown_schedule"


def unknown_schedule_error(ref: str, known: Iterable[str]) -> UnknownSchedule:
    """Return the error of a schedule that is not there."""
    refs = list(known)
    hint = nearest(ref, refs) or names_there(refs)
    return UnknownSchedule(f"there is no schedule {ref!r}" + (f"; {hint}" if hint else ""))


class Held:
    """A schedule, its rule and its state.

    Attributes:
        rule: The rule that answers its due times.
        begins: When it was added to the definitions of a running engine, or None: it is not due before.
        state: Its state, or None until it is this engine's.
        running: The runs that are known to be in progress.
        pending: The due times to handle, in order.
        busy: How many states are being recorded, and reads of runs are being made.
        known: The runs that were known when the last read began.
        reminder: The key of the reminder of the next due time.
        number: The number of that reminder.
        wake_at: When that reminder comes, in seconds since the epoch.
    """

    __slots__ = ("begins", "busy", "known", "number", "pending", "reminder", "rule", "running", "state", "wake_at")

    def __init__(self, rule: "Rule", begins: int | None = None) -> None:
        self.rule = rule
        self.begins = begins
        self.state: ScheduleState | None = None
        self.running: set[str] = set()
        self.pending: deque[int] = deque()
        self.busy = 0
        self.known: frozenset[str] = frozenset()
        self.reminder: int | None = None
        self.number = 0
        self.wake_at: float | None = None

    @property
    def schedule(self) -> "Schedule":
        """The schedule of the rule."""
        schedule = self.rule.schedule
        assert schedule is not None  # noqa: S101 - only rules with a schedule are held
        return schedule

    @property
    def identity(self) -> str:
        """A text of when it is due, to compare it with another version of the file."""
        return self.schedule.identity if self.rule.enabled else f"disabled {self.schedule.identity}"

    @property
    def may_start(self) -> bool:
        """Whether its due times start runs."""
        return self.state is not None and not self.state.paused and self.rule.enabled


RESULTS: Final = ("started", "missed", "skipped", "queued", "replaced")
"""The fates of due times, as they are counted."""


class HeldSchedules:
    """The schedules of an engine.

    Attributes:
        counts: The due times since the engine's start, by what became of them.
    """

    def __init__(self) -> None:
        self.counts = Counter(dict.fromkeys(RESULTS, 0))
        self._held: dict[str, Held] = {}
        self._by_run: dict[str, str] = {}

    def use(self, rules: "Mapping[str, Rule]", begins: int | None) -> list[Held]:
        """Hold the schedules of other rules. Return those that are no longer held.

        Args:
            rules: The rules by ref.
            begins: When those that are new begin, or None where they were before.
        """
        gone = [held for ref, held in self._held.items() if ref not in rules]
        kept = self._held
        self._held = {ref: kept.get(ref) or Held(rule, begins) for ref, rule in rules.items()}
        for ref, rule in rules.items():
            self._held[ref].rule = rule
        return gone

    def get(self, ref: str) -> Held | None:
        """Return a schedule, or None."""
        return self._held.get(ref)

    def find(self, ref: str) -> Held:
        """Return a schedule. Raises `UnknownSchedule`."""
        held = self._held.get(ref)
        if held is None:
            raise unknown_schedule_error(ref, self._held)
        return held

    def note_run(self, held: Held, run_id: str) -> None:
        """Note that a run of a schedule is in progress."""
        held.running.add(run_id)
        self._by_run[run_id] = held.rule.ref

    def replace_runs(self, held: Held, run_ids: Iterable[str]) -> None:
        """Replace the runs of a schedule that are in progress."""
        for run_id in held.running:
            self._by_run.pop(run_id, None)
        held.running = set()
        for run_id in run_ids:
            self.note_run(held, run_id)

    def run_ended(self, run_id: str) -> Held | None:
        """Forget a run. Return its schedule, or None if it is of none."""
        ref = self._by_run.pop(run_id, None)
        held = None if ref is None else self._held.get(ref)
        if held is not None:
            held.running.discard(run_id)
        return held

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def __len__(self) -> int:
        return len(self._held)
