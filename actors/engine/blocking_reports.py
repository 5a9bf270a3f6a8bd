"""The methods of an engine that change nothing, for programs that wait."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from stretto.actors.journal import PAGE, GivenItems, InquiryStatus, RerunScope, Scope
from stretto.definitions.model import Priority


class BlockingReports:
    """The methods that change nothing, each waiting for its answer.

    Args:
        proxy: What has the methods, and returns futures.
    """

    def __init__(self, proxy: Any) -> None:
        self.proxy = proxy

    def status(self, run_id: str) -> dict[str, Any]:
        """Return the status of a run, in progress or ended. See `Engine.status`."""
        return dict(self._get(self.proxy.status(run_id)))

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        """Return the tasks of a run, each with its newest visit. See `Engine.tasks`."""
        return list(self._get(self.proxy.tasks(run_id)))

    def task(self, run_id: str, task: str, visit: int | None = None) -> dict[str, Any]:
        """Return a task of a run. See `Engine.task`."""
        return dict(self._get(self.proxy.task(run_id, task, visit)))

    def preview_cancel(self, run_id: str) -> dict[str, Any]:
        """Return what `cancel` would stop. See `Engine.preview_cancel`."""
        return dict(self._get(self.proxy.preview_cancel(run_id)))

    def preview_rerun(
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
    ) -> dict[str, Any]:
        """Return what `rerun` would run again. See `Engine.preview_rerun`."""
        preview: dict[str, Any] = self._get(
            self.proxy.preview_rerun(run_id, scope, task, items=items, error_group=error_group)
        )
        return preview

    def why(self, run_id: str, task: str | None = None) -> list[dict[str, Any]]:
        """Return why a run, or one of its tasks, is waiting. See `Engine.why`."""
        return list(self._get(self.proxy.why(run_id, task)))

    def item_output(self, run_id: str, task: str, index: int = 0, attempt: int | None = None) -> dict[str, Any]:
        """Return what an item in flight has written so far. See `Engine.item_output`."""
        return dict(self._get(self.proxy.item_output(run_id, task, index, attempt)))

    def workflows(self) -> tuple[str, ...]:
        """Return the refs of all known workflows."""
        return tuple(self._get(self.proxy.workflows()))

    def runs(  # noqa: PLR0913 - the fields of a query
        self,
        *,
        status: str | Sequence[str] | None = None,
        workflow: str | None = None,
        since: float | None = None,
        labels: Mapping[str, str] | None = None,
        search: str | None = None,
        children: Literal["listed", "folded"] = "listed",
        cursor: str | None = None,
        limit: int = PAGE,
        until: float | None = None,
        parent: str | None = None,
        id_prefix: str | None = None,
        by: str | None = None,
        priority: Priority | None = None,
    ) -> dict[str, Any]:
        """Return a page of stored runs, the newest first. See `Engine.runs`."""
        page: dict[str, Any] = self._get(
            self.proxy.runs(
                status=status, workflow=workflow, since=since, labels=labels, search=search, children=children,
                cursor=cursor, limit=limit, until=until, parent=parent, id_prefix=id_prefix, by=by,
                priority=priority,
            )
        )  # fmt: skip
        return page

    def keys(
        self,
        *,
        scope: Scope | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> dict[str, Any]:
        """Return a page of the key-value store without the values. See `Engine.keys`."""
        page: dict[str, Any] = self._get(
            self.proxy.keys(scope=scope, owner=owner, prefix=prefix, cursor=cursor, limit=limit)
        )
        return page

    def key(self, name: str, scope: Scope = "system", owner: str | None = None) -> dict[str, Any]:
        """Return a key with its value, masked if it is secret. See `Engine.key`."""
        return dict(self._get(self.proxy.key(name, scope, owner)))

    def inquiries(
        self,
        run: str | None = None,
        *,
        status: InquiryStatus | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> dict[str, Any]:
        """Return a page of inquiries, the newest first. See `Engine.inquiries`."""
        return dict(self._get(self.proxy.inquiries(run, status=status, cursor=cursor, limit=limit)))

    def inquiry(self, inquiry: str) -> dict[str, Any]:
        """Return an inquiry. See `Engine.inquiry`."""
        return dict(self._get(self.proxy.inquiry(inquiry)))

    def daemons(self) -> list[dict[str, Any]]:
        """Return the daemons that have the store open. See `Engine.daemons`."""
        return list(self._get(self.proxy.daemons()))

    def daemon(self, daemon: int) -> dict[str, Any]:
        """Return one of the daemons that have the store open. See `Engine.daemon`."""
        return dict(self._get(self.proxy.daemon(daemon)))

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules. See `Engine.rules`."""
        return list(self._get(self.proxy.rules()))

    def rule(self, rule: str) -> dict[str, Any]:
        """Return a rule with its criteria and its last matches. See `Engine.rule`."""
        return dict(self._get(self.proxy.rule(rule)))

    def try_rule(
        self,
        rule: str,
        payload: Any = None,
        event_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return what a rule would make of an event. See `Engine.try_rule`."""
        return dict(self._get(self.proxy.try_rule(rule, payload, event_type, headers, parameters)))

    def events(  # noqa: PLR0913 - the fields of a query
        self,
        *,
        event_type: str | None = None,
        source: str | None = None,
        since: float | None = None,
        until: float | None = None,
        matched: bool | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> dict[str, Any]:
        """Return a page of events without their payloads. See `Engine.events`."""
        page: dict[str, Any] = self._get(
            self.proxy.events(
                event_type=event_type, source=source, since=since, until=until, matched=matched, cursor=cursor,
                limit=limit,
            )
        )  # fmt: skip
        return page

    def event(self, event: str) -> dict[str, Any]:
        """Return an event with its payload, and the answers of rules to it. See `Engine.event`."""
        return dict(self._get(self.proxy.event(event)))

    def pools(self) -> list[dict[str, Any]]:
        """Return the pools of workers. See `Engine.pools`."""
        return list(self._get(self.proxy.pools()))

    def sensors(self) -> list[dict[str, Any]]:
        """Return the sensors. See `Engine.sensors`."""
        return list(self._get(self.proxy.sensors()))

    def sensor(self, sensor: str) -> dict[str, Any]:
        """Return a sensor. See `Engine.sensor`."""
        return dict(self._get(self.proxy.sensor(sensor)))

    def sensor_logs(self, sensor: str, count: int = 100) -> dict[str, Any]:
        """Return the newest lines of a sensor's log. See `Engine.sensor_logs`."""
        return dict(self._get(self.proxy.sensor_logs(sensor, count)))

    def schedules(self) -> list[dict[str, Any]]:
        """Return the schedules. See `Engine.schedules`."""
        return list(self._get(self.proxy.schedules()))

    def schedule(self, schedule: str) -> dict[str, Any]:
        """Return a schedule. See `Engine.schedule`."""
        return dict(self._get(self.proxy.schedule(schedule)))

    def schedule_times(self, schedule: str, since: float | None = None, count: int = 5) -> list[dict[str, Any]]:
        """Return the next due times of a schedule. See `Engine.schedule_times`."""
        return list(self._get(self.proxy.schedule_times(schedule, since, count)))

    def run_counts(
        self,
        since: float,
        by: Literal["workflow", "hour"] | None = None,
        children: Literal["listed", "folded"] = "listed",
    ) -> dict[str, Any]:
        """Return the number of stored runs by status. See `Engine.run_counts`."""
        return dict(self._get(self.proxy.run_counts(since, by, children)))

    def find_run(self, text: str) -> str:
        """Return the id of a run by its id or a part of it. See `Engine.find_run`."""
        return str(self._get(self.proxy.find_run(text)))

    def show_run(self, run_id: str) -> dict[str, Any]:
        """Return a stored run with its inputs, output, errors and tasks, secrets masked."""
        return dict(self._get(self.proxy.run(run_id)))

    def items(  # noqa: PLR0913, PLR0917 - the fields of a query
        self,
        run_id: str,
        task: str | None = None,
        outcome: str | Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
        visit: int | None = None,
        order: Literal["ended", "index"] = "ended",
        min_attempts: int = 1,
    ) -> dict[str, Any]:
        """Return a page of the ended attempts of a stored run's items. See `Engine.items`."""
        page: dict[str, Any] = self._get(
            self.proxy.items(run_id, task, outcome, cursor, limit, visit, order, min_attempts)
        )
        return page

    def item(self, run_id: str, task: str, index: int = 0, visit: int | None = None) -> dict[str, Any]:
        """Return the last ended attempt of a stored run's item. See `Engine.item`."""
        return dict(self._get(self.proxy.item(run_id, task, index, visit)))

    def item_input(
        self, run_id: str, task: str, index: int = 0, visit: int | None = None, attempt: int | None = None
    ) -> Any:
        """Return the input of a stored run's item, rendered again. See `Engine.item_input`."""
        return self._get(self.proxy.item_input(run_id, task, index, visit, attempt))

    def cells(self, run_id: str, task: str, visit: int | None = None, known: int | None = None) -> dict[str, Any]:
        """Return a map of the items of a stored run's task. See `Engine.cells`."""
        return dict(self._get(self.proxy.cells(run_id, task, visit, known)))

    def export(self, run_id: str) -> dict[str, Any]:
        """Return a stored run with its definition and all its entries, secrets masked."""
        return dict(self._get(self.proxy.export(run_id)))

    def errors(self, run_id: str, task: str | None = None) -> dict[str, Any]:
        """Return why items of a stored run have not succeeded, in groups. See `Engine.errors`."""
        return dict(self._get(self.proxy.errors(run_id, task)))

    def error_items(self, run_id: str, group: str) -> dict[str, list[list[int]]]:
        """Return the failed items of a group of failures. See `Engine.error_items`."""
        items: dict[str, list[list[int]]] = self._get(self.proxy.error_items(run_id, group))
        return items

    def history(
        self, run_id: str, after: int = -1, kind: str | None = None, task: str | None = None, limit: int = PAGE
    ) -> dict[str, Any]:
        """Return a page of the entries of a stored run. See `Engine.history`."""
        return dict(self._get(self.proxy.history(run_id, after, kind, task, limit)))

    def context(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> dict[str, Any]:
        """Return a value of a stored run's context. See `Engine.context`."""
        return dict(self._get(self.proxy.context(run_id, at, path)))

    def context_versions(self, run_id: str, max_entries: int | None = None) -> dict[str, Any]:
        """Return the versions of a stored run's context. See `Engine.context_versions`."""
        return dict(self._get(self.proxy.context_versions(run_id, max_entries)))

    def timeline(self, run_id: str) -> dict[str, Any]:
        """Return when the tasks of a stored run ran. See `Engine.timeline`."""
        return dict(self._get(self.proxy.timeline(run_id)))

    def context_value(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> Any:
        """Return a value of a stored run's context, however large it is. See `Engine.context_value`."""
        return self._get(self.proxy.context_value(run_id, at, path))

    def definition(self, run_id: str) -> dict[str, Any]:
        """Return the definition that a stored run runs with. See `Engine.definition`."""
        return dict(self._get(self.proxy.definition(run_id)))

    def audit(
        self, *, since: float | None = None, who: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> dict[str, Any]:
        """Return a page of the audit, the newest entry first. See `Engine.audit`."""
        return dict(self._get(self.proxy.audit(since=since, who=who, cursor=cursor, limit=limit)))

    @staticmethod
    def _get(future: Any) -> Any:
        return future.get()
