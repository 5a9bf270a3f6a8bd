"""The requests of webhooks, which become events once their proof is checked."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stretto.actors.dispatch import Deferred, settle_with
from stretto.actors.journal import Accepted, StoreUnavailable, new_event_id
from stretto.actors.outcome import EngineStopping
from stretto.actors.runs import Services
from stretto.actors.triggers.proofs import HookRefused, NoHookSecret, UnknownHook, check_proof
from stretto.actors.triggers.secrets import secret_of
from stretto.definitions.context import Mask
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, encode_json, freeze, object_of, weigh
from stretto.definitions.errors import InvalidInput, LimitExceeded, NotData, StrettoError
from stretto.definitions.expressions import Moment
from stretto.definitions.rules import RULE_REF, WEBHOOK, Event, EventScope, Hook, is_engine_event
from stretto.metrics import get_logger

MAX_HOOK_BYTES: Final = 1024 * 1024
"""Bytes of the body of a webhook's request."""
MAX_HEADER_TEXT: Final = 16 * 1024
"""Characters of the headers that are kept with an event."""
MAX_EVENT_KEY: Final = 512
"""Characters of what identifies repeated events."""
KEY_SECONDS: Final = 7 * 86_400.0
"""How long a repeated event is known as one."""
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-hub-signature", "x-hub-signature-256", "stripe-signature",
     "x-auth-token", "st2-api-key"}
)  # fmt: skip

