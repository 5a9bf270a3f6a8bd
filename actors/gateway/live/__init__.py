"""Live events: the changes of a run, and the news of the engine, as server-sent events.

    supervisors, engine --messages--> Source --> RunChannel, NewsChannel --frames--> Subscription --> Outlet
                                        ^              |
                                        '---- asks ----'  at most four times a second and run, only if there is news

endpoints      the ASGI callables
hub            the streams: admission, sessions, keep-alive, shutdown
run_channel    one run that clients follow
news_channel   the news of all runs
inquiry_news   that inquiries were asked or have ended
output_channel the output of an item that one client follows
model          a run as a client puts it together
resuming       the changes since an entry that a client names, from the store
frames, ring   frames of a stream, and the last ones of each
subscription   one client's queue
source         the engine, as the hub uses it

All of it runs in the thread of one event loop. It holds nothing that may not be lost.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.gateway.live.endpoints import HAND_OVER, EngineStream, OutputStream, RunStream
    from stretto.actors.gateway.live.hub import MAX_STREAMS, LiveHub
    from stretto.actors.gateway.live.source import EngineSource
    from stretto.actors.gateway.live.subscription import Outlet, Subscription
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "endpoints": "HAND_OVER EngineStream OutputStream RunStream",
            "hub": "LiveHub MAX_STREAMS",
            "source": "EngineSource",
            "subscription": "Outlet Subscription",
        },
    )

__all__ = [
    "HAND_OVER",
    "MAX_STREAMS",
    "EngineSource",
    "EngineStream",
    "LiveHub",
    "Outlet",
    "OutputStream",
    "RunStream",
    "Subscription",
]
