"""Encryption of secrets in a store, with a key that the operator keeps elsewhere.

An encrypted body is `!`, the key's id, `:`, and a Fernet token (AES-128-CBC, HMAC-SHA256). No JSON text begins with
`!`, so the first character separates the two. The id names the key and reveals nothing of it.
"""

import base64
import os
import re
import stat
from collections.abc import Iterable
from hashlib import blake2b
from os import PathLike, stat_result
from typing import Final

from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.store import CannotOpenStore, Unrecordable
from stretto.actors.text_files import read_bytes
from stretto.definitions.errors import StrettoError

_MARKER: Final = b"!"
_ENCRYPTED: Final = re.compile(rb"!([0-9a-f]{8}):([A-Za-z0-9_=-]+)", re.ASCII)
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_KEY_BYTES: Final = 32
_HOW_TO_MAKE: Final = "`openssl rand -base64 32` makes one"


class StoreKeyMissing(Unrecordable):
    """A secret must be written or read, but the store has no key."""

    code = "store_key_missing"


class WrongStoreKey(StrettoError):
    """A record was encrypted with a key that is not in the store's key file."""

    code = "wrong_store_key"


class InvalidStoreKey(CannotOpenStore):
    """The store's key, or its key file, cannot be used."""

    code = "invalid_store_key"


def new_key() -> str:
    """Return a new key: 32 random bytes as URL-safe base64 text."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def read_key_file(path: str | PathLike[str]) -> "Keyring":
    """Return the keys in a file: one per line, `#` begins a comment.

    The first key encrypts; all keys decrypt.

    Args:
        path: The key file. Only its owner may have access to it.

    Raises:
        InvalidStoreKey: The file cannot be read, other users have access to it, or it contains no valid key.
    """

    def check_owner(found: stat_result) -> None:
        mode = stat.S_IMODE(found.st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InvalidStoreKey(
                f"{path}: the key file must be accessible to its owner only, got mode {mode:03o}; chmod 600 {path}"
            )

    try:
        lines = read_bytes(path, check_owner).decode("ascii").splitlines()
    except OSError as error:
        raise InvalidStoreKey(f"{path}: the key file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidStoreKey(f"{path}: the key file must be ASCII text, got other bytes") from None
    keys: list[bytes] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            keys.append(_key(text, f"{path}:{number}"))
    if not keys:
        raise InvalidStoreKey(f"{path}: the key file must contain at least one key, one per line; {_HOW_TO_MAKE}")
    return Keyring(keys)


def is_encrypted(body: bytes) -> bool:
    """Return whether a body is encrypted."""
    return body.startswith(_MARKER)


class Keyring:
    """The keys of a store: the first one encrypts, all of them decrypt."""

    def __init__(self, keys: Iterable[str | bytes]) -> None:
        """Take the keys as base64 text, or as raw bytes.

        Raises:
            InvalidStoreKey: There is no key, or one is invalid. The message never contains a key.
        """
        raw = [_key(key, f"the store's key {number}") for number, key in enumerate(keys, 1)]
        if not raw:
            raise InvalidStoreKey(f"a keyring needs at least one key; {_HOW_TO_MAKE}")
        from cryptography.fernet import Fernet  # noqa: PLC0415 - who has no key does not load cryptography

        self._decrypters = {_id_of(key): Fernet(base64.urlsafe_b64encode(key)) for key in reversed(raw)}
        self._id = _id_of(raw[0])
        self._encrypter = self._decrypters[self._id]
        self._digesting = blake2b(raw[0], digest_size=_KEY_BYTES, person=b"stretto digests").digest()

    def __repr__(self) -> str:
        return f"Keyring({', '.join(key.decode() for key in self._decrypters)})"

    @property
    def name(self) -> str:
        """The id of the first key, which encrypts. It says nothing of the key."""
        return self._id.decode()

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all keys."""
        return tuple(each.decode() for each in self._decrypters)

    def encrypt(self, body: bytes) -> bytes:
        """Return the body encrypted with the first key; the text differs each time."""
        return b"%s%s:%s" % (_MARKER, self._id, self._encrypter.encrypt(body))

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the plain body of an encrypted one.

        Raises:
            WrongStoreKey: It was encrypted with a key that is not in this keyring.
            UnreadableRecord: It is damaged.
        """
        parts = _ENCRYPTED.fullmatch(encrypted)
        if parts is None:
            raise UnreadableRecord("an encrypted record of the store is damaged: its format is invalid")
        decrypter = self._decrypters.get(parts[1])
        if decrypter is None:
            known = ", ".join(key.decode() for key in self._decrypters)
            raise WrongStoreKey(
                f"the store was encrypted with the key {parts[1].decode()}, got only the keys {known}; "
                "add that key to the key file, below the first"
            )
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - loaded with the keys

        try:
            return decrypter.decrypt(parts[2])
        except InvalidToken:
            raise UnreadableRecord(
                "an encrypted record of the store is damaged: its signature does not match"
            ) from None

    def digest(self, body: bytes) -> str:
        """Return a digest keyed with the first key, so that guessing the body does not reproduce it."""
        return blake2b(body, digest_size=32, key=self._digesting).hexdigest()


def encrypt(body: bytes, keyring: Keyring | None) -> bytes:
    """Return the body encrypted.

    Raises:
        StoreKeyMissing: There is no key.
    """
    if keyring is None:
        raise StoreKeyMissing("it contains secrets, and the store has no key to encrypt them; set the store's key file")
    return keyring.encrypt(body)


def decrypt(body: bytes, keyring: Keyring | None) -> bytes:
    """Return the plain body, whether it was encrypted or not.

    Raises:
        StoreKeyMissing: It is encrypted and there is no key.
        WrongStoreKey: It was encrypted with another key.
        UnreadableRecord: It is damaged.
    """
    if not is_encrypted(body):
        return body
    if keyring is None:
        raise StoreKeyMissing("the store contains encrypted records, and no key was given; set the store's key file")
    return keyring.decrypt(body)


def _key(key: str | bytes, place: str) -> bytes:
    """Return a key's bytes: decoded base64 text, or the given raw bytes."""
    if isinstance(key, bytes) and len(key) == _KEY_BYTES:
        return key
    try:
        text = key.encode("ascii") if isinstance(key, str) else key
        # Both alphabets of base64: Fernet uses the one for URLs, most programs the standard one.
        raw = base64.b64decode(text.translate(_TO_STANDARD), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise InvalidStoreKey(f"{place} must be {_KEY_BYTES} bytes as base64 text, got something else; {_HOW_TO_MAKE}")
    return raw


def _id_of(key: bytes) -> bytes:
    return blake2b(key, digest_size=4, person=b"stretto key id").hexdigest().encode()
