"""The key-value store."""

from typing import Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import PAGE, Requester, Scope


class KeyMethods(EngineActor):
    """The key-value store."""

    def keys(
        self,
        *,
        scope: Scope | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> dict[str, Any]:
        """Return a page of the key-value store without the values, by scope, owner and name.

        Args:
            scope: Only keys of this scope.
            owner: Only keys of this user or pack.
            prefix: Only keys whose names begin so.
            cursor: The `next` of the page before.
            limit: The most keys to return.

        Returns:
            {keys: [{scope, owner, name, secret, version, bytes, set_at, set_by, expires_at}], next}, with a cursor or
            None in `next`.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        return self._core.keys.list(scope=scope, owner=owner, prefix=prefix, cursor=cursor, limit=limit)

    def key(self, name: str, scope: Scope = "system", owner: str | None = None) -> dict[str, Any]:
        """Return a key as `keys` does, with its `value`. The value of a secret one is masked.

        Args:
            name: The key's name.
            scope: "system", "user" or "pack".
            owner: The user or the pack.

        Raises:
            UnknownKey: There is no such key, or it has expired.
            InvalidKey: There can be no such key.
            UnreadableRecord: The value cannot be decrypted.
        """
        return self._core.keys.show(name, scope, owner)

    def key_value(
        self, name: str, scope: Scope = "system", owner: str | None = None, *, by: Requester | None = None
    ) -> Any:
        """Return the value of a key in clear, also of a secret one. Raises as `key` does. Pass `by` as to `submit`."""
        return self._core.keys.value(name, scope, owner, by)

    def set_key(  # noqa: PLR0913 - keywords, each independent
        self,
        name: str,
        value: Any,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        secret: bool = False,
        lasts: float | None = None,
        version: int | None = None,
        by: Requester | None = None,
    ) -> Deferred:
        """Set a key. With a store it is durable when this is answered, without one it is lost when the engine ends.

        Args:
            name: The key's name: up to 256 letters, digits and _ . : @ -
            value: Anything like JSON but None.
            scope: "system", "user" or "pack".
            owner: The user or the pack.
            secret: Encrypt the value in the store, and mask it.
            lasts: The seconds until the key expires. None is no limit.
            version: Set the key only if it has this version. 0 sets it only if it is not there.
            by: As of `submit`.

        Returns:
            The key as of `keys`, and `durable`: whether it is in a store.

        Raises:
            KeyConflict: The key has another version.
            InvalidKey: The name, the value or another argument is out of bounds.
            LimitExceeded: The value is too large, or there are too many keys.
            StoreKeyMissing: It is secret, and the store has no key to encrypt it.
        """
        return self._core.keys.set(name, value, scope, owner, secret=secret, lasts=lasts, version=version, by=by)

    def delete_key(
        self,
        name: str,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        version: int | None = None,
        by: Requester | None = None,
    ) -> Deferred:
        """Delete a key, with `version` only if it has this version. Raises `UnknownKey`, `KeyConflict`, `InvalidKey`.

        Pass `by` as to `submit`.
        """
        return self._core.keys.delete(name, scope, owner, version, by)
