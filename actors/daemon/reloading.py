"""Reloading: the daemon reads all definitions again, when a signal, a changed file or a client asks for it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pykka

from stretto.actors.catalogue import Catalogue, Rules, load_library
from stretto.actors.daemon.notify import notify
from stretto.actors.daemon.pools import pool_options
from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.journal import Requester
from stretto.actors.packs import Pack
from stretto.actors.pools import known_pools
from stretto.actors.settings import Settings
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

_log = get_logger("stretto.daemon")


class Reloading:
    """Reads the definitions again, one time after the other.

    Args:
        engine: The engine.
        settings: Where the definitions are.
        on_replaced: Called when the engine has other definitions.
    """

    def __init__(self, engine: pykka.ActorRef[Any], settings: Settings, on_replaced: Callable[[], object]) -> None:
        self._engine = engine
        self._settings = settings
        self._on_replaced = on_replaced
        self._lock = asyncio.Lock()

    async def reload(self, by: Requester) -> int:
        """Read all definitions again, and record it in the audit. A workflow whose file is invalid stays as it was.

        Args:
            by: Who asks for it.

        Returns:
            The number of workflows.

        Raises:
            StrettoError: The packs are invalid, or there is no such folder. The engine keeps what it has.
        """
        try:
            workflows = await self._replace()
        except StrettoError as error:
            await self._record(by, f"failed: {error}")
            raise
        await self._record(by, f"{workflows} workflows")
        return workflows

    async def _replace(self) -> int:
        async with self._lock:
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                earlier = await call(self._engine, EngineHost.catalogue)
                catalogue, packs = await asyncio.to_thread(self._read_again, earlier)
                await call(self._engine, EngineHost.use_definitions, catalogue, packs)
            except (StrettoError, pykka.ActorDeadError) as error:
                _log.error("reload_failed", reason=str(error))
                raise
            finally:
                notify("READY=1")
            self._on_replaced()
            workflows = len(catalogue.refs())
            _log.info("definitions_reloaded", workflows=workflows)
            return workflows

    async def _record(self, by: Requester, result: str) -> None:
        # The next reload does not wait for the store. If the engine stops meanwhile, the store has got the entry or
        # `journal_left_unwritten` counts it.
        with contextlib.suppress(pykka.ActorDeadError):
            await call(self._engine, EngineHost.audit, by, "reload", "definitions", result)

    def _read_again(self, earlier: Catalogue) -> tuple[Catalogue, tuple[Pack, ...]]:
        engine = self._settings.engine
        library = load_library(
            engine.definitions, packs=engine.packs, rendered_commands=self._settings.core_local.rendered_cmd,
            earlier=earlier,
            rules=Rules(
                pools=known_pools(pool_options(self._settings.pools, engine.actions)),
                max_pack_actions=engine.max_pack_actions,
            ),
        )  # fmt: skip
        return library.catalogue, library.packs
