"""Masks secret values in errors, logs, outputs and the store.

Secrets are known by value and by origin: a value that an expression derives from a secret is a secret, too. A text that
an expression only passes on, whole or as a passage, is not derived: its secrets are masked, and the rest is kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stretto.definitions.data import Data, FrozenDict, FrozenList, list_of, object_of

MASK = "******"
LEAST_LENGTH = 4
"""A shorter secret is masked only as a whole value: within other texts it would mask parts of ordinary words."""
FEW_FORMS = 64
"""Up to this number, each secret is searched for in a text. Beyond it, the text's parts are looked up, at a cost that
does not grow with the number of secrets (10,000 secrets, a text of 70 characters: 10 us instead of 1,300)."""
MAX_LEARNED = 2000
"""Secrets that expressions may derive in one run. Beyond it every text is masked: masking each would take too long."""
TOO_MANY: Final = "(more secrets than are told apart)"
"""Marks, among a run's secrets, that expressions have derived too many. Journals contain this text."""

MAX_SEARCHED: Final = 128 * 1024 * 1024
"""Characters that are searched for passages of one value. Beyond it, all that expressions make of it is secret."""

_CUT_END: Final = " characters)"
_CUT: Final = re.compile(r"\.\.\. \([0-9,]+ characters\)\Z")
"""The end of a long message of an error, of which only the beginning is kept. It may be cut within a secret."""
_COMMON: Final = frozenset(
    {"true", "false", "null", "none", "None", "True", "False", "http", "https", "succeeded", "failed", "skipped"}
)
"""Texts that an expression may derive from a secret without revealing it."""

_NO_TEXTS: Final[dict[str, None]] = {}
_NO_LENGTHS: Final[dict[str, dict[int, None]]] = {}
"""Shared by all masks without secrets, which most runs have: dicts of their own would take 400 bytes of each. Nothing
is added to them."""


