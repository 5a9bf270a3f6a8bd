"""All streams of a daemon: who may open one, what it gets, and how they end."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from stretto.actors.engine import TriggersChanged
from stretto.actors.gateway.live.count_news import CountNews
from stretto.actors.gateway.live.frames import event
from stretto.actors.gateway.live.inquiry_news import InquiryNews
from stretto.actors.gateway.live.news_channel import Accepts, NewsChannel
from stretto.actors.gateway.live.output_channel import OutputChannel
from stretto.actors.gateway.live.ring import RingMemory
from stretto.actors.gateway.live.run_channel import CallLater, RunChannel, Timer, ended_frames
from stretto.actors.gateway.live.source import FollowedItem, Message, Source
from stretto.actors.gateway.live.subscription import Subscription
from stretto.actors.runs import InquiryChanged, LastChanges, OutputChanged, RunChanged, RunEnded, RunNews, RunParked
from stretto.definitions.conductor import ENDED, IllegalTransition
from stretto.definitions.errors import LimitReached, StrettoError

MAX_STREAMS: Final = 500
"""Streams of a daemon."""
MAX_SESSION_STREAMS: Final = 16
"""Streams of one session."""
MAX_IDLE_CHANNELS: Final = 64
"""Runs without clients whose last frames are kept for those that reconnect."""
KEEP_ALIVE_SECONDS: Final = 15.0
"""The time between two comments to all clients that wait."""
CHECK_SECONDS: Final = 5.0
"""The time between two looks for streams whose time is over, while any are open. Nothing else wakes an idle daemon."""


class TooManyStreams(LimitReached):
    """The daemon, or the client's session, has as many streams open as it may have."""

    code = "too_many_streams"


class HubStopped(StrettoError):
    """The daemon is stopping: it opens no more streams."""

    code = "engine_stopping"


