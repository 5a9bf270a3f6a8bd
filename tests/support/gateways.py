"""A gateway for tests: a real socket in a folder, and an engine behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stretto.actors import Engine
from stretto.actors.dispatch.asyncio_bridge import call
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.server import Gateway
from stretto.actors.gateway.socket_file import SocketFile
from tests.support.waiting import PATIENCE


def with_gateway(folder: Path, test: Callable[[Client], Awaitable[None]], **settings: Any) -> None:
    """Run a test against a gateway of an engine of its own, which is stopped after it; so is the gateway."""

    async def run() -> None:
        file = SocketFile(folder / "s")
        engine = Engine.start(**settings)
        gateway = Gateway(engine)
        await gateway.start(file.open())
        try:
            await test(Client(f"unix://{folder}/s"))
        finally:
            await call(engine, Engine.stop, 0)
            await gateway.stop()
            file.close()

    async def bounded() -> None:
        await asyncio.wait_for(run(), PATIENCE)

    folder.chmod(0o700)
    asyncio.run(bounded())
