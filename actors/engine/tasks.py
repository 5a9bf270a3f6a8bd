"""The tasks of runs: their state from the supervisor, the times of their visits from the store."""

from typing import Any

from stretto.actors.dispatch import Deferred, derived
from stretto.actors.engine.requests import RunRequests
from stretto.actors.history import list_tasks, show_task, task_of, tasks_of
from stretto.actors.runs import Services


class TaskQueries:
    """Answers questions about the tasks of a run."""

    def __init__(self, services: Services, requests: RunRequests) -> None:
        self._services = services
        self._requests = requests

    def list(self, run_id: str) -> Deferred:
        """Return the tasks of a run. See `Engine.tasks`."""

        def tasks(status: dict[str, Any]) -> Any:
            if not self._services.journal.durable:
                return tasks_of(status)
            return self._services.readers.ask_deferred(lambda reader: list_tasks(reader, run_id, status))

        return derived(self._requests.status(run_id), tasks)

    def show(self, run_id: str, task: str, visit: int | None) -> Deferred:
        """Return a task of a run. See `Engine.task`."""

        def shown(status: dict[str, Any]) -> Any:
            if not self._services.journal.durable:
                return task_of(status, task, visit)
            return self._services.readers.ask_deferred(lambda reader: show_task(reader, run_id, task, visit, status))

        return derived(self._requests.status(run_id), shown)
