"""An engine to measure: its definitions, its two actions, and runs through its public API."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from time import perf_counter
from typing import Any

import yaml
from process import Mark, mark, reset_peak
from samples import result

from stretto.actors import Engine, Outcome, action
from stretto.definitions.data import FrozenList

WORKFLOWS = Path(__file__).parent / "workflows"
CHAIN_TASKS = 100
ITEMS = 10_000
RUN_SECONDS = 120

arrived = Semaphore(0)
"""How often `perf.arrive` was called."""


@action("perf.load")
def load(results: int) -> dict[str, Any]:
    """Return so many results of 10 KB.

    Args:
        results: how many
    """
    return {"greeting": "hello", "results": [result(number) for number in range(results)]}


@action("perf.mark")
def note_the_time() -> Mark:
    """Return how the process stands; the peak of its memory begins anew."""
    now = mark()
    reset_peak()
    return now


@action("perf.now")
def now() -> float:
    """Return the time, in seconds."""
    return perf_counter()


@action("perf.arrive")
def arrive() -> None:
    """Count one more in `arrived`."""
    arrived.release()


@action("perf.echo_on_a_thread")
def echo_on_a_thread(message: str) -> str:
    """Return the message; the thread runner calls a plain function."""
    return message


@action("perf.echo_on_the_loop")
async def echo_on_the_loop(message: str) -> str:
    """Return the message; the event loop runs an async function."""
    return message


VARIANTS = {
    "fan_out_one_by_one": ("concurrency: 256", "concurrency: 1"),
    "fan_out_on_threads": ("core.echo", "perf.echo_on_a_thread"),
    "fan_out_on_the_loop": ("core.echo", "perf.echo_on_the_loop"),
}
"""Fan-outs that differ from `fan_out` in one thing."""


def variant(ref: str) -> str:
    """Return the definition of a variant."""
    text = (WORKFLOWS / "fan_out.yaml").read_text(encoding="utf-8")
    return f"ref: {ref}\n{text.replace(*VARIANTS[ref])}"


def chain(length: int, ref: str) -> str:
    """Return the definition of a chain of trivial tasks."""
    tasks: list[dict[str, Any]] = [
        {"name": f"task_{number}", "action": "core.noop", "next": [{"do": [f"task_{number + 1}"]}]}
        for number in range(length - 1)
    ]
    tasks.append({"name": f"task_{length - 1}", "action": "core.noop"})
    return yaml.safe_dump({"ref": ref, "version": "1.0.0", "tasks": tasks}, sort_keys=False)


@contextmanager
def engine(grace: float | None = None, **settings: Any) -> Iterator[Any]:
    """Run an engine with its metrics exposed, without a store if none is set, as the proxy that its users have.

    `grace`: seconds after which its end waits no more for runs in progress.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "chain.yaml").write_text(chain(CHAIN_TASKS, "chain"), encoding="utf-8")
        for ref in VARIANTS:
            (Path(folder) / f"{ref}.yaml").write_text(variant(ref), encoding="utf-8")
        proxy = Engine.start(definitions=[str(WORKFLOWS), folder], metrics_port=0, **settings).proxy()
        try:
            yield proxy
        finally:
            proxy.stop(grace).get()


def run(proxy: Any, workflow: str, inputs: dict[str, Any] | None = None) -> Any:
    """Submit a run and return its output; a run that does not succeed is no measurement."""
    outcome: Outcome = proxy.submit(workflow, inputs or {}).get().outcome.get(timeout=RUN_SECONDS)
    if outcome.status != "succeeded":
        raise RuntimeError(f"the run of {workflow} {outcome.status}: {outcome.errors}")
    return outcome.output


def fan_out(
    proxy: Any, results: int, items: int = ITEMS, workflow: str = "fan_out", inventory: FrozenList | None = None
) -> tuple[Mark, Mark]:
    """Run the fan-out over so many results of 10 KB; return how the process stood before it and after it.

    `inventory`: more of the context, given with the run.
    """
    output = run(proxy, workflow, {"results": results, "items": list(range(items)), "inventory": inventory})
    if (output["count"], output["last"]) != (items, f"hello {items - 1}"):
        raise RuntimeError(f"the fan-out gave {output['count']} results, the last {output['last']!r}")
    return output["began"], output["ended"]
