"""The keeper of a daemon without a store: tokens in a file, sessions and codes in memory alone.

The file belongs to one user, who alone may read it. A change writes a new file and renames it, so that a crash leaves
the old one or the new one. A lock beside it keeps two changes apart; the daemon notices changes of other processes by
the file's identity.
"""

import os
import stat
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from stretto.actors.access.errors import CannotUseTokensFile, NoTokens
from stretto.actors.access.keeping import Kept, done
from stretto.actors.journal import (
    AccessChange,
    AddToken,
    AuditEntries,
    NoteTokenUse,
    RevokeToken,
    TokenRecord,
)
from stretto.actors.process import FileLock, LockTaken
from stretto.actors.text_files import read_bytes

FORMAT: Final = 1
"""The version of the file's format."""
LOCK_SECONDS: Final = 5.0
"""How long a change waits for that of another process."""
_RETRY_SECONDS: Final = 0.01


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    format: int
    tokens: list[TokenRecord]


_Identity: TypeAlias = tuple[int, int, int, int]
"""Distinguishes the versions of the file."""

_decode: Final = msgspec.json.Decoder(_Content).decode


class TokensFile:
    """A file of tokens."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self._seen: _Identity | None = None

    def read(self) -> tuple[TokenRecord, ...]:
        """Return the tokens; none if there is no file. Raises `CannotUseTokensFile`."""
        tokens, self._seen = self._read()
        return tokens

    def _read(self) -> tuple[tuple[TokenRecord, ...], _Identity | None]:
        """Return the tokens, and which file they are from."""
        found: list[os.stat_result] = []

        def check(status: os.stat_result) -> None:
            self._check(status)
            found.append(status)

        try:
            content = _decode(read_bytes(self.path, check))
        except FileNotFoundError:
            return (), None
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from None
        except msgspec.MsgspecError as error:
            raise self._unusable(f"it is damaged ({error}): restore it, or remove it and make new tokens") from None
        if content.format != FORMAT:
            raise self._unusable(f"its format must be {FORMAT}, got {content.format}: a newer Stretto has written it")
        return tuple(content.tokens), _identity(found[0])

    def has_changed(self) -> bool:
        """Return whether the file is another one than was read last."""
        try:
            return _identity(self.path.stat()) != self._seen
        except FileNotFoundError:
            return self._seen is not None
        except OSError:
            return True

    def change(self, change: Callable[[list[TokenRecord]], bool]) -> bool:
        """Change the tokens, durably.

        Args:
            change: Changes the list. Returns whether there is anything to write.

        Returns:
            What `change` returned.

        Raises:
            CannotUseTokensFile: The file cannot be read or written, or another process changes it for too long.
        """
        lock = self._lock()
        try:
            tokens = list(self._read()[0])
            changed = change(tokens)
            if changed:
                self._write(tokens)
        finally:
            lock.release()
        return changed

    def _lock(self) -> FileLock:
        """Take the lock, which others hold for milliseconds."""
        path = self.path.with_name(f"{self.path.name}.lock")
        last = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return FileLock(path)
            except LockTaken as taken:
                if time.monotonic() >= last:
                    raise self._unusable(f"{taken.holder} is changing it: try again") from None
            except OSError as error:
                raise self._unusable(error.strerror or str(error)) from None
            time.sleep(_RETRY_SECONDS)

    def _write(self, tokens: list[TokenRecord]) -> None:
        try:
            # Made with the mode 0600.
            descriptor, new = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    content = msgspec.json.encode(_Content(FORMAT, tokens))
                    file.write(msgspec.json.format(content, indent=2) + b"\n")
                    file.flush()
                    os.fsync(descriptor)
                Path(new).replace(self.path)
            except BaseException:
                Path(new).unlink(missing_ok=True)
                raise
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from None

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise self._unusable("it must be a regular file")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise self._unusable(
                f"other users can access it (mode {stat.S_IMODE(found.st_mode):04o}): run `chmod 600 {self.path}`, "
                "and make new tokens if they may have read it"
            )
        if found.st_uid != os.getuid():
            raise self._unusable(f"it must belong to the user {os.getuid()}, and belongs to {found.st_uid}")

    def _unusable(self, why: str) -> CannotUseTokensFile:
        return CannotUseTokensFile(f"cannot use the tokens file {self.path}: {why}")


class FileKeeper:
    """Keeps tokens in a file, if there is one. Sessions and codes end with the process."""

    def __init__(self, path: Path | None, audit: Callable[[AuditEntries], None]) -> None:
        """Take the file, and where the audit goes."""
        self._file = None if path is None else TokensFile(path)
        self._audit = audit
        self._threads = ThreadPoolExecutor(1, "stretto-tokens")

    def load(self) -> Kept:
        """Return the tokens of the file. Raises `CannotUseTokensFile`."""
        return Kept() if self._file is None else Kept(self._file.read())

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        """Write a change of tokens on a thread. Any other change is in the memory of its caller."""
        if not isinstance(change, AddToken | RevokeToken | NoteTokenUse):
            return done(lambda: True)
        return self._threads.submit(self._change, change, audit)

    def changed_tokens(self) -> tuple[TokenRecord, ...] | None:
        """Return the tokens if another process has changed the file since."""
        return self._file.read() if self._file is not None and self._file.has_changed() else None

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown()

    def _change(self, change: AddToken | RevokeToken | NoteTokenUse, audit: AuditEntries) -> bool:
        if self._file is None:
            raise NoTokens("without a store, tokens need a file: set serve.tokens_file, or give the daemon a store")
        changed = self._file.change(lambda tokens: _apply(tokens, change))
        if changed:
            self._audit(audit)
        return changed


def _apply(tokens: list[TokenRecord], change: AddToken | RevokeToken | NoteTokenUse) -> bool:
    if isinstance(change, AddToken):
        if any(each.name == change.token.name and each.revoked_at is None for each in tokens):
            return False
        tokens.append(change.token)
        return True
    for number, token in enumerate(tokens):
        if token.id == change.id and token.revoked_at is None:
            noted = {"revoked_at": change.at} if isinstance(change, RevokeToken) else {"used_on": change.on}
            tokens[number] = msgspec.structs.replace(token, **noted)
            return True
    return False


def _identity(found: os.stat_result) -> _Identity:
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def _sync_folder(folder: Path) -> None:
    """Make a renamed file's name durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
