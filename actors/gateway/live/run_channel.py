"""One run that clients follow: it asks for changes when there is news, and sends them to all.

       join                    no client
new ---------> following <-------------------> dormant     a dormant channel asks nothing, and keeps its ring
                   | RunEnded, RunParked
                   v
                 over
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from typing import Any, Final, Protocol

from stretto.actors.gateway.live.frames import Frame, Members, event, events, grouped, size_of
from stretto.actors.gateway.live.model import Delta, RunModel
from stretto.actors.gateway.live.resuming import MAX_GAP, changes_since
from stretto.actors.gateway.live.ring import Ring, RingMemory
from stretto.actors.gateway.live.source import Source
from stretto.actors.gateway.live.subscription import Subscription
from stretto.actors.history import RUNS_PATH, link
from stretto.actors.outcome import Outcome
from stretto.actors.runs import ErrorGroup, LastChanges, RunChanges, RunEnded
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.data import FrozenDict
from stretto.definitions.errors import StrettoError

FRAME_SECONDS: Final = 0.25
"""The time from one frame of a run to the next."""
MANY_SECONDS: Final = 1.0
"""The same after a frame that lets clients fetch the states of all items."""
STREAMS_OF_A_FRAME: Final = 125
"""Clients of one run that get a frame each FRAME_SECONDS. More of them get frames less often."""
MAX_OUTPUT_BYTES: Final = 8 * 1024
"""Bytes of an output in a frame. A larger one is a link."""
MAX_ERRORS_BYTES: Final = 16 * 1024
"""Bytes of the errors of an ended run in a frame. The others are only counted."""


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> object:
        """Do not make it."""


CallLater = Callable[[float, Callable[[], object]], Timer]


def generation_of(run_id: str) -> str:
    """Return the first part of a run's frame ids.

    It is derived from the run's own id, which is random and unique: a run has the same numbers on any daemon that opens
    its store, and without a store no other run has its id.
    """
    return blake2b(run_id.encode(), digest_size=4).hexdigest()


class RunChannel:
    """The clients of one run, and what they know."""

    def __init__(self, run_id: str, source: Source, memory: RingMemory, call_later: CallLater) -> None:
        self.run_id = run_id
        self.subscriptions: dict[Subscription, None] = {}
        """Those that frames are sent to, in the order in which they came: their connections lie together then."""
        self.users = 0
        """Clients that follow the run, or are about to."""
        self.over = False
        """Whether the run's outcome is known, so that nothing follows."""
        self._source = source
        self._call_later = call_later
        self._model = RunModel(run_id)
        self._ring = Ring(memory, -1)
        self._generation = generation_of(run_id)
        self.known = False
        """Whether the model is a state of the run."""
        self._following = False
        self._asking = False
        self._question = 0
        """The number of the last question. The answers to earlier ones are dropped."""
        self._stale = False
        self._timer: Timer | None = None
        self._ready: asyncio.Future[None] | None = None
        self._final = False
        """Whether the model is the run's last state."""
        self._closing: list[bytes] = []
        """The frames of the run's last changes. They are sent together with its outcome."""
        self._last: bytes | None = None
        self._whole: tuple[tuple[int, str], list[bytes]] | None = None
        """The frames of the whole state, for the next client, and the state that they are of."""

    # ---- clients

    async def refresh(self) -> None:
        """Wait until the run's state is known here. Raises what the engine answers for a run that it does not have."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._following = True
            self._ask()
        await asyncio.shield(self._ready)

    async def join(self, subscription: Subscription, last_id: str) -> None:
        """Add a client, which gets the whole state, or the changes since its last id."""
        frames = self._from_ring(last_id)
        if frames is None:
            resumed = await self._from_entries(last_id)  # others may join, and frames come, meanwhile
            frames = self._hello() if resumed is None else list(resumed)
        subscription.begin(frames)
        if self._last is not None:
            if not frames or frames[-1] != self._last:
                subscription.put(self._last)
            subscription.ended = True
            return
        if not self._following:
            subscription.end(event("bye", {"reason": "the run is not followed here any more"}))
            return
        self.subscriptions[subscription] = None

    @property
    def ready(self) -> bool:
        """Whether clients can join: the run's state is known here, and its changes arrive, or it has ended."""
        return self.known and (self._following or self.over)

    def item_states(self, task: str) -> tuple[int, int, bytes] | None:
        """Return the last entry, the visit and the states of a task's items, or None if they are not known here."""
        items = self._model.items.get(task) if self.ready else None
        if items is None or items.states is None:
            return None
        total = self._model.tasks[task]["items"]["total"] or 0  # those at the end that wait have no state
        return self._model.number, items.visit, items.states.ljust(total, b"\0")

    def forget(self) -> None:
        """Drop the frames that are kept."""
        self._ring.clear(self._model.number)

    def rest(self) -> None:
        """Ask nothing more, because no client is left. The next one asks again."""
        self.close()
        self._ready = None

    def close(self) -> None:
        """Ask nothing more, and drop the answer to the last question."""
        self._question += 1
        self._asking = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._following:
            self._following = False
            self._source.unfollow(self.run_id)

    def _number_of(self, last_id: str) -> int | None:
        generation, _, number = last_id.partition(".")
        if generation != self._generation or not number.removeprefix("-").isdecimal():
            return None
        return int(number) if len(number) < 20 else None

    def _from_ring(self, last_id: str) -> list[bytes] | None:
        number = self._number_of(last_id)
        if number is None or number > self._model.number:
            return None
        frames = self._ring.after(number)
        return None if frames is None else [frame.data for frame in frames]

    async def _from_entries(self, last_id: str) -> list[bytes] | None:
        number, until = self._number_of(last_id), self._model.number
        if number is None or not 0 < until - number <= MAX_GAP or self._final:
            return None
        try:
            entries = await self._source.entries(self.run_id, number + 1, until - number)
        except StrettoError:
            return None  # there is no store, or it cannot be read now
        if len(entries) != until - number or until != self._model.number:
            return None
        members = changes_since(self._model, entries)
        if members is None:
            return None
        return [frame.data for frame in self._frames("changes", members, self._model.errors())]

    def _hello(self) -> list[bytes]:
        state = self._model.number, self._model.status
        if self._whole is None or self._whole[0] != state:
            frames = self._frames("hello", self._model.whole(), self._model.errors())
            self._whole = state, [frame.data for frame in frames]
        return self._whole[1]

    # ---- the run

    def changed(self) -> None:
        """Note that there is news."""
        if not self._following:
            return
        if self._asking or self._timer is not None:
            self._stale = True
        elif len(self.subscriptions) > STREAMS_OF_A_FRAME:
            # A short run costs a crowd no frame before its last one.
            self._stale = True
            self._timer = self._call_later(self._time_to_next(1), self._rested)
        else:
            self._ask()

    def _ask(self) -> None:
        self._asking, self._stale = True, False
        self._question += 1
        take, failed = partial(self._take, self._question), partial(self._failed, self._question)
        self._source.ask(self.run_id, self._model.number if self.known else None, take, failed)

    def _take(self, question: int, changes: RunChanges) -> None:
        if question != self._question:
            return
        self._asking = False
        if self.known and changes.number < self._model.number:
            # A part of the history is gone: the store was restored from an older copy.
            self._end_all(event("bye", {"reason": "the run has gone back to an earlier state"}))
            self._model, self.known = RunModel(self.run_id), False
        first, self.known = not self.known, True
        delta = self._model.apply(changes)
        if first:
            self._ring.clear(changes.number)
        frames = [] if first or delta.empty else self._delta_frames(delta)
        self._send(frames)
        self._ring.mark(changes.number)
        seconds = self._time_to_next(len(frames))
        if any(ranges is None for ranges in delta.items.values()):
            seconds = max(seconds, MANY_SECONDS)
        self._timer = self._call_later(seconds, self._rested)
        self._become_ready(None)

    def _time_to_next(self, frames: int) -> float:
        """Return the seconds that clients wait for the next frame after so many."""
        return FRAME_SECONDS * max(frames, 1) * max(len(self.subscriptions) / STREAMS_OF_A_FRAME, 1)

    def _failed(self, question: int, error: Exception) -> None:
        if question != self._question:
            return
        self._asking = False
        if getattr(error, "code", "") == "run_restarting":
            return  # RunChanged comes from its next supervisor
        if self._ready is not None:
            self.close()
            self._become_ready(error)

    def _become_ready(self, error: Exception | None) -> None:
        ready, self._ready = self._ready, None
        if ready is None or ready.done():
            return
        if error is None:
            ready.set_result(None)
        else:
            ready.set_exception(error)
            ready.exception()  # those who have waited may have left

    def _rested(self) -> None:
        self._timer = None
        if self._stale and self._following and not self._asking:
            self._ask()

    def take_last(self, message: LastChanges) -> None:
        """Take the changes up to the run's end."""
        if not self._following or not self.known:
            return
        self._final = True
        delta = self._model.apply(message.changes)
        if not delta.empty:
            self._close_with(self._delta_frames(delta, identified=False))

    def _close_with(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._ring.append(frame)
        self._closing = [frame.data for frame in frames]

    def end(self, message: RunEnded) -> None:
        """Send the run's outcome, and end all streams."""
        if self.over:
            return
        model = self._model
        if not self.known:
            self.close()
            self._become_ready(IllegalTransition(f"the run {self.run_id} has ended"))
            return
        if not self._final:  # its last changes are not known here
            tasks = {name: report for name, report in message.tasks.items() if report != model.tasks.get(name)}
            model.tasks |= tasks
            items = model.forget_items()
            model.number += 1  # at least: a client with the number before has something to hear
            delta = Delta(status=True, tasks=tuple(tasks), items=items, errors=())
            self._close_with(self._delta_frames(delta, identified=False))
        model.status = message.outcome.status
        self._final = True
        self._finish(message.outcome)

    def _finish(self, outcome: Outcome) -> None:
        self.over = True
        data = outcome_data(self.run_id, outcome.status, outcome.output, outcome.errors)
        self._last = event("ended", data, self._identity)
        self._ring.append(Frame(self._model.number, self._last))
        self._end_all(*self._closing, self._last)
        self.close()
        self._become_ready(None)

    def part_from(self, reason: str) -> None:
        """End all streams without an outcome: clients reconnect."""
        self._end_all(*self._closing, event("bye", {"reason": reason}))
        self.close()
        self._become_ready(StreamInterrupted(reason))

    def _end_all(self, *frames: bytes) -> None:
        subscriptions, self.subscriptions = self.subscriptions, {}
        last = b"".join(frames)
        for each in subscriptions:
            each.end(last)

    # ---- frames

    @property
    def _identity(self) -> str:
        return f"{self._generation}.{self._model.number}"

    def _head(self) -> dict[str, Any]:
        model = self._model
        return {"run": self.run_id, "workflow": model.workflow, "status": model.status, "entry": model.number}

    def _delta_frames(self, delta: Delta, *, identified: bool = True) -> list[Frame]:
        return self._frames("changes", self._model.changed(delta), delta.errors, identified=identified)

    def _frames(
        self, name: str, members: Members, errors: Iterable[ErrorGroup], *, identified: bool = True
    ) -> list[Frame]:
        made: list[tuple[str, Any]] = list(events(name, self._head(), members))
        made += [("errors", data) for data in grouped({"run": self.run_id}, "groups", errors)]
        identities: list[str | None] = [None] * len(made)
        if name == "hello":
            identities[0] = ""  # it replaces what the client knows: cut off behind it, the client knows no report
        if identified:
            identities[-1] = self._identity
        return [
            Frame(self._model.number, event(each, data, identity))
            for (each, data), identity in zip(made, identities, strict=True)
        ]

    def _send(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self._ring.append(frame)
            for each in tuple(self.subscriptions):
                each.put(frame.data)
                if each.ended:
                    self.subscriptions.pop(each, None)


class StreamInterrupted(StrettoError):
    """The run is not followed here any more. Connect again."""

    code = "stream_interrupted"


def link_to_outcome(run_id: str) -> dict[str, Any]:
    """Return what stands for an output that is not in a frame."""
    return link(f"{RUNS_PATH}/{run_id}/outcome", 0)


def outcome_data(run_id: str, status: str, output: Any, errors: Iterable[Any]) -> dict[str, Any]:
    """Return the data of an `ended` event: a large output is a link, and only the first errors are in it."""
    link = link_to_outcome(run_id)
    if isinstance(output, FrozenDict) and output.weight > 4 * MAX_OUTPUT_BYTES:
        output = {**link, "bytes": output.weight}  # not encoded to be counted
    else:
        size = size_of(output)
        output = output if size <= MAX_OUTPUT_BYTES else {**link, "bytes": size}
    kept, left_out = list[Any](), 0
    room = MAX_ERRORS_BYTES
    for each in errors:
        room -= size_of(each) if room > 0 else 0
        if room > 0:
            kept.append(each)
        else:
            left_out += 1
    more = {"errors_left_out": left_out} if left_out else {}
    return {"run": run_id, "status": status, "output": output, "errors": kept, **more}


def ended_frames(run_id: str, ended: dict[str, Any]) -> Iterator[bytes]:
    """Yield the frames of a run that has ended before: its last state, without that of items, and its outcome."""
    model = RunModel(run_id)
    model.tasks, model.status, model.workflow = ended["tasks"], ended["status"], ended["workflow"]
    model.forget_items()
    head = {"run": run_id, "workflow": model.workflow, "status": model.status, "entry": None}
    for name, data in events("hello", head, model.whole()):
        yield event(name, data)
    output = ended.get("output", link_to_outcome(run_id))
    yield event("ended", outcome_data(run_id, model.status, output, ended.get("errors") or ()))
