"""Asking for a caller without HTTP, as pages do."""

import asyncio
from typing import Any

import pytest

from stretto.actors import Engine
from stretto.actors.access import Caller, Forbidden
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.operations import Actions, Done, Me, RevokeToken, Tokens


def caller_of(role: Any) -> Caller:
    """Return a caller with a role."""
    return Caller(who="ada", via="page", source="local", role=role, origin="remote")


def test_what_is_no_engine_method_is_asked_like_the_rest() -> None:
    """The role is checked first. An answer of another class, and none at all, are faults of the program."""
    engine = Engine.start()
    seen = []

    async def revoke(request: RevokeToken, caller: Caller) -> Done:
        seen.append((request.token, caller.who))
        return Done()

    async def test() -> None:
        asker = Asker(engine, {RevokeToken: revoke})
        assert await asker.ask(RevokeToken("t1"), caller_of("admin"), Done) == Done()
        with pytest.raises(Forbidden):
            await asker.ask(RevokeToken("t2"), caller_of("operator"), Done)
        with pytest.raises(TypeError, match="must be Actions, got Done"):
            await asker.ask(RevokeToken("t3"), caller_of("admin"), Actions)
        with pytest.raises(TypeError, match="Tokens is not asked without HTTP"):
            await asker.ask(Tokens(), caller_of("admin"), Done)
        with pytest.raises(TypeError, match="Me is not asked without HTTP"):
            await asker.ask(Me(), caller_of("admin"), Done)

    try:
        asyncio.run(test())
        assert seen == [("t1", "ada"), ("t3", "ada")]
    finally:
        engine.proxy().stop().get()
