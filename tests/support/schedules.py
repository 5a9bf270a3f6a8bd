"""Schedules on virtual time: the real scheduler, its clock replaced."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from stretto.actors.dispatch import Timers, ask_method
from stretto.actors.events import EventIntake
from stretto.actors.journal import MatchesDue, NoJournal, NoReaders, ScheduleLink
from stretto.actors.rehearsal.pump import PumpedDispatcher
from stretto.actors.rehearsal.timeline import ReminderKeeper, Timeline
from stretto.actors.schedules import HeldSchedules, RunOfScheduleEnded, Scheduler, Surroundings, UseSchedules
from stretto.actors.schedules.messages import CompareClocks
from stretto.definitions.dialects import Reader
from stretto.definitions.rules import Rule, read_trigger
from stretto.definitions.source import compose

if TYPE_CHECKING:
    import pykka


def instant(text: str) -> float:
    """Return a time in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def rule_of(schedule: str, ref: str = "tests.due", more: str = "", value: str = "{{ payload.due }}") -> Rule:
    """Return the rule of a schedule, given as YAML."""
    text = f"ref: {ref}\nschedule: {schedule}\nrun: tests.work\ninput: {{due: '{value}'}}\n{more}"
    reader = Reader(f"{ref}.yaml")
    rule = read_trigger(reader, compose(text, reader.file, reader.report))
    assert not reader.findings, reader.findings
    assert isinstance(rule, Rule)
    return rule


class Started:
    """Receives what the engine would start, and the runs to cancel."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.due: list[str] = []
        self.cancelled: list[str] = []

    def tell(self, message: Any) -> None:
        assert isinstance(message, MatchesDue)
        for match in message.matches:
            assert match.inputs is not None
            self.runs.append(match.run_id)
            self.due.append(match.inputs["due"])


class Day:
    """An engine's scheduler on virtual time, which stands still between its steps.

    Attributes:
        wall: What is added to the passing of time: `wall += 3600` sets the clock.
        compares_clocks: Whether the scheduler looks each minute whether the clock was set.
    """

    def __init__(self, start: str, *rules: Rule, journal: ScheduleLink | None = None, readers: Any = None) -> None:
        self.compares_clocks = True
        self.timeline = Timeline()
        self.wall = instant(start) - self.timeline.seconds
        self.started = Started()
        self.dispatcher = PumpedDispatcher()
        self.journal = NoJournal() if journal is None else journal
        self.intake = EventIntake(self.journal)  # type: ignore[arg-type]
        self.intake.start_runs_with(self.started)
        self.held = HeldSchedules()
        self.scheduler: pykka.ActorRef[Scheduler] = Scheduler.start_on(
            self.dispatcher,
            self.held,
            Surroundings(
                journal=self.journal, readers=readers or NoReaders(), intake=self.intake,
                timers=Timers(ReminderKeeper.start_on(self.dispatcher, self.timeline), self.timeline.now),
                now=self.now, cancel=self.started.cancelled.append,
            ),
        )  # fmt: skip
        self.use(*rules)

    def now(self) -> float:
        return self.timeline.seconds + self.wall

    def use(self, *rules: Rule) -> None:
        """Load definitions."""
        index = {rule.ref: rule for rule in rules}
        self.intake.use(index, {})
        self.scheduler.tell(UseSchedules(index))
        self.dispatcher.pump()

    def run_until(self, end: str) -> list[str]:
        """Let time pass, and return the due times whose runs were started meanwhile."""
        before = len(self.started.due)
        while (reminder := self.timeline.next_reminder()) is not None and reminder.at + self.wall <= instant(end):
            if isinstance(reminder.message, CompareClocks) and not self.compares_clocks:
                self.timeline.forget(reminder.key)
                continue
            self.timeline.ring(reminder)
            self.dispatcher.pump()
        self.timeline.seconds = max(self.timeline.seconds, instant(end) - self.wall)
        return self.started.due[before:]

    def sleep(self, end: str) -> None:
        """Let time pass in which nothing is handled, as while the machine is suspended."""
        self.timeline.seconds = instant(end) - self.wall

    def end(self, *run_ids: str) -> None:
        """End runs."""
        for run_id in run_ids:
            self.scheduler.tell(RunOfScheduleEnded(run_id))
        self.dispatcher.pump()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the scheduler."""
        answer = ask_method(self.scheduler, method, *arguments)
        self.dispatcher.pump()
        return answer.get(timeout=0)

    def close(self) -> None:
        self.dispatcher.stop()
