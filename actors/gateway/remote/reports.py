"""The reports of the engine of another process: the methods that change nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import pykka

from stretto.actors.gateway.remote.arguments import listed, plain_items, run_of_export
from stretto.actors.gateway.remote.calls import Sender
from stretto.actors.journal import PAGE, GivenItems, InquiryStatus, RerunScope, Scope
from stretto.actors.operations import (
    Audit,
    Cells,
    Context,
    ContextValue,
    ContextVersions,
    Daemon,
    Daemons,
    DefinitionGraph,
    Definitions,
    ErrorItems,
    Errors,
    Export,
    FindRun,
    History,
    Inquiries,
    Item,
    ItemInput,
    ItemOutput,
    Items,
    Key,
    Keys,
    Pools,
    PreviewCancel,
    PreviewRerun,
    Run,
    RunCounts,
    RunDefinition,
    RunGraph,
    Runs,
    Schedule,
    Schedules,
    ScheduleTimes,
    Sensor,
    SensorLogs,
    Sensors,
    ShowInquiry,
    Status,
    Task,
    Tasks,
    Timeline,
    Why,
    events,
)  # fmt: skip
from stretto.definitions.model import Priority


class RemoteReports:
    """The methods of `RemoteEngine` that change nothing."""

    _calls: Sender

    def status(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return the status of a run, in progress or ended. See `Engine.status`."""
        return self._calls.send(lambda: Status(run_id), lambda answer: answer.run)

    def tasks(self, run_id: str) -> pykka.Future[list[dict[str, Any]]]:
        """Return the tasks of a run, each with its newest visit. See `Engine.tasks`."""
        return self._calls.send(lambda: Tasks(run_id), lambda answer: answer.tasks)

    def task(self, run_id: str, task: str, visit: int | None = None) -> pykka.Future[dict[str, Any]]:
        """Return a task of a run. See `Engine.task`."""
        return self._calls.send(lambda: Task(run_id, task, visit), lambda answer: answer.task)

    def preview_cancel(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return what `cancel` would stop. See `Engine.preview_cancel`."""
        return self._calls.send(lambda: PreviewCancel(run_id), lambda answer: answer.preview)

    def preview_rerun(
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
    ) -> pykka.Future[dict[str, Any]]:
        """Return what `rerun` would run again. See `Engine.preview_rerun`."""
        chosen = plain_items(items)
        return self._calls.send(
            lambda: PreviewRerun(run_id, scope, task, chosen, error_group), lambda answer: answer.preview
        )

    def why(self, run_id: str, task: str | None = None) -> pykka.Future[list[dict[str, Any]]]:
        """Return why a run, or one of its tasks, is waiting. See `Engine.why`."""
        return self._calls.send(lambda: Why(run_id, task), lambda answer: answer.reasons)

    def item_output(
        self, run_id: str, task: str, index: int = 0, attempt: int | None = None
    ) -> pykka.Future[dict[str, Any]]:
        """Return what an item has written so far. See `Engine.item_output`."""
        return self._calls.send(lambda: ItemOutput(run_id, task, index, attempt), lambda answer: answer.output)

    def workflows(self) -> pykka.Future[tuple[str, ...]]:
        """Return the refs of all workflows that the daemon knows."""
        return self._calls.send(
            Definitions, lambda answer: tuple(each["ref"] for each in answer.definitions if each["usable"])
        )

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
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of stored runs, the newest first. See `Engine.runs`."""
        wanted = None if labels is None else dict(labels)
        return self._calls.send(
            lambda: Runs(
                listed(status), workflow, since, wanted, search, children, cursor, limit, until, parent, id_prefix, by,
                priority,
            ),
            msgspec.structs.asdict,
        )  # fmt: skip

    def keys(
        self,
        *,
        scope: Scope | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the key-value store without the values. See `Engine.keys`."""
        return self._calls.send(lambda: Keys(scope, owner, prefix, cursor, limit), msgspec.structs.asdict)

    def key(self, name: str, scope: Scope = "system", owner: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Return a key with its value, masked if it is secret. See `Engine.key`."""
        return self._calls.send(lambda: Key(name, scope, owner), lambda answer: answer.key)

    def daemons(self) -> pykka.Future[list[dict[str, Any]]]:
        """Return the daemons that have the store open. See `Engine.daemons`."""
        return self._calls.send(Daemons, lambda answer: answer.daemons)

    def daemon(self, daemon: int) -> pykka.Future[dict[str, Any]]:
        """Return one of the daemons that have the store open. See `Engine.daemon`."""
        return self._calls.send(lambda: Daemon(daemon), lambda answer: answer.daemon)

    def rules(self) -> pykka.Future[list[dict[str, Any]]]:
        """Return all rules. See `Engine.rules`."""
        return self._calls.send(events.Rules, lambda answer: answer.rules)

    def rule(self, rule: str) -> pykka.Future[dict[str, Any]]:
        """Return a rule with its criteria and its last matches. See `Engine.rule`."""
        return self._calls.send(lambda: events.ShowRule(rule), lambda answer: answer.rule)

    def try_rule(
        self,
        rule: str,
        payload: Any = None,
        event_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> pykka.Future[dict[str, Any]]:
        """Return what a rule would make of an event. See `Engine.try_rule`."""
        return self._calls.send(
            lambda: events.TryRule(rule, payload, event_type, _plain(headers), _plain(parameters)),
            msgspec.structs.asdict,
        )

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
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of events without their payloads. See `Engine.events`."""
        return self._calls.send(
            lambda: events.Events(event_type, source, since, until, matched, cursor, limit), msgspec.structs.asdict
        )

    def event(self, event: str) -> pykka.Future[dict[str, Any]]:
        """Return an event with its payload, and the answers of rules to it. See `Engine.event`."""
        return self._calls.send(lambda: events.ShowEvent(event), lambda answer: answer.event)

    def pools(self) -> pykka.Future[list[dict[str, Any]]]:
        """Return the pools of workers. See `Engine.pools`."""
        return self._calls.send(Pools, lambda answer: answer.pools)

    def inquiries(
        self,
        run: str | None = None,
        *,
        status: InquiryStatus | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of inquiries, the newest first. See `Engine.inquiries`."""
        return self._calls.send(lambda: Inquiries(run, status, cursor, limit), msgspec.structs.asdict)

    def inquiry(self, inquiry: str) -> pykka.Future[dict[str, Any]]:
        """Return an inquiry. See `Engine.inquiry`."""
        return self._calls.send(lambda: ShowInquiry(inquiry), lambda answer: answer.inquiry)

    def sensors(self) -> pykka.Future[list[dict[str, Any]]]:
        """Return the sensors. See `Engine.sensors`."""
        return self._calls.send(Sensors, lambda answer: answer.sensors)

    def sensor(self, sensor: str) -> pykka.Future[dict[str, Any]]:
        """Return a sensor. See `Engine.sensor`."""
        return self._calls.send(lambda: Sensor(sensor), lambda answer: answer.sensor)

    def sensor_logs(self, sensor: str, count: int = 100) -> pykka.Future[dict[str, Any]]:
        """Return the newest lines of a sensor's log. See `Engine.sensor_logs`."""
        return self._calls.send(lambda: SensorLogs(sensor, count), msgspec.structs.asdict)

    def schedules(self) -> pykka.Future[list[dict[str, Any]]]:
        """Return the schedules. See `Engine.schedules`."""
        return self._calls.send(Schedules, lambda answer: answer.schedules)

    def schedule(self, schedule: str) -> pykka.Future[dict[str, Any]]:
        """Return a schedule. See `Engine.schedule`."""
        return self._calls.send(lambda: Schedule(schedule), lambda answer: answer.schedule)

    def schedule_times(
        self, schedule: str, since: float | None = None, count: int = 5
    ) -> pykka.Future[list[dict[str, Any]]]:
        """Return the next due times of a schedule. See `Engine.schedule_times`."""
        return self._calls.send(lambda: ScheduleTimes(schedule, since, count), lambda answer: answer.times)

    def run_counts(
        self,
        since: float,
        by: Literal["workflow", "hour"] | None = None,
        children: Literal["listed", "folded"] = "listed",
    ) -> pykka.Future[dict[str, Any]]:
        """Return the number of stored runs by status. See `Engine.run_counts`."""
        return self._calls.send(lambda: RunCounts(since, by, children), _counted)

    def find_run(self, text: str) -> pykka.Future[str]:
        """Return the id of a run by its id, or by 6 or more hex digits that it begins or ends with."""
        return self._calls.send(lambda: FindRun(text), lambda answer: str(answer.run))

    def run(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return a stored run with its inputs, output, errors and tasks, secrets masked."""
        return self._calls.send(lambda: Run(run_id), lambda answer: answer.run)

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
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the ended attempts of a stored run's items. See `Engine.items`."""
        return self._calls.send(
            lambda: Items(run_id, task, listed(outcome), cursor, limit, visit, order, min_attempts),
            msgspec.structs.asdict,
        )

    def item(self, run_id: str, task: str, index: int = 0, visit: int | None = None) -> pykka.Future[dict[str, Any]]:
        """Return the last ended attempt of a stored run's item with its result, secrets masked."""
        return self._calls.send(lambda: Item(run_id, task, index, visit), lambda answer: answer.item)

    def item_input(
        self, run_id: str, task: str, index: int = 0, visit: int | None = None, attempt: int | None = None
    ) -> pykka.Future[Any]:
        """Return the input of a stored run's item, rendered again. See `Engine.item_input`."""
        return self._calls.send(lambda: ItemInput(run_id, task, index, visit, attempt), lambda answer: answer.value)

    def cells(
        self, run_id: str, task: str, visit: int | None = None, known: int | None = None
    ) -> pykka.Future[dict[str, Any]]:
        """Return a map of the items of a stored run's task. See `Engine.cells`."""
        return self._calls.send(lambda: Cells(run_id, task, visit, known), msgspec.structs.asdict)

    def errors(self, run_id: str, task: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Return why items of a stored run have not succeeded, in groups. See `Engine.errors`."""
        return self._calls.send(lambda: Errors(run_id, task), msgspec.structs.asdict)

    def error_items(self, run_id: str, group: str) -> pykka.Future[dict[str, list[list[int]]]]:
        """Return the failed items of a group of failures. See `Engine.error_items`."""
        return self._calls.send(lambda: ErrorItems(run_id, group), lambda answer: answer.items)

    def history(
        self, run_id: str, after: int = -1, kind: str | None = None, task: str | None = None, limit: int = PAGE
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the entries of a stored run. See `Engine.history`."""
        return self._calls.send(lambda: History(run_id, after, kind, task, limit), msgspec.structs.asdict)

    def context(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> pykka.Future[dict[str, Any]]:
        """Return a value of a stored run's context. See `Engine.context`."""
        return self._calls.send(lambda: Context(run_id, at, tuple(path)), msgspec.structs.asdict)

    def context_versions(self, run_id: str, max_entries: int | None = None) -> pykka.Future[dict[str, Any]]:
        """Return the versions of a stored run's context. See `Engine.context_versions`."""
        return self._calls.send(lambda: ContextVersions(run_id, max_entries), msgspec.structs.asdict)

    def timeline(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return when the tasks of a stored run ran. See `Engine.timeline`."""
        return self._calls.send(lambda: Timeline(run_id), msgspec.structs.asdict)

    def context_value(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> pykka.Future[Any]:
        """Return a value of a stored run's context, however large it is. See `Engine.context_value`."""
        return self._calls.send(lambda: ContextValue(run_id, at, tuple(path)), lambda answer: answer.value)

    def definition(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return the definition that a stored run runs with. See `Engine.definition`."""
        return self._calls.send(lambda: RunDefinition(run_id), lambda answer: answer.definition)

    def export(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return a stored run with its definition and all its entries, secrets masked."""
        return self._calls.gather(Export(run_id), run_of_export)

    def audit(
        self, *, since: float | None = None, who: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the audit, the newest entry first. See `Engine.audit`."""
        return self._calls.send(lambda: Audit(since, who, cursor, limit), msgspec.structs.asdict)

    def run_graph(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return the graph of a run with places for its tasks: {nodes, edges, layout}. Nodes have their tasks' states.

        Of more than 150 tasks, parallel groups and tasks in a row are one node.
        """
        return self._calls.send(lambda: RunGraph(run_id), msgspec.structs.asdict)

    def definition_graph(self, ref: str) -> pykka.Future[dict[str, Any]]:
        """Return the graph of a definition as `run_graph` does, without states.

        Raises:
            UnknownWorkflow: The daemon knows no workflow with this ref.
        """
        return self._calls.send(lambda: DefinitionGraph(ref), msgspec.structs.asdict)


def _counted(answer: Any) -> dict[str, Any]:
    counts: dict[str, Any] = msgspec.structs.asdict(answer)
    return counts if answer.workflows is not None else {name: counts[name] for name in ("since", "statuses")}


def _plain(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if given is None else dict(given)
