"""The requests that change a run, each with its event and its command.

A control needs a struct and a row of `CONTROLS` here. The socket's protocol, the command line and stores without a
daemon take it from there. The method of `Engine` has the struct's tag as its name, and the struct's fields as its
parameters; the event has them too, behind `run` and before `at`. The note is the audit's.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, NamedTuple

import msgspec

from stretto.actors.operations.base import Index, NotedRequest
from stretto.definitions.conductor import events


class ControlRequest(NotedRequest, frozen=True):
    """A request that changes a run. Its docstring is the command's help; RUN and --note are added to the arguments."""

    run: str


class Cancel(ControlRequest, frozen=True, tag="cancel"):
    """Cancel RUN by its cancellation policy.

    Nothing new starts in the run, nor in its sub-workflows.
    """


class Pause(ControlRequest, frozen=True, tag="pause"):
    """Pause RUN and its sub-workflows: nothing new starts.

    Running items finish.
    """


class Resume(ControlRequest, frozen=True, tag="resume"):
    """Resume RUN and its sub-workflows."""


class CancelTask(ControlRequest, frozen=True, tag="cancel_task"):
    """Cancel TASK of RUN: its items are stopped, and it ends cancelled. The run goes on as after a failure."""

    task: str


class PauseTask(ControlRequest, frozen=True, tag="pause_task"):
    """Pause TASK of RUN and its sub-workflows: running items finish, and nothing new starts in it."""

    task: str


class ResumeTask(ControlRequest, frozen=True, tag="resume_task"):
    """Resume TASK of RUN and its sub-workflows."""

    task: str


class SkipItem(ControlRequest, frozen=True, tag="skip_item"):
    """Skip an item: it ends without a result and counts as succeeded.

    The item is INDEX of TASK in RUN. A task without items is item 0.
    """

    task: str
    index: Index


class RetryItem(ControlRequest, frozen=True, tag="retry_item"):
    """Retry a failed item, or end its wait for a retry.

    The item is INDEX of TASK in RUN. A task without items is item 0.
    """

    task: str
    index: Index


class SetConcurrency(ControlRequest, frozen=True, tag="set_concurrency"):
    """Set how many items of a task run at once.

    From now on, at most ITEMS items of TASK in RUN are in flight. Running items finish.
    """

    task: str
    concurrency: Annotated[int, msgspec.Meta(ge=1, title="items")]


class SetMaxFailures(ControlRequest, frozen=True, tag="set_max_failures"):
    """Set how many items of a task may fail.

    From now on, TASK in RUN goes on until more than ITEMS items have failed. With more failures already, it starts no
    further item.
    """

    task: str
    max_failures: Annotated[int, msgspec.Meta(ge=0, title="items")]


class Extend(ControlRequest, frozen=True, tag="extend"):
    """Extend a run's deadline.

    RUN gets SECONDS more than its workflow's `timeout`, added to the deadline that `stretto runs why` shows.
    """

    seconds: Annotated[float, msgspec.Meta(gt=0)]


class RunControl(NamedTuple):
    """A control: its command below `stretto runs`, its request, and the event that it is to the run.

    Attributes:
        command: The command.
        request: The request.
        event: The event.
    """

    command: str
    request: type[ControlRequest]
    event: Callable[..., events.Event]


_OF_TASKS: Final = (
    RunControl("cancel", CancelTask, events.TaskCancelRequested),
    RunControl("pause", PauseTask, events.TaskPauseRequested),
    RunControl("resume", ResumeTask, events.TaskResumeRequested),
)
TASK_CONTROLS: Final[Mapping[str, Callable[..., ControlRequest]]] = {each.command: each.request for each in _OF_TASKS}
"""The controls of single tasks, by the command of the run that has them with `--task`."""
CONTROLS: Final = (
    *_OF_TASKS,
    RunControl("cancel", Cancel, events.CancelRequested),
    RunControl("pause", Pause, events.PauseRequested),
    RunControl("resume", Resume, events.ResumeRequested),
    RunControl("skip", SkipItem, events.SkipRequested),
    RunControl("retry", RetryItem, events.RetryRequested),
    RunControl("concurrency", SetConcurrency, events.ConcurrencyRequested),
    RunControl("max-failures", SetMaxFailures, events.MaxFailuresRequested),
    RunControl("extend", Extend, events.ExtensionRequested),
)
"""Every control, in the order of `stretto runs --help`. That of a task comes before that of the run."""

_EVENTS: Final = {control.request: control.event for control in CONTROLS}


def event_of(request: ControlRequest, at: float) -> events.Event:
    """Return the event that a control is to its run at `at`, in seconds since the epoch."""
    fields = msgspec.structs.asdict(request)
    del fields["run"], fields["note"]
    return _EVENTS[type(request)](**fields, at=at)
