"""Where an item's microseconds go: each stage of its way, measured alone and without threads in between.

The whole is more than the sum: two dispatcher threads pass the interpreter's lock to each other.
"""

import threading
import time
from collections import deque
from itertools import repeat
from time import perf_counter
from typing import Any

from engine import fan_out_case
from engines import ITEMS, WORKFLOWS, engine
from measure import Samples, interleave, median
from report import Table, figure, timing
from samples import frozen_object

from stretto.actors.catalogue import core_actions
from stretto.actors.dispatch import DispatchedActor, Dispatcher, LightActor
from stretto.actors.runners import call_inline
from stretto.definitions.conductor import NO_BRANCH, Conductor, ItemCompleted, StartItem
from stretto.definitions.context import ItemScope
from stretto.definitions.dialects import read_workflow
from stretto.definitions.expressions import Moment
from stretto.definitions.model import Workflow, bind
from stretto.metrics import CallIds

WINDOW = 256
WHOLE = "the whole engine over 0 MB"


def definition() -> Workflow:
    """Return the workflow of the fan-out."""
    path = WORKFLOWS / "fan_out.yaml"
    return read_workflow(path.read_text(encoding="utf-8"), str(path))


def conduct(loops: int) -> float:
    """Conduct the fan-out, answering each start with its completion; no actor, no thread, nothing rendered."""
    workflow = definition()
    parameters = bind(workflow, {"results": 0, "items": list(range(ITEMS))})
    seconds = 0.0
    for _ in range(loops):
        conductor = Conductor(workflow, "run", parameters, 0.0)
        began = perf_counter()
        started = deque(conductor.begin())
        while started:
            start = started.popleft()
            if type(start) is StartItem:
                completed = ItemCompleted(
                    start.task, start.visit, start.index, start.attempt, "succeeded", "hello", None, time.time()
                )
                started.extend(conductor.on(completed))
        seconds += perf_counter() - began
    return seconds / ITEMS


def render(loops: int) -> float:
    """Render an item's input."""
    template = definition().tasks["fan"].input
    scope = ItemScope(_loaded(), 7, 7)
    began = perf_counter()
    for _ in repeat(None, loops):
        template.evaluate(scope, Moment(0.0, "run/fan/1/7"))
    return perf_counter() - began


def _loaded() -> Any:
    conductor = Conductor(definition(), "run", bind(definition(), {"results": 0, "items": []}), 0.0)
    conductor.begin()
    conductor.on(ItemCompleted("load", 1, 0, 1, "succeeded", frozen_object({"greeting": "hello"}), None, 0.0))
    return conductor.context.look(NO_BRANCH, 0)


def call(loops: int) -> float:
    """Check an item's input and call `core.echo`, inline."""
    action = core_actions().get("core.echo")
    rendered = frozen_object({"message": "hello 7"})
    began = perf_counter()
    for _ in repeat(None, loops):
        action.check(rendered)
        call_inline(action, rendered, CallIds("run", "fan_out", "fan", 7))
    return perf_counter() - began


class _Item(LightActor):
    """Answers its one message, and stops."""

    def on_receive(self, message: Any) -> None:
        message.tell(self)
        self._stop()


class _Starter(DispatchedActor):
    """Keeps a window of items alive until all are through."""

    def __init__(self, dispatcher: Dispatcher, over: threading.Event) -> None:
        super().__init__()
        self._lane = dispatcher.lane()
        self._over = over
        self._left = self._open = ITEMS

    def on_receive(self, message: Any) -> None:
        if message == "begin":
            for _ in range(WINDOW):
                self._start_item()
            return
        self._open -= 1
        if self._left:
            self._start_item()
        if not self._open:
            self._over.set()
            self.stop()

    def _start_item(self) -> None:
        self._left -= 1
        _Item.start_lightly(self._lane, self.actor_inbox)


def actors(loops: int) -> float:
    """Start an actor an item, send it a message, get one back, and have it stop; one dispatcher thread."""
    dispatcher = Dispatcher(1)
    began = perf_counter()
    for _ in range(loops):
        over = threading.Event()
        _Starter.start_on(dispatcher, dispatcher, over).tell("begin")
        over.wait()
    seconds = perf_counter() - began
    dispatcher.stop()
    return seconds / ITEMS


STAGES = {
    "its actor: born, one message there, one back, stopped": actors,
    "the conductor: its start, its completion, its window": conduct,
    "its input rendered": render,
    "its input checked and core.echo called": call,
}


def measure(rounds: int) -> Samples:
    """Measure all stages, in turn with the whole engine."""
    loops = {name: 1 if stage in {actors, conduct} else ITEMS for name, stage in STAGES.items()}
    with engine() as proxy:
        return interleave({**STAGES, WHOLE: fan_out_case(proxy, 0)}, rounds, {**loops, WHOLE: 1})


def table(samples: Samples) -> Table:
    """Show the stages beside the whole engine's figure."""
    made = Table("Where an item's microseconds go", ["stage, measured alone", "an item"])
    for name in STAGES:
        made.add(name, timing(samples[name], "us"))
    rounds = zip(samples[WHOLE], *(samples[name] for name in STAGES), strict=True)
    rest = median([whole - sum(stages) for whole, *stages in rounds])
    made.add("the rest: messages, metrics, bookkeeping, lock hand-overs", f"{figure(rest * 1e6)} us")
    made.add(WHOLE, timing(samples[WHOLE], "us"))
    return made
