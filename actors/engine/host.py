"""The daemon's side of an engine, which users do not need: `engine.proxy().host`."""

from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.dispatch import Deferred, reached_by
from stretto.actors.engine.queries import record_audit
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.shutdown import Shutdown
from stretto.actors.engine.supervision import EffectiveDefinitions, RunSupervision
from stretto.actors.journal import Requester
from stretto.actors.runs import Services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stretto.actors.catalogue import Catalogue
    from stretto.actors.packs import Pack


@reached_by("host")
@pykka.traversable
class EngineHost:
    """Definitions, health, recovery, and the ends of all runs."""

    def __init__(
        self,
        services: Services,
        definitions: EffectiveDefinitions,
        runs: RunSupervision,
        recovery: RunRecovery,
        shutdown: Shutdown,
    ) -> None:
        self._services = services
        self._definitions = definitions
        self._runs = runs
        self._recovery = recovery
        self._shutdown = shutdown

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
        self._services.actions = catalogue.actions
        self._services.instruments.list_workflows(catalogue.refs())

    def subscribe_to_ends(self, listener: pykka.ActorRef[Any]) -> None:
        """Send an actor `RunEnded` or `RunParked` of every run from now on, sub-workflows included."""
        self._runs.add_listener(listener)

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
