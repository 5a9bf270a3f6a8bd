"""The access of a running engine: everything outlives it in a store, and nothing but tokens without one."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from stretto.actors.access import Access, Unauthenticated, access_of_file, access_of_store, open_access
from stretto.actors.journal import Link, Store, StoreUnavailable
from stretto.actors.journal.opening import open_reader
from tests.support.access import ADMIN
from tests.support.engines import Bench
from tests.support.stores import everything_in
from tests.support.waiting import PATIENCE


def access_of(bench: Bench, tokens_file: Path | None = None) -> Access:
    services: Any = bench.proxy.host.services().get(timeout=PATIENCE)
    return open_access(services.journal, services.readers, tokens_file)


def audit_of(bench: Bench) -> list[str]:
    page: dict[str, Any] = bench.proxy.audit().get(timeout=PATIENCE)
    return [f"{entry['who']} {entry['operation']} {entry['target']}" for entry in page["entries"]]


def test_with_a_store_everything_outlives_the_engine(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """Tokens, sessions, unused codes and the audit; not one secret is in the store's bytes."""
    bench = start_bench(store=durable_url)
    access = access_of(bench)
    made = access.create_token("ci", "operator", by=ADMIN, workflows=("ops.a",)).result(PATIENCE)
    caller = access.caller_of_token(made.text, source="10.0.0.1")
    used = access.new_enter_code(caller).result(PATIENCE).text
    session = access.enter(used).result(PATIENCE)
    unused = access.new_enter_code(ADMIN).result(PATIENCE).text
    assert audit_of(bench) == ["mira create_token ci"]
    bench.proxy.stop().get(timeout=PATIENCE)

    again = start_bench(store=durable_url)
    reopened = access_of(again)
    assert reopened.caller_of_token(made.text, source="").workflows == ("ops.a",)
    assert reopened.caller_of_session(session, source="").role == "operator"
    with pytest.raises(Unauthenticated):
        reopened.enter(used)
    other = reopened.enter(unused).result(PATIENCE)
    assert reopened.caller_of_session(other, source="").who == "mira"
    reopened.revoke_token("ci", by=ADMIN).result(PATIENCE)
    again.proxy.stop().get(timeout=PATIENCE)

    with contextlib.closing(open_reader(durable_url, None)) as reader:
        assert [each.revoked_at is not None for each in reader.access.tokens()] == [True]
        assert {each.who for each in reader.access.sessions()} == {"mira"}
        assert reader.access.enter_codes() == []
        content = everything_in(cast("Store", _Readable(reader)))
    secrets = (made.text, made.text[12:-6], session, used, unused, other)
    assert [secret for secret in secrets if secret.encode() in content] == []
    if durable_url.startswith("sqlite:///"):
        folder = Path(durable_url.removeprefix("sqlite:///")).parent
        files = b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())
        assert made.record.digest.encode() in files
        assert [secret for secret in secrets if secret.encode() in files] == []


class _Readable:
    """A reader in the place of a store."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader


def test_an_engine_that_stops_keeps_no_one_waiting(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """A change that comes too late fails."""
    bench = start_bench(store=sqlite_url)
    access = access_of(bench)
    bench.proxy.stop().get(timeout=PATIENCE)
    with pytest.raises(StoreUnavailable, match="the engine is being stopped"):
        access.create_token("ci", "operator", by=ADMIN).result(PATIENCE)


def test_without_a_store_tokens_are_in_the_file(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Another process may change it meanwhile, as the command line does. The audit is in memory."""
    path = tmp_path / "tokens.json"
    bench = start_bench()
    access = access_of(bench, path)
    made = access.create_token("ci", "viewer", by=ADMIN).result(PATIENCE)
    session = access.begin_session(access.caller_of_token(made.text, source="")).result(PATIENCE)
    assert audit_of(bench) == ["mira create_token ci"]
    content = path.read_text()
    assert made.record.digest in content
    assert made.text[12:-6] not in content
    other = access_of_file(path)
    other.revoke_token("ci", by=ADMIN).result(PATIENCE)
    other.close()
    with pytest.raises(Unauthenticated):
        access.caller_of_token(made.text, source="")
    with pytest.raises(Unauthenticated):
        access.caller_of_session(session, source="")
    access.close()


def test_a_store_can_be_used_without_an_engine(store: Store) -> None:
    """As the command line does."""
    made = access_of_store(store).create_token("ci", "viewer", by=ADMIN).result(PATIENCE)
    assert access_of_store(store).caller_of_token(made.text, source="").who == "ci"


def test_another_journal_is_no_place_to_keep_something() -> None:
    """It would be lost without a word."""
    with pytest.raises(TypeError, match="must be a JournalLink or NoJournal, got object"):
        open_access(cast("Link", object()), cast("Any", None), None)


def test_a_code_that_two_engines_get_at_one_instant_begins_one_session(
    start_bench: Callable[..., Bench], postgres_url: str
) -> None:
    """The store decides, for each of many codes."""
    first, second = (access_of(start_bench(store=postgres_url, store_lease=30)) for _ in range(2))
    codes = [first.new_enter_code(ADMIN).result(PATIENCE).text for _ in range(20)]
    for code in codes:
        waiting = second.awaited(code=code)
        assert waiting is not None
        waiting.result(PATIENCE)
    entering = [(access.enter(code), code) for code in codes for access in (first, second)]
    entered: dict[str, int] = dict.fromkeys(codes, 0)
    for future, code in entering:
        with contextlib.suppress(Unauthenticated):
            assert future.result(PATIENCE)
            entered[code] += 1
    assert set(entered.values()) == {1}
