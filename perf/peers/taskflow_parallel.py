"""OpenStack's TaskFlow: a flow built for each run, its engine with a pool of threads, nothing persistent."""

from typing import Any

import work
from taskflow import engines
from taskflow.patterns import linear_flow, unordered_flow
from taskflow.task import FunctorTask


def _greet(loaded: dict[str, Any], index: int) -> dict[str, Any]:
    return work.greeted(index, f"{loaded['greeting']} {index}")


def _nothing() -> None:
    return None


class TaskFlow:
    """A task an item in a flow without order; what was loaded is in the flow's storage, which hands it to each."""

    def load(self, results: int) -> Any:
        """Make it."""
        return work.loaded(results)

    def fan_out(self, loaded: Any, items: int) -> list[dict[str, Any]]:
        """A flow of as many tasks."""
        flow = unordered_flow.Flow("fan")
        for index in range(items):
            flow.add(FunctorTask(_greet, name=f"item_{index}", provides=f"result_{index}", inject={"index": index}))
        found = engines.run(
            flow, store={"loaded": loaded}, engine="parallel", executor="threaded", max_workers=work.THREADS
        )
        return [found[f"result_{index}"] for index in range(items)]

    def chain(self, tasks: int) -> None:
        """A linear flow."""
        flow = linear_flow.Flow("chain")
        flow.add(*(FunctorTask(_nothing, name=f"task_{number}") for number in range(tasks)))
        engines.run(flow)

    def one_task(self) -> None:
        """A flow of one task."""
        self.chain(1)


if __name__ == "__main__":
    work.measure(TaskFlow(), "taskflow")
