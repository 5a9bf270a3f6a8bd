"""Work in a process that switches threads and collects garbage as the daemon does."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from stretto.actors.cli.serve import SWITCH_SECONDS
from stretto.actors.daemon.collector import Collector

Result = TypeVar("Result")


def as_a_daemon(proxy: Any, work: Callable[[Any], Result]) -> Result:
    """Call a function with an engine's proxy, and return what it returns."""

    async def collecting() -> Result:
        dispatcher = proxy.host.services().get().dispatcher
        with Collector(lambda: dispatcher.alive().get("ItemActor", 0)).running():
            return await asyncio.to_thread(work, proxy)

    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        return asyncio.run(collecting())
    finally:
        sys.setswitchinterval(before)