_log = get_logger("stretto.events")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request of a webhook: its body, and its headers with names in lower case."""

    body: bytes
    headers: Mapping[str, str]


class Receipt:
    """A request of a webhook that is received together with others.

    Args:
        name: The webhook's name.
        delivery: The request.
    """

    __slots__ = ("delivery", "name")

    def __init__(self, name: str, delivery: Delivery) -> None:
        self.name = name
        self.delivery = delivery

    def settle(self, outcome: Accepted | BaseException) -> None:
        """Take the answer: the event once it is durable, or an error of `HookDesk.receive`. Called on any thread."""
        raise NotImplementedError


class HookDesk:
    """Takes the requests of webhooks. Thread-safe.

    Args:
        services: Accept events, and have the hooks and the keys.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._without_secret: dict[str, str] = {}
        """The hooks whose secret could not be read at the last request, with the reason that is in the log."""

    def receive(self, name: str, delivery: Delivery) -> Deferred:
        """Accept the request of a webhook.

        Args:
            name: The webhook's name.
            delivery: The request.

        Returns:
            `Accepted`, once the event is durable.

        Raises:
            UnknownHook: There is no such webhook, or it is disabled.
            NoHookSecret: It has no secret that can be read.
            HookRefused: The sender does not prove that it knows the secret.
            InvalidInput, LimitExceeded: The body is no JSON, or out of bounds.
            EngineStopping, StoreUnavailable: No event is accepted now.
        """
        with self._counting_refusals():
            return self._received(name, delivery)

    def receive_together(self, receipts: Iterable[Receipt]) -> None:
        """Accept the requests of webhooks, whose events become durable in one commit. Each is settled by itself.

        Args:
            receipts: The requests. An error of one of them is its own outcome, and no other's.
        """
        taken: list[tuple[Event, Receipt]] = []
        for each in receipts:
            try:
                with self._counting_refusals():
                    event = self._event_of(each.name, each.delivery)
                    self._check(event)
                    taken.append((event, each))
            except Exception as error:  # noqa: BLE001 - it is the answer
                each.settle(error)
        if taken:
            self._accept_together(taken)

    def _accept_together(self, taken: list[tuple[Event, Receipt]]) -> None:
        intake = self._services.events
        try:
            answers = intake.accept_together([event for event, _receipt in taken])
        except Exception as error:  # noqa: BLE001 - as above
            if len(taken) == 1:
                taken[0][1].settle(error)
                return
            for each in taken:  # nothing is recorded yet, and only one of them may be at fault
                self._accept_together([each])
            return
        for answer, (_event, receipt) in zip(answers, taken, strict=True):
            settle_with(answer, receipt.settle, receipt.settle)

    def _received(self, name: str, delivery: Delivery) -> Deferred:
        return self.accept(self._event_of(name, delivery))

    def _event_of(self, name: str, delivery: Delivery) -> Event:
        hook = self._find(name)
        now = self._services.now()
        secret = self._secret_of(hook, now)
        check_proof(hook.style, secret, delivery.headers, delivery.body, now)
        event = Event(
            id=new_event_id(), type=hook.event, payload=payload_of(delivery.body, name), at=now,
            source=f"hook:{name}", headers=kept_headers(delivery.headers),
        )  # fmt: skip
        key = self._key_of(hook, event, delivery)
        if key is not None:
            event = msgspec.structs.replace(event, key=f"hook:{name}:{key}", key_until=now + KEY_SECONDS)
        return event

    def receive_stackstorm(self, url: str, delivery: Delivery, source: str) -> Deferred:
        """Accept a request to a webhook of StackStorm's, whose sender is known by its token.

        Args:
            url: The `url` of the triggers that it is for.
            delivery: The request.
            source: Who sends it.

        Returns:
            `Accepted`, once the event is durable. Raises as `receive`, but nothing about secrets.
        """
        with self._counting_refusals():
            return self._received_stackstorm(url, delivery, source)

    def _received_stackstorm(self, url: str, delivery: Delivery, source: str) -> Deferred:
        headers = kept_headers(delivery.headers)
        titled = object_of({name.title(): value for name, value in headers.items()})
        payload = object_of({"body": payload_of(delivery.body, url), "headers": titled})
        return self.accept(Event(
            id=new_event_id(), type=WEBHOOK, payload=payload, at=self._services.now(), source=source, headers=headers,
            parameters=object_of({"url": url}),
        ))  # fmt: skip

    def send(self, event_type: str, payload: Any, source: str, key: str | None, rule: str | None = None) -> Deferred:
        """Accept an event whose sender is known by its token.

        Args:
            event_type: Its type.
            payload: Its payload.
            source: Who sends it.
            key: Identifies it among repeated ones, or None.
            rule: The ref of the one rule of Attune's that it is for, or None.

        Returns:
            `Accepted`, once the event is durable. Raises as `receive_stackstorm`.
        """
        with self._counting_refusals():
            return self._sent(event_type, payload, source, key, rule)

    def _sent(self, event_type: str, payload: Any, source: str, key: str | None, rule: str | None) -> Deferred:
        now = self._services.now()
        try:
            frozen = freeze(payload, "the payload")
        except NotData as error:
            raise InvalidInput(f"the event {event_type}", [str(error)]) from None
        if weigh(frozen) > MAX_HOOK_BYTES:
            raise LimitExceeded(f"the payload of an event must have at most {MAX_HOOK_BYTES:,} bytes (MAX_HOOK_BYTES)")
        return self.accept(Event(
            id=new_event_id(), type=event_type, payload=frozen, at=now, source=source,
            key=None if key is None else f"{source}:{event_type}:{_bounded(key)}",
            key_until=None if key is None else now + KEY_SECONDS,
            parameters=EMPTY_OBJECT if rule is None else object_of({RULE_REF: rule}),
        ))  # fmt: skip

    def accept(self, event: Event) -> Deferred:
        """Accept an event from outside.

        Raises:
            InvalidInput: Only the engine makes events of its type, or a store cannot keep the name of the type.
            EngineStopping: The engine is being stopped.
            StoreUnavailable: The store cannot be written now.
        """
        self._check(event)
        return self._services.events.accept(event)

    def _check(self, event: Event) -> None:
        _check_type(event.type)
        reason = self._services.journal.unavailable
        if reason is not None:
            raise StoreUnavailable(f"no event is accepted while the store cannot be written: {reason}")

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except (EngineStopping, StoreUnavailable):
            raise  # the sender may send it again
        except StrettoError:
            self._services.events.counts.add("refused")
            raise

    def _find(self, name: str) -> Hook:
        hooks = self._services.events.hooks
        hook = hooks.get(name)
        if hook is None or not hook.enabled:
            # Strangers may ask, so the nearest name is not shown.
            raise UnknownHook(f"there is no hook {name[:100]!r}")
        return hook

    def _secret_of(self, hook: Hook, now: float) -> bytes:
        """Return a webhook's secret. Where it is looked for is said in the log only: anybody may send a request."""
        try:
            secret = secret_of(hook, self._services.keys.read, now)
        except NoHookSecret as error:
            self._warn_once(hook, str(error))
            raise NoHookSecret(
                f"the hook {hook.name!r} takes no requests: it has no secret that can be read (the log says why)"
            ) from None
        self._without_secret.pop(hook.name, None)
        return secret

    def _warn_once(self, hook: Hook, reason: str) -> None:
        """Log why a webhook has no secret, again only for another reason: anybody may send many requests."""
        if self._without_secret.get(hook.name) != reason:
            self._without_secret[hook.name] = reason
            _log.warning("hook_without_secret", hook=hook.name, reason=reason)

    def _key_of(self, hook: Hook, event: Event, delivery: Delivery) -> str | None:
        """Return what identifies a repeated request, or None if an equal one is another event."""
        if hook.dedupe is not None:
            return self._deduped(hook, event)
        if hook.style == "github":
            # The delivery's id is not signed: a copy could have another one.
            return hashlib.sha256(delivery.body).hexdigest()
        if hook.style == "stripe":
            identity = event.payload.get("id") if isinstance(event.payload, FrozenDict) else None
            if not isinstance(identity, str):
                raise HookRefused("the body of an event of Stripe's must have an id")
            return _bounded(identity)
        return None

    def _deduped(self, hook: Hook, event: Event) -> str:
        moment = Moment(event.at, event.id, limits=self._services.limits)
        template = hook.dedupe
        try:
            value = self._services.guard.call(
                lambda: (
                    None if template is None else template.evaluate(EventScope(event, "native", mask=Mask()), moment)
                )
            )
        except StrettoError as error:
            raise InvalidInput(f"the hook {hook.name}", [f"its `dedupe` cannot be evaluated: {error}"]) from None
        return _bounded(value if isinstance(value, str) else encode_json(value).decode())