class Mask:
    """The secrets of a run, and methods that replace them with `MASK`.

    Any thread may add secrets while the run is in progress. Each addition is one insertion into a dict, which is
    atomic, and none is ever removed. Masks affect only reports about a run, never its decisions.

    Args:
        secrets: Secret values.
        base: The mask of the secrets that all runs of an engine share.
    """

    __slots__ = ("_derived", "_forms", "_learned", "_lengths", "_own", "_parts", "_whole", "seen")

    def __init__(self, secrets: Iterable[Any] = (), base: "Mask | None" = None) -> None:
        # `_forms` are searched for within texts. `_parts` are the same in order, sorted again when there are more.
        self._whole = self._forms = _NO_TEXTS
        self._own: dict[str, Any] = {}
        self._parts: Sequence[str] = ()
        # The lengths of the forms that begin with these characters.
        self._lengths = _NO_LENGTHS
        # The secrets this run has read: only they can be in its values (not a property, as each item reads it).
        # `_derived` come from its expressions, `_learned` are all of them, however short.
        self.seen = self._derived = self._learned = _NO_TEXTS
        if base:
            self._begin()
            self._whole, self._forms, self._parts = base.known()
            for form in self._forms:
                self._lengths.setdefault(form[:LEAST_LENGTH], {})[len(form)] = None
        if secrets:
            self.add(secrets)

    def _begin(self) -> None:
        """Make the dicts of a mask that gets its first secrets."""
        # By `setdefault`, which is atomic: of two threads that add the first secrets, both get the same dicts.
        own = self._own.setdefault
        self._forms, self._lengths = own("forms", {}), own("lengths", {})
        self.seen, self._derived, self._learned = own("seen", {}), own("derived", {}), own("learned", {})
        self._whole = own("whole", {})  # the last one: a thread that finds it finds the others

    def __bool__(self) -> bool:
        return bool(self._whole)

    def known(self) -> tuple[dict[str, None], dict[str, None], Sequence[str]]:
        """Return copies of the secrets, to start another mask from."""
        return self._whole.copy(), self._forms.copy(), self._in_order()

    def add(self, secrets: Iterable[Any]) -> Iterable[str]:
        """Add secret values.

        Args:
            secrets: Values of any type; the texts and numbers within them are secret.

        Returns:
            The texts of the values.
        """
        found: dict[str, None] = {}
        for secret in secrets:
            _collect(secret, found)
        if found and self._whole is _NO_TEXTS:
            self._begin()
        for text in found:
            if text not in self._whole:
                for form in _written(text) if len(text) >= LEAST_LENGTH else ():
                    self._forms[form] = None
                    self._lengths.setdefault(form[:LEAST_LENGTH], {})[len(form)] = None
                self._whole[text] = None
        return found

    def see(self, secrets: Iterable[Any]) -> None:
        """Add secret values that this run reads."""
        for text in self.add(secrets):
            if len(text) >= LEAST_LENGTH:
                self.seen[text] = None
            self._learned[text] = None

    def is_short(self, text: str) -> bool:
        """Return whether a text is a secret that is masked only as a whole value."""
        return len(text) < LEAST_LENGTH and text in self._whole

    @property
    def seen_count(self) -> int:
        """The number of secret texts that this run reads."""
        return len(self._learned)

    def learned_since(self, count: int) -> tuple[str, ...]:
        """Return the secret texts after the first `count`, in order.

        Recovery passes them to `see`. A replay cannot derive again what a run learned outside its conductor.
        """
        if len(self._learned) == count:
            return ()
        return tuple(list(self._learned)[count:])  # the copy is atomic

    def learn(self, value: Any, carriers: "Sequence[Carried]" = ()) -> None:
        """Add the value of an expression that read a secret, except for texts that a carrier contains."""
        found: dict[str, None] = {}
        _collect(value, found)
        for text in found:
            if text in self.seen or text in _COMMON or len(text) < LEAST_LENGTH:
                continue
            if any(each.contains(text) for each in carriers):
                continue
            if TOO_MANY in self.seen:
                return
            if self._whole is _NO_TEXTS:
                self._begin()
            self._derived[text] = None
            self.see((text,) if len(self._derived) <= MAX_LEARNED else (text, TOO_MANY))

    def source_of(self, value: Data) -> "Secret | None":
        """Return the secret source for a value that contains a secret of this run, else None."""
        if not self.seen or value is None:
            return None
        texts: dict[str, None] = {}
        _collect(value, texts)
        harmless = frozenset(text for text in texts if not self._holds_seen(text))
        return None if len(harmless) == len(texts) else Secret(self, Carried(self, value, harmless))

    def text(self, text: str) -> str:
        """Return the text with secrets masked."""
        if text in self._whole or TOO_MANY in self.seen:
            return MASK
        if self._forms and text.endswith(_CUT_END) and (cut := _CUT.search(text)) is not None:
            return f"{self.beginning(text[: cut.start()])}{cut.group()}"
        for secret in self._candidates(text):
            text = text.replace(secret, MASK)
        return text

    def beginning(self, text: str) -> str:
        """Return the beginning of a longer text with secrets masked, cut before a possible partial secret."""
        return self.text(text[: self._known_until(text)])

    def passage(self, text: str) -> str:
        """Return a piece of a longer text with secrets masked, cut at possible partial secrets at both ends."""
        forms = list(self._forms)
        if any(text in form for form in forms):
            return ""
        begins = _out_of(forms, text, max((_end_of(form, text) for form in forms), default=0))
        return self.text(text[begins : self._known_until(text)])

    def _known_until(self, text: str) -> int:
        """Return the position of a possible partial secret at the end of a text."""
        forms = list(self._forms)
        return _out_of(forms, text, min((_beginning_of(form, text) for form in forms), default=len(text)))

    def _holds_seen(self, text: str) -> bool:
        seen = self.seen
        if len(seen) <= FEW_FORMS:
            return any(secret in text for secret in list(seen))
        return any(form in seen for form in self._candidates(text))

    def _candidates(self, text: str) -> Sequence[str]:
        """Return the forms that may be in a text, the longest first."""
        if len(self._forms) <= FEW_FORMS:
            return self._in_order()
        found: set[str] = set()
        for at in range(len(text) - LEAST_LENGTH + 1):
            lengths = self._lengths.get(text[at : at + LEAST_LENGTH])
            if lengths is not None:
                found.update(text[at : at + length] for length in tuple(lengths))
        return sorted((each for each in found if each in self._forms), key=len, reverse=True)

    def _in_order(self) -> Sequence[str]:
        """Return all forms, the longest first, so that no secret leaves parts of a longer one behind."""
        parts = self._parts
        if len(parts) != len(self._forms):
            parts = self._parts = sorted(list(self._forms), key=len, reverse=True)  # noqa: C414 - the copy is atomic
        return parts

    def data(self, value: Data) -> Data:
        """Return the data with secrets masked."""
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
        """Return a value for a log, data or not, with secrets masked."""
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


