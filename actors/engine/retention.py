"""How long ended runs, entries of the audit and events are kept."""

from dataclasses import dataclass

from stretto.actors.journal import Prune, PruneAudit, PruneEvents

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days, and how many of them, ended runs stay in the store. None is no limit.

    `audit_days` are the days that entries of the audit stay there, and `event_days` those of events.
    """

    days: float | None = None
    runs: int | None = None
    audit_days: float | None = None
    event_days: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether anything is ever deleted."""
        return (self.days, self.runs, self.audit_days, self.event_days) != (None, None, None, None)

    def of_audit_at(self, now: float) -> PruneAudit | None:
        """Return the entries of the audit to delete now, or None without a limit."""
        return None if self.audit_days is None else PruneAudit(now - self.audit_days * SECONDS_A_DAY)

    def of_events_at(self, now: float) -> PruneEvents | None:
        """Return the events to delete now, or None without a limit."""
        return None if self.event_days is None else PruneEvents(now - self.event_days * SECONDS_A_DAY)

    def at(self, now: float) -> Prune | None:
        """Return the runs to delete now, or None without a limit."""
        if self.days is None and self.runs is None:
            return None
        return Prune(None if self.days is None else now - self.days * SECONDS_A_DAY, self.runs)

    def check(self) -> None:
        """Raise ValueError for a negative number."""
        if (self.days is not None and self.days < 0) or (self.runs is not None and self.runs < 0):
            raise ValueError("a retention must be at least 0 days and at least 0 runs")
        if self.audit_days is not None and self.audit_days < 0:
            raise ValueError(f"retain_audit_days must be at least 0, got {self.audit_days}")
        if self.event_days is not None and self.event_days < 0:
            raise ValueError(f"retain_event_days must be at least 0, got {self.event_days}")


FOR_EVER = Retention()
