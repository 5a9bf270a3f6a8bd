"""The values of a fan-out's items.

a list  --> a replay up to the start of the visit: no entry has them
a file  --> the entries of the chunks that were read
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from stretto.actors.history.bounded_replay import accepted_to_replay, replay_up_to
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.masks import mask_of, unless_sealed
from stretto.actors.history.replay import Replay, conductor_of
from stretto.actors.journal import EntryQuery, Reader, RunAccepted
from stretto.definitions.conductor import ItemsRead
from stretto.definitions.context import Mask
from stretto.definitions.data import encode_json
from stretto.definitions.errors import LimitExceeded

MAX_ENTRIES_BEFORE: Final = 2_000
"""The entries of a run before the start of a visit whose items are shown. The replay of more takes too long."""
MAX_CHUNKS: Final = 400
"""The chunks of a file of items that are read for a value: some 200,000 short items."""
CHUNKS_AT_ONCE: Final = 20
MOST_CHARACTERS: Final = 160
"""The characters of a value's JSON. The rest is cut off."""


def item_values(  # noqa: PLR0913 - the last two are optional
    reader: Reader,
    run_id: str,
    task: str,
    visit: int,
    indexes: Sequence[int],
    *,
    clock: Callable[[], float] = time.monotonic,
    kept: KeptReports | None = None,
) -> dict[int, str]:
    """Return the values of items of a task's newest visit as JSON, cut off and with secrets masked, by their indexes.

    Args:
        reader: Reads the store.
        run_id: The run.
        task: The task.
        visit: The number of its newest visit.
        indexes: The items. Those that there are not are left out.
        clock: Returns seconds.
        kept: The reports that are kept, for a run that has ended: one in progress may learn further secrets.

    Raises:
        UnknownRun: There is no such run.
        IllegalTransition: The run is quarantined: its replay could crash this process as well.
        LimitExceeded: The visit starts behind too many entries, the replay takes too long, an item is behind too many
            chunks of a file, or it is a batch of items of a file.
        StoreUnavailable: The store cannot be read now.
    """
    row = reader.run(run_id)
    key = "values", run_id, visit, (task, *map(str, indexes))

    def report() -> dict[str, Any]:
        found = unless_sealed(lambda: _read(reader, run_id, task, visit, indexes, clock))
        return {str(index): text for index, text in (found or {}).items()}

    kept = None if row is None or row.ended_at is None else kept
    texts = report() if kept is None else kept.of(reader, key, report)
    return {int(index): text for index, text in texts.items()}


def _read(  # noqa: PLR0913, PLR0917 - those of `item_values`
    reader: Reader, run_id: str, task: str, visit: int, indexes: Sequence[int], clock: Callable[[], float]
) -> dict[int, str]:
    accepted = accepted_to_replay(reader, run_id)
    if task not in accepted.workflow.tasks:
        return {}
    mask = mask_of(reader, accepted)
    items = accepted.workflow.tasks[task].with_items
    if items is not None and items.kind != "list":
        if items.batch_size is not None:
            raise LimitExceeded(f"the items of {task!r} are batches of lines of a file, whose values are not shown")
        return _read_of_file(reader, run_id, task, visit, indexes, mask)
    return _read_of_list(reader, accepted, task, visit, indexes, mask, clock)


def _read_of_file(  # noqa: PLR0913, PLR0917 - those of `item_values`
    reader: Reader, run_id: str, task: str, visit: int, indexes: Sequence[int], mask: Mask
) -> dict[int, str]:
    found: dict[int, str] = {}
    last = max(indexes, default=-1)
    known = chunks = 0
    for entry in _chunks(reader, run_id, task):
        if entry.visit != visit:
            continue
        if chunks == MAX_CHUNKS:
            raise LimitExceeded(
                f"the items of {task!r} from {known:,} on are not shown: they are behind {MAX_CHUNKS:,} chunks of a "
                "file (MAX_CHUNKS)"
            )
        behind = known + len(entry.items)
        found |= {each: _short(mask.anything(entry.items[each - known])) for each in indexes if known <= each < behind}
        known, chunks = behind, chunks + 1
        if last < known:
            break
    return found


def _chunks(reader: Reader, run_id: str, task: str) -> Iterator[ItemsRead]:
    query = EntryQuery(kind="items_read", task=task, limit=CHUNKS_AT_ONCE)
    while entries := reader.selected_entries(run_id, query):
        yield from (entry for _number, entry in entries if isinstance(entry, ItemsRead))
        query = msgspec.structs.replace(query, after=entries[-1][0])


def _read_of_list(  # noqa: PLR0913, PLR0917 - those of `item_values`
    reader: Reader, accepted: RunAccepted, task: str, visit: int, indexes: Sequence[int], mask: Mask,
    clock: Callable[[], float],
) -> dict[int, str]:  # fmt: skip
    run_id = accepted.run_id
    conductor = conductor_of(accepted, mask)

    def has_started() -> bool:
        last = conductor.last_visit(task)
        return last is not None and last.visit >= visit and bool(last.items)

    replay = Replay(conductor, accepted.accepted_at)
    last = min(reader.last_entry(run_id), MAX_ENTRIES_BEFORE - 1)
    replay_up_to(reader, run_id, replay, last, clock, has_started)
    found = conductor.last_visit(task)
    if found is None or found.visit < visit:
        raise LimitExceeded(
            f"the items of {task!r} are not shown: it starts behind more than {MAX_ENTRIES_BEFORE:,} entries "
            "(MAX_ENTRIES_BEFORE)"
        )
    items = found.items
    return {index: _short(mask.anything(items[index])) for index in indexes if index < len(items)}


def _short(value: Any) -> str:
    text = encode_json(value).decode()
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
