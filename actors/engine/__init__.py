"""The root actor: it accepts, supervises, recovers and stops runs; its proxy is the API."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.engine.action_inquiries import ActionAsks
    from stretto.actors.engine.blocking import BlockingEngine
    from stretto.actors.engine.blocking_calls import BlockingCalls, RunNotEnded
    from stretto.actors.engine.engine import Engine
    from stretto.actors.engine.host import EngineHost
    from stretto.actors.engine.inquiry_links import FoundLink
    from stretto.actors.engine.startup import EngineParts
    from stretto.actors.engine.trigger_counts import TriggerCounts, TriggersChanged
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "action_inquiries": "ActionAsks",
            "blocking": "BlockingEngine",
            "blocking_calls": "BlockingCalls RunNotEnded",
            "engine": "Engine",
            "host": "EngineHost",
            "inquiry_links": "FoundLink",
            "trigger_counts": "TriggerCounts TriggersChanged",
            "startup": "EngineParts",
        },
    )

__all__ = [
    "ActionAsks",
    "BlockingCalls",
    "BlockingEngine",
    "Engine",
    "EngineHost",
    "EngineParts",
    "FoundLink",
    "RunNotEnded",
    "TriggerCounts",
    "TriggersChanged",
]
