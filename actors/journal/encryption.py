"""What is secret in a store is sealed: encrypted with a key that the operator keeps somewhere else.

A sealed body is `!`, the key's id, `:`, and a Fernet token (AES-128-CBC, HMAC-SHA256). No JSON text begins with `!`, so
whoever reads a body knows which it is; the id tells which key it takes, and nothing of the key.
"""

import base64
import re
import stat
from collections.abc import Iterable
from hashlib import blake2b
from os import PathLike, fstat
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from stretto.actors.journal.store import CannotOpenStore, Unrecordable
from stretto.definitions.errors import StrettoError

_MARKER: Final = b"!"
_SEALED: Final = re.compile(rb"!([0-9a-f]{8}):([A-Za-z0-9_=-]+)", re.ASCII)
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_KEY_BYTES: Final = 32
_HOW_TO_MAKE: Final = "`openssl rand -base64 32` makes one"


class StoreKeyMissing(Unrecordable):
    """Something secret is to be written or read, and the store has been given no key."""

    code = "store_key_missing"


class WrongStoreKey(StrettoError):
    """Something was sealed with a key that is not among those that the store has been given."""

    code = "wrong_store_key"


class InvalidStoreKey(CannotOpenStore):
    """The store's key, or the file that holds it, cannot be used."""

    code = "invalid_store_key"


class UnreadableRecord(StrettoError):
    """What the store holds cannot be understood: it is damaged, or a newer version wrote it."""

    code = "unreadable_record"


def new_key() -> str:
    """Return a new key: 32 random bytes as URL-safe base64 text."""
    return Fernet.generate_key().decode()


def read_key_file(path: str | PathLike[str]) -> "Keyring":
    """Return the keys of a file: one a line, the first encrypts, all decrypt; `#` begins a comment.

    Raises `InvalidStoreKey` for a file that cannot be read, that others than its owner can read, or without good keys.
    """
    try:
        with Path(path).open(encoding="ascii") as file:
            mode = stat.S_IMODE(fstat(file.fileno()).st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise InvalidStoreKey(
                    f"{path}: others than its owner may use the key file (its mode is {mode:03o}); chmod 600 {path}"
                )
            lines = file.read().splitlines()
    except OSError as error:
        raise InvalidStoreKey(f"{path}: the key file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidStoreKey(f"{path}: this is no key file: found bytes that are no ASCII text") from None
    keys: list[bytes] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            keys.append(_key(text, f"{path}:{number}"))
    if not keys:
        raise InvalidStoreKey(f"{path}: the key file holds no key, expected one a line; {_HOW_TO_MAKE}")
    return Keyring(keys)


def is_sealed(body: bytes) -> bool:
    """Tell whether a body is sealed."""
    return body.startswith(_MARKER)


class Keyring:
    """The keys of a store: the first one seals, each opens what it has sealed."""

    def __init__(self, keys: Iterable[str | bytes]) -> None:
        """Take the keys as texts. Raises `InvalidStoreKey`, which never quotes a key."""
        raw = [_key(key, f"the store's key {number}") for number, key in enumerate(keys, 1)]
        if not raw:
            raise InvalidStoreKey(f"a keyring needs a key at least; {_HOW_TO_MAKE}")
        self._openers = {_id_of(key): Fernet(base64.urlsafe_b64encode(key)) for key in reversed(raw)}
        self._id = _id_of(raw[0])
        self._sealer = self._openers[self._id]
        self._digesting = blake2b(raw[0], digest_size=_KEY_BYTES, person=b"stretto digests").digest()

    def __repr__(self) -> str:
        return f"Keyring({', '.join(key.decode() for key in self._openers)})"

    def seal(self, body: bytes) -> bytes:
        """Return the body sealed with the first key; a different text each time."""
        return b"%s%s:%s" % (_MARKER, self._id, self._sealer.encrypt(body))

    def open(self, sealed: bytes) -> bytes:
        """Return a sealed body as it was. Raises `WrongStoreKey`, `UnreadableRecord`."""
        parts = _SEALED.fullmatch(sealed)
        if parts is None:
            raise UnreadableRecord("an encrypted record of the store is damaged: it has not the form of one")
        opener = self._openers.get(parts[1])
        if opener is None:
            known = ", ".join(key.decode() for key in self._openers)
            raise WrongStoreKey(
                f"the store was encrypted with the key {parts[1].decode()}, found only the keys {known}; "
                "add that key to the key file, below the first"
            )
        try:
            return opener.decrypt(parts[2])
        except InvalidToken:
            raise UnreadableRecord("an encrypted record of the store is damaged: its signature is wrong") from None

    def digest(self, body: bytes) -> str:
        """Return a digest that only who has the first key can make: guessing the body is of no use to others."""
        return blake2b(body, digest_size=32, key=self._digesting).hexdigest()


def seal(body: bytes, keyring: Keyring | None) -> bytes:
    """Return a body sealed. Raises `StoreKeyMissing`."""
    if keyring is None:
        raise StoreKeyMissing(
            "it holds secrets, and the store has no key to encrypt them with; set the store's key file"
        )
    return keyring.seal(body)


def open_sealed(body: bytes, keyring: Keyring | None) -> bytes:
    """Return a body in clear, whether it is sealed or not.

    Raises `StoreKeyMissing`, `WrongStoreKey`, `UnreadableRecord`.
    """
    if not is_sealed(body):
        return body
    if keyring is None:
        raise StoreKeyMissing("the store holds encrypted records, and no key was given; set the store's key file")
    return keyring.open(body)


def _key(key: str | bytes, place: str) -> bytes:
    """Return a key's bytes; the raw ones of a key are taken as they are."""
    if isinstance(key, bytes) and len(key) == _KEY_BYTES:
        return key
    try:
        text = key.encode("ascii") if isinstance(key, str) else key
        # Both alphabets of base64: Fernet's own is the one for URLs, most programs' is the other.
        raw = base64.b64decode(text.translate(_TO_STANDARD), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise InvalidStoreKey(f"{place} is no key: expected {_KEY_BYTES} bytes as base64 text; {_HOW_TO_MAKE}")
    return raw


def _id_of(key: bytes) -> bytes:
    return blake2b(key, digest_size=4, person=b"stretto key id").hexdigest().encode()