class Carried:
    """A value that contains secrets between texts that are not secret, such as the output of a command.

    An expression that passes on one of its texts, or a passage of one, derives nothing: the secrets in it are known.

    Args:
        mask: The mask of the secrets.
        value: The value.
        harmless: Its texts without secrets.
    """

    __slots__ = ("_harmless", "_mask", "_passages", "_positions", "_room", "_value")

    def __init__(self, mask: Mask, value: Data, harmless: frozenset[str]) -> None:
        self._mask = mask
        self._value = value
        self._harmless = harmless
        self._passages: list[str] | None = None
        # Where the last text was found in each passage: a split leaves its parts in order.
        self._positions: list[int] = []
        self._room = MAX_SEARCHED

    def contains(self, text: str) -> bool:
        """Return whether the value contains a text, and cuts no secret at its ends."""
        if text in self._harmless:
            return True
        masked = self._mask.text(text)
        if masked == MASK:
            return False
        if self._passages is None:
            self._passages = self._masked_texts()
            self._positions = [0] * len(self._passages)
        return any(self._finds(masked, number) for number in range(len(self._passages)))

    def _masked_texts(self) -> list[str]:
        found: dict[str, None] = {}
        _collect(self._value, found)
        texts = list(found)
        # Text around an expression shows an object as JSON. In it, a short secret would not be masked.
        if isinstance(self._value, FrozenDict | FrozenList) and not any(map(self._mask.is_short, texts)):
            texts.append(msgspec.json.encode(self._value).decode())
        return list(dict.fromkeys(map(self._mask.text, texts)))

    def _finds(self, masked: str, number: int) -> bool:
        passage, start = self._passages[number] if self._passages else "", self._positions[number]
        if len(masked) > len(passage) or self._room <= 0:
            return False
        at = passage.find(masked, start)
        if at < 0 and start:
            self._room -= len(passage) - start
            at, start = passage.find(masked, 0, start + len(masked)), 0
        self._room -= (len(passage) if at < 0 else at) - start
        if at >= 0:
            self._positions[number] = at
        return at >= 0


class Secret:
    """A source of secrets: values that expressions derive from it are secret.

    Args:
        mask: The mask that learns them.
        carried: The value, if it only contains secrets; None if it is one.
    """

    __slots__ = ("_mask", "carried")

    def __init__(self, mask: Mask, carried: Carried | None = None) -> None:
        self._mask = mask
        self.carried = carried

    def learn(self, value: Any, read: "Sequence[object]" = ()) -> None:
        """Add a value that an expression derived from this source.

        Args:
            value: The value.
            read: All sources that the expression read. A text of one carrier need not be in another one.
        """
        if self.carried is None:
            self._mask.learn(value)
            return
        others = (each.carried for each in read if isinstance(each, Secret) and each is not self)
        self._mask.learn(value, [self.carried, *(each for each in others if each is not None)])


def _collect(secret: Any, found: dict[str, None]) -> None:
    """Collect the texts of a value in order (a set's order would differ between processes)."""
    if isinstance(secret, dict):
        for member in secret.values():
            _collect(member, found)
    elif isinstance(secret, list):
        for member in secret:
            _collect(member, found)
    elif secret is not None and not isinstance(secret, bool) and str(secret):
        found[str(secret)] = None


def _end_of(secret: str, text: str) -> int:
    """Return the length of a secret's proper suffix that the text starts with."""
    at = len(secret) - 1
    while (at := text.rfind(secret[-1], 0, at)) >= 0:
        if secret.endswith(text[: at + 1]):
            return at + 1
    return 0


def _beginning_of(secret: str, text: str) -> int:
    """Return the position of a secret's proper prefix that the text ends with."""
    at = max(len(text) - len(secret), -1)
    while (at := text.find(secret[0], at + 1)) >= 0:
        if secret.startswith(text[at:]):
            return at
    return len(text)


def _out_of(secrets: list[str], text: str, at: int) -> int:
    """Return the first position from `at` that is not in the middle of a secret."""
    before = -1
    while before < at:
        before = at
        for secret in secrets:
            found = text.find(secret, max(at - len(secret) + 1, 0), at + len(secret) - 1)
            if found >= 0:
                at = found + len(secret)
    return at


def _written(secret: str) -> tuple[str, ...]:
    """Return a secret as it appears in plain text, in a Python literal and in JSON."""
    return secret, repr(secret)[1:-1], msgspec.json.encode(secret).decode()[1:-1]
