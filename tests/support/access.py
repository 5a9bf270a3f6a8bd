"""Records of access, made for tests, and a keeper that answers when a test lets it."""

from concurrent.futures import Future
from typing import Any

from stretto.actors.access import Caller, Role, access_of_store
from stretto.actors.access.keeping import Kept
from stretto.actors.journal import (
    AccessChange,
    AuditEntries,
    EnterCodeRecord,
    SessionRecord,
    TokenRecord,
    open_store,
)
from stretto.actors.journal.key_files import keyring_for

ADMIN = Caller(who="mira", via="cli", source="local", role="admin", origin="owner")


def token(token_id: str = "AAAAAAAA", **given: Any) -> TokenRecord:
    """Return a token that no one can have."""
    usual = {"id": token_id, "name": f"name-{token_id}", "role": "viewer", "digest": "0" * 64, "made_at": 100.0,
             "made_by": "mira"}  # fmt: skip
    return TokenRecord(**{**usual, **given})


def session(digest: str = "a" * 64, **given: Any) -> SessionRecord:
    """Return a session of an administrator."""
    usual = {"digest": digest, "who": "mira", "role": "admin", "origin": "owner", "workflows": None, "token": None,
             "made_at": 0.0, "used_at": 0.0, "ends_at": 1e6}  # fmt: skip
    return SessionRecord(**{**usual, **given})


def enter_code(digest: str = "c" * 64, **given: Any) -> EnterCodeRecord:
    """Return a code of an administrator."""
    usual = {"digest": digest, "who": "mira", "role": "admin", "origin": "owner", "workflows": None, "token": None,
             "expires_at": 60.0}  # fmt: skip
    return EnterCodeRecord(**{**usual, **given})


def token_in(store_url: str, role: Role, workflows: tuple[str, ...] | None = None) -> str:
    """Make a token in a store that no engine has; return its text."""
    with open_store(store_url, keyring_for(store_url, None)) as store:
        access = access_of_store(store)
        name = role if workflows is None else f"{role}-{'-'.join(workflows)}".replace("/", ".")
        text = access.create_token(name, role, by=ADMIN, workflows=workflows).result().text
        access.close()
        return text


class Keeper:
    """Records changes. With `waits`, their futures are settled by the test."""

    def __init__(self, kept: Kept | None = None, *, waits: bool = False) -> None:
        self.kept = kept or Kept()
        self.waits = waits
        self.applied: list[tuple[AccessChange, AuditEntries, Future[bool]]] = []
        self.changed: tuple[TokenRecord, ...] | None = None
        self.closed = False

    @property
    def changes(self) -> list[AccessChange]:
        """The changes so far."""
        return [change for change, _, _ in self.applied]

    def load(self) -> Kept:
        return self.kept

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        future: Future[bool] = Future()
        self.applied.append((change, audit, future))
        if not self.waits:
            future.set_result(True)
        return future

    def changed_tokens(self) -> tuple[TokenRecord, ...] | None:
        changed, self.changed = self.changed, None
        return changed

    def close(self) -> None:
        self.closed = True
