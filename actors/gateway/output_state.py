"""The output of an item as a client puts it together from the events of its streams."""

from typing import Any, Final

from stretto.actors.gateway.output_text import further_text
from stretto.actors.gateway.run_state import LAST_WORDS
from stretto.actors.gateway.wire import StreamEvent
from stretto.actors.operations import FollowOutput

KEPT_CHARACTERS: Final = 65_536
"""Characters of each stream that wait for a slow caller, and by which the text of another connection is continued."""
_STREAMS: Final = "stdout", "stderr"


class OutputState:
    """The output of one attempt of an item, up to the last event.

    Args:
        request: The request to follow it.

    Attributes:
        request: The request for the stream of another connection, which is of the same attempt.
        last_id: Empty: such a stream begins with the whole output so far.
        ended: Whether the attempt has ended.
        farewell: Why the stream ends before the attempt does, or "".
    """

    def __init__(self, request: FollowOutput) -> None:
        self.request = request
        self.last_id = ""
        self.ended = False
        self.farewell = ""
        self._first: dict[str, Any] = {}
        """The fields of all pieces, from the first event."""
        self._so_far = dict.fromkeys(_STREAMS, "")
        """The output so far of a connection, until it is complete."""
        self._to_come = dict.fromkeys(_STREAMS, 0)
        self._shown = dict.fromkeys(_STREAMS, "")
        self._pending = dict.fromkeys(_STREAMS, "")
        self._left_out = False
        self._outcome: str | None = None

    def take(self, event: StreamEvent) -> bool:
        """Take an event, and return whether there is a piece for the caller."""
        name, data = event.name, event.data
        if name in LAST_WORDS:
            self.farewell = (
                f"{data['reason']}; the run {self.request.run} continues when a daemon opens its store again"
            )
            return False
        if name == "output":
            self._begin(data)
        elif name == "more":
            self._continue(data)
        elif name == "ended":
            self.ended, self._outcome = True, data["outcome"]
        return self.ended or not any(self._to_come.values())

    def piece(self) -> dict[str, Any]:
        """Return what has come since the last piece: {task, index, visit, attempt, stdout, stderr, left_out, outcome}.

        `left_out` says that some text before it is missing. The outcome is None before the end.
        """
        piece = {**self._first, **self._pending, "left_out": self._left_out, "outcome": self._outcome}
        self._pending, self._left_out = dict.fromkeys(_STREAMS, ""), False
        return piece

    def _begin(self, data: dict[str, Any]) -> None:
        is_first = not self._first
        self._first = {name: data[name] for name in ("task", "index", "visit", "attempt")}
        self.request = FollowOutput(self.request.run, data["task"], data["index"], data["attempt"])
        self._so_far = {name: data[name] or "" for name in _STREAMS}
        sizes: dict[str, int] = data["characters"]
        self._to_come = {name: sizes[name] - len(self._so_far[name]) for name in _STREAMS}
        self._left_out |= is_first and bool(data["truncated"] or data["cut"])
        self._compare()

    def _continue(self, data: dict[str, Any]) -> None:
        if any(self._to_come.values()):
            for name in _STREAMS:
                self._so_far[name] += data[name]
                self._to_come[name] = max(self._to_come[name] - len(data[name]), 0)
            self._compare()
            return
        self._left_out |= data["left_out"]
        for name in _STREAMS:
            self._add(name, data[name])

    def _compare(self) -> None:
        """Add what the output so far, once it is complete, has behind the one of the connection before."""
        if any(self._to_come.values()):
            return
        for name, whole in self._so_far.items():
            further = further_text(self._shown[name], whole)
            self._left_out |= further is None
            self._add(name, whole if further is None else further)
        self._so_far = dict.fromkeys(_STREAMS, "")

    def _add(self, name: str, text: str) -> None:
        pending = self._pending[name] + text
        self._left_out |= len(pending) > KEPT_CHARACTERS
        self._pending[name] = pending[-KEPT_CHARACTERS:]
        self._shown[name] = (self._shown[name] + text)[-KEPT_CHARACTERS:]
