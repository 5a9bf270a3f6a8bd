"""Keeping secret values out of whatever is told: errors, logs, the store."""

from collections.abc import Iterable, Mapping
from typing import Any

from stretto.definitions.frozen import Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.model import Parameter

MASK = "******"


class Mask:
    """Replaces secret texts wherever they stand; made from the values of parameters marked `secret`."""

    def __init__(self, secrets: Iterable[Any]) -> None:
        found: set[str] = set()
        for secret in secrets:
            _collect(secret, found)
        # The longest first, so that a secret within another one leaves nothing of it behind.
        self._secrets = sorted(found, key=len, reverse=True)

    @classmethod
    def of_parameters(cls, parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> "Mask":
        """Return the mask of a run."""
        return cls(values.get(name) for name, parameter in parameters.items() if parameter.secret)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def data(self, value: Data) -> Data:
        """Return the data without secrets; what holds none comes back as it is."""
        if not self._secrets:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, FrozenDict):
            return object_of({self.text(key): self.data(member) for key, member in value.items()})
        if isinstance(value, FrozenList):
            return list_of([self.data(member) for member in value])
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._secrets:
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
