"""The entries of a run, by pages: its history, as exports have it."""

from typing import Any, Final, get_args

from stretto.actors.history.large import unless_large
from stretto.actors.history.masks import mask_of
from stretto.actors.history.plain import entry_as_json, kind_of
from stretto.actors.journal import MAX_PAGE, PAGE, Entry, EntryQuery, Reader
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import check_task
from stretto.definitions.errors import StrettoError, names_there, nearest

KINDS: Final = tuple(sorted(kind_of(each) for each in get_args(Entry)))
"""The types of entries, as reports name them."""


class UnknownKind(StrettoError):
    """There is no such type of entries."""

    code = "unknown_kind"


def list_entries(  # noqa: PLR0913 - what a page is of
    reader: Reader,
    run_id: str,
    *,
    after: int = -1,
    kind: str | None = None,
    task: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return a page of a run's entries in their order, secrets masked: {entries, next}.

    Each is {number, type, ...}, as in exports; a field above 64 KiB is {"$bytes": n}. `next` is the `after` of the
    next page, or None on the last one.
    Raises `UnknownRun`, `UnknownKind`, `UnknownTask`, `StoreUnavailable`, and the error of a missing key.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownKind(f"there is no type of entries {kind!r}; {nearest(kind, KINDS) or names_there(KINDS)}")
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    if task is not None:
        check_task(accepted.workflow, task)
    most = min(max(limit, 1), MAX_PAGE)
    found = reader.selected_entries(run_id, EntryQuery(after=after, kind=kind, task=task, limit=most + 1))
    mask, page = mask_of(reader, accepted), found[:most]
    entries = [
        {name: unless_large(value) for name, value in entry_as_json(number, entry, mask).items()}
        for number, entry in page
    ]
    return {"entries": entries, "next": page[-1][0] if len(found) > most else None}
