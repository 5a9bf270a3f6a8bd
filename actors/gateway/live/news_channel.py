"""The news of all runs: at most four frames a second, each with the latest news of the runs that have some."""

from collections import deque
from collections.abc import Callable
from secrets import token_hex
from typing import Any, Final, NamedTuple

from msgspec import structs

from stretto.actors.gateway.live.frames import Frame, event, grouped
from stretto.actors.gateway.live.ring import RING_FRAMES
from stretto.actors.gateway.live.run_channel import FRAME_SECONDS, CallLater
from stretto.actors.gateway.live.source import Source
from stretto.actors.gateway.live.subscription import Subscription
from stretto.actors.runs import RunNews

MAX_NEWS_AT_ONCE: Final = 1000
"""Runs with news in one frame's time. More are not sent: clients get `hello`, and read the list of runs again."""

Accepts = Callable[[RunNews], bool]
"""Decides whether a client may see, and wants, a run's news."""


class _Batch(NamedTuple):
    number: int
    news: tuple[RunNews, ...]
    frames: tuple[Frame, ...]
    """The frames for a client that accepts all."""


class _Listener(NamedTuple):
    """A client: the news that it accepts, and how many of the runs that it may see were in progress."""

    accepts: Accepts | None
    in_progress: int


class NewsChannel:
    """The clients that listen to the engine. The engine sends news only while there are some, or were a moment ago."""

    def __init__(self, source: Source, call_later: CallLater) -> None:
        self.subscriptions: dict[Subscription, _Listener] = {}
        self._source = source
        self._call_later = call_later
        self._listening = False
        self._generation = ""
        self._number = 0
        self._base = 0
        self._batches: deque[_Batch] = deque(maxlen=RING_FRAMES)
        self._waiting: dict[str, RunNews] = {}
        self._resting = False
        self._unheard = 0

    async def join(
        self,
        subscription: Subscription,
        last_id: str,
        accepts: Accepts | None,
        workflows: tuple[str, ...] | None = None,
    ) -> None:
        """Add a client, which gets what came after its last id, or `hello`.

        Args:
            subscription: The client's.
            last_id: The id of the last frame that it has, or "".
            accepts: Decides which news it gets. None lets it have all.
            workflows: Those whose runs, and the runs below these, it may see. None is all.
        """
        if not self._listening:
            self._listening = True
            self._number = self._base = await self._source.listen()
            self._generation = token_hex(4)
        listener = _Listener(accepts, await self._source.runs_in_progress(workflows))
        number = self._number_of(last_id)
        frames = [self._hello(listener)]
        if number is not None:
            frames = [data for batch in self._batches if batch.number > number for data in self._data(batch, accepts)]
        subscription.begin(frames)
        self.subscriptions[subscription] = listener
        self._unheard = 0

    def remove(self, subscription: Subscription) -> None:
        """Forget a client that has left."""
        self.subscriptions.pop(subscription, None)

    def close(self) -> None:
        """Listen no more, and forget what came."""
        if self._listening:
            self._listening = False
            self._source.unlisten()
        self._batches.clear()
        self._waiting.clear()

    def take(self, news: RunNews) -> None:
        """Take news of a run."""
        if not self._listening:
            return
        if not self.subscriptions:
            self._unheard += 1
            if self._unheard > RING_FRAMES:
                self.close()
                return
        self._number = news.number
        self._waiting[news.run_id] = news
        if not self._resting:
            self._send()

    def _send(self) -> None:
        waiting, self._waiting = tuple(self._waiting.values()), {}
        self._resting = True
        self._call_later(FRAME_SECONDS, self._rested)
        if len(waiting) > MAX_NEWS_AT_ONCE:
            self._batches.clear()
            self._base = self._number
            for each, listener in self.subscriptions.items():
                each.put(self._hello(listener))
            return
        if len(self._batches) == RING_FRAMES:
            self._base = self._batches[0].number
        batch = _Batch(self._number, waiting, tuple(self._frames(waiting)))
        self._batches.append(batch)
        for subscription, listener in tuple(self.subscriptions.items()):
            for data in self._data(batch, listener.accepts):
                subscription.put(data)
            if subscription.ended:
                self.remove(subscription)

    def _rested(self) -> None:
        self._resting = False
        if self._waiting and self._listening:
            self._send()

    def _number_of(self, last_id: str) -> int | None:
        generation, _, number = last_id.partition(".")
        if generation != self._generation or not number.isdecimal() or len(number) > 20:
            return None
        return int(number) if self._base <= int(number) <= self._number else None

    def _data(self, batch: _Batch, accepts: Accepts | None) -> list[bytes]:
        if accepts is None:
            return [frame.data for frame in batch.frames]
        return [frame.data for frame in self._frames(tuple(filter(accepts, batch.news)), batch.number)]

    def _frames(self, news: tuple[RunNews, ...], number: int | None = None) -> list[Frame]:
        made = list(grouped({}, "runs", map(_as_data, news)))
        last = f"{self._generation}.{self._number if number is None else number}"
        return [
            Frame(self._number, event("run", data, last if at == len(made) - 1 else None))
            for at, data in enumerate(made)
        ]

    def _hello(self, listener: _Listener) -> bytes:
        return event("hello", {"in_progress": listener.in_progress}, f"{self._generation}.{self._number}")


def _as_data(news: RunNews) -> dict[str, Any]:
    data = structs.asdict(news)
    data["run"] = data.pop("run_id")
    data["items"] = structs.asdict(news.items)
    data["labels"] = dict(news.labels)
    del data["root"]
    return data
