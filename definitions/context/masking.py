"""Keeping secret values out of whatever is told: errors, logs, outputs, the store.

Secrets are known by value and by where they came from: what an expression makes of a secret is a secret, too.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from stretto.definitions.data import Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.model import Parameter

MASK = "******"
LEAST_LENGTH = 4
"""A shorter secret is masked where it is a whole value, not within other texts: it would mask half of every word."""
FEW_FORMS = 64
"""So many are looked for one by one. Of more, what stands in the text is looked up: its work does not grow with their
number (10,000 secrets, a text of 70 characters: 10 us instead of 1,300)."""
MAX_LEARNED = 2000
"""Secrets that expressions may make in one run. Beyond it every text is masked: masking each would take too long."""
TOO_MANY: Final = "(more secrets than are told apart)"
"""Stands among the texts that a run works with once its expressions have made too many."""

_COMMON: Final = frozenset(
    {"true", "false", "null", "none", "None", "True", "False", "http", "https", "succeeded", "failed", "skipped"}
)
"""Texts that an expression may make of a secret and that say nothing of it."""
_NOTHING: Final[frozenset[str]] = frozenset()


class Mask:
    """Replaces secret texts wherever they stand; `base` gives those that all runs of an engine have.

    It grows while its run goes on, from any thread: each growth is one insertion into a dict, which is atomic, and
    none is ever taken back. That decides nothing in the run: only what is told of it.
    """

    def __init__(self, secrets: Iterable[Any] = (), base: "Mask | None" = None) -> None:
        # `_forms` are looked for within texts; `_parts` are the same in order, made again when there are more.
        self._whole: dict[str, None] = {}
        self._forms: dict[str, None] = {}
        self._parts: list[str] = []
        if base is not None:
            self._whole, self._forms, self._parts = base.known()
        # How long the forms are that begin with these characters.
        self._lengths: dict[str, dict[int, None]] = {}
        for form in self._forms:
            self._lengths.setdefault(form[:LEAST_LENGTH], {})[len(form)] = None
        # Those that this run has seen: only they can be in its values (an attribute, as each item asks for it).
        # `_made` are those that its expressions made, `_learned` all of them, however short.
        self.seen: dict[str, None] = {}
        self._made: dict[str, None] = {}
        self._learned: dict[str, None] = {}
        self.add(secrets)

    @classmethod
    def of_parameters(cls, parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> "Mask":
        """Return the mask of a run's secret parameters."""
        return cls(values.get(name) for name, parameter in parameters.items() if parameter.secret)

    def __bool__(self) -> bool:
        return bool(self._whole)

    def known(self) -> tuple[dict[str, None], dict[str, None], list[str]]:
        """Return what is secret, as a mask that begins with it keeps it."""
        return self._whole.copy(), self._forms.copy(), self._in_order()

    def add(self, secrets: Iterable[Any]) -> Iterable[str]:
        """Take secret values; return their texts."""
        found: dict[str, None] = {}
        for secret in secrets:
            _collect(secret, found)
        for text in found:
            if text not in self._whole:
                for form in _written(text) if len(text) >= LEAST_LENGTH else ():
                    self._forms[form] = None
                    self._lengths.setdefault(form[:LEAST_LENGTH], {})[len(form)] = None
                self._whole[text] = None
        return found

    def see(self, secrets: Iterable[Any]) -> None:
        """Take secret values that this run works with."""
        for text in self.add(secrets):
            if len(text) >= LEAST_LENGTH:
                self.seen[text] = None
            self._learned[text] = None

    @property
    def seen_count(self) -> int:
        """How many texts this run works with that are secret."""
        return len(self._learned)

    def learned_since(self, count: int) -> tuple[str, ...]:
        """Return the texts that came after the first `count`, in their order: given to `see`, they are known again.

        What a run has learned outside its conductor is known again in no other way.
        """
        if len(self._learned) == count:
            return ()
        return tuple(list(self._learned)[count:])  # the copy is atomic

    def learn(self, value: Any, harmless: frozenset[str] = _NOTHING) -> None:
        """Take what an expression gave that had read a secret. `harmless`: texts that it could read elsewhere."""
        found: dict[str, None] = {}
        _collect(value, found)
        for text in found:
            if text in self.seen or text in harmless or text in _COMMON or len(text) < LEAST_LENGTH:
                continue
            if TOO_MANY in self.seen:
                return
            self._made[text] = None
            self.see((text,) if len(self._made) <= MAX_LEARNED else (text, TOO_MANY))

    def source_of(self, value: Data) -> "Secret | None":
        """Return the source of secrets that a value is, if it holds one that this run works with."""
        if not self.seen or value is None:
            return None
        texts: dict[str, None] = {}
        _collect(value, texts)
        harmless = frozenset(text for text in texts if not self._holds_seen(text))
        return None if len(harmless) == len(texts) else Secret(self, harmless)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if text in self._whole or TOO_MANY in self.seen:
            return MASK
        for secret in self._to_look_for(text):
            text = text.replace(secret, MASK)
        return text

    def beginning(self, text: str) -> str:
        """Return a text that goes on, without secrets: what may become one is left out."""
        return self.text(text[: self._known_until(text)])

    def passage(self, text: str) -> str:
        """Return a piece out of a text, without secrets: what may be a part of one at its ends is left out."""
        forms = list(self._forms)
        if any(text in form for form in forms):
            return ""
        begins = _out_of(forms, text, max((_end_of(form, text) for form in forms), default=0))
        return self.text(text[begins : self._known_until(text)])

    def _known_until(self, text: str) -> int:
        """Return where, at the end of a text, a secret may begin that is not there as a whole."""
        forms = list(self._forms)
        return _out_of(forms, text, min((_beginning_of(form, text) for form in forms), default=len(text)))

    def _holds_seen(self, text: str) -> bool:
        seen = self.seen
        if len(seen) <= FEW_FORMS:
            return any(secret in text for secret in list(seen))
        return any(form in seen for form in self._to_look_for(text))

    def _to_look_for(self, text: str) -> list[str]:
        """Return what may stand in a text, the longest first."""
        if len(self._forms) <= FEW_FORMS:
            return self._in_order()
        found: set[str] = set()
        for at in range(len(text) - LEAST_LENGTH + 1):
            lengths = self._lengths.get(text[at : at + LEAST_LENGTH])
            if lengths is not None:
                found.update(text[at : at + length] for length in tuple(lengths))
        return sorted((each for each in found if each in self._forms), key=len, reverse=True)

    def _in_order(self) -> list[str]:
        """Return what to look for, the longest first: a secret within another one leaves nothing of it behind."""
        parts = self._parts
        if len(parts) != len(self._forms):
            parts = self._parts = sorted(list(self._forms), key=len, reverse=True)  # noqa: C414 - the copy is atomic
        return parts

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
        if not self._whole:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.anything(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.anything(member) for member in value]
        if value is None or isinstance(value, bool | int | float):
            return self._number(value)
        return self.text(str(value))

    def _number(self, value: Data) -> Data:
        secret = isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._whole
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


