"""Secrets are encrypted: they cannot be read without the key, and a wrong key is reported."""

import base64
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.journal.encryption import (
    InvalidStoreKey,
    Keyring,
    StoreKeyMissing,
    WrongStoreKey,
    decrypt,
    encrypt,
    is_encrypted,
    new_key,
    read_key_file,
)
from stretto.actors.journal.records import UnreadableRecord

KEY, OTHER = new_key(), new_key()
KEYRING = Keyring([KEY])


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Return the path of a file with keys."""
    path = folder / "keys"
    path.write_text(text)
    path.chmod(mode)
    return path


@given(st.binary())
def test_what_is_encrypted_can_be_opened(body: bytes) -> None:
    """A body comes back as it was, and nothing of it stands in what is stored."""
    encrypted = KEYRING.encrypt(body)
    assert is_encrypted(encrypted)
    assert KEYRING.decrypt(encrypted) == body
    assert len(body) < 4 or body not in encrypted


def test_no_json_text_looks_encrypted() -> None:
    """The first character of a body shows whether it is encrypted."""
    assert not any(map(is_encrypted, [b"{}", b"[]", b'"!"', b"-1", b"1", b"true", b"false", b"null", b""]))


def test_the_same_body_is_encrypted_differently_each_time() -> None:
    """Equal secrets do not look equal."""
    assert KEYRING.encrypt(b"hunter2") != KEYRING.encrypt(b"hunter2")


def test_the_first_key_seals_and_all_open() -> None:
    """A new key is put first, and what the old one has encrypted stays readable."""
    both = Keyring([OTHER, KEY])
    assert both.decrypt(KEYRING.encrypt(b"old")) == b"old"
    assert Keyring([OTHER]).decrypt(both.encrypt(b"new")) == b"new"


def test_a_wrong_key_is_reported_by_its_id() -> None:
    """The error says which key is needed and which ones were found, and shows none."""
    with pytest.raises(WrongStoreKey, match=r"encrypted with the key [0-9a-f]{8}, got only the keys") as caught:
        Keyring([OTHER]).decrypt(KEYRING.encrypt(b"hunter2"))
    assert caught.value.code == "wrong_store_key"
    assert OTHER not in str(caught.value)
    assert repr(KEYRING).removeprefix("Keyring(").removesuffix(")") in str(caught.value)


def test_damage_is_reported() -> None:
    """A changed body is not taken for another one."""
    encrypted = KEYRING.encrypt(b"hunter2")
    changed = encrypted[:30] + (b"A" if encrypted[30:31] != b"A" else b"B") + encrypted[31:]
    with pytest.raises(UnreadableRecord, match="its signature does not match"):
        KEYRING.decrypt(changed)
    with pytest.raises(UnreadableRecord, match="damaged"):
        KEYRING.decrypt(b"!")


def test_without_keys_nothing_secret_is_written_or_read() -> None:
    """The error says what is missing."""
    with pytest.raises(StoreKeyMissing, match="no key to encrypt") as caught:
        encrypt(b"hunter2", None)
    assert caught.value.code == "store_key_missing"
    with pytest.raises(StoreKeyMissing, match="no key was given"):
        decrypt(KEYRING.encrypt(b"hunter2"), None)


def test_what_is_not_encrypted_needs_no_key() -> None:
    """Most of a store is in clear."""
    assert decrypt(b"{}", None) == b"{}"
    assert decrypt(encrypt(b"{}", KEYRING), KEYRING) == b"{}"


def test_a_digest_depends_on_the_key() -> None:
    """Who has not the key cannot try what a digest is one of."""
    assert KEYRING.digest(b"hunter2") == Keyring([KEY, OTHER]).digest(b"hunter2")
    assert KEYRING.digest(b"hunter2") != Keyring([OTHER, KEY]).digest(b"hunter2")
    assert KEYRING.digest(b"hunter2") != KEYRING.digest(b"hunter3")


def test_a_key_is_fernet_s() -> None:
    """Any other program that makes such keys will do, and texts and bytes are the same."""
    key = Fernet.generate_key()
    encrypted = Keyring([key]).encrypt(b"hunter2")
    assert Keyring([key.decode()]).decrypt(encrypted) == b"hunter2"
    assert Fernet(key).decrypt(encrypted.partition(b":")[2]) == b"hunter2"
    standard = base64.b64encode(base64.urlsafe_b64decode(key))
    assert Keyring([standard]).decrypt(encrypted) == b"hunter2"


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    """One per line, the first one encrypts; there is room for comments."""
    path = key_file(tmp_path, f"# of 2026\n{OTHER}  # the new one\n\n{KEY}\n")
    keyring = read_key_file(path)
    assert repr(keyring.decrypt(KEYRING.encrypt(b"old"))) == "b'old'"
    assert Keyring([OTHER]).decrypt(keyring.encrypt(b"new")) == b"new"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_of_others_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others can read keeps nothing secret."""
    with pytest.raises(InvalidStoreKey, match=rf"to its owner only, got mode {mode:o}; chmod 600"):
        read_key_file(key_file(tmp_path, KEY, mode))


def test_a_wrong_line_is_reported_and_not_shown(tmp_path: Path) -> None:
    """The error names the line: what stands there may be a key, but for a typing error."""
    with pytest.raises(InvalidStoreKey, match=r"keys:2 must be 32 bytes as base64 text") as caught:
        read_key_file(key_file(tmp_path, f"{KEY}\n{OTHER[:-5]}\n"))
    assert OTHER[:10] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n\n"])
def test_a_key_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    """The error says how to get one."""
    with pytest.raises(InvalidStoreKey, match="must contain at least one key, one per line"):
        read_key_file(key_file(tmp_path, text))


def test_a_key_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """Neither a missing file nor a binary one ends in a traceback."""
    with pytest.raises(InvalidStoreKey, match="cannot be read: No such file"):
        read_key_file(tmp_path / "missing")
    with pytest.raises(InvalidStoreKey, match="cannot be read: Is a directory"):
        read_key_file(tmp_path)
    path = key_file(tmp_path, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidStoreKey, match="must be ASCII text"):
        read_key_file(path)


@pytest.mark.parametrize("key", ["", "secret", base64.b64encode(b"x" * 31).decode(), "ä" * 44])
def test_what_is_no_key_is_refused(key: str) -> None:
    """A password is no key."""
    with pytest.raises(InvalidStoreKey, match="the store's key 1 must be 32 bytes"):
        Keyring([key])


def test_a_keyring_needs_a_key() -> None:
    """None at all is no keyring: the store goes without."""
    with pytest.raises(InvalidStoreKey, match="needs at least one key"):
        Keyring([])
