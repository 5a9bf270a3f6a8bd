"""An engine of the revision on PYTHONPATH, with a store. Each line ITEMS is answered with the seconds of an item.

They are those of the processor and those of the clock. Only calls that each revision has are used.
"""

import gc
import sys
import tempfile
from pathlib import Path
from shutil import copy
from time import perf_counter, process_time
from typing import Any

from stretto.actors import Engine

RUN_SECONDS = 120
WORKFLOW = "plain_fan_out"
WARM_ITEMS = 2_000
"""Before the first value: the interpreter adapts to what it runs, and statements are prepared."""


def fan_out(proxy: Any, items: int) -> None:
    """Run a fan-out until its outcome is durable."""
    handle = proxy.submit(WORKFLOW, {"items": list(range(items))}).get(timeout=RUN_SECONDS)
    outcome = handle.outcome.get(timeout=RUN_SECONDS)
    assert outcome.output == {"count": items}, outcome


def main() -> None:
    """Answer until the input ends."""
    workflows, store, key, lease = sys.argv[1:]
    shared: dict[str, Any] = {"store_lease": float(lease)} if lease else {}
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(workflows) / f"{WORKFLOW}.yaml", folder)
        proxy = Engine.start(definitions=[folder], store=store, store_key=key, metrics_port=0, **shared).proxy()
        fan_out(proxy, WARM_ITEMS)
        for line in sys.stdin:
            items = int(line)
            gc.collect()
            clock, processor = perf_counter(), process_time()
            fan_out(proxy, items)
            processor, clock = process_time() - processor, perf_counter() - clock
            print(processor / items, clock / items, flush=True)
        proxy.stop().get()


if __name__ == "__main__":
    main()
