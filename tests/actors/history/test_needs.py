"""Runs that no daemon can take: what reports and errors say of them."""

from collections.abc import Iterator

import pytest

from stretto.actors.history.needs import missing_needs, needs_wait, no_daemon_error
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.sql.store import Store
from tests.actors.journal.sql.test_claims import leave
from tests.support.recording import acceptance

HOST = frozenset({"host web1"})


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return an open store of each kind."""
    with open_store(store_url, None) as opened:
        yield opened


def test_needs_are_missing_while_no_engine_offers_them(store: Store) -> None:
    """A run that an engine has lacks nothing, and neither does one that an engine is about to claim."""
    store.writer.write([acceptance("mine", needs=HOST), acceptance("left", needs=HOST)])
    leave(store, "left")
    store.claims.offer(frozenset())
    store.claims.claim()
    assert missing_needs(store.reader, "mine") == frozenset()
    assert missing_needs(store.reader, "left") == HOST
    assert missing_needs(store.reader, "no run") == frozenset()
    store.claims.offer(HOST)
    store.claims.renew()
    assert missing_needs(store.reader, "left") == frozenset()


def test_reports_and_errors_name_what_is_missing() -> None:
    """And what to do."""
    wait = needs_wait(HOST)
    assert (wait["kind"], wait["needs"]) == ("no_daemon", ["host web1"])
    assert wait["text"].endswith("it needs the host web1, which has its files. Start a daemon that has it")
    assert str(no_daemon_error("pause", "r", HOST)).startswith("cannot pause the run r: no daemon can take it, as it ")
