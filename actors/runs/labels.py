"""A run's labels: short texts by which clients find their runs."""

from collections.abc import Mapping
from typing import Any, Final

from stretto.definitions.errors import StrettoError

MAX_LABELS: Final = 16
MAX_LABEL_KEY: Final = 63
"""Characters of a label's key."""
MAX_LABEL_VALUE: Final = 255
"""Characters of a label's value."""


class InvalidLabels(StrettoError):
    """There are too many labels, or a label is no short, printable text."""

    code = "invalid_labels"


def checked_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Return the labels of a run, sorted by key.

    Raises:
        InvalidLabels: They cannot be stored.
    """
    given: Mapping[Any, Any] = labels or {}
    if len(given) > MAX_LABELS:
        raise InvalidLabels(f"a run must have at most {MAX_LABELS} labels, got {len(given)}")
    for key, value in given.items():
        if not _is_short_text(key, 1, MAX_LABEL_KEY) or "=" in key:
            raise InvalidLabels(
                f"a label's key must be 1 to {MAX_LABEL_KEY} printable characters without '=', got {_shown(key)}"
            )
        if not _is_short_text(value, 0, MAX_LABEL_VALUE):
            raise InvalidLabels(
                f"the value of the label {key!r} must be at most {MAX_LABEL_VALUE} printable characters, "
                f"got {_shown(value)}"
            )
    return dict(sorted(given.items()))


def _is_short_text(text: Any, least: int, most: int) -> bool:
    return isinstance(text, str) and least <= len(text) <= most and text.isprintable()


def _shown(value: Any) -> str:
    return f"{value!r:.40}"
