"""A run as a client puts it together from the events of its stream."""

from typing import Any, Final

from stretto.actors.gateway.wire import StreamEvent
from stretto.actors.operations import Ended, Watch
from stretto.actors.runs import Ranges, apply_ranges, not_waiting, ranges_of

_STATES: Final = frozenset({"hello", "changes"})
LAST_WORDS: Final = frozenset({"bye", "lagging"})
"""The events that end a stream before what it is about has ended."""
_MANY: Final = "many"


class RunState:
    """A run up to the last event.

    Attributes:
        run: The run's id.
        status: Its status.
        tasks: The report of each task by its name.
        last_id: The id of the last event that has one: the stream of another connection continues there.
        ended: The data of the last event, once the run has ended.
        outcome: The outcome, once it is known. Its text may be too large for an event.
        farewell: Why the stream ends before the run does, or "".
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.workflow = ""
        self.status = ""
        self.tasks: dict[str, Any] = {}
        self.last_id = ""
        self.ended: dict[str, Any] | None = None
        self.outcome: Ended | None = None
        self.farewell = ""
        self._items: dict[str, tuple[int, bytearray | None]] = {}
        """The visit and the states of each task's items. The states are None if they are not known."""

    @property
    def request(self) -> Watch:
        """The request for its stream."""
        return Watch(self.run)

    def take(self, event: StreamEvent) -> bool:
        """Take an event, and return whether it has changed the run's state."""
        if event.identity is not None:
            self.last_id = event.identity
        name, data = event.name, event.data
        if name in LAST_WORDS:
            self.farewell = f"{data['reason']}; the run {self.run} continues when a daemon opens its store again"
        elif name == "ended":
            self.ended, self.status = data, data["status"]
        elif name in _STATES:
            if name == "hello":
                self.tasks, self._items = {}, {}
            self._take_state(data)
            return True
        return name == "ended"

    def _take_state(self, data: dict[str, Any]) -> None:
        self.status = data["status"]
        self.workflow = data.get("workflow", self.workflow)
        for name, task in data.get("tasks", {}).items():
            if name in self._items and self._items[name][0] != task.get("visits"):
                del self._items[name]
            self.tasks[name] = task
        for name, ranges in data.get("items", {}).items():
            visit = self.tasks.get(name, {}).get("visits")
            visit, states = self._items.get(name, (visit, bytearray()))
            if ranges == _MANY:
                states = None
            elif states is not None:
                apply_ranges(states, ranges)
            self._items[name] = visit, states

    def outcome_in_event(self) -> Ended | None:
        """Return the outcome of an ended run, or None if the last event does not have all of it."""
        ended = self.ended
        if ended is None or "errors_left_out" in ended or _is_link(ended["output"]):
            return None
        return Ended(self.run, ended["status"], ended["output"], ended["errors"], self.tasks)

    def report(self) -> dict[str, Any]:
        """Return {run, workflow, status, tasks, items}: the items of a task as ranges of indexes by state.

        A task whose items are not known one by one is left out of `items`. So are items that wait. The report of a run
        whose outcome is known has `output` and `errors` as well.
        """
        end = {} if self.outcome is None else {"output": self.outcome.output, "errors": self.outcome.errors}
        return {
            "run": self.run,
            "workflow": self.workflow,
            "status": self.status,
            "tasks": self.tasks.copy(),
            "items": {
                name: _ranges(bytes(states))
                for name, (_, states) in self._items.items()
                if states is not None and any(states)
            },
            **end,
        }


def _ranges(states: bytes) -> dict[str, Ranges]:
    return ranges_of(states, not_waiting(states))


def _is_link(output: Any) -> bool:
    """Return whether an output stands elsewhere. An output that only looks so is the same there."""
    return isinstance(output, dict) and output.keys() == {"$ref", "bytes"}
