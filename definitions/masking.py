"""Keeping secret values out of whatever is told: errors, logs, outputs, the store.

Secrets are known by value and by where they came from: what an expression makes of a secret is a secret, too.
"""

import threading
from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from stretto.definitions.frozen import Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.model import Parameter

MASK = "******"
LEAST_LENGTH = 4
"""A shorter secret is masked where it is a whole value, not within other texts: it would mask half of every word."""
MAX_LEARNED = 2000
"""Secrets that expressions may make in one run. Beyond it every text is masked: masking each would take too long."""

_COMMON: Final = frozenset(
    {"true", "false", "null", "none", "None", "True", "False", "http", "https", "succeeded", "failed", "skipped"}
)
"""Texts that an expression may make of a secret and that say nothing of it."""
_NOTHING: Final[frozenset[str]] = frozenset()


class Mask:
    """Replaces secret texts wherever they stand; `base` gives those that all runs of an engine have.

    It grows while its run goes on, from any thread. That decides nothing in the run: only what is told of it.
    """

    def __init__(self, secrets: Iterable[Any] = (), base: "Mask | None" = None) -> None:
        self._lock = threading.Lock()
        self._whole: set[str] = set()
        self._parts: list[str] = []
        # Those that this run has seen: only they can be in its values.
        self._seen: frozenset[str] = _NOTHING
        self._learned = 0
        if base is not None:
            self._whole, self._parts = base.known()
        self.add(secrets)

    @classmethod
    def of_parameters(
        cls, parameters: Mapping[str, Parameter], values: Mapping[str, Any], base: "Mask | None" = None
    ) -> "Mask":
        """Return the mask of a run."""
        mask = cls((), base)
        mask.see(values.get(name) for name, parameter in parameters.items() if parameter.secret)
        return mask

    def known(self) -> tuple[set[str], list[str]]:
        """Return the secrets, and the forms to look for within texts; neither is ever changed in place."""
        with self._lock:
            return self._whole, self._parts

    def __bool__(self) -> bool:
        return bool(self._whole)

    def add(self, secrets: Iterable[Any]) -> set[str]:
        """Take secret values; return their texts."""
        found: set[str] = set()
        for secret in secrets:
            _collect(secret, found)
        with self._lock:
            new = found - self._whole
            if new:
                self._whole = self._whole | new
                parts = list(self._parts)
                for form in {form for secret in new if len(secret) >= LEAST_LENGTH for form in _written(secret)}:
                    # The longest first, so that a secret within another one leaves nothing of it behind.
                    insort(parts, form, key=_longest_first)
                self._parts = parts
        return found

    def see(self, secrets: Iterable[Any]) -> None:
        """Take secret values that this run works with."""
        found = frozenset(text for text in self.add(secrets) if len(text) >= LEAST_LENGTH)
        with self._lock:
            if not found <= self._seen:
                self._seen |= found

    def learn(self, value: Any, harmless: frozenset[str] = _NOTHING) -> None:
        """Take what an expression gave that had read a secret. `harmless`: texts that it could read elsewhere."""
        found: set[str] = set()
        _collect(value, found)
        new = {text for text in found - self._seen - harmless - _COMMON if len(text) >= LEAST_LENGTH}
        if not new:
            return
        self._learned += len(new)
        if self._learned <= MAX_LEARNED:
            self.see(new)

    def source_of(self, value: Data) -> "Secret | None":
        """Return the source of secrets that a value is, if it holds one that this run works with."""
        seen = self._seen
        if not seen or value is None:
            return None
        texts: set[str] = set()
        _collect(value, texts)
        harmless = frozenset(text for text in texts if not any(secret in text for secret in seen))
        return None if len(harmless) == len(texts) else Secret(self, harmless)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if text in self._whole or self._learned > MAX_LEARNED:
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
        return self._number(value)

    def anything(self, value: Any) -> Any:
        """Return what goes into a log, data or not, without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.anything(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.anything(member) for member in value]
        if value is None or isinstance(value, bool | int | float):
            return self._number(value)
        return self.text(str(value))

    def _number(self, value: bool | float | None) -> Data:
        secret = value is not None and not isinstance(value, bool) and str(value) in self._whole
        return MASK if secret else value


class Secret:
    """Where secrets come from: what expressions make of it is secret, but for texts that are `harmless`."""

    __slots__ = ("_harmless", "_mask")

    def __init__(self, mask: Mask, harmless: frozenset[str] = _NOTHING) -> None:
        self._mask = mask
        self._harmless = harmless

    def learn(self, value: Any) -> None:
        """Take a value that came from here through an expression."""
        self._mask.learn(value, self._harmless)


def _longest_first(form: str) -> tuple[int, str]:
    return -len(form), form


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
