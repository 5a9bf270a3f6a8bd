"""Calls as they travel: a batch as one message to a worker, and the end of a call from there."""

from collections.abc import Sequence

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
    heads: dict[Head, int] = {}
    last, place = batch[0], _place_of(batch[0], heads)
    values: dict[bytes, bytes] = {}
    sendings = []
    for pooled in batch:
        call, split = pooled.call, pooled.split
        if not _are_alike(pooled, last):
            last, place = pooled, _place_of(pooled, heads)
        sendings.append(Sending(place, pooled.sending, call.visit, call.index, call.attempt, split.text, split.shared))
        if split.values:
            new = dict(texts_of(split.values, lambda each: each not in known and each not in values))
            values.update(new)
            known.add(new)
    return Perform(tuple(heads), tuple(sendings), tuple(values.items()))


def _place_of(pooled: PooledCall, heads: dict[Head, int]) -> int:
    """Return the place of a call's head. A new one is added."""
    call, ids = pooled.call, pooled.call.ids
    head = Head(
        ids.run_id, ids.workflow, ids.task, ids.item_index is not None, call.ref, pooled.core, call.timeout
    )  # fmt: skip
    return heads.setdefault(head, len(heads))


def _are_alike(one: PooledCall, other: PooledCall) -> bool:
    """Return whether two calls are seen to have one head without making it: those of one task are, mostly."""
    call, others = one.call, other.call
    ids, other_ids = call.ids, others.ids
    return (
        ids.run_id is other_ids.run_id and ids.task is other_ids.task and call.ref is others.ref
        and call.timeout == others.timeout and (ids.item_index is None) is (other_ids.item_index is None)
        and one.core is other.core
    )  # fmt: skip


def finished_of(end: End) -> Finished:
    """Return the end of a call. One that is not data fails its call."""
    try:
        result = decode_json(end.result)
        traceback = tuple([Frame(*each) for each in end.traceback]) if end.traceback else ()
    except (msgspec.DecodeError, UnicodeError, RecursionError, NotData) as error:
        return Finished("failed", None, f"the worker's answer is not data: {error}", "not_data", end.seconds)
    return Finished(end.status, result, end.error, end.kind, end.seconds, traceback, end.retry_after)
