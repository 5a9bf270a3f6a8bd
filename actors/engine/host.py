"""The daemon's side of an engine, which users do not need: `engine.proxy().host`."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.dispatch import Deferred, reached_by
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.inquiries import EngineInquiries
from stretto.actors.engine.inquiry_links import InquiryLinks
from stretto.actors.engine.news import EngineNews, RunFollowing
from stretto.actors.engine.offers import offers_of
from stretto.actors.engine.queries import record_audit
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.requests import RunRequests
from stretto.actors.engine.schedules import EngineSchedules
from stretto.actors.engine.sensors import EngineSensors
from stretto.actors.engine.shutdown import Shutdown
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.engine.trigger_counts import EngineTriggers, TriggerCounts
from stretto.actors.history import KeptReports, accepted_run, item_result, item_values, map_items, run_inputs
from stretto.actors.journal import Requester
from stretto.actors.runs import RunChanges, Services
from stretto.definitions.dialects import awaited_events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stretto.actors.catalogue import Catalogue
    from stretto.actors.packs import Pack


@reached_by("host")
@pykka.traversable
class EngineHost:
    """Definitions, health, recovery, and the ends of all runs."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it reaches
        self,
        services: Services,
        definitions: EffectiveDefinitions,
        runs: RunSupervision,
        recovery: RunRecovery,
        shutdown: Shutdown,
        news: EngineNews,
        following: RunFollowing,
        requests: RunRequests,
        inquiries: EngineInquiries,
        links: InquiryLinks,
        schedules: EngineSchedules,
        sensors: EngineSensors,
        triggers: EngineTriggers,
    ) -> None:
        self._services = services
        self._definitions = definitions
        self._runs = runs
        self._recovery = recovery
        self._shutdown = shutdown
        self._news = news
        self._following = following
        self._requests = requests
        self._inquiries = inquiries
        self._links = links
        self._schedules = schedules
        self._sensors = sensors
        self._triggers = triggers
        self._item_values = KeptReports()

    def services(self) -> Services:
        """Return what the engine's actors share."""
        return self._services

    def catalogue(self) -> "Catalogue":
        """Return the present definitions, for reading. `use_definitions` replaces them."""
        return self._definitions.catalogue

    def use_definitions(self, catalogue: "Catalogue", packs: "Iterable[Pack]") -> None:
        """Start runs from other definitions and packs from now on. Runs in progress keep theirs.

        Args:
            catalogue: The definitions. Its actions replace those of all runs.
            packs: The packs of the catalogue's actions.

        Raises:
            InvalidPackConfig: A pack rejects the configuration that the engine was given. Nothing has changed.
        """
        self._definitions.replace(catalogue, packs)
        services = self._services
        services.actions = catalogue.actions
        services.journal.offer(offers_of(catalogue, services.pools or (), services.files.access))
        triggers = catalogue.triggers
        awaited = awaited_events(catalogue.workflows().values())
        self._services.events.use(triggers.rules, triggers.hooks, awaited)
        self._schedules.use_definitions()
        self._sensors.use_definitions()
        self._triggers.changed()
        self._services.instruments.list_workflows(catalogue.refs())

    def subscribe_to_ends(self, listener: pykka.ActorRef[Any]) -> None:
        """Send an actor `RunEnded` or `RunParked` of every run from now on, sub-workflows included."""
        self._runs.add_listener(listener)

    def subscribe_to_news(self, listener: pykka.ActorRef[Any]) -> int:
        """Send an actor `RunNews` of every run from now on, sub-workflows included.

        Returns:
            The number of the last news before.
        """
        return self._news.subscribe(listener)

    def runs_in_progress_below(self, workflows: Collection[str]) -> int:
        """Return the number of runs in progress in the trees that runs of these workflows are at the top of."""
        return self._news.count_below(workflows)

    def subscribe_to_inquiries(self, listener: pykka.ActorRef[Any]) -> None:
        """Send an actor `InquiryChanged` of all runs from now on, sub-workflows included."""
        self._inquiries.add_listener(listener)

    def count_triggers(self) -> TriggerCounts:
        """Return the numbers of sensors, rules, schedules and events."""
        return self._triggers.count()

    def watch_triggers(self, listener: pykka.ActorRef[Any]) -> TriggerCounts:
        """Return them, and send `TriggersChanged` to an actor, the only one that watches them, at the next change."""
        return self._triggers.watch(listener)

    def find_link(self, inquiry: str, code: str, *, ended: bool = False) -> Deferred:
        """Return the `FoundLink` of a code.

        Args:
            inquiry: The id of the inquiry that the link is said to be of.
            code: The code.
            ended: Whether the inquiry may have ended: an answer that comes too late is shown who has answered.

        Raises:
            InvalidLink: The code is not that of a link of the inquiry, or can be used no more.
        """
        return self._links.find(inquiry, code, ended=ended)

    def unsubscribe_from_news(self, listener: pykka.ActorRef[Any]) -> None:
        """Send an actor no more `RunNews`."""
        self._news.unsubscribe(listener)

    def follow(self, run_id: str, follower: pykka.ActorRef[Any]) -> Deferred:
        """Send an actor `RunChanged` of a run, once after each of its questions, and `LastChanges` at its end.

        Raises:
            UnknownRun, IllegalTransition: There is no such run, or it has ended.
        """
        return self._following.follow(run_id, follower)

    def unfollow(self, run_id: str, follower: pykka.ActorRef[Any]) -> None:
        """Send an actor nothing more of a run."""
        self._following.unfollow(run_id, follower)

    def changes(self, run_id: str, follower: pykka.ActorRef[Any], since: int | None) -> RunChanges | Deferred:
        """Answer with what has changed in a run since a follower's last question, once that is durable.

        Args:
            run_id: The run.
            follower: The actor that follows it.
            since: The entry of the answer that it knows. None, or any other entry, asks for the whole state.

        Returns:
            The `RunChanges`.

        Raises:
            UnknownRun, IllegalTransition: There is no such run, or it has ended.
            RunRestarting: The run's supervisor has failed. `RunChanged` follows from the next one.
        """
        return self._following.changes(run_id, follower, since)

    def live_state(self, run_id: str) -> Deferred:
        """Answer with the whole state of a run of this engine, for another one. See `WatchedRuns`.

        Raises:
            UnknownRun, IllegalTransition: There is no such run, or it has ended.
        """
        return self._following.live_state(run_id)

    def error_groups(self, run_id: str, names: Sequence[str]) -> list[Any]:
        """Return groups of errors that news of a run have named, for another engine. See `WatchedRuns`."""
        return self._following.error_groups(run_id, names)

    def await_end(self, run_id: str) -> None:
        """Send `RunEnded` of a run to all who listen to ends, also if another engine of the store has it."""
        self._following.await_end(run_id)

    def follow_output(  # noqa: PLR0913, PLR0917 - the attempt is optional
        self,
        run_id: str,
        task: str,
        index: int,
        attempt: int | None,
        key: str,
        follower: pykka.ActorRef[Any],
    ) -> Any:
        """Answer as `Engine.item_output` does, and send an actor `OutputChanged` when there is more.

        It is sent once for each answer of an attempt in flight, and at the attempt's end.

        Args:
            run_id: The run.
            task: The task.
            index: The item's index.
            attempt: The number of the attempt, or None for the one in flight or the last one.
            key: What `OutputChanged` has as its `key`.
            follower: The actor.
        """
        return self._following.output(run_id, task, index, attempt, key, follower)

    def entries(self, run_id: str, first: int, most: int) -> Deferred:
        """Answer with a run's entries from the store, from number `first` on. Raises `NoStore`, `StoreUnavailable`."""
        return self._services.readers.ask_deferred(lambda reader: reader.entries(run_id, first, most))

    def run_inputs(self, run_id: str) -> Deferred:
        """Answer with the inputs of a run, by a long read. Raises `UnknownRun`, `NoStore`, `StoreUnavailable`."""
        return self._services.readers.long.ask_deferred(lambda reader: run_inputs(reader, run_id))

    def run_end(self, run_id: str) -> Deferred:
        """Answer with how a run ended, or None, by a long read. Raises `NoStore`, `StoreUnavailable`."""
        return self._services.readers.long.ask_deferred(lambda reader: reader.end(run_id))

    def item_result(self, run_id: str, task: str, index: int, visit: int | None, attempt: int | None) -> Deferred:
        """Answer with the result of an item's attempt, by a long read.

        Raises `UnknownRun`, `UnknownItem`, `NoStore`, `StoreUnavailable`.
        """
        return self._services.readers.long.ask_deferred(
            lambda reader: item_result(reader, run_id, task, index, visit, attempt)
        )

    def run_version(self, run_id: str) -> Any:
        """Answer with the version of a run: another one whenever its status, its tasks or its report change.

        Raises `UnknownRun`, `StoreUnavailable`.
        """
        return self._requests.version(run_id)

    def workflow_of_run(self, run_id: str) -> Deferred:
        """Answer with the definition of a stored run. Raises `UnknownRun`, `NoStore`, `StoreUnavailable`."""
        return self._services.readers.ask_deferred(lambda reader: accepted_run(reader, run_id).workflow)

    def item_values(self, run_id: str, task: str, visit: int, indexes: Sequence[int]) -> Deferred:
        """Answer with the values of items of a task's newest visit by their indexes. See `history.item_values`."""
        kept = self._item_values
        return self._services.readers.ask_deferred(
            lambda reader: item_values(reader, run_id, task, visit, indexes, kept=kept)
        )

    def store_facts(self) -> Deferred:
        """Answer with the kind, the version and the size of the store. Raises `NoStore`, `StoreUnavailable`."""
        return self._services.readers.ask_deferred(lambda reader: reader.facts())

    def recorded_cells(self, run_id: str, task: str, visit: int) -> Deferred:
        """Answer with the cells of a visit's items as far as the run's entries say them. Raises as `Engine.cells`."""
        maps = self._services.item_maps
        return self._services.readers.ask_deferred(
            lambda reader: map_items(reader, run_id, task, visit, maps=maps)["cells"]
        )

    def store_failure(self) -> str | None:
        """Return why the store cannot be written, or None if it can or there is none."""
        return self._services.journal.unavailable

    def audit(self, by: Requester, operation: str, target: str, result: str) -> Deferred:
        """Record a change that the engine does not make itself, such as a reload. Answered when it is durable.

        Args:
            by: Who asked for it.
            operation: The name of the operation.
            target: What the request named.
            result: What came of it.
        """
        answer = Deferred()
        record_audit(self._services.journal, by.asks(operation, target, self._services.now(), result), answer)
        return answer

    def recovered(self) -> Deferred:
        """Answer when all runs that were unfinished at the start are recovered."""
        return self._recovery.finished

    def broken(self) -> Deferred:
        """Answer when the engine ends without a request: its store is lost, or an essential actor crashed."""
        return self._shutdown.broken
