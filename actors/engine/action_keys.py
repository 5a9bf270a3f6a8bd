"""The key-value store as actions in kept processes use it: StackStorm's `action_service`. Nothing here waits.

A question about a user's key first asks the engine who started the run.
"""

import time
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import pykka

from stretto.actors.actions import GrantedKey
from stretto.actors.dispatch import Deferred, ask_method_deferred, handles
from stretto.actors.engine.run_table import RunTable
from stretto.actors.journal import KeyPlace, Requester, Scope, StoredKey, UnknownKey
from stretto.actors.kv import HeldKeys, InvalidKey, clear_value, key_place
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError

_SCOPES: Final[dict[str | None, Scope]] = {
    None: "system", "system": "system", "st2kv.system": "system", "user": "user", "st2kv.user": "user",
}  # fmt: skip
"""The scopes that StackStorm's actions name, each with that of the key."""


class _Question(msgspec.Struct):
    """A question of an action. The fields that a request does not need are absent."""

    request: Literal["get_value", "set_value", "list_values", "delete_value", "get_user"]
    name: str = ""
    value: str = ""
    prefix: str | None = None
    scope: str | None = None
    ttl: float | None = None
    decrypt: bool = False
    encrypt: bool = False


_questions: Final = msgspec.json.Decoder(_Question)


class UserWanted(msgspec.Struct, frozen=True):
    """A question to the engine: who started a run? The answer is the name, "" if it is not known."""

    run_id: str
    answer: Deferred


class RunUsers:
    """Answers who started the runs in progress. A sub-workflow's user is that of the run above it.

    Args:
        table: The runs.
    """

    def __init__(self, table: RunTable) -> None:
        self._table = table

    @handles(UserWanted)
    def _user_wanted(self, message: UserWanted) -> None:
        run = self._table.get(message.run_id)
        known = None if run is None else run.requested_by
        message.answer.resolve("" if known is None else known.who)


class ActionKeys:
    """Answers questions about keys of the scopes `system` and `user`. The user is who started the action's run.

    Reading is from memory; the engine makes the changes.

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

    def answer(self, data: bytes, action: str, run_id: str, reply: Callable[[bytes], object]) -> None:
        """Answer a question, now or later and on any thread.

        Args:
            data: The question: what `_Question` has, as JSON.
            action: The action that asks.
            run_id: The id of its run.
            reply: Receives {result} or {error}, as JSON.
        """
        answer = _Answer(reply)
        try:
            self._answer(_questions.decode(data), action, run_id, answer)
        except Exception as error:  # noqa: BLE001 - the worker waits for an answer to whatever it has sent
            answer.fail(error)

    def _answer(self, question: _Question, action: str, run_id: str, answer: "_Answer") -> None:
        if question.scope not in _SCOPES:
            known = ", ".join(repr(each) for each in _SCOPES if each is not None)
            raise InvalidKey(f"the scope must be one of {known}, got {question.scope!r:.100}")
        by = Requester(who=action, via="action", source="local")
        if question.request == "get_user":
            self._ask_user(run_id, answer, answer.set)
        elif question.request == "list_values":
            answer.set(self._listed(question.prefix or ""))
        elif _SCOPES[question.scope] == "system":
            self._of_key(question, key_place(question.name), by, answer)
        else:
            self._ask_user(run_id, answer, lambda user: self._of_key(question, _of_user(question, user), by, answer))

    def _ask_user(self, run_id: str, answer: "_Answer", then: Callable[[str], None]) -> None:
        """Call a function with the name of who started a run, "" if it is not known."""
        wanted = UserWanted(run_id, Deferred())
        wanted.answer.subscribe(_UserKnown(answer, then), set())
        try:
            self._engine().tell(wanted)
        except pykka.ActorDeadError:
            answer.fail(InvalidKey("the engine is being stopped"))

    def _of_key(self, question: _Question, place: KeyPlace, by: Requester, answer: "_Answer") -> None:
        match question.request:
            case "get_value":
                answer.set(self._value(question, place))
            case "set_value":
                given = {"secret": question.encrypt, "lasts": question.ttl or None, "by": by}
                self._change("set_key", (place.name, question.value), place, given, answer)
            case "delete_value":
                self._change("delete_key", (place.name,), place, {"by": by}, answer)

    def _value(self, question: _Question, place: KeyPlace) -> str | None:
        key = self._held.snapshot.find(place, self._now())
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

    def _change(
        self, method: str, given: tuple[str, ...], place: KeyPlace, named: dict[str, Any], answer: "_Answer"
    ) -> None:
        stopping = InvalidKey("the key was not changed: the engine is being stopped")
        where = {"scope": place.scope, "owner": place.owner or None}
        changed = ask_method_deferred(self._engine(), method, stopping, *given, **where, **named)
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


class _UserKnown(pykka.Future[Any]):
    """Takes the name of a user."""

    def __init__(self, answer: _Answer, then: Callable[[str], None]) -> None:
        super().__init__()
        self._answer = answer
        self._then = then

    def set(self, value: Any = None) -> None:
        try:
            self._then(value)
        except Exception as error:  # noqa: BLE001 - the worker waits for an answer to whatever it has sent
            self._answer.fail(error)

    def set_exception(self, exc_info: Any = None) -> None:
        self._answer.fail(exc_info[1])


def _of_user(question: _Question, user: str) -> KeyPlace:
    if not user:
        raise InvalidKey(f"the key {question.name!r:.100} of the scope 'user': it is not known who started the run")
    return key_place(question.name, "user", user)


def _text(key: StoredKey) -> str:
    """Return a value as text, which all values of StackStorm's are."""
    value = clear_value(key)
    return value if isinstance(value, str) else encode_json(value).decode()
