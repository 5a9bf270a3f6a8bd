"""The queries of runs for lists, and the decoding of a run's columns.

A page is one statement, and a search has three before it. It follows an index in the order of acceptance, so that it
stops when the page is full:

    no filter                      the primary key of `runs`
    `by`                           runs_by_requester
    `search`                       runs_by_workflow and run_labels_by_value of what contains the text (`run_search`),
                                   else a part of the primary key
    `since`, `until`               a part of the primary key, whose ends runs_by_time has
    "folded", `parent`             runs_at_top, runs_by_parent
    `status`, `workflow`           runs_by_status (of each status, then together), runs_by_workflow
    `labels`                       run_labels_by_value, for the first label; the others are looked up by run
    `priority`                     none of its own: a page looks at MOST_SEARCHED runs, as that of a search
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, get_args

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from stretto.actors.journal.audit import RequestedBy
from stretto.actors.journal.queries import MOST_SEARCHED, NO_PARENT, RunQuery
from stretto.actors.journal.records import ItemKey, Origin, Rerun, UnreadableRecord
from stretto.actors.journal.sql.cursors import decode_cursor, encode_cursor
from stretto.actors.journal.sql.damage import DAMAGE
from stretto.actors.journal.sql.encoding import decode_data
from stretto.actors.journal.sql.pruning import PRUNED
from stretto.actors.journal.sql.run_search import Ask, Matches, find_matches
from stretto.actors.journal.sql.tables import run_labels, runs
from stretto.actors.journal.store import RunEnd, RunRow
from stretto.definitions.expressions import UNRECORDED_LIMITS, ExpressionLimits
from stretto.definitions.model import NORMAL, PRIORITIES, Priority

CLOCK_STEP_SECONDS: Final = 3600.0
"""The number of a run increases with its time, unless the clock was set back: by less than this, a list expects."""
_ABOVE_ALL: Final = 2**63 - 1
_ID_PREFIX: Final = re.compile(r"[0-9a-f-]{1,36}", re.ASCII)
_AFTER_DIGITS: Final = "g"
"""A letter behind all hexadecimal digits, whatever the database's order of letters."""
_OF_TASK: Final = ":"
"""Separates a rerun's scope from its task in `runs.rerun_scope`."""

_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
_decode_items = msgspec.json.Decoder(dict[str, tuple[tuple[int, int], ...]]).decode


class _JsonObject(FunctionElement[str]):
    """Aggregates two columns to the text of a JSON object."""

    type = Text()
    inherit_cache = True


