"""Calls as they travel: a batch as one message to a worker, and the end of a call from there."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.messages import End, Head, Perform, Sending
from stretto.actors.pools.values import texts_of
from stretto.actors.pools.workers import SentValues
from stretto.actors.runners import Finished
from stretto.definitions.data import decode_json
from stretto.definitions.errors import Frame, NotData


def batch_message(batch: Sequence[PooledCall], known: SentValues) -> Perform:
    """Return the message with the calls of a batch, which have their numbers.

    Args:
        batch: The calls.
        known: The large values that the worker was sent. Those that the batch brings are added.
    """
    heads = _Heads()
    values: dict[bytes, bytes] = {}
    sendings = []
    for pooled in batch:
        call, split = pooled.call, pooled.split
        sendings.append(
            Sending(heads.of(pooled), pooled.sending, call.visit, call.index, call.attempt, split.text, split.shared)
        )
        if split.values:
            new = dict(texts_of(split.values, lambda each: each not in known and each not in values))
            values.update(new)
            known.add(new)
    return Perform(heads.all, tuple(sendings), tuple(values.items()))


class _Heads:
    """The heads of a batch."""

    __slots__ = ("_known", "_last", "_place")

    def __init__(self) -> None:
        self._known: dict[Head, int] = {}
        self._last: tuple[Any, ...] | None = None
        self._place = 0

    @property
    def all(self) -> tuple[Head, ...]:
        """All heads, in the order of their places."""
        return tuple(self._known)

    def of(self, pooled: PooledCall) -> int:
        """Return the place of a call's head. Calls of one task mostly come one after the other."""
        call, ids = pooled.call, pooled.call.ids
        fields = (
            ids.run_id, ids.workflow, ids.task, ids.item_index is not None, call.ref, pooled.core, call.timeout
        )  # fmt: skip
        if fields != self._last:
            self._last = fields
            self._place = self._known.setdefault(Head(*fields), len(self._known))
        return self._place


def finished_of(end: End) -> Finished:
    """Return the end of a call. One that is not data fails its call."""
    try:
        result = decode_json(end.result)
        traceback = tuple([Frame(*each) for each in end.traceback]) if end.traceback else ()
    except (msgspec.DecodeError, UnicodeError, RecursionError, NotData) as error:
        return Finished("failed", None, f"the worker's answer is not data: {error}", "not_data", end.seconds)
    return Finished(end.status, result, end.error, end.kind, end.seconds, traceback, end.retry_after)
