"""A client's own key for a run: requests with the same key get the same run."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stretto.actors.journal import Idempotency, RequestKey, Rerun
from stretto.actors.outcome import RunHandle
from stretto.definitions.context import secret_fields
from stretto.definitions.data import freeze
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Workflow

MAX_KEY_LENGTH: Final = 255
MAX_REMEMBERED_KEYS: Final = 10_000
"""The number of keys that an engine without a store remembers."""


_MAX_SHOWN: Final = 40


class InvalidIdempotencyKey(StrettoError):
    """The key is empty, too long, not printable, or has a space at an end."""

    code = "invalid_idempotency_key"


class IdempotencyConflict(StrettoError):
    """The key belongs to a run of another workflow, with other inputs or labels, or to another rerun."""

    code = "idempotency_conflict"


def checked_key(key: str) -> str:
    """Return the key.

    Raises:
        InvalidIdempotencyKey: The key cannot be stored.
    """
    if 0 < len(key) <= MAX_KEY_LENGTH and key.isprintable() and key == key.strip():
        return key
    raise InvalidIdempotencyKey(
        f"an idempotency key must be 1 to {MAX_KEY_LENGTH} printable characters (MAX_KEY_LENGTH) without spaces at its "
        f"ends, got {_shortened(key)!r}"
    )


def idempotency_of(key: RequestKey, workflow: Workflow, inputs: Mapping[str, Any]) -> Idempotency:
    """Return a key with the digest of its request: all that makes the run, except secret inputs.

    The inputs are those of the client, without defaults, so that a new default does not make another request. A reader
    of the store could guess a secret by its digest. A note is not a part of it: it makes no other run.

    Args:
        key: The client's key, labels and text.
        workflow: The definition.
        inputs: The client's inputs, which must be data.
    """
    secret = {fields[0] for fields in secret_fields(workflow.parameters)}
    compared = freeze({name: value for name, value in inputs.items() if name not in secret})
    return Idempotency(key.key, _digest([workflow.ref, compared], key))


def idempotency_of_rerun(key: RequestKey, rerun: Rerun) -> Idempotency:
    """Return a key with the digest of a request for a rerun: the old run, what of it runs again, and new labels."""
    given = {name: value for name, value in msgspec.structs.asdict(rerun).items() if value is not None}
    return Idempotency(key.key, _digest(["rerun", given], key))


def _digest(request: list[Any], key: RequestKey) -> str:
    # Nothing is added for a request without them: its digest is the one of earlier versions.
    more = {"labels": dict(key.labels) if key.labels else None, "text": key.text}
    added = {name: value for name, value in more.items() if value is not None}
    text = msgspec.json.encode([*request, added] if added else request, order="sorted")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _shortened(key: str) -> str:
    return key if len(key) <= _MAX_SHOWN else f"{key[:_MAX_SHOWN]}..."


def conflict_error(key_owner: str) -> IdempotencyConflict:
    """Return the error for a key that belongs to another request."""
    return IdempotencyConflict(f"the idempotency key belongs to the run {key_owner}, which another request has started")


class RememberedKeys:
    """The keys of an engine without a store."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, RunHandle]] = OrderedDict()

    def find(self, idempotency: Idempotency) -> RunHandle | None:
        """Return the run with the key, or None.

        Raises:
            IdempotencyConflict: The key belongs to another request.
        """
        fingerprint, handle = self._known.get(idempotency.key, (idempotency.fingerprint, None))
        if handle is not None and fingerprint != idempotency.fingerprint:
            raise conflict_error(handle.id)
        return handle

    def keep(self, idempotency: Idempotency, handle: RunHandle) -> None:
        """Remember the run of a key."""
        self._known[idempotency.key] = (idempotency.fingerprint, handle)
        if len(self._known) > MAX_REMEMBERED_KEYS:
            self._known.popitem(last=False)
