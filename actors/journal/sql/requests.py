"""The table of requests between engines: asked for on a connection of its own, answered in the owner's transactions."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from stretto.actors.journal.peers import PeerAnswer, PeerRequest
from stretto.actors.journal.sql.tables import engines, kv, requests, runs

REQUESTS_AT_ONCE: Final = 500
"""Requests that an engine reads at a time."""
REQUEST_BYTES_AT_ONCE: Final = 4 * 1024 * 1024
"""The bytes of requests and answers that an engine reads at a time. A larger one is read alone."""
MAX_LISTED_REQUESTS: Final = 10_000
"""Requests of which an engine reads the numbers at a time. Later ones wait for the answers to these."""


class Received(NamedTuple):
    """Requests to an engine, and answers to its own.

    Attributes:
        asked: The requests that were not delivered before.
        answers: The answers.
        waiting: The numbers of all requests that wait for an answer of this engine and were read.
        more: Whether more of them can be read now.
    """

    asked: list[PeerRequest]
    answers: list[PeerAnswer]
    waiting: frozenset[int]
    more: bool


_INSERT: Final = insert(requests).returning(requests.c.number)
_ANSWER: Final = (
    update(requests)
    .where(requests.c.number == bindparam("request"), requests.c.answer.is_(None))
    .values(answer=bindparam("answered"))
)
# An ended run may belong to an engine that is gone: any engine knows how it ended.
_IS_FOR_US: Final = or_(
    requests.c.engine == bindparam("ours"),
    and_(
        requests.c.run.is_not(None),
        or_(runs.c.owner == bindparam("ours"), runs.c.id.is_(None), runs.c.ended_at.is_not(None)),
    ),
)
_FOR_ENGINE: Final = (
    select(
        requests.c.number,
        requests.c.answer.is_not(None).label("is_answered"),
        (func.length(requests.c.body) + func.coalesce(func.length(requests.c.answer), 0)).label("size"),
    )
    .select_from(requests.outerjoin(runs, runs.c.id == requests.c.run))
    .where(
        or_(
            and_(requests.c.answer.is_(None), _IS_FOR_US),
            and_(requests.c.answer.is_not(None), requests.c.asker == bindparam("ours")),
        )
    )
    .order_by(requests.c.number)
    .limit(MAX_LISTED_REQUESTS)
)
_OF_NUMBERS: Final = select(requests).order_by(requests.c.number)
_KEYS_STATE: Final = select(func.coalesce(func.max(kv.c.version), 0), func.count())
_OWNER: Final = select(runs.c.owner).where(runs.c.id == bindparam("run"))


def insert_request(connection: Connection, asker: int, request: dict[str, Any], now: float) -> int:
    """Add a request with the columns `kind`, `body`, `run` and `engine`; return its number."""
    number: int = connection.execute(_INSERT, {**request, "asker": asker, "asked_at": now}).scalar_one()
    return number


def receiver_of(connection: Connection, run_id: str) -> int | None:
    """Return the engine that has a run, or None."""
    owner: int | None = connection.scalar(_OWNER, {"run": run_id})
    return owner


def read_requests(connection: Connection, ours: int, delivered: AbstractSet[int]) -> Received:
    """Return requests that an engine can answer, and answers to its own, in the order of their numbers.

    Args:
        connection: A connection that commits each statement.
        ours: The number of the engine.
        delivered: The requests that it has read before. Their bodies are not read again.
    """
    listed = connection.execute(_FOR_ENGINE, {"ours": ours}).all()
    waiting = frozenset(row.number for row in listed if not row.is_answered)
    new = [row for row in listed if row.number not in delivered or row.is_answered]
    chosen: list[int] = []
    size = 0
    for row in new[:REQUESTS_AT_ONCE]:
        size += row.size
        if chosen and size > REQUEST_BYTES_AT_ONCE:
            break
        chosen.append(row.number)
    asked, answers = [], []
    for row in connection.execute(_OF_NUMBERS.where(requests.c.number.in_(chosen))) if chosen else ():
        # One that was listed without an answer may have one by now. An engine answers its requests once.
        if row.number not in waiting:
            answers.append(PeerAnswer(row.number, row.answer))
        elif row.answer is None:
            asked.append(PeerRequest(row.number, row.asker, row.kind, row.run, row.body))
    left = {row.number for row in new[len(chosen) :] if not row.is_answered}
    return Received(asked, answers, waiting - left, more=len(chosen) < len(new))


def delete_requests(connection: Connection, numbers: Iterable[int]) -> None:
    """Delete requests that their asker waits for no longer."""
    connection.execute(delete(requests).where(requests.c.number.in_(list(numbers))))


def forget_requests(connection: Connection) -> None:
    """Delete what engines that are gone have asked for, if it is answered, or if the engine that was asked is gone."""
    there = select(engines.c.number).where(engines.c.fenced_by.is_(None))
    is_over = or_(requests.c.answer.is_not(None), requests.c.engine.not_in(there))
    connection.execute(delete(requests).where(requests.c.asker.not_in(there), is_over))


def write_answers(connection: Connection, answers: Iterable[PeerAnswer]) -> None:
    """Answer requests in the transaction of what they have changed. The first answer to a request counts."""
    rows = [{"request": each.number, "answered": each.body} for each in answers]
    if rows:
        connection.execute(_ANSWER, rows)


def state_of_keys(connection: Connection) -> tuple[int, int]:
    """Return what differs after each change of a key: the newest version, and the number of keys."""
    row = connection.execute(_KEYS_STATE).one()
    return row[0], row[1]


def notify(connection: Connection, channel: str, payload: str = "") -> None:
    """Notify those that listen to a channel. It takes a server-wide lock: never do so in the journal's transactions."""
    connection.execute(select(func.pg_notify(channel, payload)))
