"""The key-value store as actions in kept processes use it: StackStorm's `action_service`. Nothing here waits."""

import time
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import pykka

from stretto.actors.actions import GrantedKey
from stretto.actors.dispatch import ask_method_deferred
from stretto.actors.journal import KeyPlace, Requester, StoredKey, UnknownKey
from stretto.actors.kv import HeldKeys, InvalidKey, clear_value, key_place
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError

_SCOPES: Final = frozenset({None, "system", "st2kv.system"})


class _Question(msgspec.Struct):
    """A question of an action. The fields that a request does not need are absent."""

    request: Literal["get_value", "set_value", "list_values", "delete_value"]
    name: str = ""
    value: str = ""
    prefix: str | None = None
    scope: str | None = None
    ttl: float | None = None
    decrypt: bool = False
    encrypt: bool = False


_questions: Final = msgspec.json.Decoder(_Question)


class ActionKeys:
    """Answers questions about keys of the scope `system`. Reading is from memory; the engine makes the changes.

    Args:
        held: The keys.
        engine: Returns the engine's actor.
        now: Returns the seconds since the epoch.
    """

    def __init__(
        self, held: HeldKeys, engine: Callable[[], pykka.ActorRef[Any]], now: Callable[[], float] = time.time
    ) -> None:
        self._held = held
        self._engine = engine
        self._now = now

    def answer(self, data: bytes, action: str, reply: Callable[[bytes], object]) -> None:
        """Answer a question, now or later and on any thread.

        Args:
            data: The question: what `_Question` has, as JSON.
            action: The action that asks.
            reply: Receives {result} or {error}, as JSON.
        """
        answer = _Answer(reply)
        try:
            self._answer(_questions.decode(data), action, answer)
        except Exception as error:  # noqa: BLE001 - the worker waits for an answer to whatever it has sent
            answer.fail(error)

    def _answer(self, question: _Question, action: str, answer: "_Answer") -> None:
        if question.scope not in _SCOPES:
            raise InvalidKey(
                f"an action reads and sets keys of the scope 'system', got {question.scope!r:.100}; name the user in "
                "the key, or read the key in the workflow"
            )
        by = Requester(who=action, via="action", source="local")
        match question.request:
            case "get_value":
                answer.set(self._value(question))
            case "list_values":
                answer.set(self._listed(question.prefix or ""))
            case "set_value":
                given = {"secret": question.encrypt, "lasts": question.ttl or None, "by": by}
                self._change("set_key", (question.name, question.value), given, answer)
            case "delete_value":
                self._change("delete_key", (question.name,), {"by": by}, answer)

    def _value(self, question: _Question) -> str | None:
        key = self._held.snapshot.find(key_place(question.name), self._now())
        if key is not None and key.secret and not question.decrypt:
            raise InvalidKey(f"the value of the key {key.place} is secret; pass decrypt=True")
        return None if key is None else _text(key)

    def _listed(self, prefix: str) -> list[dict[str, Any]]:
        """Return the keys whose names begin with a prefix. Values of secret ones are None."""
        return [
            {"name": key.place.name, "value": None if key.secret else _text(key), "secret": key.secret}
            for key in self._held.snapshot.sorted(self._now())
            if key.place.scope == "system" and key.place.name.startswith(prefix)
        ]

    def _change(self, method: str, given: tuple[str, ...], named: dict[str, Any], answer: "_Answer") -> None:
        stopping = InvalidKey("the key was not changed: the engine is being stopped")
        changed = ask_method_deferred(self._engine(), method, stopping, *given, **named)
        changed.subscribe(_Changed(answer), set())


class KeysOfPacks:
    """The keys of the scope `pack`, for the processes of packs. It is called on the thread of their event loop.

    Args:
        held: The keys.
        now: Returns the seconds since the epoch.
    """

    def __init__(self, held: HeldKeys, now: Callable[[], float] = time.time) -> None:
        self._held = held
        self._now = now

    def has_any(self, pack: str) -> bool:
        """Return whether a pack has keys, also expired ones."""
        return self._held.snapshot.has_owner("pack", pack)

    def find(self, pack: str, name: str) -> GrantedKey | None:
        """Return a key of a pack, or None. Raises `StrettoError` if its value cannot be read."""
        key = self._held.snapshot.find(KeyPlace("pack", pack, name), self._now())
        return None if key is None else GrantedKey(clear_value(key), key.secret, key.set_at)


class _Answer:
    """The answer to one question, as JSON."""

    def __init__(self, reply: Callable[[bytes], object]) -> None:
        self._reply = reply

    def set(self, result: Any) -> None:
        self._reply(encode_json({"result": result}))

    def fail(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, StrettoError) else f"{type(error).__name__}: {error}"
        self._reply(encode_json({"error": text.encode("utf-8", "replace").decode()}))


class _Changed(pykka.Future[Any]):
    """Takes the engine's answer to a change."""

    def __init__(self, answer: _Answer) -> None:
        super().__init__()
        self._answer = answer

    def set(self, value: Any = None) -> None:  # noqa: ARG002 - the action only learns that the change was made
        self._answer.set(True)

    def set_exception(self, exc_info: Any = None) -> None:
        error = exc_info[1]
        if isinstance(error, UnknownKey):
            self._answer.set(False)
        else:
            self._answer.fail(error)


def _text(key: StoredKey) -> str:
    """Return a value as text, which all values of StackStorm's are."""
    value = clear_value(key)
    return value if isinstance(value, str) else encode_json(value).decode()