def _check_type(event_type: str) -> None:
    if is_engine_event(event_type):
        raise InvalidInput(
            f"the event {event_type[:100]}",
            ["only the engine makes events of this type: send one whose type does not begin with stretto."],
        )
    if "\0" in event_type:
        # PostgreSQL has no text with NUL.
        raise InvalidInput("the event", [f"its type must not contain NUL, got {event_type[:100]!r}"])


def payload_of(body: bytes, name: str) -> Data:
    """Return the payload that a body is.

    Raises:
        LimitExceeded: It has more than MAX_HOOK_BYTES.
        InvalidInput: It is not JSON, or no data.
    """
    if len(body) > MAX_HOOK_BYTES:
        raise LimitExceeded(
            f"the body of an event must have at most {MAX_HOOK_BYTES:,} bytes (MAX_HOOK_BYTES), got {len(body):,}"
        )
    try:
        value: Any = msgspec.json.decode(body) if body else None
        return freeze(value, "the payload")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the hook {name}", [f"the body must be JSON: {error}"]) from None
    except NotData as error:
        raise InvalidInput(f"the hook {name}", [str(error)]) from None


def kept_headers(headers: Mapping[str, str]) -> FrozenDict:
    """Return the headers that are kept with an event: no secrets, and not more than MAX_HEADER_TEXT characters."""
    kept: dict[str, Data] = {}
    room = MAX_HEADER_TEXT
    for name, value in headers.items():
        room -= len(name) + len(value)
        if name not in _SECRET_HEADERS and room >= 0:
            kept[name] = value
    return object_of(kept)


def _bounded(key: str) -> str:
    # PostgreSQL has no text with NUL.
    return key if len(key) <= MAX_EVENT_KEY and "\0" not in key else hashlib.sha256(key.encode()).hexdigest()
