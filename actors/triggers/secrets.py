"""The secrets of webhooks: keys of the key-value store, and files."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stretto.actors.text_files import read_bytes
from stretto.actors.triggers.proofs import NoHookSecret
from stretto.definitions.rules import Hook, SecretSource

if TYPE_CHECKING:
    from os import PathLike

    from stretto.definitions.context import KeySource

MAX_SECRET_BYTES: Final = 4096


def secret_of(hook: Hook, keys: "KeySource", now: float) -> bytes:
    """Return the secret of a webhook.

    Args:
        hook: The webhook.
        keys: Reads a key of the key-value store.
        now: The time in seconds since the epoch.

    Raises:
        NoHookSecret: It has none, or it cannot be read.
    """
    source = hook.secret
    if source is None:
        raise NoHookSecret(f"the hook {hook.name!r} has no secret, so it takes no requests: see {hook.place}")
    secret = _from_file(hook, source) if source.kind == "file" else _from_key(hook, source, keys, now)
    if not secret or len(secret) > MAX_SECRET_BYTES:
        raise NoHookSecret(
            f"the secret of the hook {hook.name!r} must have 1 to {MAX_SECRET_BYTES:,} bytes (MAX_SECRET_BYTES)"
        )
    return secret


def _from_key(hook: Hook, source: SecretSource, keys: "KeySource", now: float) -> bytes:
    found = keys(f"system.{source.name}", now)
    if not found.is_there or not isinstance(found.value, str):
        raise NoHookSecret(
            f"the hook {hook.name!r} takes no requests: there is no text under the key {source.name!r}; "
            f"`stretto kv set {source.name} - --secret` sets it"
        )
    return found.value.encode()


def _from_file(hook: Hook, source: SecretSource) -> bytes:
    path: str | PathLike[str] = Path(hook.file).parent / source.name
    try:
        return read_bytes(path).strip()
    except OSError as error:
        raise NoHookSecret(
            f"the hook {hook.name!r} takes no requests: its secret cannot be read from {str(path)!r}: {error.strerror}"
        ) from None
