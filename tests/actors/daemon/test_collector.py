"""When the daemon collects garbage: counted by the interpreter itself, in processes of their own."""

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from stretto.actors.daemon import collector
from stretto.actors.daemon.collector import THRESHOLDS, Collector, resident_bytes
from tests.support.daemons import NEW_INTERPRETER, serving
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

ITEMS = 20_000
FAN_OUT = f"""
import asyncio, contextlib, gc, json, sys
from stretto.actors import Engine
from stretto.actors.daemon import collector
from stretto.actors.daemon.collector import Collector

DEFINITION = '''
version: "1.0.0"
parameters: {{items: {{type: array}}}}
tasks:
  - name: fan
    action: core.echo
    with_items: "{{{{ parameters.items }}}}"
    concurrency: 256
    input: {{message: {{number: "{{{{ item }}}}", list: [1, 2, 3]}}}}
output_map: {{count: "{{{{ task.fan.result | length }}}}"}}
'''

async def main(scheduled):
    with open(sys.argv[2], "w") as file:
        file.write(DEFINITION)
    engine = Engine.start()
    proxy = engine.proxy()
    dispatcher = proxy.host.services().get().dispatcher
    counts, full = {{0: 0, 1: 0, 2: 0}}, asyncio.Event()
    loop = asyncio.get_running_loop()

    def counted(phase, info):
        if phase == "stop":
            counts[info["generation"]] += 1
            if info["generation"] == 2:
                loop.call_soon_threadsafe(full.set)

    def fan_out():
        handle = proxy.submit(sys.argv[2], {{"items": list(range({ITEMS}))}}).get()
        return handle.outcome.get().output["count"]

    collector = Collector(lambda: dispatcher.alive().get("ItemActor", 0), first_check=0.05)
    with collector.running() if scheduled else contextlib.nullcontext():
        gc.callbacks.append(counted)
        if scheduled:  # the garbage of the start is collected first
            await asyncio.wait_for(full.wait(), {PATIENCE})
            full.clear()
            counts.update({{0: 0, 1: 0, 2: 0}})
        count = await asyncio.to_thread(fan_out)
        during = dict(counts)
        if scheduled:
            gc.collect(1)
            await asyncio.wait_for(full.wait(), {PATIENCE})
    await asyncio.to_thread(lambda: proxy.stop().get())
    print(json.dumps([count, list(during.values())]))

asyncio.run(main(sys.argv[1] == "scheduled"))
"""


