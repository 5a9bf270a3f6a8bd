"""The key-value store of an engine: read from memory, and written by the journal."""

from typing import Any

from stretto.actors.dispatch import Deferred, derived
from stretto.actors.engine.queries import record_audit
from stretto.actors.journal import (
    AuditEntries,
    KeyLimits,
    KeyLink,
    Peers,
    PutKey,
    RemoveKey,
    Requester,
    StoredKey,
    asked_by,
)
from stretto.actors.kv import (
    clear_value,
    find_key,
    key_as_json,
    key_place,
    key_removal,
    key_with_value,
    new_key,
    page_of_keys,
)
from stretto.actors.runs import Services


class EngineKeys:
    """Answers about keys and changes them. The snapshot in memory follows each commit."""

    def __init__(self, services: Services, link: KeyLink, limits: KeyLimits, peers: Peers | None = None) -> None:
        self._peers = peers
        self._services = services
        self._link = link
        self._held = services.keys
        self._limits = limits

    def list(self, **query: Any) -> dict[str, Any]:
        """Return a page of keys. See `Engine.keys`."""
        return page_of_keys(self._held.snapshot, self._services.now(), **query)

    def show(self, name: str, scope: str, owner: str | None) -> dict[str, Any]:
        """Return a key with its value. See `Engine.key`."""
        return key_with_value(self._find(name, scope, owner))

    def value(self, name: str, scope: str, owner: str | None, by: Requester | None) -> Any:
        """Return the value of a key in clear. See `Engine.key_value`."""
        key = self._find(name, scope, owner)
        value = clear_value(key)
        if by is None or not key.secret:
            return value
        answer = Deferred()
        audit = by.asks("key_value", str(key.place), self._services.now())
        record_audit(self._services.journal, audit, answer, value)
        return answer

    def set(  # noqa: PLR0913 - the parts of a key
        self,
        name: str,
        value: Any,
        scope: str,
        owner: str | None,
        *,
        secret: bool,
        lasts: float | None,
        version: int | None,
        by: Requester | None,
    ) -> Deferred:
        """Set a key. See `Engine.set_key`."""
        place, now = key_place(name, scope, owner), self._services.now()
        change = new_key(
            place, value, secret=secret, lasts=lasts, expected=version, now=now, by=None if by is None else by.who,
            limits=self._limits,
        )  # fmt: skip
        return derived(self.put(change, asked_by(by, "set_key", str(place), now)), self._report)

    def delete(self, name: str, scope: str, owner: str | None, version: int | None, by: Requester | None) -> Deferred:
        """Delete a key. See `Engine.delete_key`."""
        place, now = key_place(name, scope, owner), self._services.now()
        change = key_removal(self._held.snapshot, place, version, now)
        return self.remove(change, asked_by(by, "delete_key", str(place), now))

    def put(self, change: PutKey, audit: AuditEntries) -> Deferred:
        """Set a key. Return it, once that is durable. Raises as `Engine.set_key`."""
        return derived(self._link.change_key(change, audit), self._put)

    def remove(self, change: RemoveKey, audit: AuditEntries) -> Deferred:
        """Delete a key. Raises as `Engine.delete_key`."""
        return derived(self._link.change_key(change, audit), self._remove)

    def _find(self, name: str, scope: str, owner: str | None) -> StoredKey:
        return find_key(self._held.snapshot, key_place(name, scope, owner), self._services.now())

    def _report(self, key: StoredKey) -> dict[str, Any]:
        return {**key_as_json(key), "durable": self._link.durable}

    def _put(self, key: StoredKey) -> StoredKey:
        """Take over a key, on the thread that has written it: changes arrive in the order of their commits."""
        self._held.put(key)
        self._notify()
        return key

    def _remove(self, key: StoredKey) -> None:
        self._held.remove(key)
        self._notify()

    def _notify(self) -> None:
        """Let the other engines of the store read the keys again."""
        if self._peers is not None:
            self._peers.keys_written()
