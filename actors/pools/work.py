"""A call at a worker, and its end as it travels."""

import time
from collections.abc import Iterator
from typing import Final

from stretto.actors.pools.messages import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, End, Head, Sending
from stretto.actors.runners import Finished, Running
from stretto.definitions.data import encode_json
from stretto.metrics import CallIds

MAX_END_BYTES: Final = MAX_FRAME_BYTES // 2
"""The bytes of one result, far above what an engine takes."""


class Work:
    """A call at hand.

    Attributes:
        has_output: Whether it may have written what was not sent yet.
        looked_at: When its output was looked at last, as the number of that look.
    """

    __slots__ = (
        "began", "deadline", "early", "has_output", "head", "ids", "looked_at", "running", "sending", "stopped",
    )  # fmt: skip

    def __init__(self, head: Head, sending: Sending) -> None:
        self.head = head
        self.sending = sending
        self.running: Running | None = None
        self.early: Finished | None = None
        self.ids = CallIds(head.run_id, head.workflow, head.task, sending.index if head.with_items else None)
        self.began = 0.0
        self.stopped = ""
        self.deadline: int | None = None
        self.has_output = True
        self.looked_at = 0

    def writes(self) -> None:
        """Take note that the call has written something."""
        self.has_output = True


def end_of(work: Work, finished: Finished) -> End:
    """Return the end of a call as it travels. A result that no message can carry fails the call."""
    seconds = max(time.monotonic() - work.began, 0.0) if work.began else 0.0
    printed = work.running.printed if work.running is not None else ()
    text, cut = printed[0].newest() if printed else ("", 0)
    status, kind, error = finished.status, finished.kind, finished.error
    if work.stopped == "timed_out" and status == "cancelled":
        status = kind = "timed_out"
        error = f"it took longer than {work.head.timeout:g} s"
    frames = tuple((each.file, each.line, each.function, each.code) for each in finished.traceback)
    result = encode_json(finished.result)
    if len(result) > MAX_END_BYTES:
        error = f"the result must have at most {MAX_END_BYTES:,} bytes as JSON, got {len(result):,}"
        status, kind, result = "failed", "result_too_large", b"null"
    return End(
        work.sending.number, status, result, seconds, error, kind,  # type: ignore[arg-type]
        finished.retry_after, frames, text, cut,
    )  # fmt: skip


def portions(ends: list[End]) -> Iterator[tuple[End, ...]]:
    """Yield ends for one message each: what many calls return at once may be more than a message may have."""
    portion: list[End] = []
    size = 0
    for end in ends:
        weight = len(end.result) + 4 * (len(end.printed) + len(end.error or ""))
        if portion and size + weight > MAX_MESSAGE_BYTES:
            yield tuple(portion)
            portion, size = [], 0
        portion.append(end)
        size += weight
    if portion:
        yield tuple(portion)
