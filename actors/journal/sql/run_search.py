"""The search of runs by a text: the workflows and labels that contain it, then the newest runs of each.

    different workflows, different labels, from their indexes --> those that contain the text
                                                              --> the newest runs of each, by the same indexes

No run is read that the page does not show, unless a key has more than MOST_VALUES different values, such as a number
of its own for each run. Then the text is looked for in the runs themselves, from the newest on: in MOST_SEARCHED of
them for a page. The next page goes on behind those.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
)

from stretto.actors.journal.sql.tables import run_labels, runs

MOST_MATCHES: Final = 20
"""Workflows and labels that contain a text and are looked up one by one. A text with more is in many runs."""
MOST_VALUES: Final = 500
"""Different values of a label's key that are walked one by one."""


Ask: TypeAlias = Callable[[Select[Any]], Sequence[Any]]
"""Executes a statement and returns its rows."""


class Matches(NamedTuple):
    """The workflows and labels that contain a text."""

    workflows: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]


def find_matches(text: str, ask: Ask) -> Matches | None:
    """Return the workflows and labels that contain a text, or None if they are too many. None contains ""."""
    if not text:
        return Matches((), ())
    workflows = tuple(row.workflow for row in ask(select_workflows(text)))
    if len(workflows) > MOST_MATCHES or ask(select_large_keys()):
        return None
    labels = tuple((row.key, row.value) for row in ask(select_labels(text)))
    return Matches(workflows, labels) if len(workflows) + len(labels) <= MOST_MATCHES else None


def select_workflows(text: str) -> Select[Any]:
    """Return the statement for the workflows that contain a text, one more than are looked up one by one."""
    walked = select(func.min(runs.c.workflow).label("workflow")).cte("different", recursive=True)
    following = select(func.min(runs.c.workflow)).where(runs.c.workflow > walked.c.workflow).scalar_subquery()
    walked = walked.union_all(select(following).where(walked.c.workflow.is_not(None)))
    found = select(walked.c.workflow).where(walked.c.workflow.icontains(text, autoescape=True))
    return found.limit(MOST_MATCHES + 1)


def select_large_keys() -> Select[Any]:
    """Return the statement for a key of labels with more than MOST_VALUES different values."""
    values = _values()
    return select(values.c.key).where(values.c.number > MOST_VALUES, values.c.value.is_not(None)).limit(1)


def select_labels(text: str) -> Select[Any]:
    """Return the statement for the labels that contain a text, one more than are looked up one by one."""
    values = _values()
    found = select(values.c.key, values.c.value).where(
        values.c.value.is_not(None), _has(values.c.key, values.c.value, text)
    )
    return found.limit(MOST_MATCHES + 1)


def _has(key: ColumnElement[str], value: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return or_(key.icontains(text, autoescape=True), value.icontains(text, autoescape=True))


def _values() -> CTE:
    """Return the different values of each key, each with its number, as one seek of the index a value."""
    keys = select(func.min(run_labels.c.key).label("key")).cte("keys", recursive=True)
    following = select(func.min(run_labels.c.key)).where(run_labels.c.key > keys.c.key).scalar_subquery()
    keys = keys.union_all(select(following).where(keys.c.key.is_not(None)))
    first = select(func.min(run_labels.c.value)).where(run_labels.c.key == keys.c.key).scalar_subquery()
    values = select(keys.c.key, first.label("value"), literal(1, Integer).label("number")).where(
        keys.c.key.is_not(None)
    )
    walked = values.cte("walked", recursive=True)
    behind = and_(run_labels.c.key == walked.c.key, run_labels.c.value > walked.c.value)
    following = select(func.min(run_labels.c.value)).where(behind).scalar_subquery()
    more = select(walked.c.key, following, walked.c.number + 1).where(
        walked.c.value.is_not(None), walked.c.number <= MOST_VALUES
    )
    return walked.union_all(more)
