"""The engine's actor: it joins the parts, handles their messages, and shares out permits after each turn."""

from typing import Any

from stretto.actors.dispatch import DispatchedActor, TurnReply
from stretto.actors.engine.core import EngineCore
from stretto.actors.engine.startup import EngineParts, bind_gauges
from stretto.actors.journal import MatchesClaimed, RunsClaimed
from stretto.actors.runs import PermitPool
from stretto.metrics import get_logger


class EngineActor(DispatchedActor):
    """An engine without its public methods. Each class of them extends it."""

    def __init__(self, parts: EngineParts) -> None:
        super().__init__()
        self._services = parts.services
        self._services.engine = self.actor_ref
        self._core = core = EngineCore(parts, self.actor_ref)
        self._handlers = core.handlers
        self.host = core.host
        self.metrics_url = parts.metrics_url
        bind_gauges(parts, core.table.__len__, core.quarantine.__len__)
        core.recovery.runs_claimed(RunsClaimed(parts.claimed))
        if parts.claimed.matches:
            core.matches.find_due(MatchesClaimed())
        parts.stack.add("engine", self.actor_ref.stop)

    @staticmethod
    def _create_future() -> TurnReply[Any]:
        return TurnReply()

    def on_receive(self, message: Any) -> Any:
        """Handle a message by the part whose method is marked with its type."""
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(message)

    def on_turn_end(self) -> None:
        """Share out the permits, once for all messages of the turn. Finish a drain."""
        services = self._services
        if services.permits.asked:
            self._share_out(services.permits)
        if services.pool_permits:
            for permits in services.pool_permits.values():
                if permits.asked:
                    self._share_out(permits)
        if services.key_limits.asking:
            for pool, changes in services.key_limits.share_out():
                self._core.runs.notify_of_permits(changes, pool)
        if self._core.admission.closed:
            self._core.shutdown.finish_if_drained()

    def _share_out(self, permits: PermitPool) -> None:
        self._core.runs.notify_of_permits(permits.share_out(), permits.pool)

    def on_stop(self) -> None:
        """Stop everything without a drain if the actor itself is stopped."""
        self._core.shutdown.stop_at_once()

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop everything: without its root actor an engine answers no request."""
        get_logger("stretto.engine").critical("engine_crashed", reason=f"{type(error).__name__}: {error}")
        self._core.shutdown.stop_at_once()