class Repeated:
    """Calls a function again and again, from a start to a stop.

    Args:
        call_later: Calls a function after so many seconds.
        seconds: The time from one call to the next.
        function: The function.
    """

    def __init__(self, call_later: CallLater, seconds: float, function: Callable[[], object]) -> None:
        self._call_later = call_later
        self._seconds = seconds
        self._function = function
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._timer is None:
            self._timer = self._call_later(self._seconds, self._call)

    def stop(self) -> None:
        """Make no more calls. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call(self) -> None:
        self._timer = self._call_later(self._seconds, self._call)
        self._function()


class LiveHub:
    """The streams of one daemon. Used in the thread of its event loop only."""

    def __init__(
        self,
        source: Source,
        *,
        call_later: CallLater | None = None,
        max_streams: int = MAX_STREAMS,
        max_session_streams: int = MAX_SESSION_STREAMS,
    ) -> None:
        """Make a hub that is not started.

        Args:
            source: The engine.
            call_later: Calls a function after so many seconds. By default the event loop's.
            max_streams: The number of streams in all.
            max_session_streams: The number of streams of one session.
        """
        self._source = source
        self._call_later: CallLater = call_later or (lambda *call: asyncio.get_running_loop().call_later(*call))
        self._max_streams = max_streams
        self._max_session_streams = max_session_streams
        self._memory = RingMemory()
        self._channels: OrderedDict[str, RunChannel] = OrderedDict()
        """All channels. Those without clients are ordered by when the last one left."""
        self._outputs: dict[str, OutputChannel] = {}
        """Those who follow an output, by their key."""
        self._news = NewsChannel(source, self._call_later)
        self._open: dict[Subscription, RunChannel | OutputChannel | None] = {}
        """All clients, each with what it follows. None is the news of all runs, or nothing yet."""
        self._inquiries = InquiryNews(self._open, self._call_later)
        self._counts = CountNews(source, self._call_later)
        self._sessions: dict[str, int] = {}
        """How many clients each session has."""
        self._repeated = [Repeated(self._call_later, KEEP_ALIVE_SECONDS, self._comment)]
        """They act while streams are open."""
        self._stopped = False
        self._left: asyncio.Future[None] | None = None
        self.dropped = 0
        """Clients that were dropped because they were too slow."""

    async def start(self) -> None:
        """Start to hear of runs."""
        await self._source.start(self.take)

    async def stop(self, reason: str = "the daemon is stopping") -> None:
        """End all streams at once, and open no more."""
        self._stopped = True
        for channel in self._channels.values():
            channel.part_from(reason)
        self._news.close()
        bye = event("bye", {"reason": reason})
        for each in self._open:
            each.end(bye)
        for repeated in self._repeated:
            repeated.stop()
        await self._source.stop()

    async def left(self) -> None:
        """Wait until no stream is open: each client has taken its last frames, or has left."""
        if self._open:
            self._left = asyncio.get_running_loop().create_future()
            await self._left

    @property
    def streams(self) -> int:
        """The number of open streams."""
        return len(self._open)

    def end_those_of(self, is_over: Callable[[object], bool], reason: str) -> None:
        """End the streams of some callers, because their session has ended or their token was revoked.

        Args:
            is_over: Whether the streams of a caller end.
            reason: The reason that they are sent.
        """
        bye = event("bye", {"reason": reason})
        for each in self._open:
            if is_over(each.caller):
                each.end(bye)

    def end_in_time(self, end_over: Callable[[], object]) -> None:
        """Call a function each CHECK_SECONDS while streams are open: no request says that the time of one is over.

        Args:
            end_over: Ends the streams whose time is over, by `end_those_of`.
        """
        self._repeated.append(Repeated(self._call_later, CHECK_SECONDS, end_over))

    # ---- streams

    async def follow_run(
        self, run_id: str, last_id: str = "", session: str = "", *, counts: bool = False
    ) -> Subscription:
        """Open a stream of one run. It is open until the subscription is closed.

        Args:
            run_id: The run, in progress or ended.
            last_id: The id of the last frame that the client has, or "".
            session: Names the session whose streams are bounded together, or is "".
            counts: Whether it also gets the numbers of sensors, rules, schedules and events.

        Raises:
            UnknownRun: There is no such run.
            TooManyStreams, HubStopped: No stream can be opened now.
        """
        with self._admitted(session) as subscription:
            channel = self._channels.get(run_id)
            if channel is None:
                channel = RunChannel(run_id, self._source, self._memory, self._call_later)
                self._channels[run_id] = channel
            channel.users += 1
            self._open[subscription] = channel
            await _join(channel, subscription, last_id, self._source)
            self._inquiries.greet(subscription)
            if counts:
                self._counts.join(subscription)
        return subscription

    async def follow_engine(
        self,
        last_id: str = "",
        session: str = "",
        accepts: Accepts | None = None,
        workflows: tuple[str, ...] | None = None,
        *,
        counts: bool = False,
    ) -> Subscription:
        """Open a stream of the news of all runs. It is open until the subscription is closed.

        Args:
            last_id: The id of the last frame that the client has, or "".
            session: Names the session whose streams are bounded together, or is "".
            accepts: Decides which news the client gets. None lets it have all.
            workflows: Those whose runs, and the runs below these, the client may see. None is all.
            counts: Whether it also gets the numbers of sensors, rules, schedules and events.

        Raises:
            TooManyStreams, HubStopped: No stream can be opened now.
        """
        with self._admitted(session) as subscription:
            subscription.held_by(self._news)
            await self._news.join(subscription, last_id, accepts, workflows)
            self._inquiries.greet(subscription)
            if counts:
                self._counts.join(subscription)
        return subscription

    async def follow_output(self, item: FollowedItem, session: str = "") -> Subscription:
        """Open a stream of an item's output. It ends with the item's attempt, or when the subscription is closed.

        Args:
            item: The item.
            session: Names the session whose streams are bounded together, or is "".

        Raises:
            UnknownRun, ItemNotInFlight, UnknownItem: As of `Engine.item_output`.
            TooManyStreams, HubStopped: No stream can be opened now.
        """
        with self._admitted(session) as subscription:
            key = uuid4().hex
            channel = OutputChannel(key, subscription, self._source, self._call_later)
            self._outputs[key] = self._open[subscription] = channel
            await channel.begin(item)
        return subscription

    def item_states(self, run_id: str, task: str) -> tuple[int, int, bytes] | None:
        """Return the states of a task's items, for a client that was sent "many".

        They are those of the last report, so that the reports that follow continue them. A client ignores the items of
        frames up to that entry.

        Returns:
            The entry, the visit, and a byte an item (`ITEM_STATES`). None if they are not known here.
        """
        channel = self._channels.get(run_id)
        return None if channel is None else channel.item_states(task)

    @contextmanager
    def _admitted(self, session: str) -> Iterator[Subscription]:
        """Admit a client. It leaves if the block, which opens its stream, fails."""
        if self._stopped:
            raise HubStopped("the daemon is stopping: it opens no more streams")
        if len(self._open) >= self._max_streams:
            raise TooManyStreams(
                f"{len(self._open)} streams are open, at most {self._max_streams} may be (MAX_STREAMS)",
                "MAX_STREAMS",
                self._max_streams,
            )
        others = self._sessions.get(session, 0) if session else 0
        if others >= self._max_session_streams:
            raise TooManyStreams(
                f"{others} streams of this session are open, at most {self._max_session_streams} may "
                "be (MAX_SESSION_STREAMS): close a page",
                "MAX_SESSION_STREAMS",
                self._max_session_streams,
            )
        subscription = Subscription(session)
        self._open[subscription] = None
        if session:
            self._sessions[session] = others + 1
        for repeated in self._repeated:
            repeated.start()
        subscription.held_by(self)
        try:
            yield subscription
        except BaseException:
            subscription.close()
            raise

    def remove(self, subscription: Subscription) -> None:
        """Forget a client that has left."""
        channel = self._open.pop(subscription)
        if isinstance(channel, RunChannel):
            channel.subscriptions.pop(subscription, None)
            channel.users -= 1
            if not channel.users:
                self._rest(channel)
        elif channel is not None:
            self._outputs.pop(channel.key).close()
        self.dropped += subscription.lagging
        if subscription.session:
            self._forget_one_of(subscription.session)
        if not self._open:
            for repeated in self._repeated:
                repeated.stop()
            if self._left is not None and not self._left.done():
                self._left.set_result(None)

    def _forget_one_of(self, session: str) -> None:
        others = self._sessions.pop(session) - 1
        if others:
            self._sessions[session] = others

    def _comment(self) -> None:
        for each in self._open:
            each.keep_alive()

    def _rest(self, channel: RunChannel) -> None:
        """Keep a channel without clients for those that reconnect, or drop it if it is of no use."""
        channel.rest()
        if not channel.known:
            del self._channels[channel.run_id]
            return
        self._channels.move_to_end(channel.run_id)
        idle = [each for each in self._channels.values() if not each.users]
        for each in idle[: max(len(idle) - MAX_IDLE_CHANNELS, 0)]:
            self._drop(each)

    def _drop(self, channel: RunChannel) -> None:
        channel.forget()
        del self._channels[channel.run_id]

    def forget(self, run_id: str) -> None:
        """Drop the frames of a run that was deleted, unless a client is just reading them."""
        channel = self._channels.get(run_id)
        if channel is not None and not channel.users:
            self._drop(channel)

    # ---- messages of the engine

    def take(self, message: Message) -> None:
        """Take a message about a run."""
        if isinstance(message, RunNews):
            self._news.take(message)
        elif isinstance(message, InquiryChanged):
            self._inquiries.changed()
        elif isinstance(message, TriggersChanged):
            self._counts.changed()
        elif isinstance(message, OutputChanged):
            if message.key in self._outputs:
                self._outputs[message.key].changed()
        else:
            self._take_of_run(message)

    def _take_of_run(self, message: RunChanged | LastChanges | RunEnded | RunParked) -> None:
        run_id: str = message.changes.run_id if isinstance(message, LastChanges) else message.run_id
        channel = self._channels.get(run_id)
        if channel is None:
            return
        if isinstance(message, RunChanged):
            channel.changed()
        elif isinstance(message, LastChanges):
            channel.take_last(message)
        elif isinstance(message, RunEnded):
            if channel.users:
                channel.end(message)
            elif not channel.over:
                self._drop(channel)  # its last changes are not known here
        elif isinstance(message, RunParked):
            channel.part_from(message.why)


async def _join(channel: RunChannel, subscription: Subscription, last_id: str, source: Source) -> None:
    """Add a client of a run to its channel."""
    while not channel.ready:
        try:
            await channel.refresh()
        except IllegalTransition:
            if not channel.ready:
                await _join_ended(channel.run_id, subscription, source)
                return
    await channel.join(subscription, last_id)


async def _join_ended(run_id: str, subscription: Subscription, source: Source) -> None:
    """Send the outcome of a run that has ended before anyone followed it. Raises `UnknownRun`."""
    ended = await source.ended(run_id)
    if ended["status"] not in ENDED:  # it waits for its recovery, which this engine could not do
        subscription.end(event("bye", {"reason": "the run is not in progress"}))
        return
    *first, last = ended_frames(run_id, ended)
    subscription.begin(first)
    subscription.end(last)
