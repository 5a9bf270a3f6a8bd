"""Changes of what one engine of a store looks after: a schedule or a sensor. Its engine makes them when asked."""

from collections.abc import Callable
from typing import Any

from stretto.actors.dispatch import Deferred, derived, forward, settle_with
from stretto.actors.engine.relay import Relay
from stretto.actors.journal import EngineLink, Reader, Requester
from stretto.actors.runs import Services
from stretto.definitions.errors import StrettoError


class OwnerRequests:
    """Passes changes on to the engines that own schedules or sensors.

    Args:
        services: The services of this engine.
        link: The journal, which knows the number of this engine.
        relay: Asks other engines.
        refusal: The error of an engine that is not the owner.
        owner: Reads the number of the engine that owns one, or None.
    """

    def __init__(
        self,
        services: Services,
        link: EngineLink,
        relay: Relay,
        refusal: type[StrettoError],
        owner: Callable[[Reader, str], int | None],
    ) -> None:
        self._services = services
        self._link = link
        self._relay = relay
        self._refusal = refusal
        self._owner = owner

    def at_owner(
        self, method: str, own: Deferred, ref: str, by: Requester | None, show: Callable[[str], Any]
    ) -> Deferred:
        """Return this engine's answer. If another engine is the owner, ask that one, once.

        Args:
            method: The method of `Engine` that makes the change.
            own: The answer of this engine.
            ref: The schedule or the sensor.
            by: Who asks.
            show: Returns the answer to a change whose answer has no value: it is seen in the store.
        """
        answer = Deferred()

        def ask_owner(owner: int | None, refused: BaseException) -> None:
            is_other = owner is not None and owner != self._link.engine
            ask = self._relay.to_engine(owner, method, (ref,), by) if owner is not None and is_other else None
            if ask is None:
                answer.fail(refused)
            else:
                forward(derived(ask(), lambda value: show(ref) if value is None else value), answer)

        def failed(error: BaseException) -> None:
            if not isinstance(error, self._refusal) or not self._services.journal.durable:
                answer.fail(error)
                return
            self._services.readers.read(
                lambda reader: self._owner(reader, ref), lambda owner: ask_owner(owner, error), answer.fail
            )

        settle_with(own, answer.resolve, failed)
        return answer
