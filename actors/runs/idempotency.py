"""A client's own key for a run: the same key gives the same run, however often it is submitted."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stretto.actors.journal import Idempotency
from stretto.actors.outcome import RunHandle
from stretto.definitions.context import secret_fields
from stretto.definitions.data import freeze
from stretto.definitions.errors import StrettoError
from stretto.definitions.model import Workflow

MAX_KEY_LENGTH: Final = 255
MAX_REMEMBERED_KEYS: Final = 10_000
"""Keys that an engine without a store remembers."""


class InvalidIdempotencyKey(StrettoError):
    """A key that is none."""

    code = "invalid_idempotency_key"


class IdempotencyConflict(StrettoError):
    """The key is taken by a run of another workflow, or with other inputs."""

    code = "idempotency_conflict"


def checked_key(key: str | None) -> str | None:
    """Return a key that can be kept. Raises `InvalidIdempotencyKey`."""
    if key is None or (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        return key
    raise InvalidIdempotencyKey(f"an idempotency key is a text of 1 to {MAX_KEY_LENGTH} printable characters")


def idempotency_of(key: str, workflow: Workflow, inputs: Mapping[str, Any]) -> Idempotency:
    """Return a key with the digest of what it was given for: the workflow's ref, and the inputs but secret ones.

    The inputs, which must be data, are as they were given: another default makes no other request. A digest of a
    secret could be tried out by whoever reads the store.
    """
    secret = {fields[0] for fields in secret_fields(workflow.parameters)}
    told = freeze({name: value for name, value in inputs.items() if name not in secret})
    text = msgspec.json.encode([workflow.ref, told], order="sorted")
    return Idempotency(key, hashlib.blake2b(text, digest_size=16).hexdigest())


def conflict(key_owner: str) -> IdempotencyConflict:
    """Return the error of a key that belongs to another request."""
    message = f"the idempotency key belongs to the run {key_owner}, which is of another workflow or has other inputs"
    return IdempotencyConflict(message)


class RememberedKeys:
    """The keys of an engine without a store."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, RunHandle]] = OrderedDict()

    def find(self, idempotency: Idempotency) -> RunHandle | None:
        """Return the run that has the key. Raises `IdempotencyConflict`."""
        fingerprint, handle = self._known.get(idempotency.key, (idempotency.fingerprint, None))
        if handle is not None and fingerprint != idempotency.fingerprint:
            raise conflict(handle.id)
        return handle

    def keep(self, idempotency: Idempotency, handle: RunHandle) -> None:
        """Remember whose a key is."""
        self._known[idempotency.key] = (idempotency.fingerprint, handle)
        if len(self._known) > MAX_REMEMBERED_KEYS:
            self._known.popitem(last=False)