def collections(how: str, folder: Path) -> list[int]:
    """Return how often each generation was collected during a fan-out, in a process of its own."""
    command = [sys.executable, "-c", FAN_OUT, how, str(folder / "fan.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    count, generations = json.loads(done.stdout)
    assert count == ITEMS
    assert isinstance(generations, list)
    return generations


def test_no_full_collection_runs_while_items_are_in_flight(tmp_path: Path) -> None:
    """One follows when the process is idle; the younger generations are collected seldom."""
    scheduled, by_itself = collections("scheduled", tmp_path), collections("by itself", tmp_path)
    assert scheduled[2] == 0
    assert 1 <= sum(scheduled) <= sum(by_itself) / 4


ACTIONS = """
import gc
from stretto.actors import action

@action("test.collector")
def collector() -> list[int]:
    return [*gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()]
"""
ASKS = """
version: "1.0.0"
tasks: [{name: ask, action: test.collector}]
output_map: {found: "{{ task.ask.result }}"}
"""


def test_the_daemon_freezes_what_it_has_loaded(tmp_path: Path) -> None:
    """The collector of the process has the daemon's thresholds."""
    (tmp_path / "asks.py").write_text(ACTIONS)
    (tmp_path / "asks.yaml").write_text(ASKS)
    with serving(tmp_path, "--actions", str(tmp_path / "asks.py"), program=NEW_INTERPRETER) as daemon:
        found = json.loads(daemon.run(tmp_path / "asks.yaml").stdout)["found"]
    assert tuple(found[:3]) == THRESHOLDS
    assert found[3] > 10_000
    assert found[4] is True


BUILDERS = """
import gc, sys, threading
from stretto.actors.daemon.collector import count_oldest

sys.setswitchinterval(1e-6)
failed, over = [], threading.Event()

def build():
    try:
        while not over.is_set():
            tuple(number for number in range(300))
    except SystemError as error:
        failed.append(error)

builders = [threading.Thread(target=build) for _ in range(3)]
for each in builders:
    each.start()
for _ in range(150):
    gc.collect()  # the unfinished tuples are among the oldest objects then
    count_oldest()
    if failed:
        break
over.set()
for each in builders:
    each.join()
print(failed)
"""


def test_objects_are_counted_beside_threads_that_build_tuples() -> None:
    """No reference to an unfinished tuple is left when another thread goes on: it would end in a SystemError."""
    command = [sys.executable, "-c", BUILDERS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == "[]\n"


class Heap:
    """The items in flight and the resident memory that a collector sees."""

    def __init__(self) -> None:
        self.items = 1
        self.resident = 2**30
        self.checks: asyncio.Queue[int] = asyncio.Queue()
        self.full: asyncio.Queue[int] = asyncio.Queue()

    def in_flight(self) -> int:
        """Count a check."""
        self.checks.put_nowait(self.items)
        return self.items

    def counted(self, phase: str, info: dict[str, int]) -> None:
        """Note a full collection, with the number of frozen objects before it."""
        if phase == "start" and info["generation"] == 2:
            self.full.put_nowait(gc.get_freeze_count())

    def collector(self) -> Collector:
        """Return a collector that checks at once."""
        return Collector(self.in_flight, first_check=0.001, resident=lambda: self.resident)


Work: TypeAlias = Callable[[Heap], Coroutine[Any, Any, None]]
ALONE: dict[str, Work] = {}
"""What tests do in processes of their own, by the names of the tests."""


@contextmanager
def watched_heap() -> Iterator[Heap]:
    before = gc.get_threshold()
    made = Heap()
    gc.disable()  # only what the test and its collector ask for is collected
    gc.callbacks.append(made.counted)
    yield made
    gc.callbacks.remove(made.counted)
    gc.enable()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def alone(work: Work) -> Callable[[], None]:
    """Make a test of a coroutine that has to end in time, in an interpreter of its own.

    It examines all objects and freezes none at its end. A process of tests has millions, which are frozen.
    """
    name = work.__name__
    ALONE[name] = work

    def test() -> None:
        command = [sys.executable, "-c", f"from {__name__} import run_here; run_here({name!r})"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)
        assert done.returncode == 0, done.stderr

    test.__doc__ = work.__doc__
    return test


def run_here(name: str) -> None:
    """Run what a test does in this process."""
    with watched_heap() as heap:
        asyncio.run(asyncio.wait_for(ALONE[name](heap), PATIENCE))


@alone
async def test_a_start_does_not_wait_for_a_collection(heap: Heap) -> None:
    """What is loaded is frozen at once. Garbage among it is collected when no item is in flight."""
    with heap.collector().running():
        assert heap.full.empty()
        assert gc.get_freeze_count() > 10_000
        assert [await heap.checks.get() for _ in range(3)] == [1, 1, 1]
        heap.items = 0
        assert await heap.full.get() == 0


@alone
async def test_a_collection_waits_for_the_items_in_flight(heap: Heap) -> None:
    """It examines only what is newer than the last one."""
    heap.items = 0
    with heap.collector().running():
        await heap.full.get()
        heap.items = 1
        while not heap.checks.empty():
            heap.checks.get_nowait()
        gc.collect(1)
        assert [await heap.checks.get() for _ in range(3)] == [1, 1, 1]
        assert heap.full.empty()
        heap.items = 0
        assert await heap.full.get() > 0


@alone
async def test_a_collection_that_memory_needs_does_not_wait(heap: Heap) -> None:
    """Cyclic garbage of actions is bounded, although items are always in flight."""
    with heap.collector().running():
        heap.resident += 2**30
        assert await heap.full.get() == 0
        heap.resident += 2**31
        gc.collect(1)
        assert await heap.full.get() > 0


@alone
async def test_a_reload_examines_the_frozen_objects(heap: Heap) -> None:
    """The replaced definitions are among them."""
    heap.items = 0
    collector = heap.collector()
    with collector.running():
        await heap.full.get()
        collector.definitions_replaced()
        assert await heap.full.get() == 0


@alone
async def test_the_frozen_objects_are_examined_when_they_have_doubled(heap: Heap) -> None:
    """They are not counted at each collection, which would take longer than the collection."""
    heap.items = 0
    with heap.collector().running():
        await heap.full.get()
        gc.collect(1)
        frozen = await heap.full.get()
        assert frozen > 0
        kept = [[number] for number in range(2 * frozen)]
        gc.collect(1)
        assert await heap.full.get() >= frozen
        del kept  # they are frozen by now, and counted
        gc.collect(1)
        assert await heap.full.get() == 0


@alone
async def test_a_collection_does_not_count_the_frozen_objects(heap: Heap) -> None:
    """Python walks through all of them."""
    counted: list[int] = []
    heap.items = 0
    with pytest.MonkeyPatch.context() as patch, heap.collector().running():
        patch.setattr(collector, "gc", CountedCollector(counted))
        await heap.full.get()
        for _ in range(3):
            gc.collect(1)
            await heap.full.get()
    assert counted == []


class CountedCollector:
    """The interpreter's collector. It notes how often the frozen objects are counted."""

    def __init__(self, counted: list[int]) -> None:
        self._counted = counted

    def __getattr__(self, name: str) -> Any:
        if name == "get_freeze_count":
            self._counted.append(1)
        return getattr(gc, name)


def test_the_resident_memory_is_that_of_the_process() -> None:
    """Whole pages."""
    assert resident_bytes() % 4096 == 0
    assert resident_bytes() > 2**20
