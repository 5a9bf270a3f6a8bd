"""Keeping secret values out of whatever is told: errors, logs, the store."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from stretto.definitions.frozen import Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.model import Parameter

MASK = "******"
LEAST_LENGTH = 4
"""A shorter secret is masked where it is a whole value, not within other texts: it would mask half of every word."""


class Mask:
    """Replaces secret texts wherever they stand; made from the values of parameters marked `secret`."""

    def __init__(self, secrets: Iterable[Any]) -> None:
        self._whole: set[str] = set()
        for secret in secrets:
            _collect(secret, self._whole)
        written = {form for secret in self._whole if len(secret) >= LEAST_LENGTH for form in _written(secret)}
        # The longest first, so that a secret within another one leaves nothing of it behind.
        self._parts = sorted(written, key=len, reverse=True)

    @classmethod
    def of_parameters(cls, parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> "Mask":
        """Return the mask of a run."""
        return cls(values.get(name) for name, parameter in parameters.items() if parameter.secret)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if text in self._whole:
            return MASK
        for secret in self._parts:
            text = text.replace(secret, MASK)
        return text

    def data(self, value: Data) -> Data:
        """Return the data without secrets; what holds none comes back as it is."""
        if not self._whole:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, FrozenDict):
            return object_of({self.text(key): self.data(member) for key, member in value.items()})
        if isinstance(value, FrozenList):
            return list_of([self.data(member) for member in value])
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._whole:
            return MASK
        return value


def _collect(secret: Any, found: set[str]) -> None:
    if isinstance(secret, dict):
        for member in secret.values():
            _collect(member, found)
    elif isinstance(secret, list):
        for member in secret:
            _collect(member, found)
    elif secret is not None and not isinstance(secret, bool) and str(secret):
        found.add(str(secret))


def _written(secret: str) -> tuple[str, ...]:
    """Return a secret as it stands in a text, in a quoted text, and in JSON."""
    return secret, repr(secret)[1:-1], msgspec.json.encode(secret).decode()[1:-1]
