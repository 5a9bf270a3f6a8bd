"""Trials: recovered runs whose restarted items are in flight. An engine that dies meanwhile may have died of them.

    run of a group --RunRecovered--> on trial --RunSettled, or 10 seconds--> not noted any more
    suspect, alone --RunRecovered--> on trial --RunSettled, or 10 seconds--> not noted any more
                                             '--its share of the time--> the next suspect is recovered, too

An item that takes long ends the trial of its run by time, so that it does not hold up others.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pykka

from stretto.actors.engine.crashes import STEPS
from stretto.actors.journal import RESTARTED, ReplayTrace
from stretto.actors.runs import TrialsAged, TrialStepped

TRIAL_SECONDS: Final = 10.0
"""A run is not suspected of a crash later than this after it has restarted its items."""
SHARED_SECONDS: Final = 40.0
"""The time in which the suspects are recovered, if the items of each are in flight for longer than its share."""
_AGES: Final = 10
"""The steps in which the trials of groups grow older: a few messages for thousands of runs."""

RemindAfter = Callable[[float, pykka.ActorRef[Any], Any], object]


@dataclass(slots=True)
class _Trial:
    number: int
    share: float
    lasts: float = 0.0


class Trials:
    """The trials of the runs that an engine has recovered."""

    def __init__(self, engine: pykka.ActorRef[Any], trace: ReplayTrace, remind_after: RemindAfter) -> None:
        self._engine = engine
        self._trace = trace
        self._remind_after = remind_after
        self._of_groups: deque[set[str]] = deque()
        """Runs by the age of their trials, the oldest first."""
        self._ageing = False
        self._of_suspects: dict[str, _Trial] = {}
        self._traced: str | None = None
        """The suspect whose trial is traced: the last one."""
        self._number = 0

    def begin_in_group(self, run_id: str) -> None:
        """Begin the trial of a run that was not recovered alone."""
        if not self._of_groups:
            self._of_groups.append(set())
        self._of_groups[-1].add(run_id)
        self._age_later()

    def begin_alone(self, run_id: str, share: float) -> None:
        """Begin the trial of a suspect. After `share` seconds the next one may be recovered."""
        self._number += 1
        self._of_suspects[run_id] = _Trial(self._number, share if share >= STEPS[1].seconds else 0.0)
        self._traced = run_id
        self._step_later(run_id, self._number, 0)

    def trace_next(self) -> None:
        """Trace no trial, because another suspect is recovered."""
        self._traced = None

    def end(self, run_id: str) -> None:
        """End the trial of a run, if it is on trial."""
        self._of_suspects.pop(run_id, None)
        for runs in self._of_groups:
            runs.discard(run_id)

    def clear(self) -> None:
        """End all trials."""
        self._of_groups.clear()
        self._of_suspects.clear()

    # ---- what is on trial

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._of_suspects or any(run_id in runs for runs in self._of_groups)

    @property
    def suspects(self) -> tuple[str, ...]:
        """The suspects on trial."""
        return tuple(self._of_suspects)

    @property
    def any_of_groups(self) -> bool:
        """Whether a run that was not recovered alone is on trial."""
        return any(self._of_groups)

    def has_had_its_share(self, run_id: str) -> bool:
        """Return whether the next suspect may be recovered beside this one."""
        trial = self._of_suspects.get(run_id)
        return trial is None or trial.lasts >= trial.share

    # ---- time goes by

    def age(self) -> frozenset[str]:
        """Let the trials of groups grow older, at `TrialsAged`. Return the runs whose trial has ended."""
        self._ageing = False
        self._of_groups.append(set())
        ended = frozenset(self._of_groups.popleft()) if len(self._of_groups) > _AGES else frozenset()
        if self.any_of_groups:
            self._age_later()
        else:
            self._of_groups.clear()
        return ended

    def step(self, message: TrialStepped) -> bool:
        """Mark the time that restarted items have been in flight. Return whether that was the last step."""
        trial = self._of_suspects.get(message.run_id)
        if trial is None or trial.number != message.trial:
            return False
        if message.step == len(STEPS):
            del self._of_suspects[message.run_id]
            return True
        trial.lasts = STEPS[message.step].seconds
        if self._traced == message.run_id:
            self._trace.mark(RESTARTED - message.step)
        self._step_later(message.run_id, trial.number, message.step)
        return False

    def _age_later(self) -> None:
        if not self._ageing:
            self._ageing = True
            self._remind_after(TRIAL_SECONDS / _AGES, self._engine, TrialsAged())

    def _step_later(self, run_id: str, number: int, step: int) -> None:
        following = STEPS[step + 1].seconds if step + 1 < len(STEPS) else TRIAL_SECONDS
        message = TrialStepped(run_id, number, step + 1)
        self._remind_after(following - STEPS[step].seconds, self._engine, message)
