"""Children by label value, bounded because label values come from users and a series is kept forever."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from stretto.metrics.logging import get_logger

OTHER = "other"

Child = TypeVar("Child")

log = get_logger(__name__)


def encodable(value: str) -> str:
    """Return a label's value without what UTF-8 cannot encode: a lone surrogate would fail all later scrapes."""
    return value.encode("utf-8", "replace").decode("utf-8")


class BoundedChildren(Generic[Child]):
    """Makes a child for each of the first `limit` values. Later values share the child `other`.

    Args:
        label: The name of the values in the log line that reports the limit.
        limit: The number of values with their own children.
        make: Makes the child of a value.
    """

    def __init__(self, label: str, limit: int, make: Callable[[str], Child]) -> None:
        self._label = label
        self._limit = limit
        self._make = make
        self._lock = Lock()
        self._children: dict[str, Child] = {}

    def get(self, value: str) -> Child:
        """Return the child of a label value, the same one at each call."""
        child = self._children.get(value)
        return self._admit(value) if child is None else child

    def _admit(self, value: str) -> Child:
        with self._lock:
            child = self._children.get(value)
            if child is not None:
                return child
            if len(self._children) >= self._limit:
                other = self._children.get(OTHER)
                if other is not None:
                    return other
                log.warning("metric_label_limit_reached", label=self._label, limit=self._limit, value=value)
                value = OTHER
            child = self._children[value] = self._make(value)
            return child