def _collect(secret: Any, found: dict[str, None]) -> None:
    """Gather the texts of a value, in its order: a set's would not be the same in another process."""
    if isinstance(secret, dict):
        for member in secret.values():
            _collect(member, found)
    elif isinstance(secret, list):
        for member in secret:
            _collect(member, found)
    elif secret is not None and not isinstance(secret, bool) and str(secret):
        found[str(secret)] = None


def _end_of(secret: str, text: str) -> int:
    """Return how many characters a text begins with that are the end of a secret, but not the whole of it."""
    at = len(secret) - 1
    while (at := text.rfind(secret[-1], 0, at)) >= 0:
        if secret.endswith(text[: at + 1]):
            return at + 1
    return 0


def _beginning_of(secret: str, text: str) -> int:
    """Return where the beginning of a secret stands at the end of a text, but not the whole of it."""
    at = max(len(text) - len(secret), -1)
    while (at := text.find(secret[0], at + 1)) >= 0:
        if secret.startswith(text[at:]):
            return at
    return len(text)


def _out_of(secrets: list[str], text: str, at: int) -> int:
    """Return the first position from `at` on that is not in the middle of a secret."""
    before = -1
    while before < at:
        before = at
        for secret in secrets:
            found = text.find(secret, max(at - len(secret) + 1, 0), at + len(secret) - 1)
            if found >= 0:
                at = found + len(secret)
    return at


def _written(secret: str) -> tuple[str, ...]:
    """Return a secret as it stands in a text, in a quoted text, and in JSON."""
    return secret, repr(secret)[1:-1], msgspec.json.encode(secret).decode()[1:-1]
