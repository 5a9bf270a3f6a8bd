"""A client's own key for a run: requests with the same key get the same run."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stretto.actors.journal import Idempotency, Rerun
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
    """The key belongs to a run of another workflow, with other inputs, or to another rerun."""

    code = "idempotency_conflict"


def checked_key(key: str | None) -> str | None:
    """Return the key.

    Raises:
        InvalidIdempotencyKey: The key cannot be stored.
    """
    if key is None or (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable() and key == key.strip()):
        return key
    raise InvalidIdempotencyKey(
        f"an idempotency key must be 1 to {MAX_KEY_LENGTH} printable characters (MAX_KEY_LENGTH) without spaces at its "
        f"ends, got {_shortened(key)!r}"
    )


def idempotency_of(key: str, workflow: Workflow, inputs: Mapping[str, Any]) -> Idempotency:
    """Return a key with the digest of its request: the workflow's ref, and the inputs except secret ones.

    The inputs are those of the client, without defaults, so that a new default does not make another request. A reader
    of the store could guess a secret by its digest.

    Args:
        key: The client's key.
        workflow: The definition.
        inputs: The client's inputs, which must be data.
    """
    secret = {fields[0] for fields in secret_fields(workflow.parameters)}
    compared = freeze({name: value for name, value in inputs.items() if name not in secret})
    return Idempotency(key, _digest([workflow.ref, compared]))


def idempotency_of_rerun(key: str, rerun: Rerun) -> Idempotency:
    """Return a key with the digest of a request for a rerun: the old run, and what of it runs again."""
    given = {name: value for name, value in msgspec.structs.asdict(rerun).items() if value is not None}
    return Idempotency(key, _digest(["rerun", given]))


def _digest(request: list[Any]) -> str:
    text = msgspec.json.encode(request, order="sorted")
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
