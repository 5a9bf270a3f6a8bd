"""The requests that a run passes on to the sub-workflows that its items run."""

from collections.abc import Mapping
from typing import Final

from stretto.actors.runs.messages import PauseItem, ResumeItem, StopItem
from stretto.definitions.conductor import CancelRequested, PauseRequested, ResumeRequested

CHILD_MESSAGES: Final[Mapping[type, PauseItem | ResumeItem | StopItem]] = {
    PauseRequested: PauseItem(),
    ResumeRequested: ResumeItem(),
    CancelRequested: StopItem(),
}
"""The message for items with a sub-workflow, by the run's request."""
