"""The outputs of ended items of stored runs."""

from typing import Any

from stretto.actors.history import reports
from stretto.actors.journal import Reader
from stretto.definitions.errors import StrettoError


def ended_output(  # noqa: PLR0913 - the attempt is optional
    run_id: str, task: str, index: int, not_ended: StrettoError, reader: Reader, *, attempt: int | None = None
) -> dict[str, Any]:
    """Return the output of an item that has ended in a stored run.

    Args:
        run_id: The run.
        task: The task's name.
        index: The item's index.
        not_ended: Raised if no attempt of the item has ended.
        reader: Reads the store.
        attempt: The number of the attempt, or None for the last one.

    Raises:
        StoreUnavailable: The store cannot be read now.
    """
    try:
        return reports.item_output(reader, run_id, task, index, attempt)
    except reports.UnknownItem:
        raise not_ended from None
