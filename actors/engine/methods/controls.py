"""Changes to a run in progress."""

from typing import Any

from stretto.actors.engine.actor import EngineActor
from stretto.actors.engine.requests import asked_by_client
from stretto.actors.journal import Requester
from stretto.definitions.conductor import events


class ControlMethods(EngineActor):
    """Changes to a run in progress."""

    def cancel(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Cancel a run by its policy. Answered when nothing new will start. A quarantined run ends at once."""
        return self._core.requests.cancel(run_id, by)

    def preview_cancel(self, run_id: str) -> Any:
        """Return what `cancel` would stop, without a cancellation.

        Returns:
            {policy, tasks, items, not_started}: the cancellation policy, the tasks in progress, their items in flight,
            and their known items that would never start.
        """
        return self._core.requests.preview_cancel(run_id)

    def recover(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Try again to recover a quarantined run. Raises `IllegalTransition` for any other run."""
        return self._core.release.recover(run_id, by)

    def pause(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Pause a run: nothing new starts, running items finish."""
        return self._core.requests.control(run_id, "pause", "pause", by, events.PauseRequested)

    def resume(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Resume a paused run."""
        return self._core.requests.control(run_id, "resume", "resume", by, events.ResumeRequested)

    def cancel_task(self, run_id: str, task: str, *, by: Requester | None = None) -> Any:
        """Cancel a task of a run: its items are stopped, and it ends cancelled. The run goes on as after a failure."""
        return self._core.requests.control(
            run_id, "change", "cancel_task", by, asked_by_client(events.TaskCancelRequested, by), task
        )

    def pause_task(self, run_id: str, task: str, *, by: Requester | None = None) -> Any:
        """Pause a task of a run: running items finish, and nothing new starts in it. Its sub-workflows pause, too."""
        return self._core.requests.control(run_id, "change", "pause_task", by, events.TaskPauseRequested, task)

    def resume_task(self, run_id: str, task: str, *, by: Requester | None = None) -> Any:
        """Resume a paused task of a run. `resume` resumes the paused tasks of its run, too."""
        return self._core.requests.control(run_id, "change", "resume_task", by, events.TaskResumeRequested, task)

    def set_concurrency(self, run_id: str, task: str, concurrency: int, *, by: Requester | None = None) -> Any:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        event = events.ConcurrencyRequested
        return self._core.requests.control(run_id, "change", "set_concurrency", by, event, task, concurrency)

    def set_max_failures(self, run_id: str, task: str, max_failures: int, *, by: Requester | None = None) -> Any:
        """Change how many items of a running fan-out may fail, at least 0. A visit that failed too often stays so."""
        event = events.MaxFailuresRequested
        return self._core.requests.control(run_id, "change", "set_max_failures", by, event, task, max_failures)

    def skip_item(self, run_id: str, task: str, index: int, *, by: Requester | None = None) -> Any:
        """Skip an item of a running fan-out: it ends without a result, as if it had succeeded."""
        return self._core.requests.control(run_id, "change", "skip_item", by, events.SkipRequested, task, index)

    def retry_item(self, run_id: str, task: str, index: int, *, by: Requester | None = None) -> Any:
        """Retry an item of a running fan-out that has failed, or waits for its next attempt."""
        return self._core.requests.control(run_id, "change", "retry_item", by, events.RetryRequested, task, index)

    def extend(self, run_id: str, seconds: float, *, by: Requester | None = None) -> Any:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        return self._core.requests.control(run_id, "extend", "extend", by, events.ExtensionRequested, seconds)
