"""Requests that are one call of the engine's, whose answer is one frame."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import pykka

from stretto.actors.gateway import protocol
from stretto.actors.gateway.engine_calls import call


class Question(NamedTuple):
    """The engine's method, and how what it gives is told."""

    method: str
    told: Callable[[Any], protocol.Answer]


def _done(_value: object) -> protocol.Answer:
    return protocol.Done()


QUESTIONS: Final[Mapping[type, Question]] = {
    protocol.Status: Question("status", protocol.StatusTold),
    protocol.Workflows: Question("workflows", lambda refs: protocol.WorkflowsTold(list(refs))),
    protocol.Cancel: Question("cancel", _done),
    protocol.Pause: Question("pause", _done),
    protocol.Resume: Question("resume", _done),
    protocol.SetConcurrency: Question("set_concurrency", _done),
    protocol.SkipItem: Question("skip_item", _done),
    protocol.RetryItem: Question("retry_item", _done),
    protocol.Rerun: Question("rerun", lambda handle: protocol.Accepted(handle.id, handle.workflow)),
    protocol.Runs: Question("runs", lambda page: protocol.RunsTold(page["runs"], page["next"])),
    protocol.Run: Question("run", protocol.RunTold),
    protocol.Items: Question("items", lambda page: protocol.ItemsTold(page["items"], page["next"])),
    protocol.Item: Question("item", protocol.ItemTold),
    protocol.ItemOutput: Question("item_output", protocol.OutputTold),
    protocol.Why: Question("why", protocol.WhyTold),
    protocol.Prune: Question("prune", protocol.Pruned),
}


async def ask(engine: pykka.ActorRef[Any], request: Any) -> protocol.Answer:
    """Have the engine answer: the run comes first, all other fields are keywords. Raises what the method raises."""
    question = QUESTIONS[type(request)]
    fields = msgspec.structs.asdict(request)
    run = (fields.pop("run"),) if "run" in fields else ()
    return question.told(await call(engine, question.method, *run, **fields))
