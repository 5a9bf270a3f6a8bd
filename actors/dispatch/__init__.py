"""Actors without threads: the dispatcher that runs their turns, timers, and answers that come later."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.dispatch.actor import DispatchedActor
    from stretto.actors.dispatch.asyncio_bridge import awaitable, call, call_then, reached_by
    from stretto.actors.dispatch.clock import Clock, ForgetReminder, RemindAt, Timers
    from stretto.actors.dispatch.deferred import (
        Deferred,
        SparseFuture,
        answer,
        answer_error,
        ask_deferred,
        ask_method,
        ask_method_deferred,
        derived,
        forward,
        settle_with,
        tell_then,
        when_failed,
        when_settled,
    )
    from stretto.actors.dispatch.dispatcher import Dispatcher
    from stretto.actors.dispatch.handlers import handlers_of, handles, unbound_handlers
    from stretto.actors.dispatch.lane import Lane
    from stretto.actors.dispatch.light import LightActor
    from stretto.actors.dispatch.mailbox import Mailbox, Recipient
    from stretto.actors.dispatch.right_of_way import RightOfWay
    from stretto.actors.dispatch.time_guard import Guard, Overran, TimeGuard, Unguarded
    from stretto.actors.dispatch.timed_inbox import TimedInbox
    from stretto.actors.dispatch.timed_queue import TimedQueue
    from stretto.actors.dispatch.turn_reply import TurnReply
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "actor": "DispatchedActor",
            "asyncio_bridge": "awaitable call call_then reached_by",
            "clock": "Timers Clock ForgetReminder RemindAt",
            "deferred": "Deferred SparseFuture answer answer_error ask_deferred ask_method ask_method_deferred derived "
            "forward settle_with tell_then when_failed when_settled",
            "dispatcher": "Dispatcher",
            "handlers": "handlers_of handles unbound_handlers",
            "lane": "Lane",
            "light": "LightActor",
            "mailbox": "Mailbox Recipient",
            "time_guard": "Guard Overran TimeGuard Unguarded",
            "right_of_way": "RightOfWay",
            "timed_inbox": "TimedInbox",
            "timed_queue": "TimedQueue",
            "turn_reply": "TurnReply",
        },
    )

__all__ = [
    "Clock",
    "Deferred",
    "DispatchedActor",
    "Dispatcher",
    "ForgetReminder",
    "Guard",
    "Lane",
    "LightActor",
    "Mailbox",
    "Overran",
    "Recipient",
    "RemindAt",
    "RightOfWay",
    "SparseFuture",
    "TimeGuard",
    "TimedInbox",
    "TimedQueue",
    "Timers",
    "TurnReply",
    "Unguarded",
    "answer",
    "answer_error",
    "ask_deferred",
    "ask_method",
    "ask_method_deferred",
    "awaitable",
    "call",
    "call_then",
    "derived",
    "forward",
    "handlers_of",
    "handles",
    "reached_by",
    "settle_with",
    "tell_then",
    "unbound_handlers",
    "when_failed",
    "when_settled",
]
