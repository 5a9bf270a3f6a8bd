"""The printed texts of one run's attempts without a store, within the bound that a store keeps, too."""

from stretto.actors.journal.records import KeptOutput


class OutputsInMemory:
    """The texts of a run's attempts, at most `max_bytes` of them.

    When there is no room, texts of succeeded attempts make room for those of failed ones, the oldest first, and further
    ones of succeeded attempts are not kept. Of a text that is not kept, the size remains.

    Attributes:
        size: The bytes that are kept.
    """

    __slots__ = ("_max_bytes", "_of_items", "_succeeded", "size")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._of_items: dict[tuple[str, int], KeptOutput] = {}
        self._succeeded: dict[tuple[str, int], None] = {}
        self.size = 0

    def add(self, output: KeptOutput) -> None:
        """Keep the text of an attempt in place of the earlier attempts of its item."""
        key = output.task, output.index
        earlier = self._of_items.pop(key, None)
        if earlier is not None:
            self.size -= earlier.size
            self._succeeded.pop(key, None)
        if output.outcome != "succeeded":
            self._make_room(output.size)
        if self.size + output.size > self._max_bytes:
            output = output.dropped()
        elif output.outcome == "succeeded":
            self._succeeded[key] = None
        self._of_items[key] = output
        self.size += output.size

    def find(self, task: str, index: int) -> KeptOutput | None:
        """Return the text of an item's last ended attempt that printed, or None."""
        return self._of_items.get((task, index))

    def _make_room(self, size: int) -> None:
        while self._succeeded and self.size + size > self._max_bytes:
            key = next(iter(self._succeeded))
            del self._succeeded[key]
            dropped = self._of_items[key]
            self._of_items[key] = dropped.dropped()
            self.size -= dropped.size