@compiles(_JsonObject, "sqlite")
def _sqlite_object(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_group_object({compiler.process(element.clauses, **options)})"


@compiles(_JsonObject, "postgresql")
def _postgresql_object(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_object_agg({compiler.process(element.clauses, **options)})::text"


LABELS: Final = (
    select(_JsonObject(run_labels.c.key, run_labels.c.value))
    .where(run_labels.c.run == runs.c.number)
    .correlate(runs)
    .scalar_subquery()
    .label("labels")
)
"""The column of a run's labels, see `restore_labels`."""
_child = runs.alias("child")
_CHILD_COUNT: Final = (
    select(func.count()).where(_child.c.parent == runs.c.id).correlate(runs).scalar_subquery().label("child_count")
)
RUN_ROW: Final = select(
    runs.c.number, runs.c.id, runs.c.workflow, runs.c.status, runs.c.accepted_at, runs.c.ended_at, runs.c.parent,
    runs.c.rerun_of, runs.c.rerun_scope, runs.c.origin, runs.c.requested_by, runs.c.requested_via, LABELS, _CHILD_COUNT,
    runs.c.priority, runs.c.parent_task, runs.c.parent_visit, runs.c.parent_item,
).where(runs.c.status != PRUNED)  # fmt: skip
"""A run of a list, see `restore_run_row`."""


class Listing(NamedTuple):
    """The statement of a page without its limit.

    `floor` is the number of the newest run that the page does not look at, or None if it looks at all.
    """

    statement: Select[Any]
    floor: int | None = None

    @property
    def behind(self) -> str | None:
        """The cursor of the page that looks at the runs behind this one's, or None."""
        return None if self.floor is None else encode_cursor("runs", self.floor + 1)


def select_runs(query: RunQuery, ask: Ask) -> Listing:
    """Return the statement of a page. Raises InvalidCursor.

    Args:
        query: What to list.
        ask: Executes the statements that find the workflows and labels with the text to search for.
    """
    statuses = (query.status,) if isinstance(query.status, str) else query.status
    if query.search is not None and not query.labels and query.priority is None:
        matches = find_matches(searchable(query.search), ask)
        if matches is not None:
            return Listing(_newest(_pages_of_matches(query, statuses, matches)))
    floor = None if query.search is None and query.priority is None else _floor(query, ask)
    if statuses is None or len(statuses) == 1 or query.labels:
        page, number = _joined_to_labels(RUN_ROW, query)
        page = _above(_filtered(page, query, number), number, floor)
        if statuses is not None:
            wanted = list(map(searchable, statuses))
            page = page.where(runs.c.status == wanted[0] if len(wanted) == 1 else runs.c.status.in_(wanted))
        return Listing(page.order_by(number.desc()), floor)
    pages = [
        _above(_filtered(select(runs.c.number), query, runs.c.number), runs.c.number, floor)
        .where(runs.c.status == searchable(status))
        .order_by(runs.c.number.desc())
        for status in statuses
    ]
    return Listing(_newest([page.limit(query.limit + 1) for page in pages]), floor)


def _floor(query: RunQuery, ask: Ask) -> int | None:
    """Return the number of the newest run that a page with no index for its query does not look at, or None."""
    if query.cursor is None:
        (newest,) = ask(select(func.coalesce(func.max(runs.c.number), 0).label("number")))
        above = newest.number + 1
    else:
        above = decode_cursor("runs", query.cursor)
    return max(above - 1 - MOST_SEARCHED, 0) or None


def _above(page: Select[Any], number: Any, floor: int | None) -> Select[Any]:
    return page if floor is None else page.where(number > floor)


def _newest(pages: Sequence[Select[Any]]) -> Select[Any]:
    """Return the runs of some pages of numbers: the newest of each, by its index, have the newest of all among them."""
    if not pages:
        return RUN_ROW.where(false())
    newest = union_all(*(select(each.subquery().c.number) for each in pages))
    return RUN_ROW.where(runs.c.number.in_(newest)).order_by(runs.c.number.desc())


def _pages_of_matches(query: RunQuery, statuses: Sequence[str] | None, matches: Matches) -> list[Select[Any]]:
    others = msgspec.structs.replace(query, search=None)

    def shown(page: Select[Any], number: Any) -> Select[Any]:
        page = _filtered(page, others, number).where(runs.c.status != PRUNED)
        if statuses is not None:
            page = page.where(runs.c.status.in_(list(map(searchable, statuses))))
        return page.order_by(number.desc()).limit(query.limit + 1)

    run, numbers = run_labels.c.run, select(runs.c.number)
    labelled = numbers.join(run_labels, run == runs.c.number)
    return [
        *(shown(numbers.where(runs.c.workflow == workflow), runs.c.number) for workflow in matches.workflows),
        *(
            shown(labelled.where(run_labels.c.key == key, run_labels.c.value == value), run)
            for key, value in matches.labels
        ),
    ]


def _joined_to_labels(page: Select[Any], query: RunQuery) -> tuple[Select[Any], Any]:
    """Return the runs with all labels of a query, and the column that they are read in the order of."""
    if not query.labels:
        return page, runs.c.number
    first, *others = query.labels.items()
    page = page.join(run_labels, run_labels.c.run == runs.c.number).where(
        run_labels.c.key == searchable(first[0]), run_labels.c.value == searchable(first[1])
    )
    return page.where(*(_has_label(*label) for label in others)), run_labels.c.run


def _filtered(page: Select[Any], query: RunQuery, number: Any) -> Select[Any]:
    """Return the runs that match a query, whatever their status and labels. Raises InvalidCursor."""
    if query.workflow is not None:
        page = page.where(runs.c.workflow == searchable(query.workflow))
    if query.children == "folded" or query.parent == NO_PARENT:
        page = page.where(runs.c.parent.is_(None))
    elif query.parent is not None:
        page = page.where(runs.c.parent == searchable(query.parent))
    if query.since is not None:
        page = page.where(runs.c.accepted_at >= query.since, number > last_before(query.since - CLOCK_STEP_SECONDS))
    if query.until is not None:
        page = page.where(runs.c.accepted_at < query.until, number < _first_since(query.until + CLOCK_STEP_SECONDS))
    page = _asked_for(page, query)
    if query.id_prefix is not None:
        page = page.where(_has_prefix(query.id_prefix.lower()))
    if query.search is not None:
        page = page.where(_contains(searchable(query.search)))
    if query.cursor is not None:
        page = page.where(number < decode_cursor("runs", query.cursor))
    return page


def _asked_for(page: Select[Any], query: RunQuery) -> Select[Any]:
    """Return the runs that were started as a query says: by whom, and with which priority."""
    if query.requested_by is not None:
        page = page.where(runs.c.requested_by == searchable(query.requested_by))
    if query.priority == NORMAL:
        page = page.where(runs.c.priority.is_(None))
    elif query.priority is not None:
        page = page.where(runs.c.priority == PRIORITIES.index(query.priority))
    return page


def select_matching(beginning: str, end: str) -> Select[Any]:
    """Return the statement for the ids that begin with one text or end with the other, newest first."""
    # The inner query reads no more than the index of ids.
    matching = select(runs.c.number).where(
        or_(runs.c.id.startswith(beginning, autoescape=True), runs.c.id.endswith(end, autoescape=True))
    )
    return select(runs.c.id).where(runs.c.number.in_(matching), runs.c.status != PRUNED).order_by(runs.c.number.desc())


def searchable(text: str) -> str:
    """Return a text to search for. A text that no database accepts becomes "", which matches no row."""
    surrogate = not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
    return "" if surrogate or "\0" in text else text


def rerun_scope(rerun: Rerun) -> str:
    """Return the text of a rerun's scope and task in `runs.rerun_scope`."""
    return rerun.scope if rerun.task is None else f"{rerun.scope}{_OF_TASK}{rerun.task}"


def restore_rerun(row: Any, items: bytes | None = None) -> Rerun | None:
    """Return the run that a run repeats, and the part of it, or None. Raises UnreadableRecord.

    Args:
        row: A row of `runs`.
        items: Its `rerun_items`, which lists do not read.
    """
    if row.rerun_of is None:
        return None
    scope, of_task, task = row.rerun_scope.partition(_OF_TASK)
    try:
        chosen = None if items is None else _decode_items(items)
    except DAMAGE as error:
        raise UnreadableRecord(f"the items of the rerun {row.id} are damaged: {error}") from None
    return Rerun(row.rerun_of, scope, task if of_task else None, chosen)


def restore_labels(row: Any) -> dict[str, str]:
    """Return the labels of a row with `LABELS`, sorted by key."""
    labels = {} if row.labels is None else _decode_labels(row.labels)
    return dict(sorted(labels.items()))


def restore_priority(row: Any) -> Priority:
    """Return the priority of a row of `runs`. Any other number is damage."""
    if row.priority is None:
        return NORMAL
    number: int = row.priority
    if not 0 <= number < len(PRIORITIES):
        raise UnreadableRecord(f"the priority of the run {row.id} must be 0 to 3, got {number!r}")
    return PRIORITIES[number]


_ORIGINS: Final[dict[str, Origin]] = {origin: origin for origin in get_args(Origin)}
"""Each row has a text of its own, which its run would keep."""


def restore_origin(row: Any) -> Origin:
    """Return the origin of a row of `runs`. Any other text is damage, not an owner."""
    origin = _ORIGINS.get(row.origin)
    if origin is None:
        raise UnreadableRecord(f"the origin of the run {row.id} must be owner or remote, got {row.origin!r}")
    return origin


def restore_requested_by(row: Any) -> RequestedBy | None:
    """Return who started the run of a row of `runs`, or None."""
    return None if row.requested_by is None else RequestedBy(row.requested_by, row.requested_via or "")


def restore_run_row(row: Any) -> RunRow:
    """Return the run of a row of `RUN_ROW`."""
    rerun = restore_rerun(row)
    return RunRow(
        id=row.id,
        workflow=row.workflow,
        status=row.status,
        accepted_at=row.accepted_at,
        ended_at=row.ended_at,
        parent=row.parent,
        rerun_of=None if rerun is None else rerun.of,
        rerun_scope=None if rerun is None else rerun.scope,
        rerun_task=None if rerun is None else rerun.task,
        origin=row.origin,
        labels=restore_labels(row),
        priority=restore_priority(row),
        requested_by=restore_requested_by(row),
        child_count=row.child_count,
        parent_item=None if row.parent is None else ItemKey(row.parent_task, row.parent_visit, row.parent_item),
    )


def _has_label(key: str, value: str) -> Any:
    other = run_labels.alias()
    return exists().where(
        other.c.run == runs.c.number, other.c.key == searchable(key), other.c.value == searchable(value)
    )


def last_before(time: float) -> Any:
    """Return the number of the newest run that was accepted before a time, or 0."""
    earlier = runs.alias()
    newest = select(earlier.c.number).where(earlier.c.accepted_at < time)
    newest = newest.order_by(earlier.c.accepted_at.desc(), earlier.c.number.desc()).limit(1)
    return func.coalesce(newest.scalar_subquery(), 0)


def _first_since(time: float) -> Any:
    """Return the number of the oldest run that was accepted at a time or later, or more than any number."""
    later = runs.alias()
    oldest = select(later.c.number).where(later.c.accepted_at >= time)
    oldest = oldest.order_by(later.c.accepted_at, later.c.number).limit(1)
    return func.coalesce(oldest.scalar_subquery(), _ABOVE_ALL)


def _has_prefix(prefix: str) -> ColumnElement[bool]:
    if not _ID_PREFIX.fullmatch(prefix):
        return false()
    return and_(runs.c.id >= prefix, runs.c.id < f"{prefix}{_AFTER_DIGITS}")


def _contains(text: str) -> Any:
    label = run_labels.alias()
    in_labels = and_(
        label.c.run == runs.c.number,
        or_(label.c.key.icontains(text, autoescape=True), label.c.value.icontains(text, autoescape=True)),
    )
    return or_(runs.c.workflow.icontains(text, autoescape=True), exists().where(in_labels))


def restore_end(row: Any) -> RunEnd:
    """Return how a run ended from a row of `run_ends`. Raises UnreadableRecord."""
    return RunEnd(None if row.output is None else decode_data(row.output), decode_data(row.errors))


def restore_limits(row: Any) -> ExpressionLimits:
    """Return the limits of a run from a row of `runs`."""
    return UNRECORDED_LIMITS if row.max_cost is None else _limits(row.max_cost, row.max_bytes)


@lru_cache(maxsize=64)
def _limits(cost: int, size: int) -> ExpressionLimits:
    """Return limits, the same object for all runs that have the same: they change with the settings only."""
    return ExpressionLimits(cost, size)
