"""Permits of keys: each change is a transaction of its own under the locks of its keys, beside the journal's."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql

from stretto.actors.journal.limits import SHARED_AT_ONCE, KeyClaim, KeyNeed, KeyShare, common_limit, deal, fair_share
from stretto.actors.journal.sql.engines import SERVER_TIME
from stretto.actors.journal.sql.permit_table import permits
from stretto.actors.journal.sql.tables import engines

LOCK_SECONDS: Final = 1
"""How long an engine waits for the lock of a key. Another one that is frozen may have it until its lease is over."""

_LIVE: Final = select(engines.c.number).where(engines.c.fenced_by.is_(None))
_IS_LIVE: Final = _LIVE.where(engines.c.number == bindparam("ours"))
_LOCK: Final = select(func.pg_advisory_xact_lock(bindparam("lock")))
_INSERT: Final = postgresql.insert(permits)
_PUT: Final = _INSERT.on_conflict_do_update(
    index_elements=[permits.c.key, permits.c.engine],
    set_={name: _INSERT.excluded[name] for name in ("held", "wanted", "since", "bound")},
)


def share_keys(connection: Connection, engine: int, needs: Sequence[KeyNeed]) -> tuple[list[KeyShare], list[str]]:
    """Share out the permits of keys to an engine.

    Args:
        connection: A connection that commits each statement.
        engine: The number of the engine.
        needs: What it needs of each key.

    Returns:
        What it has from now on, and the keys of which other engines should ask again.

    Raises:
        Database errors. A transaction that failed may have taken effect: the needs can be sent again.
    """
    shares: list[KeyShare] = []
    changed: list[str] = []
    for start in range(0, len(needs), SHARED_AT_ONCE):
        portion = needs[start : start + SHARED_AT_ONCE]
        with _transaction(connection, [each.key for each in portion]):
            if connection.scalar(_IS_LIVE, {"ours": engine}) is None:
                break  # it ends when it notices that it was fenced
            claims = _claims(connection, [each.key for each in portion])
            now: float = connection.execute(select(SERVER_TIME)).scalar_one()
            for need in portion:
                of_key = claims.get(need.key, [])
                row, share = _shared(engine, need, of_key, now)
                _put(connection, need.key, row)
                shares.append(share)
                if len(of_key) > any(each.engine == engine for each in of_key) and _is_news(engine, of_key, row):
                    changed.append(need.key)
    return shares, changed


@contextmanager
def _transaction(connection: Connection, keys: Iterable[str]) -> Iterator[None]:
    """Run a block in a transaction that has the locks of keys, taken in the same order by all engines."""
    connection.exec_driver_sql("BEGIN")
    try:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        for lock in sorted({_lock_of(key) for key in keys}):
            connection.execute(_LOCK, {"lock": lock})
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _claims(connection: Connection, keys: Sequence[str]) -> dict[str, list[KeyClaim]]:
    """Return the claims of all engines that are not fenced, and delete those of the others."""
    connection.execute(delete(permits).where(permits.c.key.in_(keys), permits.c.engine.not_in(_LIVE)))
    found: dict[str, list[KeyClaim]] = {}
    for row in connection.execute(select(permits).where(permits.c.key.in_(keys)).order_by(permits.c.engine)):
        found.setdefault(row.key, []).append(KeyClaim(row.engine, row.held, row.wanted, row.since, row.bound))
    return found


def _shared(engine: int, need: KeyNeed, claims: Sequence[KeyClaim], now: float) -> tuple[KeyClaim, KeyShare]:
    """Return the engine's new row, and what it has."""
    before = next((each for each in claims if each.engine == engine), None)
    others = [each for each in claims if each.engine != engine]
    waits = before is not None and before.wanted > 0 and before.held == 0 and need.in_use == 0
    since = before.since if before is not None and waits else now
    asking = KeyClaim(engine, need.in_use, need.wanted, since, need.limit)
    limit = common_limit(others, need.limit)
    got = deal(limit, [*others, asking], engine)
    row = KeyClaim(engine, need.in_use + got, need.wanted - got, now if got else since, need.limit)
    fair = fair_share(limit, [*others, asking]) if any(each.wanted for each in others) else None
    having = tuple((each.engine, each.held) for each in others if each.held)
    return row, KeyShare(need.key, row.held, fair, having)


def _put(connection: Connection, key: str, row: KeyClaim) -> None:
    if row.held or row.wanted:
        values: dict[str, Any] = {
            "key": key, "engine": row.engine, "held": row.held, "wanted": row.wanted, "since": row.since,
            "bound": row.limit,
        }  # fmt: skip
        connection.execute(_PUT, values)
    else:
        connection.execute(delete(permits).where(permits.c.key == key, permits.c.engine == row.engine))


def _is_news(engine: int, claims: Sequence[KeyClaim], row: KeyClaim) -> bool:
    """Return whether other engines should ask again: this one has returned permits, or waits and did not before."""
    before = next((each for each in claims if each.engine == engine), KeyClaim(engine, 0, 0, 0.0))
    return row.held < before.held or row.wanted < before.wanted or (row.wanted > 0 and not before.wanted)


def _lock_of(key: str) -> int:
    """Return the number of a key's advisory lock. Two keys with the same number wait for each other."""
    digest = hashlib.blake2b(f"stretto key {key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
