"""Requests that are one call of the engine's, whose answer is one frame."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import pykka

from stretto.actors.dispatch import call
from stretto.actors.operations import answers, requests


class Question(NamedTuple):
    """The engine's method, and how what it gives is told."""

    method: str
    told: Callable[[Any], answers.Answer]


def _done(_value: object) -> answers.Answer:
    return answers.Done()


QUESTIONS: Final[Mapping[type, Question]] = {
    requests.Status: Question("status", answers.StatusAnswer),
    requests.Workflows: Question("workflows", lambda refs: answers.WorkflowsAnswer(list(refs))),
    requests.Cancel: Question("cancel", _done),
    requests.Pause: Question("pause", _done),
    requests.Resume: Question("resume", _done),
    requests.SetConcurrency: Question("set_concurrency", _done),
    requests.SkipItem: Question("skip_item", _done),
    requests.RetryItem: Question("retry_item", _done),
    requests.Rerun: Question("rerun", lambda handle: answers.Accepted(handle.id, handle.workflow)),
    requests.Runs: Question("runs", lambda page: answers.RunsAnswer(page["runs"], page["next"])),
    requests.Run: Question("run", answers.RunAnswer),
    requests.Items: Question("items", lambda page: answers.ItemsAnswer(page["items"], page["next"])),
    requests.Item: Question("item", answers.ItemAnswer),
    requests.ItemOutput: Question("item_output", answers.OutputAnswer),
    requests.Why: Question("why", answers.WaitsAnswer),
    requests.Prune: Question("prune", answers.Pruned),
}


async def ask(engine: pykka.ActorRef[Any], request: Any) -> answers.Answer:
    """Have the engine answer: the run comes first, all other fields are keywords. Raises what the method raises."""
    question = QUESTIONS[type(request)]
    fields = msgspec.structs.asdict(request)
    run = (fields.pop("run"),) if "run" in fields else ()
    return question.told(await call(engine, question.method, *run, **fields))
