"""Requests wait for the end of a run without a thread, and leave nothing behind."""

import asyncio
from typing import Any

import pytest

from stretto.actors.gateway.http.application import ClientGone
from stretto.actors.gateway.http.waiting import EndWaits, wait_for
from tests.support.waiting import PATIENCE


async def stays() -> Any:
    """Return nothing: the client does not leave."""
    await asyncio.Event().wait()


def test_all_waits_for_a_run_end_with_it() -> None:
    """Those for another run go on. Nothing is kept of a wait that is over."""

    async def test() -> None:
        waits = EndWaits()
        with waits.until_end("a") as one, waits.until_end("a") as two, waits.until_end("b") as other:
            assert len(waits) == 3
            waits.wake("a")
            waits.wake("nobody")
            await wait_for(one, PATIENCE, stays)
            assert (one.done(), two.done(), other.done()) == (True, True, False)
            waits.wake("a")
        assert len(waits) == 0

    asyncio.run(test())


def test_a_wait_ends_with_its_time() -> None:
    """The run has not ended then."""

    async def test() -> None:
        waits = EndWaits()
        with waits.until_end("a") as ended:
            await wait_for(ended, 0.0, stays)
            assert not ended.done()

    asyncio.run(test())


def test_a_client_that_leaves_frees_its_wait() -> None:
    """What it sends before is not read as leaving."""

    async def test() -> None:
        waits = EndWaits()
        messages = iter([{"type": "http.request", "body": b""}, {"type": "http.disconnect"}])

        async def leaves() -> Any:
            return next(messages)

        with pytest.raises(ClientGone), waits.until_end("a") as ended:
            await wait_for(ended, PATIENCE, leaves)
        assert len(waits) == 0

    asyncio.run(test())


def test_no_wait_begins_or_lasts_when_the_daemon_stops() -> None:
    """A run that is parked then does not end here."""

    async def test() -> None:
        waits = EndWaits()
        with waits.until_end("a") as before:
            waits.close()
            assert before.done()
            with waits.until_end("a") as after:
                assert after.done()

    asyncio.run(test())
