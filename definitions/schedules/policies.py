"""The policies of due times that were missed, and of those that come while an earlier run is in progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

MissedPolicy: TypeAlias = Literal["skip", "one", "all"]
OverlapPolicy: TypeAlias = Literal["allow", "skip", "queue_one", "cancel_older"]
Decision: TypeAlias = Literal["start", "skip", "queue", "replace"]
"""`replace` cancels the runs in progress and starts."""

MAX_CAUGHT_UP: Final = 1_000
"""Missed due times that a schedule catches up with at most."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The policy of missed due times: `skip` them, start `one` run, or start runs for `all` of the last `most`."""

    policy: MissedPolicy = "one"
    most: int = 1

    def to_start(self, missed: Sequence[int]) -> list[int]:
        """Return those of the missed due times, in order, for which a run starts."""
        if self.policy == "skip":
            return []
        return list(missed[-1:] if self.policy == "one" else missed[-self.most :])


def decide(policy: OverlapPolicy, in_progress: int) -> Decision:
    """Return what a due time leads to.

    Args:
        policy: The schedule's policy.
        in_progress: How many runs of the schedule are in progress.
    """
    if not in_progress or policy == "allow":
        return "start"
    if policy == "skip":
        return "skip"
    return "queue" if policy == "queue_one" else "replace"
